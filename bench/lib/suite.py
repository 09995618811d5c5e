# SPDX-License-Identifier: MIT
"""suite: one run of the harness: which peers stand, which rows are measured, what came out."""

import fcntl
import json
import os
import shutil
import socket
import struct
import sys
import tempfile

from . import peer as peers
from . import process
from . import row

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
MEM_PEERS = ('haproxy1', 'adit', 'adit-plain')


class Suite:
  """@options: the parsed command line; @tools: paths by program name, None where missing."""

  def __init__(self, options, tools, deadline):
    self.options, self.tools, self.deadline = options, tools, deadline
    self.states = {}   # peer: {'state': 'ok' | 'skipped' | 'failed', 'why': …}
    self.rows = {}     # row: {peer: {'runs': […], 'summary': {…}}}
    self.notes = []

  def say(self, text):
    print(text, file=sys.stderr, flush=True)

  def run(self):
    wanted = self.options.rows
    if any(name in row.HTTP_ROWS for name in wanted) or 'cpu' in wanted:
      self._http_rows([name for name in row.HTTP_ROWS
                       if name in wanted or (name == 'rps64' and 'cpu' in wanted)])
    if 'bulk' in wanted:
      self._bulk_in_namespace()
    if 'mem' in wanted:
      self._memory_row()

  def run_bulk_here(self):
    """Inside the private network namespace that _bulk_in_namespace made."""
    _raise_loopback()
    with open('/proc/sys/net/ipv4/tcp_congestion_control', 'w', encoding='ascii') as file:
      file.write('reno')
    with self._crew() as crew:
      builder = peers.Builder(crew, self.tools, self.options.bulk_bytes)
      built = self._build(builder, peers.BULK_PEERS)
      for peer in built.values():
        self._guard(peer.name, lambda peer=peer: row.bulk(crew, peer))
      self._measure('bulk', built, lambda peer: row.bulk(crew, peer))

  def late(self, why):
    """The rows measured so far stand; the run counts as failed."""
    missing = [name for name in self.options.rows if name not in self.rows and name != 'cpu']
    self._drop('run', 'failed', f'{why}; not measured: {", ".join(missing)}')

  # -- rows

  def _http_rows(self, names):
    with self._crew() as crew:
      built = self._build(peers.Builder(crew, self.tools), peers.HTTP_PEERS)
      for peer in built.values():
        self._guard(peer.name, lambda peer=peer: row.wrk(crew, self.tools, peer, 64, 1, False))
      for name in names:
        connections, close = row.HTTP_ROWS[name]
        self._measure(name, built, lambda peer, c=connections, k=close:
                      row.wrk(crew, self.tools, peer, c, self.options.seconds, k))

  def _memory_row(self):
    built = {name: name for name in MEM_PEERS if name in self.options.peers and self._is_here(name)}
    self._measure('mem', built, lambda name: row.memory(
      self.options.place, self.tools, name, self.options.mem_connections, self.deadline))

  def _bulk_in_namespace(self):
    if not shutil.which('unshare'):
      self.notes.append('bulk: skipped, no unshare (util-linux) on PATH')
      return
    how = ['unshare', '-n'] if os.geteuid() == 0 else ['unshare', '-r', '-n']
    crew = process.Crew('free', '/', self.deadline)
    argv = how + [sys.executable, '-B', os.path.abspath(sys.argv[0])] + sys.argv[1:] + [
      '--inside-namespace', '--deadline', str(max(1, int(crew.time_left()) - 5))]
    try:
      inner = json.loads(crew.run('load', argv, crew.time_left()).strip().splitlines()[-1])
    except (process.HarnessError, ValueError, IndexError) as error:
      self._drop('bulk', 'failed', f'in its network namespace: {error}')
      return
    self.rows.update(inner['rows'])
    self.notes += [note for note in inner['notes'] if note not in self.notes]
    for name, state in inner['peers'].items():
      if self.states.get(name, {}).get('state', 'ok') == 'ok':
        self.states[name] = state

  # -- parts of a row

  def _crew(self):
    return _CrewInTemporaryDirectory(self.options.place, self.deadline)

  def _is_here(self, name):
    """Whether the programs of @name exist; notes it if not."""
    needed = ('haproxy',) if name.startswith('haproxy') else ('adit', 'adit-server')
    missing = [tool for tool in needed if not self.tools[tool]]
    if missing:
      self._drop(name, 'skipped', 'no ' + ' and no '.join(missing))
    return not missing and self.states.get(name, {}).get('state', 'ok') == 'ok'

  def _build(self, builder, names):
    """{name: Peer} of those that stand. The origin must; the others are skipped with a word."""
    built = {}
    for name in names:
      if name != 'direct' and name not in self.options.peers:
        continue
      try:
        built[name] = builder.build(name)
        self.states.setdefault(name, {'state': 'ok', 'why': ''})
      except peers.Missing as missing:
        self._drop(name, 'skipped', str(missing))
      except process.HarnessError as error:
        if name == 'direct':
          raise
        self._drop(name, 'failed', str(error))
    return built

  def _drop(self, name, state, why):
    if self.states.get(name, {}).get('state') != state:
      self.say(f'{name}: {state}: {why}')
    self.states[name] = {'state': state, 'why': why}

  def _guard(self, name, action):
    try:
      action()
    except process.HarnessError as error:
      self._drop(name, 'failed', str(error))

  def _measure(self, name, built, measure):
    names = [each for each in built if self.states.get(each, {}).get('state', 'ok') == 'ok']
    self.say(f'{name}: {self.options.rounds} rounds of {", ".join(names) or "nobody"}')
    runs = row.interleave(names, self.options.rounds, lambda each: measure(built[each]),
                          lambda each, why: self._drop(each, 'failed', f'{name}: {why}'))
    self.rows[name] = {each: {'runs': done, 'summary': row.summarise(done)}
                       for each, done in runs.items() if done}
    for each in self.rows[name]:
      self.states.setdefault(each, {'state': 'ok', 'why': ''})


class _CrewInTemporaryDirectory:
  """A crew whose programs and directory are gone when the block is left, however it is left."""

  def __init__(self, place, deadline):
    self.place, self.deadline = place, deadline

  def __enter__(self):
    self.directory = tempfile.mkdtemp(prefix='adit-bench-')
    self.crew = process.Crew(self.place, self.directory, self.deadline)
    return self.crew

  def __exit__(self, *_exception):
    try:
      self.crew.close()
    finally:
      shutil.rmtree(self.directory, ignore_errors=True)


def _raise_loopback():
  """lo of a new network namespace is down."""
  with socket.socket() as sock:
    request = struct.pack('16sh14x', b'lo', 0)
    flags = struct.unpack('16sh14x', fcntl.ioctl(sock, _SIOCGIFFLAGS, request))[1]
    fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack('16sh14x', b'lo', flags | _IFF_UP))
