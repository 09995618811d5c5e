/* SPDX-License-Identifier: MIT */
/* router: an immutable snapshot of all names, swapped whole; reading it takes no lock.
 *
 * The main thread writes, workers read. An old snapshot is freed after every worker has passed a turn
 * since the swap. */
#pragma once

#include "loop/crew.h"
#include "server/tunnel.h"

typedef struct AditRouter AditRouter;

/* @on_published (@data) runs on every worker after each swap. */
AditRouter *adit_router_new (AditCrew *crew, void (*on_published) (gpointer data, AditWorker *worker), gpointer data);
/* After the workers ended. */
void adit_router_free (AditRouter *router);
/* Main thread. Takes @tunnels: label to AditTunnel, owning both. */
void adit_router_publish (AditRouter *router, GHashTable *tunnels);
/* A worker: borrowed until the callback returns; NULL if there is no such name. */
AditTunnel *adit_router_find (AditRouter *router, const char *label);
