/* SPDX-License-Identifier: MIT */
/* options: see options.h. */
#include "client/options.h"

#include "base/error.h"
#include "base/secret.h"
#include "client/address.h"
#include "link/creds.h"
#include "wire/hello.h"
#include "wire/limits.h"

#include <string.h>

#define CONCURRENCY_MOST 100000
#define IDLE_MOST 4000000 /* seconds; 46 days */

/* As given; validated later. */
typedef struct
{
  gboolean help, version, insecure, tui, inspect;
  char *config, *log_format, *log_level;
  char *subdomain, *hostname, *port, *host, *token, *fingerprint, *concurrency, *idle_timeout, *host_header, *basic_auth,
    *allow_cidr;
  char **rest;
} Raw;

typedef struct
{
  const char *name;
  char letter;
  GOptionArg arg;
  gsize offset;
  const char *text, *value;
} Flag;

#define WORD(name, letter, member, text, value) { name, letter, G_OPTION_ARG_STRING, G_STRUCT_OFFSET (Raw, member), text, value }
#define MARK(name, letter, member, text) { name, letter, G_OPTION_ARG_NONE, G_STRUCT_OFFSET (Raw, member), text, NULL }
#define END { NULL, 0, G_OPTION_ARG_NONE, 0, NULL, NULL }

#define COMMON                                                                                          \
  MARK ("help", 'h', help, "Show this help"),                                                           \
  MARK ("version", 'V', version, "Show the version"),                                                   \
  WORD ("config", 0, config, "Configuration file", "FILE"),                                             \
  WORD ("log-format", 0, log_format, "human (default) or json", "FORMAT"),                              \
  WORD ("log-level", 0, log_level, "error, warning, info (default) or debug", "LEVEL")
#define TUNNEL                                                                                          \
  WORD ("subdomain", 's', subdomain, "The name; without it a random one", "NAME"),                      \
  WORD ("concurrency", 'c', concurrency, "Requests forwarded at a time (100); more wait, then 503", "N"), \
  WORD ("idle-timeout", 0, idle_timeout, "Leave after so long without a request (0: never)", "SECS"),   \
  WORD ("host-header", 0, host_header, "What the local service sees as Host: rewrite (its own; default), " \
        "preserve (the public one) or a value", "HOW"),                                                 \
  WORD ("hostname", 0, hostname, "A custom domain (the server has to announce it)", "FQDN"),            \
  WORD ("basic-auth", 0, basic_auth, "Ask visitors for a password (the server has to announce it)", "USER:PASS"), \
  WORD ("allow-cidr", 0, allow_cidr, "Let only these visitors in (the server has to announce it)", "NET"), \
  MARK ("tui", 0, tui, "A terminal dashboard (later)"),                                                 \
  { "inspect", 0, G_OPTION_ARG_CALLBACK, G_STRUCT_OFFSET (Raw, inspect), "The request inspector (later)", "ADDR:PORT" }
#define SERVER                                                                                          \
  WORD ("host", 0, host, "Another server than the configured one; tcp:// is plain wire v1", "HOST:PORT"), \
  WORD ("token", 0, token, "Another token than the configured one", "T"),                               \
  WORD ("fingerprint", 0, fingerprint, "The server's key", "sha256:F")
#define INSECURE(text) MARK ("insecure", 0, insecure, text)

static const Flag http_flags[] = { TUNNEL, WORD ("port", 'p', port, "A public port (the server has to announce it)", "P"), SERVER,
                                   INSECURE ("Do not verify the server or an https target; for development"), COMMON, END };
static const Flag dev_flags[] = { TUNNEL, WORD ("port", 'p', port, "The local port that visitors use (8080 or the next free one)", "P"),
                                  INSECURE ("Do not verify an https target"), COMMON, END };
static const Flag login_flags[] = { WORD ("token", 0, token, "The secret that the server's operator gave you", "T"),
                                    WORD ("fingerprint", 0, fingerprint, "The server's key, as adit-server logs it", "sha256:F"),
                                    INSECURE ("Skip every check; for development"), COMMON, END };
static const Flag start_flags[]
  = { WORD ("idle-timeout", 0, idle_timeout, "Leave after so long without a request (0: never)", "SECS"), SERVER,
      MARK ("tui", 0, tui, "A terminal dashboard (later)"),
      { "inspect", 0, G_OPTION_ARG_CALLBACK, G_STRUCT_OFFSET (Raw, inspect), "The request inspector (later)", "ADDR:PORT" },
      INSECURE ("Do not verify the server or https targets; for development"), COMMON, END };
