# SPDX-License-Identifier: MIT
"""peer: what can stand between the load generator and the origin: nothing, haproxies, Adit.

A peer has an address that serves the origin, and the programs whose processor time and memory are its own.
"""

import http.client
import os
import socket

from . import process

HOST = 'web.bench.test'
DOMAIN = 'bench.test'
TOKEN = 'token-of-the-bench'
BODY = b'x' * 127 + b'\n'
READY_S = 15

# In the order of the table.
HTTP_PEERS = ('direct', 'haproxy1', 'haproxy2', 'adit', 'adit-plain')
BULK_PEERS = ('direct', 'haproxy-tcp2', 'adit', 'adit-plain')

WHAT = {
  'direct': 'the origin alone',
  'haproxy1': 'one haproxy in front of it',
  'haproxy2': 'two haproxies in a row',
  'haproxy-tcp2': 'two haproxies in tcp mode, no splice',
  'adit': 'adit-server and adit, control over TLS 1.3',
  'adit-plain': 'the same with control.tls = "off"',
}


class Peer:
  def __init__(self, name, port, programs):
    self.name = name
    self.port = port
    self.programs = programs


class Missing(Exception):
  """The peer's program is not on this machine."""


class Builder:
  """Starts peers around one origin; configuration and logs live in the crew's directory."""

  def __init__(self, crew, tools, bulk_bytes=0):
    self.crew = crew
    self.tools = tools
    self.bulk_bytes = bulk_bytes
    self.origin_port = process.free_port()

  def build(self, name):
    makers = {
      'direct': self._origin,
      'haproxy1': lambda: self._haproxies(name, 1, 'http'),
      'haproxy2': lambda: self._haproxies(name, 2, 'http'),
      'haproxy-tcp2': lambda: self._haproxies(name, 2, 'tcp'),
      'adit': lambda: self._adit(name, 'required'),
      'adit-plain': lambda: self._adit(name, 'off'),
    }
    peer = makers[name]()
    self.crew.wait_until(lambda: _serves(peer.port), f'{name} does not serve the origin', READY_S,
                         peer.programs)
    return peer

  def _path(self, *parts):
    path = os.path.join(self.crew.directory, *parts)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path

  def _write(self, name, text):
    path = self._path(name)
    with open(path, 'w', encoding='utf-8') as file:
      file.write(text)
    return path

  def _origin(self):
    if self.bulk_bytes:
      _fill_file(self._path('www', 'bulk'), self.bulk_bytes)
    config = self._write('nginx.conf', _NGINX % {
      'dir': self.crew.directory, 'port': self.origin_port, 'body': BODY.decode().replace('\n', '\\n'),
      'user': 'user root root;' if os.geteuid() == 0 else ''})
    program = self.crew.start('origin', 'nginx', [
      self.tools['nginx'], '-p', self.crew.directory, '-c', config, '-e', self._path('nginx-error.log')])
    return Peer('direct', self.origin_port, [program])

  def _haproxies(self, name, count, mode):
    if not self.tools['haproxy']:
      raise Missing('no haproxy on PATH')
    programs, port = [], self.origin_port
    for index in range(count):
      behind, port = port, process.free_port()
      config = self._write(f'{name}-{index}.cfg', _HAPROXY[mode] % {'port': port, 'behind': behind})
      programs.append(self.crew.start('proxy', f'{name}-{index}', [
        self.tools['haproxy'], '-db', '-f', config]))
    return Peer(name, port, programs)

  def _adit(self, name, tls):
    if not self.tools['adit'] or not self.tools['adit-server']:
      raise Missing('no adit or adit-server found (--adit PATH --adit-server PATH)')
    control, public = process.free_port(), process.free_port()
    config = self._write(f'{name}/server.cfg', _SERVER % {
      'control': control, 'http': public, 'state': self._path(name, 'state', ''), 'domain': DOMAIN,
      'tls': tls, 'token': TOKEN})
    env = self._adit_environment(name)
    server = self.crew.start('proxy', f'{name}-server', [
      self.tools['adit-server'], '--config', config, '--log-level', 'info'], env)
    self.crew.wait_until(lambda: _listens(control), f'{name}: the control port does not open', READY_S,
                         [server])
    where = f'127.0.0.1:{control}' if tls == 'required' else f'tcp://127.0.0.1:{control}'
    client = self.crew.start('proxy', f'{name}-client', [
      self.tools['adit'], 'http', f'127.0.0.1:{self.origin_port}', '--subdomain', HOST.split('.')[0],
      '--host', where, '--token', TOKEN, '--insecure', '--log-level', 'info'], env)
    return Peer(name, public, [server, client])

  def _adit_environment(self, name):
    env = {key: value for key, value in os.environ.items() if not key.startswith('ADIT_')}
    for key, place in (('XDG_CONFIG_HOME', 'config'), ('XDG_STATE_HOME', 'local'),
                       ('XDG_RUNTIME_DIR', 'run')):
      env[key] = self._path(name, place, '')
      os.chmod(env[key], 0o700)
    env['LC_ALL'] = 'C'
    return env


