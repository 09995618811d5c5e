/* SPDX-License-Identifier: MIT */
/* agent: keeps the wanted tunnels open: connects, says Hello, serves, and comes back after every loss
 * until it is told to leave or the server refuses it for good.
 *
 * One worker owns everything. Owner: the program, which makes and frees it while the worker does not run
 * it. */
#pragma once

#include "client/plan.h"
#include "loop/worker.h"

typedef struct AditAgent AditAgent;

/* @ended (@data, @status): called once, on the worker, with an exit status; nothing of the agent is under
 * way then. @plan is borrowed; its tunnels change. */
AditAgent *adit_agent_new (AditWorker *worker, AditPlan *plan, void (*ended) (gpointer data, int status),
                           gpointer data);
void adit_agent_free (AditAgent *agent);

/* The rest is for the worker; adit_worker_call() brings it there. */
void adit_agent_start (gpointer agent);
/* Goes away: what runs gets up to 2 s. Called again: at once. */
void adit_agent_leave (gpointer agent);
