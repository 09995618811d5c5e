/* SPDX-License-Identifier: MIT */
/* testing: see the header. */
#include "lib/testing.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef G_LOG_DOMAIN
#define G_LOG_DOMAIN NULL
#endif

#define SURPRISING (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING)

/* libconfig 1.5 does not free the string at which a text breaks its grammar. */
const char *__lsan_default_suppressions (void);

const char *
__lsan_default_suppressions (void)
{
  return "leak:libconfig.so\n";
}

static gint surprises;
static gboolean forked;

static void
on_surprise (const char *domain, const char *message)
{
  fprintf (stderr, "unexpected: %s%s%s\n", domain != NULL ? domain : "", domain != NULL ? ": " : "", message);
  g_atomic_int_inc (&surprises);
  if (forked)
    abort ();
}

static void
on_log (const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer data)
{
  if (level & SURPRISING)
    on_surprise (domain, message);
}

static const char *
field_of (const GLogField *fields, gsize n_fields, const char *key)
{
  gsize i;

  for (i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, key) == 0)
      return fields[i].value;
  return NULL;
}

static GLogWriterOutput
on_structured (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  const char *message = field_of (fields, n_fields, "MESSAGE");

  if (level & SURPRISING)
    on_surprise (field_of (fields, n_fields, "GLIB_DOMAIN"), message != NULL ? message : "(no message)");
  return G_LOG_WRITER_HANDLED;
}

int
testing_run (Suite *suite)
{
  SRunner *runner = srunner_create (suite);
  int failed;

  forked = srunner_fork_status (runner) == CK_FORK;
  g_log_set_default_handler (on_log, NULL);
  g_log_set_writer_func (on_structured, NULL, NULL);
  srunner_run_all (runner, CK_ENV);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed > 0 || g_atomic_int_get (&surprises) > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

void
testing_expect_log (GLogLevelFlags level, const char *pattern)
{
  g_test_expect_message (G_LOG_DOMAIN, level, pattern);
}

guint
testing_patience (void)
{
  const char *text = g_getenv ("ADIT_TEST_PATIENCE");
  guint64 times = text != NULL ? g_ascii_strtoull (text, NULL, 10) : 1;

  return (guint) CLAMP (times, 1, 100);
}

gboolean
testing_wait (gboolean (*done) (gpointer data), gpointer data, guint deadline_ms)
{
  gint64 until = g_get_monotonic_time () + (gint64) deadline_ms * testing_patience () * 1000;

  while (!done (data))
    {
      if (g_get_monotonic_time () >= until)
        return FALSE;
      if (!g_main_context_iteration (NULL, FALSE))
        poll (NULL, 0, 1);
    }
  return TRUE;
}
