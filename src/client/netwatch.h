/* SPDX-License-Identifier: MIT */
/* netwatch: tells when the network changed (netlink) or the machine woke up (boot time against monotonic
 * time).
 *
 * Changes within 100 ms are told once. Without netlink only waking up is noticed. Owner: the agent.
 * Thread: the worker. */
#pragma once

#include "loop/worker.h"

typedef struct AditNetwatch AditNetwatch;

AditNetwatch *adit_netwatch_new (AditWorker *worker, void (*changed) (gpointer owner), gpointer owner);
void adit_netwatch_free (AditNetwatch *netwatch);
