# SPDX-License-Identifier: MIT
"""report: the results as a table, as JSON, and as RESULTS.md. Every figure comes from the run it is given."""

from . import row
from .peer import BULK_PEERS, HTTP_PEERS, WHAT

# The gates: (row, sentence, function of a Figures giving a number or None, 'min' or 'max', bound).
GATES = (
  ('rps64', 'requests/s through adit (TLS control), in multiples of two haproxies',
   lambda f: f.ratio('rps64', 'rps', 'adit', 'haproxy2'), 'min', 1.5),
  ('lat1', 'p50 added by adit (TLS control) at one connection, in haproxy hops',
   lambda f: f.hops('adit', 'p50_us'), 'max', 2.0),
)
ORDER = tuple(dict.fromkeys(HTTP_PEERS[:3] + BULK_PEERS[1:2] + HTTP_PEERS[3:]))


class Figures:
  """Medians of a run, and what is derived from them."""

  def __init__(self, rows):
    self.rows = dict(rows)
    if 'rps64' in self.rows:
      self.rows['cpu'] = self.rows['rps64']

  def peers(self, name):
    return [peer for peer in ORDER if peer in self.rows.get(name, {})]

  def get(self, name, peer, key, which='median'):
    try:
      return self.rows[name][peer]['summary'][key][which]
    except KeyError:
      return None

  def ratio(self, name, key, peer, base):
    over, under = self.get(name, peer, key), self.get(name, base, key)
    return over / under if over is not None and under else None

  def added(self, peer, key):
    """Latency that @peer adds to the origin's own, at one connection."""
    mine, direct = self.get('lat1', peer, key), self.get('lat1', 'direct', key)
    return mine - direct if mine is not None and direct is not None else None

  def hops(self, peer, key):
    added, hop = self.added(peer, key), self.added('haproxy1', key)
    return added / hop if added is not None and hop and hop > 0 else None

  def worst(self, name, key):
    values = [self.get(name, peer, key, 'max') for peer in self.peers(name)]
    return max((value for value in values if value is not None), default=None)


def gates(figures):
  """[(sentence, value or None, 'min'|'max', bound, True|False|None)]."""
  result = []
  for name, sentence, value_of, way, bound in GATES:
    if name in figures.rows:
      value = value_of(figures)
      met = None if value is None else (value >= bound if way == 'min' else value <= bound)
      result.append((sentence, value, way, bound, met))
  return result


def _number(value, digits=0, unit=''):
  return '-' if value is None else f'{value:,.{digits}f}{unit}'


def _times(value):
  return '-' if value is None else f'{value:.2f}x'


def _range(figures, name, peer, key, digits=0):
  low, high = figures.get(name, peer, key, 'min'), figures.get(name, peer, key, 'max')
  return f'{_number(low, digits)} to {_number(high, digits)}'


def _rps_table(figures, name):
  head = ['peer', 'requests/s', 'range', 'p50 us', 'p99 us', 'of haproxy2', 'errors']
  lines = []
  for peer in figures.peers(name):
    errors = figures.get(name, peer, 'errors', 'max') + figures.get(name, peer, 'read_errors', 'max')
    lines.append([peer, _number(figures.get(name, peer, 'rps')), _range(figures, name, peer, 'rps'),
                  _number(figures.get(name, peer, 'p50_us')), _number(figures.get(name, peer, 'p99_us')),
                  _times(figures.ratio(name, 'rps', peer, 'haproxy2')), _number(errors)])
  return head, lines


def _cpu_table(figures, name):
  head = ['peer', 'us/request', 'range', 'of haproxy2']
  return head, [[peer, _number(figures.get(name, peer, 'cpu_us'), 2),
                 _range(figures, name, peer, 'cpu_us', 2),
                 _times(figures.ratio(name, 'cpu_us', peer, 'haproxy2'))] for peer in figures.peers(name)]


def _latency_table(figures, name):
  head = ['peer', 'p50 us', 'p99 us', 'mean us', 'added p50', 'added mean', 'p50 hops', 'mean hops']
  return head, [[peer] + [_number(figures.get(name, peer, key), digits)
                          for key, digits in (('p50_us', 0), ('p99_us', 0), ('mean_us', 1))]
                + [_number(figures.added(peer, 'p50_us'), 0), _number(figures.added(peer, 'mean_us'), 1),
                   _number(figures.hops(peer, 'p50_us'), 2), _number(figures.hops(peer, 'mean_us'), 2)]
                for peer in figures.peers(name)]


def _bulk_table(figures, name):
  head = ['peer', 'GB/s', 'range', 'CPU s/GB', 'GB/s of tcp2', 'CPU of tcp2']
  return head, [[peer, _number(figures.get(name, peer, 'gbps'), 2), _range(figures, name, peer, 'gbps', 2),
                 _number(figures.get(name, peer, 'cpu_s_per_gb'), 3),
                 _times(figures.ratio(name, 'gbps', peer, 'haproxy-tcp2')),
                 _times(figures.ratio(name, 'cpu_s_per_gb', peer, 'haproxy-tcp2'))]
                for peer in figures.peers(name)]


