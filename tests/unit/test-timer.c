/* SPDX-License-Identifier: MIT */
/* test-timer: the wheel: order, lazy re-arm, stopping from functions, far deadlines, jumps of the clock;
 * never early. */
#include "loop/timer.h"

#include "lib/turning.h"

#include <stddef.h>
#include <string.h>

#define TICK_US (ADIT_WHEEL_TICK_MS * 1000)
#define TURN_US ((gint64) ADIT_WHEEL_SLOTS * TICK_US)
#define START_US G_GINT64_CONSTANT (1000003)

static gint64 now_us;
static AditWheel *wheel;

typedef struct
{
  AditTimer timer;
  gint64 due_us;
  guint fired;
  gint64 fired_us;
  guint again_ms;   /* set again from the function */
  AditTimer *other; /* stopped from the function */
  gboolean frees;   /* itself */
} Probe;

static Probe *order[16];
static guint n_order;

static void
on_timer (AditTimer *timer)
{
  Probe *probe = (Probe *) ((char *) timer - offsetof (Probe, timer));

  ck_assert (!adit_timer_is_set (timer));
  ck_assert_msg (now_us >= probe->due_us, "%" G_GINT64_FORMAT " us early", probe->due_us - now_us);
  probe->fired++;
  probe->fired_us = now_us;
  if (n_order < G_N_ELEMENTS (order))
    order[n_order++] = probe;
  if (probe->other)
    adit_timer_stop (probe->other);
  if (probe->again_ms)
    {
      probe->due_us = now_us + (gint64) probe->again_ms * 1000;
      adit_timer_set (timer, wheel, now_us, probe->again_ms);
    }
  if (probe->frees)
    g_free (probe);
}

static void
set (Probe *probe, guint delay_ms)
{
  probe->due_us = now_us + (gint64) delay_ms * 1000;
  adit_timer_set (&probe->timer, wheel, now_us, delay_ms);
}

static void
run_at (gint64 us)
{
  now_us = us;
  adit_wheel_run (wheel, now_us);
}

/* As a worker does: sleeps for as long as the wheel says, until @us. The number of times it woke. */
static guint
sleep_until (gint64 us)
{
  guint woken = 0;

  for (;;)
    {
      int wait = adit_wheel_get_wait (wheel, now_us);

      if (wait < 0 || now_us + (gint64) wait * 1000 > us)
        break;
      run_at (now_us + MAX (1, wait) * 1000);
      woken++;
    }
  run_at (us);
  return woken;
}

static void
setup (void)
{
  now_us = START_US;
  n_order = 0;
  wheel = adit_wheel_new (now_us);
}

static void
teardown (void)
{
  adit_wheel_free (wheel);
}

static void
init (Probe *probes, guint n)
{
  memset (probes, 0, n * sizeof *probes);
  for (guint i = 0; i < n; i++)
    adit_timer_init (&probes[i].timer, on_timer);
}

START_TEST (test_empty)
{
  Probe probe;

  init (&probe, 1);
  ck_assert_int_eq (adit_wheel_get_wait (wheel, now_us), -1);
  adit_timer_stop (&probe.timer);
  ck_assert (!adit_timer_is_set (&probe.timer));
  run_at (now_us + 100 * TURN_US);
  ck_assert_int_eq (adit_wheel_get_wait (wheel, now_us), -1);
}
END_TEST

START_TEST (test_order)
{
  static const guint delays[] = { 900, 30, 4000, 300, 0, 4090, 100, 2000 };
  Probe probes[G_N_ELEMENTS (delays)];

  init (probes, G_N_ELEMENTS (delays));
  for (guint i = 0; i < G_N_ELEMENTS (delays); i++)
    set (&probes[i], delays[i]);
  sleep_until (now_us + 5000 * 1000);
  ck_assert_uint_eq (n_order, G_N_ELEMENTS (delays));
  for (guint i = 1; i < n_order; i++)
    ck_assert_int_le (order[i - 1]->due_us, order[i]->due_us);
  for (guint i = 0; i < G_N_ELEMENTS (delays); i++)
    ck_assert_uint_eq (probes[i].fired, 1);
}
END_TEST

