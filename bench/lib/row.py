# SPDX-License-Identifier: MIT
"""row: one kind of measurement each: how a single run is made, for one peer, and what it yields.

A run is a dict of numbers. The runs of a row are interleaved over the peers, and the order is turned round in
every second round, so that a drift of the machine touches all peers alike.
"""

import os
import resource
import shutil
import socket
import statistics
import sys
import tempfile
import time

from . import machine
from . import peer as peers
from . import process

LIB = os.path.dirname(os.path.abspath(__file__))

TITLES = {
  'rps64': 'requests per second, 64 connections, 128-byte body',
  'cpu': 'processor time per request, both ends together (from the runs of rps64)',
  'lat1': 'latency, one connection, 128-byte body',
  'conn': 'a new connection for each request, 64 at a time',
  'bulk': 'one large body, reno in a private network namespace, copy path',
  'mem': 'resident memory for each idle visitor connection',
}
HTTP_ROWS = {'rps64': (64, False), 'lat1': (1, False), 'conn': (64, True)}


def interleave(names, rounds, measure, on_failure):
  """measure (name) for each of @names, @rounds times: {name: [run, …]}. A name that fails drops out."""
  runs = {name: [] for name in names}
  for number in range(rounds):
    for name in (names if number % 2 == 0 else list(reversed(names))):
      if name not in runs:
        continue
      try:
        runs[name].append(measure(name))
      except process.HarnessError as error:
        del runs[name]
        on_failure(name, str(error))
  return runs


def summarise(runs):
  """Median of every number that all of the runs have, with the smallest and the largest."""
  return {key: {'median': statistics.median(run[key] for run in runs),
                'min': min(run[key] for run in runs),
                'max': max(run[key] for run in runs)} for key in runs[0]
          if all(key in run for run in runs)}


def _programs_cpu_ns(peer):
  return sum(machine.cpu_ns(program.pid) for program in peer.programs)


class _Meter:
  """Processor time of a peer between two moments, and what strangers took of the cores meanwhile."""

  def __init__(self, crew, peer):
    self.crew, self.peer = crew, peer
    self.peer_ns = _programs_cpu_ns(peer)
    self.own = self._own_seconds()
    self.busy = machine.busy_seconds(self._cores())
    self.began = time.monotonic()

  def _cores(self):
    if self.crew.place == 'free':
      return None
    return set().union(*self.crew.cores.values())

  def _own_seconds(self):
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    mine = resource.getrusage(resource.RUSAGE_SELF)
    running = sum(machine.cpu_ns(program.pid) for program in self.crew.programs) / 1e9
    return running + children.ru_utime + children.ru_stime + mine.ru_utime + mine.ru_stime

  def stop(self):
    """(processor ns of the peer, a dict with the share of the cores that strangers took, in percent).

    The kernel counts busy time in ticks, so that share is left out where the run was too short for it.
    """
    peer_ns = _programs_cpu_ns(self.peer) - self.peer_ns
    wall = (time.monotonic() - self.began) * len(self._cores() or os.sched_getaffinity(0))
    if wall < 0.5:
      return peer_ns, {}
    busy = machine.busy_seconds(self._cores()) - self.busy
    own = self._own_seconds() - self.own
    return peer_ns, {'foreign_percent': max(0.0, busy - own) / wall * 100}


def wrk(crew, tools, peer, connections, seconds, close):
  """One run of wrk. Mean latency is connections x time / requests: exact, wrk's own is cut to whole us."""
  argv = [tools['wrk'], '-t1', f'-c{connections}', f'-d{seconds}s', '-s', os.path.join(LIB, 'done.lua'),
          '-H', 'Host: ' + peers.HOST]
  if close:
    argv += ['-H', 'Connection: close']
  meter = _Meter(crew, peer)
  out = crew.run('load', argv + [f'http://127.0.0.1:{peer.port}/'], seconds + 20)
  cpu_ns, foreign = meter.stop()
  line = next((line for line in out.splitlines() if line.startswith('ADIT ')), None)
  if not line:
    raise process.HarnessError('wrk said nothing of its results: ' + out.strip()[-200:])
  words = line.split()[1:]
  requests, duration_us = int(words[0]), int(words[1])
  connect, read, write, status, timeout = map(int, words[2:7])
  if requests == 0 or status:
    raise process.HarnessError(f'{requests} requests, {status} of them answered with an error status')
  return {
    'rps': requests / duration_us * 1e6,
    'p50_us': float(words[7]), 'p99_us': float(words[8]),
    'mean_us': duration_us * connections / requests,
    'cpu_us': cpu_ns / 1000 / requests,
    'errors': connect + write + timeout, 'read_errors': read,
    **foreign,
  }


def bulk(crew, peer):
  """One large GET."""
  meter = _Meter(crew, peer)
  sink = [sys.executable, '-B', os.path.join(LIB, 'sink.py')]
  out = crew.run('load', sink + [str(peer.port), '/bulk', peers.HOST], 120)
  cpu_ns, foreign = meter.stop()
  size, seconds = out.split()
  return {'gbps': int(size) / float(seconds) / 1e9, 'cpu_s_per_gb': cpu_ns / int(size), **foreign}


def memory(place, tools, name, connections, deadline):
  """RSS for each idle keep-alive connection, from programs started for this run alone."""
  directory = tempfile.mkdtemp(prefix='adit-bench-')
  crew = process.Crew(place, directory, deadline)
  sockets = []
  try:
    builder = peers.Builder(crew, tools)
    origin = builder.build('direct')
    peer = builder.build(name) if name != 'direct' else origin
    _visit(peer.port, sockets, 64)
    before = [machine.rss_bytes(program.pid) for program in peer.programs]
    _visit(peer.port, sockets, connections)
    after = [machine.rss_bytes(program.pid) for program in peer.programs]
    return {'bytes_first': (after[0] - before[0]) / connections,
            'bytes_rest': sum(after[1:]) / connections - sum(before[1:]) / connections,
            'rss_first': before[0], 'rss_rest': sum(before[1:])}
  finally:
    for sock in sockets:
      sock.close()
    crew.close()
    shutil.rmtree(directory, ignore_errors=True)


def _visit(port, sockets, count):
  """@count connections, each of them used for one request and then left open."""
  request = f'GET / HTTP/1.1\r\nHost: {peers.HOST}\r\n\r\n'.encode()
  for _ in range(count):
    try:
      sock = socket.create_connection(('127.0.0.1', port), 5)
      sockets.append(sock)
      sock.sendall(request)
      answer = b''
      while not answer.endswith(b'\r\n\r\n' + peers.BODY):
        piece = sock.recv(4096)
        if not piece:
          raise process.HarnessError(f'connection {len(sockets)} was closed')
        answer += piece
    except OSError as error:
      raise process.HarnessError(f'connection {len(sockets)}: {error}') from error
