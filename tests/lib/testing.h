/* SPDX-License-Identifier: MIT */
/* testing: what every unit and flow test needs around a suite of check.
 *
 * Thread: the main thread, save where said. A warning or critical of GLib that no test expects fails the
 * program: in a test of its own process (CK_FORK) at once, else at the end of the run. To expect one:
 * testing_expect_log(). */
#pragma once

#include <check.h>
#include <glib.h>

/* Runs @suite and frees it. The exit status for main: 0, or 1 if a test failed or something warned. */
int testing_run (Suite *suite);
/* The next warning or critical of our own domain must match @pattern (globs); testing_expect_done() asserts
 * that it came. */
void testing_expect_log (GLogLevelFlags level, const char *pattern);
#define testing_expect_done() g_test_assert_expected_messages ()

/* Turns the default main context until @done returns TRUE; FALSE after @deadline_ms, times the patience. */
gboolean testing_wait (gboolean (*done) (gpointer data), gpointer data, guint deadline_ms);
/* How much slower than usual this run may be: ADIT_TEST_PATIENCE, at least 1. */
guint testing_patience (void);
