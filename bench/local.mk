# SPDX-License-Identifier: MIT
# bench: the harness that measures Adit against haproxy. make bench BENCH_FLAGS='--rounds 5 --write-results'

EXTRA_DIST += \
  bench/README.md \
  bench/RESULTS.md \
  bench/lib/done.lua \
  bench/lib/machine.py \
  bench/lib/peer.py \
  bench/lib/process.py \
  bench/lib/report.py \
  bench/lib/row.py \
  bench/lib/sink.py \
  bench/lib/suite.py \
  bench/run

BENCH_FLAGS =
BENCH_RUN = $(PYTHON3) -B $(srcdir)/bench/run --build-dir $(abs_top_builddir)

.PHONY: bench bench-smoke
bench: all
	$(AM_V_at)$(BENCH_RUN) $(BENCH_FLAGS)

# One short round of everything: does it run at all?
bench-smoke: all
	$(AM_V_at)$(BENCH_RUN) --smoke $(BENCH_FLAGS)
