/* SPDX-License-Identifier: MIT */
/* poller: the epoll set of one worker, edge-triggered and mirrored in user space.
 *
 * A descriptor is registered once, for both directions; what is ready is remembered in its watch until the
 * owner says that it drained it, so pausing and resuming a reader costs no system call. Owner: the worker.
 * Thread: that worker's. Never understands a byte and never closes a descriptor. */
#pragma once

#include <glib.h>

enum
{
  ADIT_READY_IN = 1,
  ADIT_READY_OUT = 2,
  ADIT_READY_HUP = 4,   /* reset or both directions shut: reported whatever is wanted */
  ADIT_READY_RDHUP = 8, /* the peer ended its direction: an end is behind what can be read */
};

typedef struct AditPoller AditPoller;
typedef struct AditWatch AditWatch;

/* Embedded in whoever owns the descriptor. @ready is called from the loop while something wanted is ready;
 * it is called again in the next turn only after adit_watch_rearm(), a new edge, or a change of what is
 * wanted. */
struct AditWatch
{
  int fd;
  guint8 ready, want;
  gboolean queued;
  void (*func) (AditWatch *watch);
  AditPoller *poller; /* NULL while not registered */
  AditWatch *next, *prev;
};

AditPoller *adit_poller_new (void);
void adit_poller_free (AditPoller *poller);
int adit_poller_get_fd (AditPoller *poller);
/* Adds a foreign descriptor (a wake-up) that only ends the wait; level-triggered. */
void adit_poller_add_wakeup (AditPoller *poller, int fd);
/* Waits at most @timeout_ms (-1: for ever) and queues the watches that became ready. TRUE if a wake-up
 * descriptor is readable. */
gboolean adit_poller_wait (AditPoller *poller, int timeout_ms);
/* TRUE if a watch waits to be run. */
gboolean adit_poller_is_runnable (AditPoller *poller);
/* Runs the watches that were queued when it was called. */
void adit_poller_run (AditPoller *poller);

void adit_watch_init (AditWatch *watch, int fd, void (*func) (AditWatch *watch));
/* Registers; the descriptor is taken to be ready for @ready until its owner finds otherwise. */
gboolean adit_watch_add (AditWatch *watch, AditPoller *poller, guint8 ready);
/* Unregisters; safe from any callback of the same thread. */
void adit_watch_remove (AditWatch *watch);
/* Sets what is wanted (ADIT_READY_IN, ADIT_READY_OUT). */
void adit_watch_set_want (AditWatch *watch, guint8 want);
/* The owner saw that @bits are no longer ready. */
static inline void
adit_watch_drained (AditWatch *watch, guint8 bits)
{
  watch->ready &= (guint8) ~bits;
}
/* Queues the watch for the next turn if something wanted is still ready. */
void adit_watch_rearm (AditWatch *watch);