def _memory_table(figures, name):
  head = ['peer', 'bytes/connection', 'range', 'client bytes', 'before, MiB', 'client, MiB']
  lines = []
  for peer in figures.peers(name):
    client = peer.startswith('adit')
    mib = [figures.get(name, peer, key) / 1048576 for key in ('rss_first', 'rss_rest')]
    lines.append([peer, _number(figures.get(name, peer, 'bytes_first')),
                  _range(figures, name, peer, 'bytes_first'),
                  _number(figures.get(name, peer, 'bytes_rest')) if client else '-',
                  _number(mib[0], 1), _number(mib[1], 1) if client else '-'])
  return head, lines


TABLES = {'rps64': _rps_table, 'cpu': _cpu_table, 'lat1': _latency_table, 'conn': _rps_table,
          'bulk': _bulk_table, 'mem': _memory_table}


def _plain(head, lines):
  widths = [max(len(line[i]) for line in [head] + lines) for i in range(len(head))]
  return '\n'.join('  ' + '  '.join(cell.ljust(width) if i == 0 else cell.rjust(width)
                                    for i, (cell, width) in enumerate(zip(line, widths))).rstrip()
                   for line in [head] + lines)


def _markdown(head, lines):
  rule = ['---'] + ['---:'] * (len(head) - 1)
  return '\n'.join('| ' + ' | '.join(line) + ' |' for line in [head, rule] + lines)


def _gate_lines(figures):
  words = {True: 'met', False: 'MISSED', None: 'not measured'}
  for sentence, value, way, bound, met in gates(figures):
    sign = 'at least' if way == 'min' else 'at most'
    yield f'{sentence}: {_number(value, 2)} ({sign} {bound:g}): {words[met]}'


def _sections(figures, wanted, draw):
  for name in wanted:
    if figures.peers(name):
      foreign = figures.worst(name, 'foreign_percent')
      note = f' (others took up to {foreign:.0f} % of the cores)' if foreign is not None else ''
      yield name, row.TITLES[name] + note, draw(*TABLES[name](figures, name))


def _standing(document):
  """Peers that are absent, with the word for it."""
  return [f'{name}: {state["state"]}: {state["why"]}' for name, state in document['peers'].items()
          if state['state'] != 'ok'] + document['notes']


def text(document):
  """For a terminal."""
  figures = Figures(document['rows'])
  parts = []
  for name, title, table in _sections(figures, document['settings']['rows'], _plain):
    parts.append(f'{name}: {title}\n{table}')
  parts += ['\n'.join(lines) for lines in (list(_gate_lines(figures)), _standing(document)) if lines]
  return '\n\n'.join(parts)


def markdown(document):
  """RESULTS.md."""
  figures, settings, machine = Figures(document['rows']), document['settings'], document['machine']
  lines = ['# Results of the benchmark', '',
           'Written by `bench/run --write-results`; do not edit. `README.md` says how to read it.',
           'Compare ratios of one run, never absolute figures of two machines.', '',
           '## Machine and settings', '', '| | |', '|---|---|']
  lines += [f'| {key} | {value} |' for key, value in [
    ('date', machine['date']), ('command', f'`{document["command"]}`'), ('processor', machine['cpu']),
    ('cores', machine['cores']), ('memory', f'{machine["memory_gib"]} GiB'),
    ('system', f'{machine["system"]}, {machine["kernel"]}'),
    ('congestion control', f'{machine["congestion_control"]} (bulk: reno)'),
    ('load average', f'{machine["load_at_start"]} at the start, {machine["load_at_end"]} at the end'),
    ('placement', settings['place']),
    ('rounds', f'{settings["rounds"]}, order reversed in every second one; medians'),
    ('seconds for each run', settings['seconds']), ('bulk body', f'{settings["bulk_bytes"]:,} bytes'),
    ('connections for mem', f'{settings["mem_connections"]:,}')]]
  lines += [f'| {name} | {version} |' for name, version in document['programs'].items() if version]
  lines += ['', 'Peers: ' + '; '.join(f'**{name}** {WHAT[name]}' for name in ORDER
                                      if document['peers'].get(name, {}).get('state') == 'ok') + '.']
  absent = _standing(document)
  if absent:
    lines += ['', 'Not in this run:', ''] + [f'* {line}' for line in absent]
  if settings['rounds'] < 3:
    lines += ['', '**Fewer than three rounds: a smoke run, not a measurement.**']
  for name, title, table in _sections(figures, settings['rows'], _markdown):
    lines += ['', f'## {name}: {title}', '', table]
  goals = list(_gate_lines(figures))
  if goals:
    lines += ['', '## Gates', ''] + [f'* {line}' for line in goals]
  return '\n'.join(lines) + '\n'
