/* SPDX-License-Identifier: MIT */
/* pool: connections to one local service: those that are kept alive between requests, the newest used
 * first.
 *
 * An idle one that becomes readable or ends is dropped, and so is one that was idle for too long. Owner:
 * the forward. Thread: the worker. */
#pragma once

#include "client/target.h"
#include "link/link.h"

typedef struct AditPool AditPool;
typedef struct AditConn AditConn;

struct AditConn
{
  AditPool *pool;
  AditLink *link;       /* attached; its listener is the user's while it is taken */
  gboolean reused;      /* it carried a request before */
  AditConn *next, *prev;
  gint64 idle_us;
};

/* @insecure: the certificate of an https target is not verified. @target is borrowed. */
AditPool *adit_pool_new (AditWorker *worker, const AditTarget *target, gboolean insecure);
/* Every connection that was taken is back or closed. */
void adit_pool_free (AditPool *pool);
/* An idle connection, or NULL. */
AditConn *adit_pool_take (AditPool *pool);
/* Takes the connected @fd; with an https target the hand-shake begins (on_open tells its end; what is sent
 * before waits). NULL: no more descriptors can be watched. */
AditConn *adit_pool_add (AditPool *pool, int fd);
/* A taken one is idle again: no byte of a message is under way. */
void adit_pool_give (AditConn *conn);
/* A taken one is of no more use. */
void adit_conn_close (AditConn *conn);
guint adit_pool_get_idle (AditPool *pool);