static const Flag check_flags[] = { SERVER, INSECURE ("Do not verify the server; for development"), COMMON, END };

static const struct
{
  const char *word;
  const Flag *flags;
  guint args_least, args_most;
  const char *usage, *summary;
} commands[] = {
  [ADIT_COMMAND_HTTP] = { "http", http_flags, 1, 1, "TARGET",
    "Gives a web service on this machine a public URL.\n\n"
    "TARGET is PORT (127.0.0.1, then ::1), HOST:PORT, http://HOST:PORT, https://HOST:PORT or unix:/path.\n\n"
    "Commands:\n"
    "  adit TARGET, adit http TARGET      put a local web service online\n"
    "  adit dev [TARGET]                  try it: server and client on this machine alone\n"
    "  adit login HOST:PORT --token T     store server, token and the server's key\n"
    "  adit start [NAME…]                 open the tunnels of the configuration file\n"
    "  adit check                         say what is wrong with configuration and server\n"
    "  adit COMMAND --help                the flags of a command" },
  [ADIT_COMMAND_DEV] = { "dev", dev_flags, 0, 1, "dev [TARGET]",
    "Server and client in one process on this machine: http://NAME.localhost:PORT. Without TARGET it shows a page of its own." },
  [ADIT_COMMAND_LOGIN] = { "login", login_flags, 1, 1, "login HOST:PORT",
    "Stores server and token. HOST:PORT is TLS (port 7000 if left out), tcp://HOST:PORT is plain wire v1.\n"
    "A server without a publicly trusted certificate is pinned by the fingerprint of its key." },
  [ADIT_COMMAND_START] = { "start", start_flags, 0, ADIT_LIMIT_TUNNELS, "start [NAME…]",
    "Opens the tunnels of the configuration file, all or the named ones, over one session." },
  [ADIT_COMMAND_CHECK] = { "check", check_flags, 0, 0, "check",
    "Validates the configuration, reaches the server, and says what is wrong and how to mend it." },
};

static const char *const later[] = { "tcp", "udp", "files", "status", "list", "stop", "replay", "serve", "connect" };

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

static const Flag *
find_flag (const char *name, gsize len, char letter)
{
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    for (const Flag *flag = commands[i].flags; flag->name; flag++)
      if (letter ? flag->letter == letter : strlen (flag->name) == len && strncmp (flag->name, name, len) == 0)
        return flag;
  return NULL;
}

/* Whether the next word belongs to this one. */
static gboolean
takes_next (const char *word)
{
  const Flag *flag;

  if (word[1] != '-')
    {
      flag = find_flag (NULL, 0, word[1]);
      return flag && flag->arg == G_OPTION_ARG_STRING && word[2] == '\0';
    }
  if (strchr (word, '='))
    return FALSE;
  flag = find_flag (word + 2, strlen (word + 2), 0);
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
  for (guint i = 0; i < G_N_ELEMENTS (later); i++)
    if (strcmp (word, later[i]) == 0)
      return usage (error, "\"adit %s\" comes in a later version; this one has http, dev, login, start and check", word);
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (strcmp (word, commands[i].word) == 0)
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
  ((Raw *) data)->inspect = TRUE;
  return TRUE;
}

static GOptionContext *
make_context (AditCommand command, Raw *raw)
{
  GOptionContext *context = g_option_context_new (commands[command].usage);
  GOptionGroup *group = g_option_group_new (NULL, NULL, NULL, raw, NULL);
  GArray *entries = g_array_new (TRUE, TRUE, sizeof (GOptionEntry));
  GOptionEntry rest = { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &raw->rest, NULL, NULL };

  for (const Flag *flag = commands[command].flags; flag->name; flag++)
    {
      gboolean optional = flag->arg == G_OPTION_ARG_CALLBACK;
      GOptionEntry entry = { flag->name, flag->letter, optional ? G_OPTION_FLAG_OPTIONAL_ARG : 0, flag->arg,
                             optional ? (gpointer) on_optional : (char *) raw + flag->offset, flag->text, flag->value };

      g_array_append_val (entries, entry);
    }
  g_array_append_val (entries, rest);
  g_option_group_add_entries (group, (GOptionEntry *) (gpointer) entries->data);
  g_array_unref (entries);
  g_option_context_set_main_group (context, group);
  g_option_context_set_help_enabled (context, FALSE);
  g_option_context_set_summary (context, commands[command].summary);
  return context;
}

