/* SPDX-License-Identifier: MIT */
/* forward: the way of one tunnel's requests to its local service: the queue, the pool, and what is under
 * way.
 *
 * Owner: the agent. Thread: the worker. It outlives sessions: a request ends with its stream, a connection
 * to the service does not. */
#pragma once

#include "client/publish.h"
#include "mux/session.h"

typedef struct AditForward AditForward;

/* @ended is called after each request, when its stream is free. @quiet: finished requests are not logged.
 * @publish is borrowed. */
AditForward *adit_forward_new (AditWorker *worker, AditPublish *publish, gboolean quiet,
                               void (*ended) (gpointer owner),
                               gpointer owner);
/* What is under way is aborted; @ended is not called. */
void adit_forward_free (AditForward *forward);
/* Takes @stream; @features are those in force on its session, @flags those of the request. */
void adit_forward_take (AditForward *forward, AditStream *stream, AditFeatures features, guint flags,
                        AditSpan head);
/* Requests whose answer is not complete. */
guint adit_forward_get_running (AditForward *forward);
AditPublish *adit_forward_get_publish (AditForward *forward);
