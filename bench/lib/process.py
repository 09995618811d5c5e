# SPDX-License-Identifier: MIT
"""process: programs that the harness starts, pins and ends, each by its own process id.

Nothing here outlives the harness: every program dies with it (PDEATHSIG), is ended by Crew.close, and
nothing is ever looked up or killed by name.
"""

import ctypes
import os
import resource
import signal
import socket
import subprocess
import time

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


class HarnessError(Exception):
  """A sentence for the person at the terminal."""


class Deadline(Exception):
  """The whole run has had its time."""

  def __str__(self):
    return 'the deadline of the whole run has passed (--deadline)'


def raise_descriptor_limit():
  """Soft limit to the hard one; children inherit it. Returns the limit."""
  hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
  resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
  return hard


def free_port():
  """A port of 127.0.0.1 that was free a moment ago."""
  with socket.socket() as sock:
    sock.bind(('127.0.0.1', 0))
    return sock.getsockname()[1]


def _prepare_child(cores):
  """Between fork and exec: pin, and die with the parent."""
  def prepare():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if cores:
      os.sched_setaffinity(0, cores)
  return prepare


def _as_text(argv):
  return os.path.basename(argv[0])


def _end(popen, patience=3):
  """SIGTERM, then SIGKILL; always reaps."""
  if popen.poll() is None:
    popen.terminate()
    try:
      popen.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
      popen.kill()
      popen.communicate()


class Program:
  """One running program with its output in a file."""

  def __init__(self, argv, log_path, cores, env=None):
    self.argv = argv
    self.log_path = log_path
    with open(log_path, 'ab') as log:
      self.popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
                                    preexec_fn=_prepare_child(cores), start_new_session=True)
    self.pid = self.popen.pid

  def is_alive(self):
    return self.popen.poll() is None

  def log_tail(self, lines=5):
    try:
      with open(self.log_path, 'rb') as log:
        log.seek(max(0, os.path.getsize(self.log_path) - 4096))
        text = log.read().decode('utf-8', 'replace')
    except OSError:
      text = ''
    return ' | '.join(text.strip().splitlines()[-lines:]) or '(nothing)'

  def stop(self, patience=3):
    _end(self.popen, patience)


class Crew:
  """All programs of a run, and the core that each role stands on.

  Roles: 'load' (wrk, sink), 'origin' (nginx), 'proxy' (what is measured).
  """

  def __init__(self, place, directory, deadline):
    self.place = place
    self.directory = directory
    self.deadline = deadline
    self.programs = []
    self.cores = _cores_for(place)

  def start(self, role, name, argv, env=None):
    log_path = os.path.join(self.directory, name + '.log')
    try:
      program = Program(argv, log_path, self.cores[role], env)
    except OSError as error:
      raise HarnessError(f'{_as_text(argv)} cannot be started: {error.strerror}') from error
    self.programs.append(program)
    return program

  def run(self, role, argv, timeout, env=None):
    """Runs a program to its end; its standard output. A program past its time is killed."""
    timeout = min(timeout, self.time_left())
    popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             env=env, preexec_fn=_prepare_child(self.cores[role]), start_new_session=True)
    try:
      out, err = popen.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
      self.time_left()
      raise HarnessError(f'{_as_text(argv)} did not end within {timeout:.0f} s') from None
    finally:
      _end(popen)
    if popen.returncode != 0:
      text = (err or out).decode('utf-8', 'replace').strip()[-500:]
      raise HarnessError(f'{_as_text(argv)} failed with status {popen.returncode}: {text}')
    return out.decode('utf-8', 'replace')

  def time_left(self):
    left = self.deadline - time.monotonic()
    if left <= 0:
      raise Deadline()
    return left

  def wait_until(self, condition, what, timeout, programs=()):
    """Asks @condition until it is true; an early end of one of @programs or the deadline is an error."""
    end = time.monotonic() + min(timeout, self.time_left())
    while not condition():
      for program in programs:
        if not program.is_alive():
          raise HarnessError(f'{_as_text(program.argv)} ended with status {program.popen.returncode}; '
                             f'its last words: {program.log_tail()}')
      if time.monotonic() > end:
        tails = ' || '.join(program.log_tail() for program in programs)
        self.time_left()
        raise HarnessError(f'{what}: not within {timeout} s. Last words: {tails}')
      time.sleep(0.02)

  def close(self):
    for program in reversed(self.programs):
      program.stop()
    self.programs = []


def _cores_for(place):
  """The set of cores of each role; None: not pinned."""
  allowed = sorted(os.sched_getaffinity(0))
  if place == 'free':
    return {'load': None, 'origin': None, 'proxy': None}
  first = {allowed[0]}
  if place == 'pinone':
    return {'load': first, 'origin': first, 'proxy': first}
  if len(allowed) < 2:
    raise HarnessError('--place pinsplit needs two cores')
  return {'load': first, 'origin': first, 'proxy': {allowed[1]}}
