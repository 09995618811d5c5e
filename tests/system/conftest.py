# SPDX-License-Identifier: MIT
"""conftest: the world of each test, the mark `long`, and what the programs said when a test fails."""

import os
import sys

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import harness  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes minutes; only with -m long")
    harness.raise_descriptors()


def pytest_collection_modifyitems(config, items):
    """Without -m the long tests are left out."""
    if config.getoption("-m"):
        return
    skip = pytest.mark.skip(reason="long: run with -m long")
    for item in items:
        if "long" in item.keywords:
            item.add_marker(skip)


def pytest_make_parametrize_id(val, argname):
    """Short names for long byte strings."""
    if isinstance(val, (bytes, str)) and len(val) > 30:
        return repr(val[:30])
    return None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    world = getattr(item, "adit_world", None)
    if report.failed and world is not None:
        report.sections.append(("programs", world.transcript()))


@pytest.fixture
def world(request):
    place = harness.World()
    request.node.adit_world = place
    yield place
    request.node.adit_world = None
    transcript = place.transcript()
    problems = place.close()
    assert not problems, "\n".join(problems) + "\n" + transcript


@pytest.fixture
def company(world):
    """(server, client, origin) with the tunnel `api`."""
    return world.tunnel()
