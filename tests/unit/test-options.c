/* SPDX-License-Identifier: MIT */
/* test-options: the command line, the environment, and what goes before what. */
#include "lib/testing.h"

#include "base/error.h"
#include "client/plan.h"

#include <string.h>

#define FINGERPRINT "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void
clear_environment (void)
{
  g_unsetenv ("ADIT_SERVER_URL");
  g_unsetenv ("ADIT_TOKEN");
  g_unsetenv ("ADIT_CONFIG");
}

/* Words separated by single blanks. */
static AditOptions *
parse (const char *line, GError **error)
{
  g_auto (GStrv) argv = g_strsplit (line, " ", -1);

  return adit_options_parse ((const char *const *) argv, error);
}

static AditOptions *
must_parse (const char *line)
{
  g_autoptr (GError) error = NULL;
  AditOptions *options = parse (line, &error);

  ck_assert_msg (options != NULL, "%s: %s", line, error ? error->message : "");
  return options;
}

static const struct
{
  const char *line;
  AditCommand command;
  const char *arg;
} commands[] = {
  { "adit 3000", ADIT_COMMAND_HTTP, "3000" },
  { "adit http 3000", ADIT_COMMAND_HTTP, "3000" },
  { "adit --subdomain dev 3000", ADIT_COMMAND_HTTP, "3000" },
  { "adit -s dev http 3000", ADIT_COMMAND_HTTP, "3000" },
  { "adit -c 5 3000 -s dev", ADIT_COMMAND_HTTP, "3000" },
  { "adit --config FILE start", ADIT_COMMAND_START, NULL },
  { "adit --config=FILE start web shop", ADIT_COMMAND_START, "web" },
  { "adit start dev", ADIT_COMMAND_START, "dev" },
  { "adit dev", ADIT_COMMAND_DEV, NULL },
  { "adit dev 3000 -p 9000", ADIT_COMMAND_DEV, "3000" },
  { "adit login box --token T", ADIT_COMMAND_LOGIN, "box" },
  { "adit --insecure login box", ADIT_COMMAND_LOGIN, "box" },
  { "adit check", ADIT_COMMAND_CHECK, NULL },
};

START_TEST (commands_are_found)
{
  g_autoptr (AditOptions) options = must_parse (commands[_i].line);

  ck_assert_int_eq (options->command, commands[_i].command);
  ck_assert_pstr_eq (options->args[0], commands[_i].arg);
  ck_assert_ptr_null (options->output);
}
END_TEST

START_TEST (all_flags)
{
  g_autoptr (AditOptions) options
    = must_parse ("adit 3000 --subdomain MyApp --host tcp://box:1 --token secret --fingerprint " FINGERPRINT
                  " --concurrency 7 --idle-timeout 60 --host-header preserve --insecure --config /x "
                  "--log-format json"
                  " --log-level debug");

  ck_assert_str_eq (options->subdomain, "myapp");
  ck_assert_str_eq (options->server, "tcp://box:1");
  ck_assert_str_eq (options->token, "secret");
  ck_assert_str_eq (options->fingerprint, FINGERPRINT);
  ck_assert_uint_eq (options->concurrency, 7);
  ck_assert_uint_eq (options->idle_timeout_s, 60);
  ck_assert_str_eq (options->host_header, "preserve");
  ck_assert (options->insecure && options->config_named);
  ck_assert_str_eq (options->config, "/x");
  ck_assert_int_eq (options->log_format, ADIT_LOG_JSON);
  ck_assert_int_eq (options->log_level, ADIT_LOG_DEBUG);
}
END_TEST

START_TEST (help_and_version)
{
  static const char *const lines[]
    = { "adit --help", "adit -h", "adit login --help", "adit start -h", "adit --version",
        "adit dev --version" };

  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_autoptr (AditOptions) options = must_parse (lines[i]);

      ck_assert_ptr_nonnull (options->output);
      ck_assert_ptr_nonnull (strstr (options->output, "adit"));
      ck_assert_ptr_null (strstr (options->output, "--tui"));
    }
}
END_TEST

/* A line, its exit status, and a word of the sentence. */
static const struct
{
  const char *line;
  int status;
  const char *word;
} bad[] = {
  { "adit", 2, "adit 3000" },
  { "adit --subdomain x", 2, "adit 3000" },
  { "adit http", 2, "adit 3000" },
  { "adit 3000 4000", 2, "4000" },
  { "adit check this", 2, "this" },
  { "adit login", 2, "HOST:PORT" },
  { "adit login a b", 2, "b" },
  { "adit 3000 --frob", 2, "--frob" },
  { "adit start --concurrency 3", 2, "--concurrency" },
  { "adit 3000 --concurrency 0", 2, "--concurrency" },
  { "adit 3000 --concurrency x", 2, "--concurrency" },
  { "adit 3000 --concurrency", 2, "--concurrency" },
  { "adit 3000 --idle-timeout -5", 2, "--idle-timeout" },
  { "adit 3000 --idle-timeout 99999999", 2, "--idle-timeout" },
  { "adit 3000 --subdomain=-a", 2, "--subdomain" },
  { "adit 3000 --subdomain a.b", 2, "--subdomain" },
  { "adit 3000 --subdomain=", 2, "--subdomain" },
  { "adit 3000 --fingerprint abc", 2, "sha256:" },
  { "adit 3000 --host-header a/b", 2, "--host-header" },
  { "adit 3000 --host-header=", 2, "--host-header" },
  { "adit 3000 --token=", 2, "--token" },
  { "adit 3000 --log-format xml", 2, "human or json" },
  { "adit 3000 --log-level loud", 2, "warning" },
  { "adit dev 3000 -p 70000", 2, "--port" },
  { "adit 3000 --tui", 2, "later" },
  { "adit 3000 --inspect", 2, "later" },
  { "adit 3000 --inspect=127.0.0.1:4040", 2, "later" },
  { "adit tcp 5432", 2, "later" },
  { "adit udp 53", 2, "later" },
  { "adit files .", 2, "later" },
  { "adit status", 2, "later" },
  { "adit serve db 5432", 2, "later" },
  { "adit 3000 --basic-auth a:b", 3, "--basic-auth" },
  { "adit 3000 --hostname example.com", 3, "--hostname" },
  { "adit 3000 --allow-cidr 10.0.0.0/8", 3, "--allow-cidr" },
  { "adit 3000 --port 30000", 3, "--port" },
};

