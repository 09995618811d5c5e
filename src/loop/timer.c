/* SPDX-License-Identifier: MIT */
/* timer: see timer.h. */
#include "loop/timer.h"

#include <string.h>

#define TICK_US (ADIT_WHEEL_TICK_MS * 1000)
#define WORDS (ADIT_WHEEL_SLOTS / 64)

struct AditWheel
{
  gint64 now;                         /* the last tick that was run */
  AditTimer *slots[ADIT_WHEEL_SLOTS];
  guint64 filled[WORDS];              /* a bit for each slot that may hold a timer */
};

AditWheel *
adit_wheel_new (gint64 now_us)
{
  AditWheel *wheel = g_new0 (AditWheel, 1);

  wheel->now = now_us / TICK_US;
  return wheel;
}

void
adit_wheel_free (AditWheel *wheel)
{
  for (guint i = 0; i < ADIT_WHEEL_SLOTS; i++)
    while (wheel->slots[i])
      adit_timer_stop (wheel->slots[i]);
  g_free (wheel);
}

static void
hang (AditWheel *wheel, AditTimer *timer)
{
  gint64 slot = MAX (timer->due, wheel->now + 1);
  guint i;

  slot = MIN (slot, wheel->now + ADIT_WHEEL_SLOTS - 1);
  i = (guint) (slot % ADIT_WHEEL_SLOTS);
  timer->slot = slot;
  timer->wheel = wheel;
  timer->next = wheel->slots[i];
  timer->link = &wheel->slots[i];
  if (timer->next)
    timer->next->link = &timer->next;
  wheel->slots[i] = timer;
  wheel->filled[i / 64] |= G_GUINT64_CONSTANT (1) << (i % 64);
}

static void
unhang (AditTimer *timer)
{
  *timer->link = timer->next;
  if (timer->next)
    timer->next->link = timer->link;
  timer->next = NULL;
  timer->link = NULL;
  timer->wheel = NULL;
}

static void
run_slot (AditWheel *wheel, gint64 tick)
{
  guint i = (guint) (tick % ADIT_WHEEL_SLOTS);
  AditTimer *due = wheel->slots[i];

  wheel->filled[i / 64] &= ~(G_GUINT64_CONSTANT (1) << (i % 64)); /* also if all of its timers were stopped */
  if (due == NULL)
    return;
  /* The slot's list gets a head of its own, so that timers can be stopped, and hung into this very slot,
   * while it runs. */
  wheel->slots[i] = NULL;
  due->link = &due;
  while (due)
    {
      AditTimer *timer = due;

      unhang (timer);
      if (timer->due > tick)
        hang (wheel, timer);
      else
        timer->func (timer);
    }
}

void
adit_wheel_run (AditWheel *wheel, gint64 now_us)
{
  gint64 now = now_us / TICK_US;

  if (now - wheel->now > ADIT_WHEEL_SLOTS)
    wheel->now = now - ADIT_WHEEL_SLOTS;
  while (wheel->now < now)
    {
      wheel->now++;
      run_slot (wheel, wheel->now);
    }
}

int
adit_wheel_get_wait (AditWheel *wheel, gint64 now_us)
{
  for (gint64 tick = wheel->now + 1; tick < wheel->now + ADIT_WHEEL_SLOTS;)
    {
      guint i = (guint) (tick % ADIT_WHEEL_SLOTS);
      guint64 word = wheel->filled[i / 64] >> (i % 64);

      if (word == 0)
        {
          tick += 64 - i % 64;
          continue;
        }
      tick += __builtin_ctzll (word);
      return (int) MAX (0, (tick * TICK_US - now_us + 999) / 1000);
    }
  return -1;
}

void
adit_timer_init (AditTimer *timer, void (*func) (AditTimer *timer))
{
  memset (timer, 0, sizeof *timer);
  timer->func = func;
}

void
adit_timer_set (AditTimer *timer, AditWheel *wheel, gint64 now_us, guint delay_ms)
{
  timer->due = (now_us + (gint64) delay_ms * 1000 + TICK_US - 1) / TICK_US;
  if (timer->wheel && timer->slot <= timer->due)
    return;
  if (timer->wheel)
    unhang (timer);
  hang (wheel, timer);
}

void
adit_timer_stop (AditTimer *timer)
{
  if (timer->wheel)
    unhang (timer);
}
