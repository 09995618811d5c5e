/* SPDX-License-Identifier: MIT */
/* test-clock: it goes forward, and a test can hold it. */
#include "base/clock.h"

#include "lib/testing.h"

static gint64
held (void)
{
  return 42;
}

START_TEST (test_forward)
{
  gint64 first = adit_clock_us (), boot = adit_clock_boot_us (), near = g_get_monotonic_time ();

  ck_assert_int_ge (near, first);
  ck_assert_int_lt (near - first, 60 * G_USEC_PER_SEC);
  ck_assert_int_ge (adit_clock_us (), first);
  ck_assert_int_ge (adit_clock_boot_us (), boot);
  ck_assert_int_ge (adit_clock_boot_us () + 1, first);
}
END_TEST

START_TEST (test_replace)
{
  adit_clock_replace (held);
  ck_assert_int_eq (adit_clock_us (), 42);
  ck_assert_int_ne (adit_clock_boot_us (), 42);
  adit_clock_replace (NULL);
  ck_assert_int_ne (adit_clock_us (), 42);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("clock");
  TCase *tcase = tcase_create ("clock");

  tcase_add_test (tcase, test_forward);
  tcase_add_test (tcase, test_replace);
  suite_add_tcase (suite, tcase);
  return testing_run (suite);
}
