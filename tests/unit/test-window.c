/* SPDX-License-Identifier: MIT */
/* test-window: the arithmetic of credit: both sides of each limit, growth by the round trip, the budget. */
#include "mux/window.h"

#include "lib/turning.h"
#include "wire/limits.h"

#define INITIAL 65536u
#define RTT_US 10000

static gsize budget;

static void
setup (void)
{
  budget = ADIT_LIMIT_WINDOW_BUDGET;
}

START_TEST (test_receive)
{
  AditWindow window;

  adit_window_init (&window, INITIAL);
  ck_assert (adit_window_receive (&window, 0));
  ck_assert (adit_window_receive (&window, INITIAL - 1));
  ck_assert (adit_window_receive (&window, 1));
  ck_assert_uint_eq (adit_window_get_held (&window), INITIAL);
  ck_assert (!adit_window_receive (&window, 1));

  adit_window_init (&window, INITIAL);
  ck_assert (!adit_window_receive (&window, INITIAL + 1));
}
END_TEST

/* Credit comes when half of the window is free, all of it at once, so that frames of credit are few. */
START_TEST (test_halves)
{
  AditWindow window;

  adit_window_init (&window, INITIAL);
  ck_assert (adit_window_receive (&window, INITIAL));
  ck_assert_uint_eq (adit_window_consume (&window, INITIAL / 2 - 1, 1000, 0, &budget), 0);
  ck_assert_uint_eq (adit_window_consume (&window, 1, 1000, 0, &budget), INITIAL / 2);
  ck_assert_uint_eq (adit_window_get_held (&window), INITIAL / 2);
  ck_assert (adit_window_receive (&window, INITIAL / 2));
  ck_assert (!adit_window_receive (&window, 1));

  adit_window_init (&window, INITIAL);
  ck_assert (adit_window_receive (&window, INITIAL));
  ck_assert_uint_eq (adit_window_consume (&window, INITIAL, 1000, 0, &budget), INITIAL);
  ck_assert_uint_eq (adit_window_get_held (&window), 0);
  ck_assert_uint_eq (budget, ADIT_LIMIT_WINDOW_BUDGET);
}
END_TEST

/* Uses up a whole window and has it pass on at @now_us. */
static guint32
use_window (AditWindow *window, gint64 now_us, gint64 rtt_us)
{
  guint64 free = window->granted - window->received;

  ck_assert (adit_window_receive (window, free));
  return adit_window_consume (window, adit_window_get_held (window), now_us, rtt_us, &budget);
}

START_TEST (test_growth)
{
  AditWindow window;
  gint64 now = 1000;

  adit_window_init (&window, INITIAL);
  /* The first grant has nothing to be compared with. */
  ck_assert_uint_eq (use_window (&window, now, RTT_US), INITIAL);
  ck_assert_uint_eq (window.size, INITIAL);
  /* Within two round trips: it doubles; a moment later than that: it stays. */
  ck_assert_uint_eq (use_window (&window, now += 2 * RTT_US, RTT_US), 2 * INITIAL);
  ck_assert_uint_eq (use_window (&window, now += 2 * RTT_US + 1, RTT_US), 2 * INITIAL);
  ck_assert_uint_eq (use_window (&window, now += RTT_US, RTT_US), 4 * INITIAL);
  /* No round trip is known: no growth. */
  ck_assert_uint_eq (use_window (&window, now += 1, 0), 4 * INITIAL);
  ck_assert_uint_eq (budget, ADIT_LIMIT_WINDOW_BUDGET - 3 * INITIAL);
  adit_window_clear (&window, &budget);
  ck_assert_uint_eq (budget, ADIT_LIMIT_WINDOW_BUDGET);
  adit_window_clear (&window, &budget);
  ck_assert_uint_eq (budget, ADIT_LIMIT_WINDOW_BUDGET);
}
END_TEST

