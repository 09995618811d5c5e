/* SPDX-License-Identifier: MIT */
/* policy: see policy.h. */
#include "server/policy.h"

#include "base/secret.h"
#include "base/settings.h"
#include "wire/hello.h"
#include "wire/limits.h"

#include <gio/gio.h>
#include <stdio.h>
#include <string.h>

#define DAY_S 86400
#define TOKEN_MIN 8

static void
token_free (gpointer data)
{
  AditToken *token = data;

  adit_secret_free (token->token);
  g_free (token->digest);
  g_free (token->name);
  g_strfreev (token->subdomains);
  g_ptr_array_unref (token->allow);
  g_ptr_array_unref (token->deny);
  g_free (token);
}

AditPolicy *
adit_policy_ref (AditPolicy *policy)
{
  g_atomic_int_inc (&policy->refs);
  return policy;
}

void
adit_policy_unref (AditPolicy *policy)
{
  if (policy == NULL || !g_atomic_int_dec_and_test (&policy->refs))
    return;
  g_free (policy->domain);
  g_free (policy->bind);
  g_free (policy->state_dir);
  g_free (policy->public_scheme);
  g_ptr_array_unref (policy->trusted_proxies);
  g_ptr_array_unref (policy->cert_paths);
  g_ptr_array_unref (policy->key_paths);
  g_ptr_array_unref (policy->tokens);
  g_free (policy);
}

static GPtrArray *
read_masks (AditGroup *group, const char *key)
{
  GPtrArray *masks = g_ptr_array_new_with_free_func (g_object_unref);
  guint n = group ? adit_group_get_list (group, key) : 0;

  for (guint i = 0; i < n; i++)
    {
      const char *text = adit_group_get_element_string (group, key, i);
      GInetAddressMask *mask = text ? g_inet_address_mask_new_from_string (text, NULL) : NULL;

      if (mask)
        g_ptr_array_add (masks, mask);
      else if (text)
        adit_group_add_error (group, key, "\"%s\" is no network; expected an address or CIDR such as \"10.0.0.0/8\"", text);
    }
  return masks;
}

static gboolean
is_domain (const char *text)
{
  g_auto (GStrv) labels = g_strsplit (text, ".", -1);

  if (*text == '\0' || strlen (text) > ADIT_LIMIT_HOST)
    return FALSE;
  for (guint i = 0; labels[i]; i++)
    {
      g_autofree char *label = g_strdup (labels[i]);

      if (!adit_name_normalise (label))
        return FALSE;
    }
  return TRUE;
}

static gint
read_port (AditGroup *group, const char *key, gint fallback)
{
  return (gint) adit_group_get_int (group, key, fallback, 0, 65535);
}

/* "20000-60000", or one port: the first and the last. */
static gboolean
parse_ports (const char *text, guint *first, guint *last)
{
  int used = 0;
  int n = sscanf (text, "%5u%n-%5u%n", first, &used, last, &used);

  if (n == 1)
    *last = *first;
  return n >= 1 && text[used] == '\0' && *first >= 1 && *first <= *last && *last <= 65535;
}

/* Nothing uses the ports yet, but a mistake in them is one already. */
static void
check_ports (AditGroup *group)
{
  const char *text = adit_group_get_string (group, "tcp_ports", NULL);
  guint first, last;

  if (text && !parse_ports (text, &first, &last))
    adit_group_add_error (group, "tcp_ports", "\"%s\" is no range of ports; expected one such as \"20000-60000\"", text);
}

static void
add_certificate (AditPolicy *policy, AditGroup *group)
{
  const char *cert = adit_group_get_string (group, "cert_path", NULL);
  const char *key = adit_group_get_string (group, "key_path", NULL);

  if (cert == NULL && key == NULL)
    return;
  if (cert == NULL || key == NULL)
    {
      adit_group_add_error (group, cert ? "cert_path" : "key_path", "cert_path and key_path belong together: %s is missing",
                            cert ? "key_path" : "cert_path");
      return;
    }
  g_ptr_array_add (policy->cert_paths, g_strdup (cert));
  g_ptr_array_add (policy->key_paths, g_strdup (key));
}

static void
read_certificates (AditPolicy *policy, AditGroup *group)
{
  guint n = adit_group_get_list (group, "certificates");

  add_certificate (policy, group);
  if (n > 0 && policy->cert_paths->len == 0)
    adit_group_add_error (group, "certificates", "needs cert_path and key_path as the first certificate");
  for (guint i = 0; i < n; i++)
    {
      AditGroup *element = adit_group_get_element (group, "certificates", i);

      if (element)
        add_certificate (policy, element);
      else
        adit_group_add_error (group, "certificates", "expected groups such as { cert_path = \"…\"; key_path = \"…\"; }");
    }
}

