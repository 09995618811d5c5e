/* SPDX-License-Identifier: MIT */
/* clientcfg: see clientcfg.h. */
#include "client/clientcfg.h"

#include "base/error.h"
#include "base/secret.h"
#include "base/settings.h"
#include "client/address.h"
#include "link/creds.h"
#include "wire/hello.h"
#include "wire/limits.h"

#include <string.h>
#include <sys/stat.h>

#define TOKEN_FILE_MOST 4096u

/* ---- tunnels ---- */

static gboolean
is_wanted (const char *const *wanted, const char *name)
{
  if (wanted == NULL)
    return FALSE;
  return *wanted == NULL || g_strv_contains (wanted, name);
}

/* What a tunnel says, all of it, so that no key is unknown. */
typedef struct
{
  guint type;
  const char *target, *subdomain, *hostname, *host_header;
  guint concurrency, port;
  gboolean insecure;
} Tunnel;

static void
read_tunnel (AditGroup *group, Tunnel *tunnel)
{
  static const char *const types[] = { "http", "tcp", "udp", NULL };

  tunnel->type = adit_group_get_word (group, "type", 0, types);
  tunnel->target = adit_group_get_string (group, "target", NULL);
  tunnel->subdomain = adit_group_get_string (group, "subdomain", NULL);
  tunnel->hostname = adit_group_get_string (group, "hostname", NULL);
  tunnel->host_header = adit_group_get_string (group, "host_header", NULL);
  tunnel->concurrency = (guint) adit_group_get_int (group, "concurrency", 0, 1, 100000);
  tunnel->port = (guint) adit_group_get_int (group, "port", 0, 1, 65535);
  tunnel->insecure = adit_group_get_bool (group, "insecure", FALSE);
}

static AditPublish *
make_publish (AditGroup *group, const char *name, const Tunnel *tunnel)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *subdomain = g_strdup (tunnel->subdomain);
  AditTarget *target = adit_target_parse (tunnel->target, &error);
  AditPublish *publish;

  if (target == NULL)
    {
      adit_group_add_error (group, "target", "%s", error->message);
      return NULL;
    }
  if (subdomain && !adit_name_normalise (subdomain))
    adit_group_add_error (group, "subdomain",
                          "\"%s\": a name has 1 to 63 letters, digits and hyphens, with no hyphen at an end",
                          tunnel->subdomain);
  publish = adit_publish_new (target, subdomain, tunnel->host_header);
  publish->label = g_strdup (name);
  publish->insecure = tunnel->insecure;
  if (tunnel->concurrency)
    publish->concurrency = tunnel->concurrency;
  return publish;
}

static void
take_tunnel (AditClientCfg *cfg, AditGroup *group, const char *name, const char *const *wanted)
{
  Tunnel tunnel;
  AditPublish *publish;

  read_tunnel (group, &tunnel);
  if (!is_wanted (wanted, name))
    return;
  if (tunnel.type != 0)
    adit_group_add_error (group, "type",
                          "\"%s\" tunnels come in a later version; this one opens \"http\" only",
                          tunnel.type == 1 ? "tcp" : "udp");
  else if (tunnel.target == NULL)
    adit_group_add_error (group, "target", "is missing: name the local service, as in target = \"3000\"");
  else if (tunnel.hostname)
    adit_group_add_error (group, "hostname", "custom domains come in a later version; use subdomain");
  else if (tunnel.port)
    adit_group_add_error (group, "port",
                          "is for \"tcp\" and \"udp\" tunnels; the local port belongs into target");
  else if ((publish = make_publish (group, name, &tunnel)) != NULL)
    g_ptr_array_add (cfg->tunnels, publish);
}

static void
check_wanted (AditGroup *root, const char *const *wanted, GPtrArray *names)
{
  g_autofree char *list = NULL;

  g_ptr_array_add (names, NULL);
  list = g_strjoinv (", ", (char **) names->pdata);
  for (; wanted && *wanted; wanted++)
    if (!g_strv_contains ((const char *const *) names->pdata, *wanted))
      adit_group_add_error (root, "tunnels", "there is no \"%s\"; the file has: %s", *wanted,
                            *list ? list : "none");
}

static void
take_tunnels (AditClientCfg *cfg, AditGroup *root, const char *const *wanted)
{
  AditGroup *table = adit_group_get_group (root, "tunnels");
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  AditGroup *member;
  const char *name;

  for (guint i = 0; table && adit_group_get_member (table, i, &name, &member); i++)
    {
      g_ptr_array_add (names, (gpointer) name);
      take_tunnel (cfg, member, name, wanted);
    }
  check_wanted (root, wanted, names);
  if (cfg->tunnels->len > ADIT_LIMIT_TUNNELS)
    adit_group_add_error (root, "tunnels", "at most %u fit on one session; name those to open",
                          ADIT_LIMIT_TUNNELS);
}

/* ---- the file ---- */