START_TEST (test_growth_limit)
{
  AditWindow window;

  adit_window_init (&window, INITIAL);
  for (guint i = 0; i < 30; i++)
    {
      use_window (&window, 1000 + i, RTT_US);
      ck_assert_uint_le (window.size, ADIT_LIMIT_WINDOW_MAX);
    }
  ck_assert_uint_eq (window.size, ADIT_LIMIT_WINDOW_MAX);
  ck_assert_uint_eq (budget, ADIT_LIMIT_WINDOW_BUDGET - (ADIT_LIMIT_WINDOW_MAX - INITIAL));
}
END_TEST

START_TEST (test_budget)
{
  AditWindow window;

  adit_window_init (&window, INITIAL);
  use_window (&window, 1000, RTT_US);
  budget = INITIAL - 1;
  use_window (&window, 1001, RTT_US);
  ck_assert_uint_eq (window.size, INITIAL);
  budget = INITIAL;
  use_window (&window, 1002, RTT_US);
  ck_assert_uint_eq (window.size, 2 * INITIAL);
  ck_assert_uint_eq (budget, 0);
  use_window (&window, 1003, RTT_US);
  ck_assert_uint_eq (window.size, 2 * INITIAL);
}
END_TEST

/* A reader that stopped keeps what it had: its window does not grow by time. */
START_TEST (test_stalled)
{
  AditWindow window;

  adit_window_init (&window, INITIAL);
  ck_assert (adit_window_receive (&window, INITIAL));
  for (guint i = 0; i < INITIAL / 2 - 1; i++)
    ck_assert_uint_eq (adit_window_consume (&window, 1, 1000 + i, RTT_US, &budget), 0);
  ck_assert (!adit_window_receive (&window, 1));
  ck_assert_uint_eq (window.size, INITIAL);
}
END_TEST

/* Terabytes on one stream: nothing wraps. */
START_TEST (test_far)
{
  AditWindow window;
  guint64 sum = INITIAL;

  adit_window_init (&window, INITIAL);
  window.granted += G_GUINT64_CONSTANT (1) << 42;
  window.received = window.consumed = G_GUINT64_CONSTANT (1) << 42;
  for (guint i = 0; i < 1000; i++)
    sum += use_window (&window, 1000 + i, RTT_US);
  ck_assert_uint_eq (window.granted, (G_GUINT64_CONSTANT (1) << 42) + sum);
  ck_assert_uint_eq (adit_window_get_held (&window), 0);
  ck_assert (!adit_window_receive (&window, (gsize) ADIT_LIMIT_WINDOW_MAX + 1));
}
END_TEST

/* Random work: the sender is never allowed more than the window ahead of the reader, and never starves. */
START_TEST (test_random)
{
  guint64 seed = (guint64) _i + 1, allowed = INITIAL, sent = 0;
  AditWindow window;
  gint64 now = 1000;

  adit_window_init (&window, INITIAL);
  for (guint i = 0; i < 20000; i++)
    {
      gsize held = adit_window_get_held (&window);

      now += turn_random (&seed, RTT_US);
      if (turn_random (&seed, 2) && allowed > sent)
        {
          gsize len = 1 + turn_random (&seed, (guint32) (allowed - sent));

          ck_assert (adit_window_receive (&window, len));
          sent += len;
        }
      else if (held > 0)
        allowed += adit_window_consume (&window, 1 + turn_random (&seed, (guint32) held), now, RTT_US,
                                        &budget);
      ck_assert_uint_eq (window.granted, allowed);
      ck_assert_uint_le (allowed - window.consumed, window.size);
      ck_assert_uint_eq (budget + (window.size - INITIAL), ADIT_LIMIT_WINDOW_BUDGET);
      if (adit_window_get_held (&window) == 0)
        ck_assert_uint_gt (allowed, sent);
    }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("window");
  TCase *tcase = tcase_create ("window");

  tcase_add_checked_fixture (tcase, setup, NULL);
  tcase_add_test (tcase, test_receive);
  tcase_add_test (tcase, test_halves);
  tcase_add_test (tcase, test_growth);
  tcase_add_test (tcase, test_growth_limit);
  tcase_add_test (tcase, test_budget);
  tcase_add_test (tcase, test_stalled);
  tcase_add_test (tcase, test_far);
  tcase_add_loop_test (tcase, test_random, 0, 20);
  suite_add_tcase (suite, tcase);
  return testing_run (suite);
}
