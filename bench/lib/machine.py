# SPDX-License-Identifier: MIT
"""machine: what /proc says: the machine's facts, processor time, memory."""

import datetime
import os
import platform
import shutil
import subprocess


def _read(path, default=''):
  try:
    with open(path, encoding='utf-8', errors='replace') as file:
      return file.read()
  except OSError:
    return default


def family(pid):
  """@pid and its descendants."""
  pids, todo = [], [pid]
  while todo:
    pid = todo.pop()
    pids.append(pid)
    try:
      tasks = os.listdir(f'/proc/{pid}/task')
    except OSError:
      continue
    for task in tasks:
      todo += [int(child) for child in _read(f'/proc/{pid}/task/{task}/children').split()]
  return pids


def cpu_ns(pid):
  """Nanoseconds that all threads of @pid and its descendants have run."""
  total = 0
  for member in family(pid):
    try:
      tasks = os.listdir(f'/proc/{member}/task')
    except OSError:
      continue
    for task in tasks:
      total += int((_read(f'/proc/{member}/task/{task}/schedstat') or '0').split()[0])
  return total


def rss_bytes(pid):
  """Resident memory of @pid and its descendants, exact (smaps_rollup)."""
  total = 0
  for member in family(pid):
    for line in _read(f'/proc/{member}/smaps_rollup').splitlines():
      if line.startswith('Rss:'):
        total += int(line.split()[1]) * 1024
  return total


def busy_seconds(cores):
  """Seconds that @cores (None: all that we may use) were not idle, for whatever reason."""
  wanted = {f'cpu{core}' for core in (cores or os.sched_getaffinity(0))}
  total = 0
  for line in _read('/proc/stat').splitlines():
    words = line.split()
    if words and words[0] in wanted:
      user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, words[1:9])
      total += user + nice + system + irq + softirq + steal
  return total / os.sysconf('SC_CLK_TCK')


def load_average():
  return os.getloadavg()[0]


def congestion_control():
  return _read('/proc/sys/net/ipv4/tcp_congestion_control', '?').strip()


def program_version(argv):
  """First line that a program says about its version."""
  if not shutil.which(argv[0]):
    return None
  try:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=10, check=False)
  except (OSError, subprocess.TimeoutExpired):
    return None
  lines = done.stdout.decode('utf-8', 'replace').strip().splitlines()
  return lines[0].strip() if lines else None


def _cpu_model():
  for line in _read('/proc/cpuinfo').splitlines():
    if line.startswith('model name'):
      return line.split(':', 1)[1].strip()
  return platform.machine()


def _memory_gib():
  for line in _read('/proc/meminfo').splitlines():
    if line.startswith('MemTotal:'):
      return round(int(line.split()[1]) / 1024 / 1024, 1)
  return 0


def _distribution():
  for line in _read('/etc/os-release').splitlines():
    if line.startswith('PRETTY_NAME='):
      return line.split('=', 1)[1].strip('"')
  return platform.system()


def facts():
  """What a reader must know about the machine that figures come from."""
  virtual = 'hypervisor' in _read('/proc/cpuinfo')
  return {
    'cpu': _cpu_model() + (' (virtual machine)' if virtual else ''),
    'cores': len(os.sched_getaffinity(0)),
    'memory_gib': _memory_gib(),
    'system': _distribution(),
    'kernel': f'{platform.system()} {platform.release()} {platform.machine()}',
    'congestion_control': congestion_control(),
    'load_at_start': round(load_average(), 2),
    'date': datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%d %H:%M UTC'),
  }
