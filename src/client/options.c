/* SPDX-License-Identifier: MIT */
/* options: see options.h. */
#include "client/options.h"

#include "base/error.h"
#include "base/secret.h"
#include "client/flags.h"
#include "link/creds.h"
#include "wire/hello.h"
#include "wire/limits.h"

#include <string.h>

#define CONCURRENCY_MOST 100000
#define IDLE_MOST 4000000 /* seconds; 46 days */

static gboolean G_GNUC_PRINTF (2, 3)
usage (GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error_literal (error, ADIT_ERROR, ADIT_ERROR_USAGE, text);
  return FALSE;
}

/* ---- finding the command among flags ---- */

static const AditFlag *
find_flag (const char *name, char letter)
{
  for (guint i = 0; i < ADIT_COMMANDS; i++)
    for (const AditFlag *flag = adit_commands[i].flags; flag->name; flag++)
      if (letter ? flag->letter == letter : strcmp (flag->name, name) == 0)
        return flag;
  return NULL;
}

/* Whether the next word belongs to this one. */
static gboolean
takes_next (const char *word)
{
  const AditFlag *flag;

  if (word[1] != '-')
    {
      flag = find_flag ("", word[1]);
      return flag && flag->arg == G_OPTION_ARG_STRING && word[2] == '\0';
    }
  if (strchr (word, '='))
    return FALSE;
  flag = find_flag (word + 2, 0);
  return flag && flag->arg == G_OPTION_ARG_STRING;
}

/* The place of the first word that is no flag; 0 if there is none. */
static guint
find_first_word (const char *const *argv)
{
  for (guint i = 1; argv[i]; i++)
    {
      if (strcmp (argv[i], "--") == 0)
        return argv[i + 1] ? i + 1 : 0;
      if (argv[i][0] != '-' || argv[i][1] == '\0')
        return i;
      if (takes_next (argv[i]) && argv[i + 1])
        i++;
    }
  return 0;
}

/* Takes the command's word out of @words. */
static gboolean
take_command (GPtrArray *words, AditCommand *command, GError **error)
{
  guint at = find_first_word ((const char *const *) words->pdata);
  const char *word = at ? g_ptr_array_index (words, at) : "";

  *command = ADIT_COMMAND_HTTP;
  if (g_strv_contains (adit_later_commands, word))
    return usage (error,
                  "\"adit %s\" comes in a later version; this one has http, dev, login, start and check",
                  word);
  for (guint i = 0; i < ADIT_COMMANDS; i++)
    if (strcmp (word, adit_commands[i].word) == 0)
      {
        *command = (AditCommand) i;
        g_ptr_array_remove_index (words, at);
        return TRUE;
      }
  return TRUE;
}

/* ---- one command's flags ---- */

static gboolean
on_optional (const char *name, const char *value, gpointer data, GError **error)
{
  ((AditFlags *) data)->inspect = TRUE;
  return TRUE;
}

static GOptionContext *
make_context (AditCommand command, AditFlags *raw)
{
  GOptionContext *context = g_option_context_new (adit_commands[command].usage);
  GOptionGroup *group = g_option_group_new (NULL, NULL, NULL, raw, NULL);
  GArray *entries = g_array_new (TRUE, TRUE, sizeof (GOptionEntry));
  GOptionEntry rest = { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &raw->rest, NULL, NULL };

  for (const AditFlag *flag = adit_commands[command].flags; flag->name; flag++)
    {
      gboolean optional = flag->arg == G_OPTION_ARG_CALLBACK;
      GOptionEntry entry = { flag->name, flag->letter, flag->text ? 0 : G_OPTION_FLAG_HIDDEN, flag->arg,
                             (char *) raw + flag->offset, flag->text, flag->value };

      if (optional)
        {
          entry.flags |= G_OPTION_FLAG_OPTIONAL_ARG;
          entry.arg_data = on_optional;
        }
      g_array_append_val (entries, entry);
    }
  g_array_append_val (entries, rest);
  g_option_group_add_entries (group, (GOptionEntry *) (gpointer) entries->data);
  g_array_unref (entries);
  g_option_context_set_main_group (context, group);
  g_option_context_set_help_enabled (context, FALSE);
  g_option_context_set_summary (context, adit_commands[command].summary);
  return context;
}