static void
read_server (AditPolicy *policy, AditGroup *root)
{
  AditGroup *group = adit_group_get_group (root, "server");
  const char *domain = NULL;

  if (group == NULL)
    {
      adit_group_add_error (root, NULL, "the group server = { … }; with at least a domain is missing");
      return;
    }
  domain = adit_group_get_string (group, "domain", NULL);
  if (domain == NULL)
    adit_group_add_error (group, NULL, "server.domain is missing: visitors use NAME.domain");
  else if (!is_domain (domain))
    adit_group_add_error (group, "domain", "\"%s\" is no domain name; expected one such as \"adit.example.com\"", domain);
  else
    policy->domain = g_ascii_strdown (domain, -1);
  policy->bind = g_strdup (adit_group_get_string (group, "bind", "::"));
  if (!g_hostname_is_ip_address (policy->bind))
    adit_group_add_error (group, "bind", "\"%s\" is no literal address; expected one such as \"::\" or \"127.0.0.1\"", policy->bind);
  policy->control_port = read_port (group, "control_port", 7000);
  if (policy->control_port == 0)
    adit_group_add_error (group, "control_port", "cannot be turned off: clients connect to it");
  policy->http_port = read_port (group, "http_port", 80);
  policy->https_port = read_port (group, "https_port", 443);
  policy->workers = (guint) adit_group_get_int (group, "workers", 0, 0, 256);
  policy->state_dir = g_strdup (adit_group_get_string (group, "state_dir", "/var/lib/adit"));
  if (*policy->state_dir == '\0')
    g_clear_pointer (&policy->state_dir, g_free);
  policy->public_scheme = g_strdup (adit_group_get_string (group, "public_scheme", NULL));
  if (policy->public_scheme && strcmp (policy->public_scheme, "http") != 0 && strcmp (policy->public_scheme, "https") != 0)
    adit_group_add_error (group, "public_scheme", "expected \"http\" or \"https\"");
  check_ports (group);
  g_ptr_array_unref (policy->trusted_proxies);
  policy->trusted_proxies = read_masks (group, "trusted_proxies");
  read_certificates (policy, group);
  if (policy->cert_paths->len == 0)
    policy->https_port = 0;
}

static void
check_token (AditGroup *group, const char *key, AditPolicy *policy, const char *text)
{
  if (strlen (text) < TOKEN_MIN)
    adit_group_add_error (group, key, "a token has fewer than %d characters; use at least 16 random ones", TOKEN_MIN);
  if (strlen (text) > ADIT_LIMIT_TOKEN)
    adit_group_add_error (group, key, "a token has more than %u characters", ADIT_LIMIT_TOKEN);
  for (guint i = 0; i < policy->tokens->len; i++)
    if (strcmp (((AditToken *) policy->tokens->pdata[i])->token, text) == 0)
      adit_group_add_error (group, key, "the same token stands there twice");
}

static void
add_token (AditPolicy *policy, const char *text, AditGroup *rights)
{
  AditToken *token = g_new0 (AditToken, 1);
  guint n = rights ? adit_group_get_list (rights, "subdomains") : 0;

  token->token = g_strdup (text);
  token->digest = adit_secret_digest (text);
  token->allow = read_masks (rights, "allow_cidrs");
  token->deny = read_masks (rights, "deny_cidrs");
  if (rights)
    {
      token->name = g_strdup (adit_group_get_string (rights, "name", NULL));
      check_ports (rights);
    }
  if (n > 0)
    token->subdomains = g_new0 (char *, n + 1);
  for (guint i = 0, at = 0; i < n; i++)
    {
      const char *pattern = adit_group_get_element_string (rights, "subdomains", i);

      if (pattern)
        token->subdomains[at++] = g_ascii_strdown (pattern, -1);
    }
  g_ptr_array_add (policy->tokens, token);
}

static void
read_auth (AditPolicy *policy, AditGroup *root)
{
  AditGroup *group = adit_group_get_group (root, "auth");
  guint n = group ? adit_group_get_list (group, "tokens") : 0;

  for (guint i = 0; i < n; i++)
    {
      AditGroup *rights = adit_group_get_element (group, "tokens", i);
      const char *text = rights ? adit_group_get_string (rights, "token", NULL)
                                : adit_group_get_element_string (group, "tokens", i);

      if (text == NULL && rights == NULL)
        continue;
      if (text)
        check_token (group, "tokens", policy, text);
      else
        adit_group_add_error (rights, NULL, "token is missing");
      add_token (policy, text ? text : "", rights); /* also without, so that its other keys are known */
    }
  if (n == 0 && policy->bind && !adit_listener_is_loopback (policy->bind))
    adit_group_add_error (root, NULL, "auth.tokens is missing: without a token the server listens on loopback addresses only "
                                      "(server.bind is \"%s\")", policy->bind);
}