static void
take_server (AditClientCfg *cfg, AditGroup *root)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AditAddress) address = NULL;

  cfg->server = g_strdup (adit_group_get_string (root, "server", NULL));
  cfg->token = g_strdup (adit_group_get_string (root, "token", NULL));
  cfg->token_file = g_strdup (adit_group_get_string (root, "token_file", NULL));
  cfg->fingerprint = g_strdup (adit_group_get_string (root, "fingerprint", NULL));
  cfg->insecure = adit_group_get_bool (root, "insecure", FALSE);
  if (cfg->server && (address = adit_address_parse (cfg->server, &error)) == NULL)
    adit_group_add_error (root, "server", "%s", error->message);
  if (cfg->token && cfg->token_file)
    adit_group_add_error (root, "token_file", "token is there, too; keep one of them");
  if (cfg->token && (*cfg->token == '\0' || strlen (cfg->token) > ADIT_LIMIT_TOKEN))
    adit_group_add_error (root, "token", "must have 1 to %u characters", ADIT_LIMIT_TOKEN);
  if (cfg->fingerprint && !adit_fingerprint_is_valid (cfg->fingerprint))
    adit_group_add_error (root, "fingerprint",
                          "must be sha256: and 64 lower-case hexadecimal digits, as adit-server logs it");
}

AditClientCfg *
adit_clientcfg_new (const char *path)
{
  AditClientCfg *cfg = g_new0 (AditClientCfg, 1);

  cfg->path = g_strdup (path);
  cfg->tunnels = g_ptr_array_new_with_free_func ((GDestroyNotify) adit_publish_free);
  return cfg;
}

/* Takes @settings, which may be NULL with @error. */
static AditClientCfg *
take_settings (AditSettings *settings, GError *error, const char *name, const char *const *wanted,
               char ***errors)
{
  g_autoptr (AditClientCfg) cfg = adit_clientcfg_new (name);
  AditGroup *root;
  gboolean ok;

  if (settings == NULL)
    {
      *errors = g_new0 (char *, 2);
      (*errors)[0] = g_strdup (error->message);
      g_error_free (error);
      return NULL;
    }
  root = adit_settings_root (settings);
  take_server (cfg, root);
  take_tunnels (cfg, root, wanted);
  ok = adit_settings_finish (settings, errors);
  adit_settings_free (settings);
  return ok ? g_steal_pointer (&cfg) : NULL;
}

AditClientCfg *
adit_clientcfg_parse (const char *text, const char *name, const char *const *wanted, char ***errors)
{
  GError *error = NULL;
  AditSettings *settings = adit_settings_parse (text, name, &error);

  return take_settings (settings, error, name, wanted, errors);
}

AditClientCfg *
adit_clientcfg_load (const char *path, const char *const *wanted, char ***errors)
{
  GError *error = NULL;
  AditSettings *settings = adit_settings_load (path, &error);
  AditClientCfg *cfg = take_settings (settings, error, path, wanted, errors);
  struct stat info;

  if (cfg && cfg->token && stat (path, &info) == 0)
    cfg->exposed = (info.st_mode & (S_IRWXG | S_IRWXO)) != 0 && S_ISREG (info.st_mode);
  return cfg;
}

void
adit_clientcfg_free (AditClientCfg *cfg)
{
  if (cfg == NULL)
    return;
  g_free (cfg->path);
  g_free (cfg->server);
  adit_secret_free (cfg->token);
  g_free (cfg->token_file);
  g_free (cfg->fingerprint);
  g_ptr_array_unref (cfg->tunnels);
  g_free (cfg);
}

/* ---- the token's file ---- */

static char *
usage (GError **error, const char *path, const char *why)
{
  g_set_error (error, ADIT_ERROR, ADIT_ERROR_USAGE, "token_file %s: %s", path, why);
  return NULL;
}

static char *
read_token (const char *path, GError **error)
{
  g_autofree char *remedy = g_strdup_printf ("others can read it; run: chmod 600 %s", path);
  g_autoptr (GError) why = NULL;
  struct stat info;
  char *text = NULL;
  gsize len;

  if (stat (path, &info) == 0 && S_ISREG (info.st_mode) && (info.st_mode & (S_IRWXG | S_IRWXO)))
    return usage (error, path, remedy);
  if (!g_file_get_contents (path, &text, &len, &why))
    return usage (error, path, why->message);
  if (len > TOKEN_FILE_MOST || strlen (text) != len || !g_utf8_validate (text, -1, NULL))
    {
      adit_secret_free (text);
      return usage (error, path, "this is no token");
    }
  g_strstrip (text);
  if (*text != '\0' && strlen (text) <= ADIT_LIMIT_TOKEN)
    return text;
  adit_secret_free (text);
  return usage (error, path, "a token has 1 to 256 characters");
}

char *
adit_clientcfg_dup_token (const AditClientCfg *cfg, GError **error)
{
  g_autofree char *folder = NULL;
  g_autofree char *path = NULL;

  if (cfg->token)
    return g_strdup (cfg->token);
  if (cfg->token_file == NULL)
    return NULL;
  folder = g_path_get_dirname (cfg->path);
  if (g_path_is_absolute (cfg->token_file))
    path = g_strdup (cfg->token_file);
  else
    path = g_build_filename (folder, cfg->token_file, NULL);
  return read_token (path, error);
}
