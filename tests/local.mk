# SPDX-License-Identifier: MIT
# tests: unit (one file for each file of src), flow (rooms together, no socket), system (real programs on loopback)
#
# A unit test is linked with its room and those below only, so an upward reference fails at link time.

check_LTLIBRARIES += tests/lib/libtesting.la
tests_lib_libtesting_la_SOURCES = \
  tests/lib/testing.c \
  tests/lib/testing.h \
  tests/lib/turning.h

TEST_BASE = tests/lib/libtesting.la $(ROOM_BASE) $(CHECK_LIBS)
TEST_LOOP = tests/lib/libtesting.la $(ROOM_LOOP) $(CHECK_LIBS)
TEST_WIRE = tests/lib/libtesting.la $(ROOM_WIRE) $(CHECK_LIBS)
TEST_LINK = tests/lib/libtesting.la $(ROOM_LINK) $(CHECK_LIBS)
TEST_MUX = tests/lib/libtesting.la $(ROOM_MUX) $(CHECK_LIBS)
TEST_SERVER = tests/lib/libtesting.la $(ROOM_SERVER) $(CHECK_LIBS)
TEST_CLIENT = tests/lib/libtesting.la $(ROOM_CLIENT) $(CHECK_LIBS)

unit_tests = \
  tests/unit/test-buf \
  tests/unit/test-clock \
  tests/unit/test-error \
  tests/unit/test-log \
  tests/unit/test-secret \
  tests/unit/test-settings \
  tests/unit/test-mailbox \
  tests/unit/test-poller \
  tests/unit/test-timer \
  tests/unit/test-worker \
  tests/unit/test-chunk \
  tests/unit/test-frame \
  tests/unit/test-head \
  tests/unit/test-hello \
  tests/unit/test-reason \
  tests/unit/test-link \
  tests/unit/test-listener \
  tests/unit/test-tls \
  tests/unit/test-window \
  tests/unit/test-errorpage \
  tests/unit/test-names \
  tests/unit/test-policy \
  tests/unit/test-router \
  tests/unit/test-backoff \
  tests/unit/test-clientcfg \
  tests/unit/test-options \
  tests/unit/test-target
flow_tests = \
  tests/flow/test-credit \
  tests/flow/test-session \
  tests/flow/test-stranger \
  tests/flow/test-agent \
  tests/flow/test-local

tests_unit_test_buf_LDADD = $(TEST_BASE)
tests_unit_test_clock_LDADD = $(TEST_BASE)
tests_unit_test_error_LDADD = $(TEST_BASE)
tests_unit_test_log_LDADD = $(TEST_BASE)
tests_unit_test_secret_LDADD = $(TEST_BASE)
tests_unit_test_settings_LDADD = $(TEST_BASE)

tests_unit_test_mailbox_LDADD = $(TEST_LOOP)
tests_unit_test_poller_LDADD = $(TEST_LOOP)
tests_unit_test_timer_LDADD = $(TEST_LOOP)
tests_unit_test_worker_LDADD = $(TEST_LOOP)

tests_unit_test_chunk_LDADD = $(TEST_WIRE)
tests_unit_test_frame_LDADD = $(TEST_WIRE)
tests_unit_test_head_LDADD = $(TEST_WIRE)
tests_unit_test_hello_LDADD = $(TEST_WIRE)
tests_unit_test_reason_LDADD = $(TEST_WIRE)

tests_unit_test_link_LDADD = $(TEST_LINK)
tests_unit_test_listener_LDADD = $(TEST_LINK)
tests_unit_test_tls_LDADD = $(TEST_LINK)

tests_unit_test_window_LDADD = $(TEST_MUX)

tests_unit_test_errorpage_LDADD = $(TEST_SERVER)
tests_unit_test_names_LDADD = $(TEST_SERVER)
tests_unit_test_policy_LDADD = $(TEST_SERVER)
tests_unit_test_router_LDADD = $(TEST_SERVER)

tests_unit_test_backoff_LDADD = $(TEST_CLIENT)
tests_unit_test_clientcfg_LDADD = $(TEST_CLIENT)
tests_unit_test_options_LDADD = $(TEST_CLIENT)
tests_unit_test_target_LDADD = $(TEST_CLIENT)

