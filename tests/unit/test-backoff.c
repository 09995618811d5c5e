/* SPDX-License-Identifier: MIT */
/* test-backoff: how long the client waits before it tries again. */
#include "lib/testing.h"

#include "client/backoff.h"

#define SECOND ((gint64) G_USEC_PER_SEC)

START_TEST (doubles_up_to_the_most)
{
  static const guint least[] = { 250, 500, 1000, 2000, 4000, 8000 };
  AditBackoff backoff = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (least); i++)
    ck_assert_uint_eq (adit_backoff_fail (&backoff, SECOND, 0), least[i]);
  for (guint i = 0; i < 100; i++)
    ck_assert_uint_eq (adit_backoff_fail (&backoff, SECOND, 0), ADIT_BACKOFF_MOST_MS);
}
END_TEST

START_TEST (jitter_stays_in_bounds)
{
  AditBackoff backoff = { 0 };
  gboolean differs = FALSE;

  for (guint32 i = 0; i < 1000; i++)
    {
      guint wait = adit_backoff_fail (&backoff, SECOND, i * 2654435761u);

      ck_assert_uint_ge (wait, ADIT_BACKOFF_FIRST_MS);
      ck_assert_uint_le (wait, ADIT_BACKOFF_MOST_MS);
      differs |= i > 10 && wait != ADIT_BACKOFF_MOST_MS;
      if (i == 5)
        ck_assert_uint_ge (wait, 8000);
    }
  ck_assert (differs);
}
END_TEST

START_TEST (a_stable_minute_resets)
{
  AditBackoff backoff = { 0 };

  adit_backoff_fail (&backoff, SECOND, 0);
  adit_backoff_succeed (&backoff, 2 * SECOND);
  ck_assert_uint_eq (adit_backoff_fail (&backoff, 61 * SECOND, 0), 500);
  adit_backoff_succeed (&backoff, 100 * SECOND);
  ck_assert_uint_eq (adit_backoff_fail (&backoff, 160 * SECOND, 0), 250);
  ck_assert_uint_eq (adit_backoff_fail (&backoff, 1000 * SECOND, 0), 500);
  adit_backoff_reset (&backoff);
  ck_assert_uint_eq (adit_backoff_fail (&backoff, 1001 * SECOND, 0), 250);
}
END_TEST

static Suite *
backoff_suite (void)
{
  Suite *suite = suite_create ("backoff");
  TCase *cases = tcase_create ("waits");

  tcase_add_test (cases, doubles_up_to_the_most);
  tcase_add_test (cases, jitter_stays_in_bounds);
  tcase_add_test (cases, a_stable_minute_resets);
  suite_add_tcase (suite, cases);
  return suite;
}

int
main (void)
{
  return testing_run (backoff_suite ());
}