static guint
read_seconds (AditGroup *group, const char *key, gint64 fallback, gint64 min)
{
  return (guint) (group ? adit_group_get_int (group, key, fallback, min, DAY_S) : fallback) * 1000;
}

static void
read_limits (AditPolicy *policy, AditGroup *root)
{
  AditGroup *group = adit_group_get_group (root, "limits");

  policy->max_clients = (guint) (group ? adit_group_get_int (group, "max_clients", 100, 1, 1000000) : 100);
  policy->max_concurrent_requests
      = (guint) (group ? adit_group_get_int (group, "max_concurrent_requests", 10000, 1, 10000000) : 10000);
  policy->idle_timeout_ms = read_seconds (group, "idle_timeout_seconds", 300, 1);
  policy->drain_timeout_ms = read_seconds (group, "drain_timeout_seconds", 10, 0);
  policy->head_timeout_ms = read_seconds (group, "head_timeout_seconds", 10, 1);
  policy->response_timeout_ms = read_seconds (group, "response_timeout_seconds", 0, 0);
}

static void
read_control (AditPolicy *policy, AditGroup *root)
{
  static const char *const words[] = { "required", "optional", "off", NULL };
  AditGroup *group = adit_group_get_group (root, "control");

  policy->control_tls = group ? adit_group_get_word (group, "tls", ADIT_CONTROL_TLS_REQUIRED, words) : ADIT_CONTROL_TLS_REQUIRED;
}

static AditPolicy *
policy_read (AditSettings *settings, char ***errors)
{
  g_autoptr (AditPolicy) policy = g_new0 (AditPolicy, 1);
  AditGroup *root = adit_settings_root (settings);
  gboolean ok;

  policy->refs = 1;
  policy->trusted_proxies = g_ptr_array_new_with_free_func (g_object_unref);
  policy->cert_paths = g_ptr_array_new_with_free_func (g_free);
  policy->key_paths = g_ptr_array_new_with_free_func (g_free);
  policy->tokens = g_ptr_array_new_with_free_func (token_free);
  read_server (policy, root);
  read_control (policy, root);
  read_auth (policy, root);
  read_limits (policy, root);
  ok = adit_settings_finish (settings, errors);
  adit_settings_free (settings);
  return ok ? g_steal_pointer (&policy) : NULL;
}

static AditPolicy *
policy_read_or_fail (AditSettings *settings, GError *error, char ***errors)
{
  *errors = NULL;
  if (settings)
    return policy_read (settings, errors);
  *errors = g_new0 (char *, 2);
  (*errors)[0] = g_strdup (error->message);
  g_error_free (error);
  return NULL;
}

AditPolicy *
adit_policy_load (const char *path, char ***errors)
{
  GError *error = NULL;
  AditSettings *settings = adit_settings_load (path, &error);

  return policy_read_or_fail (settings, error, errors);
}

AditPolicy *
adit_policy_parse (const char *text, const char *name, char ***errors)
{
  GError *error = NULL;
  AditSettings *settings = adit_settings_parse (text, name, &error);

  return policy_read_or_fail (settings, error, errors);
}

static void
describe_port (GString *out, const char *key, gint port)
{
  g_string_append_printf (out, "%s = %d%s\n", key, port, port ? "" : " (off)");
}

static void
describe_token (GString *out, guint i, const AditToken *token)
{
  g_autofree char *hint = adit_secret_hint (token->token);
  g_autofree char *names = token->subdomains ? g_strjoinv (", ", token->subdomains) : g_strdup ("any");

  g_string_append_printf (out, "auth.tokens[%u] = %s%s%s, subdomains: %s, allow: %u, deny: %u networks\n", i, hint,
                          token->name ? ", name: " : "", token->name ? token->name : "", names, token->allow->len,
                          token->deny->len);
}

