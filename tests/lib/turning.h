/* SPDX-License-Identifier: MIT */
/* turning: a worker without a thread, turned by the test itself until something holds.
 *
 * The deadline is of the real clock, whatever adit_clock_replace() says. Thread: the test's. */
#pragma once

#include "lib/testing.h"
#include "loop/worker.h"

#define TURN_MS 10000

static inline gint64
turn_deadline (void)
{
  return g_get_monotonic_time () + (gint64) TURN_MS * testing_patience () * 1000;
}

/* Turns @worker until @condition holds; fails the test at the deadline. */
#define turn_until(worker, condition)                                                     \
  G_STMT_START                                                                            \
  {                                                                                       \
    gint64 turn_end_ = turn_deadline ();                                                  \
                                                                                          \
    while (!(condition))                                                                  \
      {                                                                                   \
        ck_assert_msg (g_get_monotonic_time () < turn_end_, "in vain: %s", #condition);   \
        adit_worker_turn ((worker), FALSE);                                               \
      }                                                                                   \
  }                                                                                       \
  G_STMT_END

/* @n turns: time enough for what must not happen, when no clock is waited for. */
static inline void
turn_times (AditWorker *worker, guint n)
{
  while (n-- > 0)
    adit_worker_turn (worker, FALSE);
}

/* Drops the caller's reference to @object, which has to be the last one. */
#define turn_unref_last(object)                                                           \
  G_STMT_START                                                                            \
  {                                                                                       \
    gpointer turn_weak_ = (object);                                                       \
                                                                                          \
    g_object_add_weak_pointer (turn_weak_, &turn_weak_);                                  \
    g_object_unref (turn_weak_);                                                          \
    ck_assert_msg (turn_weak_ == NULL, "somebody still holds %s", #object);               \
  }                                                                                       \
  G_STMT_END

/* A generator that gives the same numbers everywhere: below @n. */
static inline guint32
turn_random (guint64 *seed, guint32 n)
{
  *seed = *seed * G_GUINT64_CONSTANT (6364136223846793005) + G_GUINT64_CONSTANT (1442695040888963407);
  return (guint32) ((*seed >> 33) % n);
}
