-- SPDX-License-Identifier: MIT
-- done: wrk calls this once at its end; one line for the harness, nothing on the way of a request.
function done (summary, latency, requests)
  io.write (string.format ("ADIT %d %d %d %d %d %d %d %.3f %.3f %.3f\n",
    summary.requests, summary.duration, summary.errors.connect, summary.errors.read, summary.errors.write,
    summary.errors.status, summary.errors.timeout,
    latency:percentile (50), latency:percentile (99), latency.mean))
end