/* Each delay at each place within a tick: not early, and at most a tick late if the wheel is asked each
 * millisecond. */
START_TEST (test_punctual)
{
  for (guint delay = 0; delay <= 40; delay++)
    for (gint64 at = 0; at < TICK_US; at += 499)
      {
        Probe probe;

        init (&probe, 1);
        run_at (now_us + TICK_US + at % 7);
        set (&probe, delay);
        while (!probe.fired)
          run_at (now_us + 1000);
        ck_assert_int_le (probe.fired_us, probe.due_us + 2 * TICK_US);
      }
}
END_TEST

START_TEST (test_moved)
{
  Probe probe;

  init (&probe, 1);
  set (&probe, 100);
  for (guint i = 0; i < 50; i++)
    {
      run_at (now_us + 40 * 1000);
      set (&probe, 100);
      ck_assert_uint_eq (probe.fired, 0);
    }
  ck_assert (adit_timer_is_set (&probe.timer));
  sleep_until (now_us + 200 * 1000);
  ck_assert_uint_eq (probe.fired, 1);
  ck_assert_int_le (probe.fired_us, probe.due_us + 2 * TICK_US);
  ck_assert (!adit_timer_is_set (&probe.timer));

  /* Nearer than before. */
  set (&probe, 4000);
  set (&probe, 50);
  sleep_until (now_us + 100 * 1000);
  ck_assert_uint_eq (probe.fired, 2);
  sleep_until (now_us + 5000 * 1000);
  ck_assert_uint_eq (probe.fired, 2);
}
END_TEST

START_TEST (test_stop)
{
  Probe probes[4];

  init (probes, 4);
  for (guint i = 0; i < 4; i++)
    set (&probes[i], 100);
  adit_timer_stop (&probes[1].timer);
  adit_timer_stop (&probes[1].timer);
  set (&probes[2], 200);
  adit_timer_stop (&probes[2].timer);
  run_at (now_us + 1000 * 1000);
  ck_assert_uint_eq (probes[0].fired, 1);
  ck_assert_uint_eq (probes[1].fired, 0);
  ck_assert_uint_eq (probes[2].fired, 0);
  ck_assert_uint_eq (probes[3].fired, 1);
}
END_TEST

/* Timers of one slot stop each other: whichever comes first wins, whatever their order in the slot. */
START_TEST (test_stop_in_function)
{
  Probe probes[6];
  guint fired = 0;

  init (probes, 6);
  for (guint i = 0; i < 6; i++)
    {
      probes[i].other = &probes[i ^ 1].timer;
      set (&probes[i], 100);
    }
  run_at (now_us + 1000 * 1000);
  for (guint i = 0; i < 6; i += 2)
    ck_assert_uint_eq (probes[i].fired + probes[i + 1].fired, 1);
  for (guint i = 0; i < 6; i++)
    {
      fired += probes[i].fired;
      ck_assert (!adit_timer_is_set (&probes[i].timer));
    }
  ck_assert_uint_eq (fired, 3);
}
END_TEST

START_TEST (test_free_in_function)
{
  for (guint i = 0; i < 3; i++)
    {
      Probe *probe = g_new (Probe, 1);

      init (probe, 1);
      probe->frees = TRUE;
      set (probe, 20);
    }
  run_at (now_us + 100 * 1000);
  ck_assert_uint_eq (n_order, 3);
  ck_assert_int_eq (sleep_until (now_us + 2 * TURN_US), 0);
}
END_TEST

