/* SPDX-License-Identifier: MIT */
/* adit-server: the server's command line, its signals, and its life from the first line of log to the last.
 *
 * Runs the main loop on the main thread. Never touches what belongs to a worker. */
#include "config.h"

#include "base/error.h"
#include "base/log.h"
#include "base/secret.h"
#include "server/server.h"

#include <gio/gio.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define ADIT_CONFIG_FILE "/etc/adit/server.cfg"

typedef struct
{
  char *config, *log_format, *log_level;
  gboolean check_config, version;

  AditServer *server;
  GMainLoop *loop;
} Program;

static int
usage_error (const char *message)
{
  fprintf (stderr, "adit-server: %s\nTry adit-server --help.\n", message);
  return ADIT_EXIT_USAGE;
}

static gboolean
parse_options (Program *program, int *argc, char ***argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "config", 'c', 0, G_OPTION_ARG_FILENAME, &program->config, "Configuration file (default " ADIT_CONFIG_FILE ")", "FILE" },
    { "check-config", 0, 0, G_OPTION_ARG_NONE, &program->check_config, "Check the configuration, print the effective policy, exit",
      NULL },
    { "log-format", 0, 0, G_OPTION_ARG_STRING, &program->log_format, "human (default) or json", "FORMAT" },
    { "log-level", 0, 0, G_OPTION_ARG_STRING, &program->log_level, "error, warning, info (default) or debug", "LEVEL" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &program->version, "Print the version and exit", NULL },
    { NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("- give services behind NAT a public URL");

  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_description (context, "Signals: HUP reloads the configuration, TERM and INT drain and stop.\n"
                                             "Exit status: 0 done, 1 failed while running, 2 bad usage or configuration.\n");
  return g_option_context_parse (context, argc, argv, error);
}

static void
print_errors (char **errors)
{
  for (guint i = 0; errors[i]; i++)
    fprintf (stderr, "adit-server: %s\n", errors[i]);
}

static void
raise_descriptor_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) != 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
}

static gboolean
on_hangup (gpointer data)
{
  Program *program = data;
  g_auto (GStrv) errors = NULL;
  g_autoptr (AditPolicy) policy = adit_policy_load (program->config, &errors);
  g_autoptr (GError) error = NULL;

  if (policy == NULL)
    for (guint i = 0; errors[i]; i++)
      adit_error ("reload refused, the running configuration stays: %s", errors[i]);
  else if (!adit_server_reload (program->server, policy, &error))
    adit_error ("reload refused, the running configuration stays: %s", error->message);
  else
    adit_info ("configuration reloaded");
  return G_SOURCE_CONTINUE;
}

static void
on_drained (gpointer data)
{
  g_main_loop_quit (((Program *) data)->loop);
}

/* The first one drains, a second one does not wait. */
static gboolean
on_terminate (gpointer data)
{
  Program *program = data;
  static gboolean draining;

  if (draining)
    g_main_loop_quit (program->loop);
  draining = TRUE;
  adit_server_drain (program->server, on_drained, program);
  return G_SOURCE_CONTINUE;
}

static int
serve (Program *program, AditPolicy *policy)
{
  g_autoptr (GError) error = NULL;

  program->server = adit_server_new (policy, &error);
  if (program->server == NULL)
    {
      fprintf (stderr, "adit-server: %s\n", error->message);
      return adit_error_exit_status (error);
    }
  program->loop = g_main_loop_new (NULL, FALSE);
  g_unix_signal_add (SIGHUP, on_hangup, program);
  g_unix_signal_add (SIGTERM, on_terminate, program);
  g_unix_signal_add (SIGINT, on_terminate, program);
  adit_server_start (program->server);
  g_main_loop_run (program->loop);
  adit_server_free (program->server);
  adit_info ("stopped");
  g_main_loop_unref (program->loop);
  return ADIT_EXIT_DONE;
}

static int
run (Program *program)
{
  AditLogFormat format = ADIT_LOG_HUMAN;
  AditLogLevel level = ADIT_LOG_INFO;
  g_auto (GStrv) errors = NULL;
  g_autoptr (AditPolicy) policy = NULL;
  g_autofree char *text = NULL;
  int status;

  if (program->log_format && !adit_log_format_parse (program->log_format, &format))
    return usage_error ("--log-format: expected human or json");
  if (program->log_level && !adit_log_level_parse (program->log_level, &level))
    return usage_error ("--log-level: expected error, warning, info or debug");
  policy = adit_policy_load (program->config, &errors);
  if (policy == NULL)
    {
      print_errors (errors);
      return ADIT_EXIT_USAGE;
    }
  if (program->check_config)
    {
      text = adit_policy_describe (policy);
      fputs (text, stdout);
      return ADIT_EXIT_DONE;
    }
  raise_descriptor_limit ();
  adit_log_start (STDERR_FILENO, format, level);
  status = serve (program, policy);
  adit_log_stop ();
  return status;
}

int
main (int argc, char **argv)
{
  Program program = { 0 };
  g_autoptr (GError) error = NULL;
  int status;

  signal (SIGPIPE, SIG_IGN);
  if (!parse_options (&program, &argc, &argv, &error))
    return usage_error (error->message);
  if (argc > 1)
    return usage_error ("there are no arguments but options");
  if (program.version)
    {
      printf ("adit-server %s\n", PACKAGE_VERSION);
      return ADIT_EXIT_DONE;
    }
  if (program.config == NULL)
    program.config = g_strdup (ADIT_CONFIG_FILE);
  status = run (&program);
  g_free (program.config);
  g_free (program.log_format);
  g_free (program.log_level);
  return status;
}