static void
raw_clear (Raw *raw)
{
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    for (const Flag *flag = commands[i].flags; flag->name; flag++)
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
    return usage (error, "--%s must be a number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT ", not \"%s\"", flag, least, most,
                  text);
  *value = (guint) number;
  return TRUE;
}

static gboolean
take_log (AditOptions *options, const Raw *raw, GError **error)
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
take_tunnel (AditOptions *options, const Raw *raw, GError **error)
{
  guint port = 0;

  options->subdomain = g_strdup (raw->subdomain);
  options->host_header = g_strdup (raw->host_header);
  if (options->subdomain && !adit_name_normalise (options->subdomain))
    return usage (error, "--subdomain \"%s\": a name has 1 to 63 letters, digits and hyphens, with no hyphen at an end",
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
take_server (AditOptions *options, const Raw *raw, GError **error)
{
  gboolean from_args = options->command == ADIT_COMMAND_LOGIN && options->args[0];

  options->insecure = raw->insecure;
  options->server = g_strdup (from_args ? options->args[0] : raw->host ? raw->host : get_env ("ADIT_SERVER_URL"));
  if (raw->fingerprint && !adit_fingerprint_is_valid (raw->fingerprint))
    return usage (error, "--fingerprint must be sha256: and 64 lower-case hexadecimal digits, as adit-server logs it");
  options->fingerprint = g_strdup (raw->fingerprint);
  if (raw->token)
    return take_token (options, raw->token, "--token", error);
  return take_token (options, get_env ("ADIT_TOKEN"), "ADIT_TOKEN", error);
}

static void
take_config (AditOptions *options, const Raw *raw)
{
  const char *named = raw->config ? raw->config : get_env ("ADIT_CONFIG");

  options->config_named = named != NULL;
  options->config = named ? g_strdup (named) : g_build_filename (g_get_user_config_dir (), "adit", "client.cfg", NULL);
}

/* What this version does not have, and what it would have to ask of a server. */
static gboolean
check_later (const AditOptions *options, const Raw *raw, GError **error)
{
  const char *asks = raw->basic_auth ? "--basic-auth" : raw->hostname ? "--hostname" : raw->allow_cidr ? "--allow-cidr" : NULL;

  if (raw->tui || raw->inspect)
    return usage (error, "--%s comes in a later version; leave it out", raw->tui ? "tui" : "inspect");
  if (options->command == ADIT_COMMAND_HTTP && raw->port)
    asks = "--port";
  if (asks == NULL)
    return TRUE;
  g_set_error (error, ADIT_ERROR, ADIT_ERROR_REFUSED,
               "%s needs a server that announces it, and none does so for this version of adit; nothing was opened", asks);
  return FALSE;
}

static gboolean
check_args (const AditOptions *options, GError **error)
{
  guint n = g_strv_length (options->args);
  const char *word = commands[options->command].word;

  if (n < commands[options->command].args_least && options->command == ADIT_COMMAND_HTTP)
    return usage (error, "what shall be online? Name its port, as in \"adit 3000\"; \"adit --help\" shows the rest");
  if (n < commands[options->command].args_least)
    return usage (error, "\"adit %s\" needs more: adit %s; see adit %s --help", word, commands[options->command].usage, word);
  if (n > commands[options->command].args_most)
    return usage (error, "\"%s\" is too much: adit %s; see adit %s --help", options->args[commands[options->command].args_most],
                  commands[options->command].usage, word);
  return TRUE;
}

static gboolean
take_all (AditOptions *options, Raw *raw, GError **error)
{
  options->args = raw->rest ? g_steal_pointer (&raw->rest) : g_new0 (char *, 1);
  take_config (options, raw);
  return take_log (options, raw, error) && check_args (options, error) && take_tunnel (options, raw, error)
         && take_server (options, raw, error) && check_later (options, raw, error);
}

/* ---- the door ---- */

/* TRUE if the command line is understood, or is to be answered by options->output. */
static gboolean
parse_words (AditOptions *options, GPtrArray *words, Raw *raw, GError **error)
{
  g_autoptr (GOptionContext) context = make_context (options->command, raw);
  g_auto (GStrv) copy = g_strdupv ((char **) words->pdata);
  GError *wrong = NULL;

  if (!g_option_context_parse_strv (context, &copy, &wrong))
    {
      usage (error, "%s; see adit %s --help", wrong->message, commands[options->command].word);
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
  Raw raw = { 0 };
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
