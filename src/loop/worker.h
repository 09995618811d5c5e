/* SPDX-License-Identifier: MIT */
/* worker: one thread, its GMainContext, and in it one GSource for poller, mailbox, timers and deferred work.
 *
 * A turn is: wait, mail, timers, ready descriptors, then the deferred work (one write for all that the
 * turn produced). What a worker owns is touched on its thread only; everything else comes by mail. Owner:
 * the crew. */
#pragma once

#include "loop/mailbox.h"
#include "loop/poller.h"
#include "loop/timer.h"

#include <glib-object.h>

#define ADIT_TYPE_WORKER (adit_worker_get_type ())
G_DECLARE_FINAL_TYPE (AditWorker, adit_worker, ADIT, WORKER, GObject)

/* Work for the end of the turn; embedded. Deferred once however often it is asked for. */
typedef struct AditDefer AditDefer;
struct AditDefer
{
  void (*func) (AditDefer *defer);
  AditDefer *next, *prev;
  gboolean queued;
};

/* Memory that every object of a worker may use within one call; nothing in it outlives the callback. */
typedef enum
{
  ADIT_SCRATCH_READ, /* plain bytes as read, ADIT_SCRATCH_SIZE and ADIT_SCRATCH_ROOM in front */
  ADIT_SCRATCH_WIRE, /* encrypted bytes as read */
  ADIT_SCRATCH_HEAD, /* a head being written */
  ADIT_SCRATCH_N
} AditScratch;

#define ADIT_SCRATCH_SIZE (256u * 1024)
#define ADIT_SCRATCH_ROOM 64u

AditWorker *adit_worker_new (guint index);
guint adit_worker_get_index (AditWorker *worker);
GMainContext *adit_worker_get_context (AditWorker *worker);
AditPoller *adit_worker_get_poller (AditWorker *worker);
/* Starts the thread; adit_worker_stop() ends it after the mail that was posted before and joins it. */
void adit_worker_start (AditWorker *worker, const char *name);
void adit_worker_stop (AditWorker *worker);
/* Without a thread of its own: runs one turn on the calling thread, which becomes the worker's. For tests. */
void adit_worker_turn (AditWorker *worker, gboolean may_block);

/* The worker of the calling thread; NULL elsewhere. */
AditWorker *adit_worker_current (void);
/* TRUE on the worker's own thread. */
gboolean adit_worker_is_mine (AditWorker *worker);

/* Any thread. */
void adit_worker_post (AditWorker *worker, AditMail *mail);
/* Any thread: @func (@data) runs on @worker. */
void adit_worker_call (AditWorker *worker, void (*func) (gpointer data), gpointer data);

/* The rest is for the worker's own thread. */
/* Time of this turn in microseconds (CLOCK_MONOTONIC). */
gint64 adit_worker_now_us (AditWorker *worker);
void adit_worker_defer (AditWorker *worker, AditDefer *defer);
/* Takes it back, from the turn's end or the worker's. */
void adit_worker_undefer (AditWorker *worker, AditDefer *defer);
/* Runs when the worker's thread ends: for what lives on without an owner, such as a link that lingers. */
void adit_worker_defer_to_end (AditWorker *worker, AditDefer *defer);
/* ADIT_SCRATCH_SIZE bytes; ADIT_SCRATCH_ROOM more may be written in front of them. */
guint8 *adit_worker_scratch (AditWorker *worker, AditScratch which);
/* Arms @timer on this worker. */
void adit_worker_set_timer (AditWorker *worker, AditTimer *timer, guint delay_ms);