START_TEST (bad_lines)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AditOptions) options = parse (bad[_i].line, &error);

  ck_assert_msg (options == NULL, "%s", bad[_i].line);
  ck_assert_int_eq (adit_error_exit_status (error), bad[_i].status);
  ck_assert_msg (strstr (error->message, bad[_i].word) != NULL, "%s: %s", bad[_i].line, error->message);
}
END_TEST

static AditClientCfg *
file (const char *text)
{
  g_auto (GStrv) errors = NULL;
  AditClientCfg *cfg = adit_clientcfg_parse (text, "client.cfg", NULL, &errors);

  ck_assert_msg (cfg != NULL, "%s", errors ? errors[0] : "");
  return cfg;
}

static AditPlan *
plan_for (const char *line, const char *text, GError **error)
{
  g_autoptr (AditOptions) options = must_parse (line);
  g_autoptr (AditClientCfg) cfg = file (text);

  return adit_plan_new (options, cfg, error);
}

#define FILE_TEXT "server = \"file.test\"; token = \"of-the-file\"; fingerprint = \"" FINGERPRINT "\";"

START_TEST (flag_before_environment_before_file)
{
  g_autoptr (AditPlan) plan = plan_for ("adit 3000", FILE_TEXT, NULL);

  ck_assert_str_eq (plan->address->text, "file.test:7000");
  ck_assert_str_eq (plan->token, "of-the-file");
  ck_assert_str_eq (plan->trust.fingerprint, FINGERPRINT);
  adit_plan_free (plan);

  g_setenv ("ADIT_SERVER_URL", "env.test:1", TRUE);
  g_setenv ("ADIT_TOKEN", "of-the-environment", TRUE);
  plan = plan_for ("adit 3000", FILE_TEXT, NULL);
  ck_assert_str_eq (plan->address->text, "env.test:1");
  ck_assert_str_eq (plan->token, "of-the-environment");
  ck_assert_ptr_null (plan->trust.fingerprint); /* the key of another server */
  adit_plan_free (plan);

  plan = plan_for ("adit 3000 --host flag.test:2 --token of-the-flag", FILE_TEXT, NULL);
  ck_assert_str_eq (plan->address->text, "flag.test:2");
  ck_assert_str_eq (plan->token, "of-the-flag");
  adit_plan_free (plan);

  g_setenv ("ADIT_SERVER_URL", "", TRUE);
  plan = plan_for ("adit 3000", FILE_TEXT, NULL);
  ck_assert_str_eq (plan->address->text, "file.test:7000");
  clear_environment ();
}
END_TEST

START_TEST (config_from_the_environment)
{
  g_autoptr (AditOptions) options = NULL;

  g_setenv ("ADIT_CONFIG", "/from/environment", TRUE);
  options = must_parse ("adit 3000");
  ck_assert_str_eq (options->config, "/from/environment");
  ck_assert (options->config_named);
  adit_options_free (options);
  options = must_parse ("adit 3000 --config /from/flag");
  ck_assert_str_eq (options->config, "/from/flag");
  adit_options_free (options);
  clear_environment ();
  options = must_parse ("adit 3000");
  ck_assert (g_str_has_suffix (options->config, "/adit/client.cfg"));
  ck_assert (!options->config_named);
}
END_TEST

START_TEST (what_is_missing_is_named)
{
  static const char *const cases[][3] = {
    { "adit 3000", "", "no server" },
    { "adit 3000 --host box", "", "no token" },
    { "adit 3000x", FILE_TEXT, "port" },
    { "adit start", FILE_TEXT, "no tunnels" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      ck_assert_ptr_null (plan_for (cases[i][0], cases[i][1], &error));
      ck_assert_int_eq (adit_error_exit_status (error), 2);
      ck_assert_msg (strstr (error->message, cases[i][2]) != NULL, "%s", error->message);
    }
}
END_TEST

START_TEST (a_server_on_loopback_may_have_no_token)
{
  g_autoptr (AditPlan) plan = plan_for ("adit 3000 --host tcp://127.0.0.1:7000", "", NULL);

  ck_assert_ptr_nonnull (plan);
  ck_assert_str_eq (plan->token, "");
}
END_TEST

static Suite *
options_suite (void)
{
  Suite *suite = suite_create ("options");
  TCase *cases = tcase_create ("lines");

  tcase_add_checked_fixture (cases, clear_environment, NULL);
  tcase_add_loop_test (cases, commands_are_found, 0, G_N_ELEMENTS (commands));
  tcase_add_test (cases, all_flags);
  tcase_add_test (cases, help_and_version);
  tcase_add_loop_test (cases, bad_lines, 0, G_N_ELEMENTS (bad));
  tcase_add_test (cases, flag_before_environment_before_file);
  tcase_add_test (cases, config_from_the_environment);
  tcase_add_test (cases, what_is_missing_is_named);
  tcase_add_test (cases, a_server_on_loopback_may_have_no_token);
  suite_add_tcase (suite, cases);
  return suite;
}

int
main (void)
{
  return testing_run (options_suite ());
}