static void
raw_clear (AditFlags *raw)
{
  for (guint i = 0; i < ADIT_COMMANDS; i++)
    for (const AditFlag *flag = adit_commands[i].flags; flag->name; flag++)
      if (flag->arg == G_OPTION_ARG_STRING)
        g_clear_pointer ((char **) ((char *) raw + flag->offset), g_free);
  g_strfreev (raw->rest);
}

/* ---- judging what was said ---- */

static gboolean
check_number (const char *flag, const char *text, gint64 least, gint64 most, guint *value, GError **error)
{
  gint64 number;

  if (text == NULL)
    return TRUE;
  if (!g_ascii_string_to_signed (text, 10, least, most, &number, NULL))
    return usage (error,
                  "--%s must be a number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT ", not \"%s\"",
                  flag, least, most, text);
  *value = (guint) number;
  return TRUE;
}

static gboolean
take_log (AditOptions *options, const AditFlags *raw, GError **error)
{
  options->log_level = ADIT_LOG_INFO;
  if (raw->log_format && !adit_log_format_parse (raw->log_format, &options->log_format))
    return usage (error, "--log-format must be human or json, not \"%s\"", raw->log_format);
  if (raw->log_level && !adit_log_level_parse (raw->log_level, &options->log_level))
    return usage (error, "--log-level must be error, warning, info or debug, not \"%s\"", raw->log_level);
  return TRUE;
}

static gboolean
take_token (AditOptions *options, const char *token, const char *where, GError **error)
{
  if (token == NULL)
    return TRUE;
  if (*token == '\0' || strlen (token) > ADIT_LIMIT_TOKEN)
    return usage (error, "%s must have 1 to %u characters", where, ADIT_LIMIT_TOKEN);
  options->token = g_strdup (token);
  return TRUE;
}

static gboolean
check_host_header (const char *value, GError **error)
{
  if (value == NULL)
    return TRUE;
  for (const char *at = value; *at; at++)
    if (*at <= ' ' || *at >= 0x7f || strchr ("/?#@\\\"", *at))
      return usage (error, "--host-header must be rewrite, preserve or a host, not \"%s\"", value);
  return *value ? TRUE : usage (error, "--host-header needs a value");
}

static gboolean
take_tunnel (AditOptions *options, const AditFlags *raw, GError **error)
{
  guint port = 0;

  options->subdomain = g_strdup (raw->subdomain);
  options->host_header = g_strdup (raw->host_header);
  if (options->subdomain && !adit_name_normalise (options->subdomain))
    return usage (error,
                  "--subdomain \"%s\": a name has 1 to 63 letters, digits and hyphens, none of them at an end",
                  raw->subdomain);
  if (!check_number ("concurrency", raw->concurrency, 1, CONCURRENCY_MOST, &options->concurrency, error)
      || !check_number ("idle-timeout", raw->idle_timeout, 0, IDLE_MOST, &options->idle_timeout_s, error)
      || !check_number ("port", raw->port, 1, 65535, &port, error))
    return FALSE;
  options->port = (guint16) port;
  return check_host_header (raw->host_header, error);
}

static const char *
get_env (const char *name)
{
  const char *value = g_getenv (name);

  return value && *value ? value : NULL;
}

static gboolean
take_server (AditOptions *options, const AditFlags *raw, GError **error)
{
  const char *server = options->command == ADIT_COMMAND_LOGIN ? options->args[0] : raw->host;

  options->insecure = raw->insecure;
  options->server = g_strdup (server ? server : get_env ("ADIT_SERVER_URL"));
  if (raw->fingerprint && !adit_fingerprint_is_valid (raw->fingerprint))
    return usage (error,
                  "--fingerprint must be sha256: and 64 lower-case hexadecimal digits, as adit-server logs it");
  options->fingerprint = g_strdup (raw->fingerprint);
  if (raw->token)
    return take_token (options, raw->token, "--token", error);
  return take_token (options, get_env ("ADIT_TOKEN"), "ADIT_TOKEN", error);
}

