/* SPDX-License-Identifier: MIT */
/* timer: deadlines of one worker on a wheel, re-armed lazily.
 *
 * Moving a deadline further away only stores it: the slot that fires too early puts the timer back.
 * Resolution is one tick (ADIT_WHEEL_TICK_MS); a timer never fires early. Owner: timers are embedded in
 * what they guard. Thread: the wheel's worker. */
#pragma once

#include <glib.h>

#define ADIT_WHEEL_TICK_MS 8
#define ADIT_WHEEL_SLOTS 512

typedef struct AditWheel AditWheel;
typedef struct AditTimer AditTimer;

struct AditTimer
{
  void (*func) (AditTimer *timer);
  AditWheel *wheel;    /* NULL while not armed */
  gint64 due;          /* tick */
  gint64 slot;         /* tick of the slot it hangs in */
  AditTimer *next, **link;
};

AditWheel *adit_wheel_new (gint64 now_us);
void adit_wheel_free (AditWheel *wheel);
/* Fires what is due; timers may be set and stopped from their functions. */
void adit_wheel_run (AditWheel *wheel, gint64 now_us);
/* Milliseconds until the next slot that holds a timer; -1 without one. */
int adit_wheel_get_wait (AditWheel *wheel, gint64 now_us);

void adit_timer_init (AditTimer *timer, void (*func) (AditTimer *timer));
/* Arms or moves the deadline to @delay_ms from @now_us. */
void adit_timer_set (AditTimer *timer, AditWheel *wheel, gint64 now_us, guint delay_ms);
void adit_timer_stop (AditTimer *timer);
static inline gboolean
adit_timer_is_set (const AditTimer *timer)
{
  return timer->wheel != NULL;
}