/* Set again from its own function, also without delay: once for each run of the wheel, never endless. */
START_TEST (test_set_in_function)
{
  Probe every, at_once;
  guint before;

  init (&every, 1);
  init (&at_once, 1);
  every.again_ms = 100;
  set (&every, 100);
  sleep_until (now_us + 1000 * 1000);
  ck_assert_uint_ge (every.fired, 8);
  ck_assert_uint_le (every.fired, 10);
  adit_timer_stop (&every.timer);

  at_once.again_ms = 1;
  set (&at_once, 0);
  before = at_once.fired;
  run_at (now_us + TICK_US);
  ck_assert_uint_le (at_once.fired, before + 1);
  /* A whole turn of the wheel later: the function sets it into the very slot that is being run. */
  at_once.again_ms = ADIT_WHEEL_SLOTS * ADIT_WHEEL_TICK_MS;
  run_at (now_us + 2 * TICK_US);
  before = at_once.fired;
  sleep_until (now_us + TURN_US + 2 * TICK_US);
  ck_assert_uint_eq (at_once.fired, before + 1);
  adit_timer_stop (&at_once.timer);
}
END_TEST

START_TEST (test_far)
{
  static const guint delays[] = { 4087, 4088, 4089, 4096, 4104, 8192, 60000, 3600 * 1000, 24 * 3600 * 1000 };

  for (guint i = 0; i < G_N_ELEMENTS (delays); i++)
    {
      Probe probe;
      guint woken;

      init (&probe, 1);
      set (&probe, delays[i]);
      woken = sleep_until (now_us + (gint64) delays[i] * 1000 - 1);
      ck_assert_uint_eq (probe.fired, 0);
      ck_assert (adit_timer_is_set (&probe.timer));
      /* It wakes about once in a turn of the wheel for it, not more. */
      ck_assert_uint_le (woken, delays[i] / 4000 + 1);
      sleep_until (now_us + 1 + 2 * TICK_US);
      ck_assert_uint_eq (probe.fired, 1);
    }
}
END_TEST

/* The machine slept: everything due fires once, the rest stays, and the wheel goes on. */
START_TEST (test_jump)
{
  static const guint delays[] = { 10, 1000, 4000, 5000, 100000, 3599000 };
  Probe probes[G_N_ELEMENTS (delays)], late, next;

  init (probes, G_N_ELEMENTS (delays));
  init (&late, 1);
  init (&next, 1);
  for (guint i = 0; i < G_N_ELEMENTS (delays); i++)
    set (&probes[i], delays[i]);
  set (&late, 3601 * 1000);
  run_at (now_us + G_GINT64_CONSTANT (3600) * 1000 * 1000);
  for (guint i = 0; i < G_N_ELEMENTS (delays); i++)
    ck_assert_uint_eq (probes[i].fired, 1);
  ck_assert_uint_eq (late.fired, 0);
  set (&next, 16);
  sleep_until (now_us + 100 * 1000);
  ck_assert_uint_eq (next.fired, 1);
  sleep_until (now_us + 2000 * 1000);
  ck_assert_uint_eq (late.fired, 1);

  /* A clock that stands still or goes back by a little harms nothing. */
  set (&next, 100);
  run_at (now_us);
  run_at (now_us - 50 * 1000);
  ck_assert_uint_eq (next.fired, 1);
  run_at (now_us + 200 * 1000);
  ck_assert_uint_eq (next.fired, 2);
}
END_TEST

START_TEST (test_wait)
{
  Probe probes[2];
  int wait;

  init (probes, 2);
  set (&probes[0], 1000);
  wait = adit_wheel_get_wait (wheel, now_us);
  ck_assert_int_ge (wait, 1000);
  ck_assert_int_le (wait, 1000 + 2 * ADIT_WHEEL_TICK_MS);
  set (&probes[1], 100);
  wait = adit_wheel_get_wait (wheel, now_us);
  ck_assert_int_ge (wait, 100);
  ck_assert_int_le (wait, 100 + 2 * ADIT_WHEEL_TICK_MS);
  /* Late already: at once. */
  ck_assert_int_eq (adit_wheel_get_wait (wheel, now_us + 2000 * 1000), 0);
  /* The wait is enough: what it was for is due after it. */
  run_at (now_us + (gint64) wait * 1000);
  ck_assert_uint_eq (probes[1].fired, 1);
  ck_assert_uint_eq (sleep_until (now_us + 1000 * 1000), 1);
  ck_assert_uint_eq (probes[0].fired, 1);
  ck_assert_int_eq (adit_wheel_get_wait (wheel, now_us), -1);
}
END_TEST