def _listens(port):
  try:
    socket.create_connection(('127.0.0.1', port), 1).close()
    return True
  except OSError:
    return False


def _serves(port):
  """One request through the peer gives the origin's body."""
  connection = http.client.HTTPConnection('127.0.0.1', port, timeout=2)
  try:
    connection.request('GET', '/', headers={'Host': HOST})
    answer = connection.getresponse()
    return answer.status == 200 and answer.read() == BODY
  except (OSError, http.client.HTTPException):
    return False
  finally:
    connection.close()


def _fill_file(path, size):
  """Real bytes: holes would be read from one page that never leaves the cache."""
  block = os.urandom(1 << 20)
  with open(path, 'wb') as file:
    for _ in range(size // len(block)):
      file.write(block)
    file.write(block[:size % len(block)])


_NGINX = '''
%(user)s
daemon off; master_process off; worker_processes 1;
pid %(dir)s/nginx.pid;
worker_rlimit_nofile 8192;
events { worker_connections 8000; }
http {
  access_log off;
  server_tokens off;
  default_type text/plain;
  keepalive_timeout 3600; keepalive_requests 1000000000;
  sendfile on; tcp_nopush on; tcp_nodelay on;
  client_body_temp_path %(dir)s/nginx-body; proxy_temp_path %(dir)s/nginx-proxy;
  fastcgi_temp_path %(dir)s/nginx-fastcgi;
  uwsgi_temp_path %(dir)s/nginx-uwsgi; scgi_temp_path %(dir)s/nginx-scgi;
  server {
    listen 127.0.0.1:%(port)d backlog=4096;
    location = / { return 200 "%(body)s"; }
    location / { root %(dir)s/www; }
  }
}
'''

_HAPROXY_TOP = '''
global
  nbthread 1
  maxconn 4000
defaults
  timeout connect 5s
  timeout client 300s
  timeout server 300s
'''

_HAPROXY = {
  'http': _HAPROXY_TOP + '''
  timeout http-keep-alive 300s
  mode http
  http-reuse always
listen hop
  bind 127.0.0.1:%(port)d
  server next 127.0.0.1:%(behind)d
''',
  'tcp': _HAPROXY_TOP + '''
  mode tcp
listen hop
  bind 127.0.0.1:%(port)d
  server next 127.0.0.1:%(behind)d
''',
}

_SERVER = '''
server = {
  domain = "%(domain)s";
  bind = "127.0.0.1";
  control_port = %(control)d;
  http_port = %(http)d;
  https_port = 0;
  workers = 1;
  state_dir = "%(state)s";
};
control = { tls = "%(tls)s"; };
auth = { tokens = ( "%(token)s" ); };
'''