static void
take_config (AditOptions *options, const AditFlags *raw)
{
  const char *named = raw->config ? raw->config : get_env ("ADIT_CONFIG");

  options->config_named = named != NULL;
  if (named)
    options->config = g_strdup (named);
  else
    options->config = g_build_filename (g_get_user_config_dir (), "adit", "client.cfg", NULL);
}

/* What this version does not have, and what it would have to ask of a server. */
static gboolean
check_later (const AditOptions *options, const AditFlags *raw, GError **error)
{
  const char *asks = NULL;

  if (raw->tui || raw->inspect)
    return usage (error, "--%s comes in a later version; leave it out", raw->tui ? "tui" : "inspect");
  if (options->command == ADIT_COMMAND_HTTP && raw->port)
    asks = "--port";
  if (raw->hostname)
    asks = "--hostname";
  if (raw->allow_cidr)
    asks = "--allow-cidr";
  if (raw->basic_auth)
    asks = "--basic-auth";
  if (asks == NULL)
    return TRUE;
  g_set_error (error, ADIT_ERROR, ADIT_ERROR_REFUSED,
               "%s needs a server that announces it, and none does so for this version of adit; nothing was "
               "opened", asks);
  return FALSE;
}

static gboolean
check_args (const AditOptions *options, GError **error)
{
  const AditCommandEntry *command = &adit_commands[options->command];
  guint n = g_strv_length (options->args);

  if (n < command->args_least && options->command == ADIT_COMMAND_HTTP)
    return usage (error,
                  "what shall be online? Name its port, as in \"adit 3000\"; \"adit --help\" shows the rest");
  if (n < command->args_least)
    return usage (error, "\"adit %s\" needs more: adit %s; see adit %s --help", command->word, command->usage,
                  command->word);
  if (n > command->args_most)
    return usage (error, "\"%s\" is too much: adit %s; see adit %s --help", options->args[command->args_most],
                  command->usage, command->word);
  return TRUE;
}

static gboolean
take_all (AditOptions *options, AditFlags *raw, GError **error)
{
  options->args = raw->rest ? g_steal_pointer (&raw->rest) : g_new0 (char *, 1);
  take_config (options, raw);
  return take_log (options, raw, error) && check_args (options, error) && take_tunnel (options, raw, error)
         && take_server (options, raw, error) && check_later (options, raw, error);
}

/* ---- the door ---- */

/* TRUE if the command line is understood, or is to be answered by options->output. */
static gboolean
parse_words (AditOptions *options, GPtrArray *words, AditFlags *raw, GError **error)
{
  g_autoptr (GOptionContext) context = make_context (options->command, raw);
  g_auto (GStrv) copy = g_strdupv ((char **) words->pdata);
  GError *wrong = NULL;

  if (!g_option_context_parse_strv (context, &copy, &wrong))
    {
      usage (error, "%s; see adit %s --help", wrong->message, adit_commands[options->command].word);
      g_error_free (wrong);
      return FALSE;
    }
  if (raw->help)
    options->output = g_option_context_get_help (context, TRUE, NULL);
  else if (raw->version)
    options->output = g_strdup ("adit " ADIT_VERSION "\n");
  return options->output || take_all (options, raw, error);
}

AditOptions *
adit_options_parse (const char *const *argv, GError **error)
{
  g_autoptr (AditOptions) options = g_new0 (AditOptions, 1);
  g_autoptr (GPtrArray) words = g_ptr_array_new ();
  AditFlags raw = { 0 };
  gboolean ok;

  for (guint i = 0; argv[i]; i++)
    g_ptr_array_add (words, (gpointer) argv[i]);
  g_ptr_array_add (words, NULL);
  ok = take_command (words, &options->command, error) && parse_words (options, words, &raw, error);
  raw_clear (&raw);
  return ok ? g_steal_pointer (&options) : NULL;
}

void
adit_options_free (AditOptions *options)
{
  if (options == NULL)
    return;
  g_free (options->output);
  g_strfreev (options->args);
  g_free (options->config);
  g_free (options->server);
  adit_secret_free (options->token);
  g_free (options->fingerprint);
  g_free (options->subdomain);
  g_free (options->host_header);
  g_free (options);
}
