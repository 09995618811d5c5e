/* SPDX-License-Identifier: MIT */
/* runner: runs a plan: a worker for the agent, the signals, and the main loop until the agent has ended.
 *
 * Thread: the main thread, whose default context it turns. SIGINT, SIGTERM and SIGHUP let the agent leave. */
#pragma once

#include "client/plan.h"

/* The exit status. */
int adit_runner_run (AditPlan *plan);