/* Slots that were filled once do not wake the worker for ever. */
START_TEST (test_stopped_sleep)
{
  Probe probes[400];

  init (probes, 400);
  for (guint i = 0; i < 400; i++)
    {
      set (&probes[i], i * 10);
      adit_timer_stop (&probes[i].timer);
    }
  sleep_until (now_us + 2 * TURN_US);
  ck_assert_uint_eq (sleep_until (now_us + 10 * TURN_US), 0);
  ck_assert_int_eq (adit_wheel_get_wait (wheel, now_us), -1);
}
END_TEST

START_TEST (test_free)
{
  AditWheel *own = adit_wheel_new (now_us);
  Probe probes[3];

  init (probes, 3);
  for (guint i = 0; i < 3; i++)
    adit_timer_set (&probes[i].timer, own, now_us, 100 * i);
  adit_wheel_free (own);
  for (guint i = 0; i < 3; i++)
    {
      ck_assert (!adit_timer_is_set (&probes[i].timer));
      adit_timer_stop (&probes[i].timer);
    }
}
END_TEST

/* Random work against the plain rule: what is set and due has fired, what is not due has not. */
/* Asserts only what is wrong: check keeps a record of each assertion, and here are a million. */
static void
check_all (const Probe *probes, const gboolean *is_set, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      gboolean runs = adit_timer_is_set (&probes[i].timer);

      if (runs && is_set[i] && now_us >= probes[i].due_us + 2 * TICK_US)
        ck_abort_msg ("timer %u is late", i);
      if (!runs && is_set[i] && now_us < probes[i].due_us)
        ck_abort_msg ("timer %u is lost", i);
      if (runs && !is_set[i])
        ck_abort_msg ("timer %u was stopped", i);
    }
}

START_TEST (test_random)
{
  enum { N = 300 };
  static Probe probes[N];
  gboolean is_set[N] = { FALSE };
  guint64 seed = (guint64) _i + 1;

  init (probes, N);
  for (guint round = 0; round < 3000; round++)
    {
      guint i = turn_random (&seed, N);

      switch (turn_random (&seed, 8))
        {
        case 0:
          adit_timer_stop (&probes[i].timer);
          is_set[i] = FALSE;
          break;
        case 1:
          run_at (now_us + turn_random (&seed, turn_random (&seed, 50) ? 30000 : 20 * 1000 * 1000));
          break;
        default:
          set (&probes[i], turn_random (&seed, turn_random (&seed, 4) ? 500 : 20000));
          is_set[i] = TRUE;
        }
      check_all (probes, is_set, N);
    }
}
END_TEST

START_TEST (test_many)
{
  enum { N = 10000 };
  static Probe probes[N];
  guint64 seed = 7;

  init (probes, N);
  for (guint i = 0; i < N; i++)
    set (&probes[i], turn_random (&seed, 60000));
  sleep_until (now_us + 61 * G_USEC_PER_SEC);
  for (guint i = 0; i < N; i++)
    {
      ck_assert_uint_eq (probes[i].fired, 1);
      ck_assert_int_le (probes[i].fired_us, probes[i].due_us + 2 * TICK_US);
    }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("timer");
  TCase *tcase = tcase_create ("timer");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, test_empty);
  tcase_add_test (tcase, test_order);
  tcase_add_test (tcase, test_punctual);
  tcase_add_test (tcase, test_moved);
  tcase_add_test (tcase, test_stop);
  tcase_add_test (tcase, test_stop_in_function);
  tcase_add_test (tcase, test_free_in_function);
  tcase_add_test (tcase, test_set_in_function);
  tcase_add_test (tcase, test_far);
  tcase_add_test (tcase, test_jump);
  tcase_add_test (tcase, test_wait);
  tcase_add_test (tcase, test_stopped_sleep);
  tcase_add_test (tcase, test_free);
  tcase_add_loop_test (tcase, test_random, 0, 20);
  tcase_add_test (tcase, test_many);
  suite_add_tcase (suite, tcase);
  return testing_run (suite);
}
