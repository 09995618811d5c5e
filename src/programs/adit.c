/* SPDX-License-Identifier: MIT */
/* adit: the client command: reads what was said, then hands over to one of its commands. */
#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "client/check.h"
#include "client/login.h"
#include "client/runner.h"
#include "link/tls.h"
#include "programs/dev.h"

#include <libintl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static void
prepare_process (void)
{
  struct rlimit limit;

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, ADIT_LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  g_set_prgname ("adit");
  signal (SIGPIPE, SIG_IGN);
  if (getrlimit (RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max)
    {
      limit.rlim_cur = limit.rlim_max;
      setrlimit (RLIMIT_NOFILE, &limit);
    }
}

/* NULL after every error was told. A file that was not named need not exist. */
static AditClientCfg *
load_configuration (const AditOptions *options)
{
  static const char *const all[] = { NULL };
  const char *const *wanted = NULL;
  g_auto (GStrv) errors = NULL;
  AditClientCfg *cfg;

  if (!options->config_named && !g_file_test (options->config, G_FILE_TEST_EXISTS))
    return adit_clientcfg_new (options->config);
  if (options->command == ADIT_COMMAND_START)
    wanted = (const char *const *) options->args;
  else if (options->command == ADIT_COMMAND_CHECK)
    wanted = all;
  cfg = adit_clientcfg_load (options->config, wanted, &errors);
  for (guint i = 0; errors && errors[i]; i++)
    adit_error ("%s", errors[i]);
  if (cfg && cfg->exposed)
    adit_warning ("%s holds the token, and others can read it; run: chmod 600 %s", cfg->path, cfg->path);
  return cfg;
}

static int
run_tunnels (const AditOptions *options, AditClientCfg *cfg)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AditPlan) plan = adit_plan_new (options, cfg, &error);

  if (plan)
    return adit_runner_run (plan);
  adit_error ("%s", error->message);
  return adit_error_exit_status (error);
}

static int
run (const AditOptions *options)
{
  g_autoptr (AditClientCfg) cfg = NULL;

  if (options->command == ADIT_COMMAND_DEV)
    return adit_dev_run (options);
  if (options->command == ADIT_COMMAND_LOGIN)
    return adit_login_run (options);
  cfg = load_configuration (options);
  if (cfg == NULL)
    return ADIT_EXIT_USAGE;
  return options->command == ADIT_COMMAND_CHECK ? adit_check_run (options, cfg) : run_tunnels (options, cfg);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AditOptions) options = NULL;
  int status;

  prepare_process ();
  options = adit_options_parse ((const char *const *) argv, &error);
  if (options == NULL)
    {
      fprintf (stderr, "adit: %s\n", error->message);
      return adit_error_exit_status (error);
    }
  if (options->output)
    {
      fputs (options->output, stdout);
      return ADIT_EXIT_DONE;
    }
  adit_log_start (STDERR_FILENO, options->log_format, options->log_level);
  adit_tls_setup ();
  status = run (options);
  adit_log_stop ();
  adit_buf_pool_drain ();
  return status;
}