char *
adit_policy_describe (const AditPolicy *policy)
{
  static const char *const tls[] = { "required", "optional", "off" };
  GString *out = g_string_new (NULL);

  g_string_append_printf (out, "server.domain = %s\nserver.bind = %s\n", policy->domain, policy->bind);
  describe_port (out, "server.control_port", policy->control_port);
  describe_port (out, "server.http_port", policy->http_port);
  describe_port (out, "server.https_port", policy->https_port);
  for (guint i = 0; i < policy->cert_paths->len; i++)
    g_string_append_printf (out, "certificate[%u] = %s, %s\n", i, (char *) policy->cert_paths->pdata[i],
                            (char *) policy->key_paths->pdata[i]);
  g_string_append_printf (out, "server.workers = %u%s\n", policy->workers, policy->workers ? "" : " (one for each CPU)");
  g_string_append_printf (out, "server.state_dir = %s\n", policy->state_dir ? policy->state_dir : "(none)");
  g_string_append_printf (out, "server.public_scheme = %s\n", policy->public_scheme ? policy->public_scheme : "(by the listeners)");
  g_string_append_printf (out, "server.trusted_proxies = %u networks\n", policy->trusted_proxies->len);
  g_string_append_printf (out, "control.tls = %s\n", tls[policy->control_tls]);
  for (guint i = 0; i < policy->tokens->len; i++)
    describe_token (out, i, policy->tokens->pdata[i]);
  if (policy->tokens->len == 0)
    g_string_append (out, "auth.tokens = none: any client on this machine may connect\n");
  g_string_append_printf (out, "limits.max_clients = %u\nlimits.max_concurrent_requests = %u\n", policy->max_clients,
                          policy->max_concurrent_requests);
  g_string_append_printf (out, "limits.idle_timeout_seconds = %u\nlimits.drain_timeout_seconds = %u\n",
                          policy->idle_timeout_ms / 1000, policy->drain_timeout_ms / 1000);
  g_string_append_printf (out, "limits.head_timeout_seconds = %u\nlimits.response_timeout_seconds = %u\n",
                          policy->head_timeout_ms / 1000, policy->response_timeout_ms / 1000);
  return g_string_free (out, FALSE);
}

char *
adit_policy_diff_listeners (const AditPolicy *old, const AditPolicy *new_policy)
{
  GString *keys = g_string_new (NULL);
  const struct
  {
    const char *key;
    gboolean differs;
  } all[] = {
    { "server.domain", strcmp (old->domain, new_policy->domain) != 0 },
    { "server.bind", strcmp (old->bind, new_policy->bind) != 0 },
    { "server.control_port", old->control_port != new_policy->control_port },
    { "server.http_port", old->http_port != new_policy->http_port },
    { "server.https_port", old->https_port != new_policy->https_port },
    { "server.workers", old->workers != new_policy->workers },
    { "server.state_dir", g_strcmp0 (old->state_dir, new_policy->state_dir) != 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
    if (all[i].differs)
      g_string_append_printf (keys, "%s%s", keys->len ? ", " : "", all[i].key);
  return g_string_free (keys, keys->len == 0);
}

const AditToken *
adit_policy_find_token (const AditPolicy *policy, const char *text)
{
  const AditToken *found = NULL;

  for (guint i = 0; i < policy->tokens->len; i++)
    if (adit_secret_equal (text, ((AditToken *) policy->tokens->pdata[i])->token))
      found = policy->tokens->pdata[i];
  return found;
}

const AditToken *
adit_policy_find_digest (const AditPolicy *policy, const char *digest)
{
  for (guint i = 0; i < policy->tokens->len; i++)
    if (g_strcmp0 (digest, ((AditToken *) policy->tokens->pdata[i])->digest) == 0)
      return policy->tokens->pdata[i];
  return NULL;
}

gboolean
adit_token_allows_name (const AditToken *token, const char *name)
{
  if (token->subdomains == NULL)
    return TRUE;
  for (guint i = 0; token->subdomains[i]; i++)
    if (g_pattern_match_simple (token->subdomains[i], name))
      return TRUE;
  return FALSE;
}

gboolean
adit_masks_contain (GPtrArray *masks, const AditPeer *peer)
{
  char text[ADIT_PEER_TEXT];
  g_autoptr (GInetAddress) address = NULL;

  if (masks->len == 0)
    return FALSE;
  address = g_inet_address_new_from_string (adit_peer_ip (peer, text));
  for (guint i = 0; address && i < masks->len; i++)
    if (g_inet_address_mask_matches (masks->pdata[i], address))
      return TRUE;
  return FALSE;
}

gboolean
adit_token_allows_peer (const AditToken *token, const AditPeer *peer)
{
  if (adit_masks_contain (token->deny, peer))
    return FALSE;
  return token->allow->len == 0 || adit_masks_contain (token->allow, peer);
}