# Two sessions over a pair, and what their owners saw.
FLOW_PARTY = tests/flow/party.c tests/flow/party.h
FLOW_STRANGER = tests/flow/stranger.c tests/flow/stranger.h
tests_flow_test_credit_SOURCES = tests/flow/test-credit.c $(FLOW_PARTY) $(FLOW_STRANGER)
tests_flow_test_credit_LDADD = $(TEST_MUX)
tests_flow_test_session_SOURCES = tests/flow/test-session.c $(FLOW_PARTY)
tests_flow_test_session_LDADD = $(TEST_MUX)
tests_flow_test_stranger_SOURCES = tests/flow/test-stranger.c $(FLOW_PARTY) $(FLOW_STRANGER)
tests_flow_test_stranger_LDADD = $(TEST_MUX)

tests_flow_test_agent_LDADD = $(TEST_CLIENT)
tests_flow_test_local_LDADD = $(TEST_CLIENT)

# Scripts that read the tree or drive the real programs.
script_tests = \
  tests/check-floors \
  tests/check-lists \
  tests/system/run

if HAVE_CHECK
check_PROGRAMS += $(unit_tests) $(flow_tests)
TESTS += $(unit_tests) $(flow_tests)
endif
TESTS += $(script_tests)

# The real programs come last and alone: their timing is not to suffer from the others.
system_log = tests/system/run.log
$(system_log): $(filter-out tests/system/run.log,$(TEST_LOGS)) src/programs/adit src/programs/adit-server

# Sanitized programs are several times slower; GLib's slices would hide what they look for.
if SANITIZING
TEST_PATIENCE = 5
else
TEST_PATIENCE = 1
endif

AM_TESTS_ENVIRONMENT = \
  ADIT='$(abs_top_builddir)/src/programs/adit'; \
  ADIT_SERVER='$(abs_top_builddir)/src/programs/adit-server'; \
  ADIT_TEST_PATIENCE='$(TEST_PATIENCE)'; \
  CK_TIMEOUT_MULTIPLIER='$(TEST_PATIENCE)'; \
  CK_DEFAULT_TIMEOUT=20; \
  CK_VERBOSITY=normal; \
  G_SLICE=always-malloc; \
  LC_ALL=C.UTF-8; \
  PYTHON3='$(PYTHON3)'; \
  TSAN_OPTIONS='suppressions=$(abs_top_srcdir)/tests/tsan.supp '"$$TSAN_OPTIONS"; \
  LSAN_OPTIONS='suppressions=$(abs_top_srcdir)/tests/lsan.supp print_suppressions=0 '"$$LSAN_OPTIONS"; \
  export ADIT ADIT_SERVER ADIT_TEST_PATIENCE CK_TIMEOUT_MULTIPLIER CK_DEFAULT_TIMEOUT CK_VERBOSITY; \
  export G_SLICE LC_ALL PYTHON3 TSAN_OPTIONS LSAN_OPTIONS;

EXTRA_DIST += \
  tests/check-floors \
  tests/check-lists \
  tests/check-shape \
  tests/data/vite/package.json \
  tests/lsan.supp \
  tests/system/browser.py \
  tests/system/conftest.py \
  tests/system/harness.py \
  tests/system/origin.py \
  tests/system/relay.py \
  tests/system/test_bad_config.py \
  tests/system/test_errors.py \
  tests/system/test_faults.py \
  tests/system/test_limits.py \
  tests/system/test_login.py \
  tests/system/test_long.py \
  tests/system/test_main_job.py \
  tests/system/test_self.py \
  tests/system/test_v1_client.py \
  tests/system/test_v1_server.py \
  tests/system/v1/__init__.py \
  tests/system/v1/client.py \
  tests/system/v1/frames.py \
  tests/system/v1/server.py \
  tests/system/visitor.py \
  tests/system/run \
  tests/tally \
  tests/tsan.supp

.PHONY: check-rooms check-flow check-system check-long shape

# The unit and flow tests: what the sanitizers of .ci/run are asked about.
check-rooms:
	$(MAKE) check TESTS='$(unit_tests) $(flow_tests) tests/check-floors tests/check-lists'

check-flow:
	$(MAKE) check TESTS='$(flow_tests)' check_PROGRAMS='$(flow_tests)'

check-system: all
	$(AM_TESTS_ENVIRONMENT) $(srcdir)/tests/system/run

# Minutes more: gigabytes, soaks (pytest.mark.long).
check-long: all
	$(AM_TESTS_ENVIRONMENT) $(srcdir)/tests/system/run --long

# Sizes of functions and files and how deep they nest; only a file above 900 lines fails.
shape:
	$(PYTHON3) $(srcdir)/tests/check-shape $(srcdir)
