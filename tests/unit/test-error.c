/* SPDX-License-Identifier: MIT */
/* test-error: exit statuses and predicates. */
#include "base/error.h"

#include "lib/testing.h"

#include <gio/gio.h>

typedef struct
{
  AditError code;
  int status;
  gboolean refused, closed, verify, usage;
} Row;

static const Row rows[] = {
  { ADIT_ERROR_FAILED, 1, FALSE, FALSE, FALSE, FALSE },
  { ADIT_ERROR_USAGE, 2, FALSE, FALSE, FALSE, TRUE },
  { ADIT_ERROR_REFUSED, 3, TRUE, FALSE, FALSE, FALSE },
  { ADIT_ERROR_PROTOCOL, 1, FALSE, FALSE, FALSE, FALSE },
  { ADIT_ERROR_CLOSED, 1, FALSE, TRUE, FALSE, FALSE },
  { ADIT_ERROR_TIMEOUT, 1, FALSE, FALSE, FALSE, FALSE },
  { ADIT_ERROR_LIMIT, 1, FALSE, FALSE, FALSE, FALSE },
  { ADIT_ERROR_VERIFY, 1, FALSE, FALSE, TRUE, FALSE },
};

START_TEST (test_codes)
{
  const Row *row = &rows[_i];
  GError *error = g_error_new_literal (ADIT_ERROR, row->code, "x");

  ck_assert_int_eq (adit_error_exit_status (error), row->status);
  ck_assert_int_eq (adit_error_is_refused (error), row->refused);
  ck_assert_int_eq (adit_error_is_closed (error), row->closed);
  ck_assert_int_eq (adit_error_is_verify (error), row->verify);
  ck_assert_int_eq (adit_error_is_usage (error), row->usage);
  g_error_free (error);
}
END_TEST

/* The same number in another domain means something else. */
START_TEST (test_foreign)
{
  GError *error = g_error_new_literal (G_IO_ERROR, (int) ADIT_ERROR_REFUSED, "x");

  ck_assert_int_eq (adit_error_exit_status (error), ADIT_EXIT_FAILED);
  ck_assert (!adit_error_is_refused (error));
  ck_assert_int_eq (adit_error_exit_status (NULL), ADIT_EXIT_DONE);
  ck_assert (!adit_error_is_refused (NULL));
  ck_assert (!adit_error_is_closed (NULL));
  ck_assert (!adit_error_is_verify (NULL));
  ck_assert (!adit_error_is_usage (NULL));
  g_error_free (error);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("error");
  TCase *tcase = tcase_create ("error");

  tcase_add_loop_test (tcase, test_codes, 0, G_N_ELEMENTS (rows));
  tcase_add_test (tcase, test_foreign);
  suite_add_tcase (suite, tcase);
  return testing_run (suite);
}
