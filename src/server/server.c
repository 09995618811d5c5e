/* SPDX-License-Identifier: MIT */
/* server: see server.h. */
#include "server/server-private.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "link/tls.h"

#include <errno.h>
#include <sys/stat.h>
#include <string.h>

/* Visitors of names that were held over a restart wait so long for their clients. */
#define WAIT_MS 5000
#define SWEEP_MS 1000
#define DRAIN_LOOK_MS 20

void
adit_server_invoke (AditServer *server, GSourceFunc func, gpointer data)
{
  g_main_context_invoke_full (server->context, G_PRIORITY_HIGH, func, data, NULL);
}

static AditCreds *
load_certificates (const AditPolicy *policy, GError **error)
{
  g_autoptr (AditCreds) creds = NULL;

  for (guint i = 0; i < policy->cert_paths->len; i++)
    {
      const char *cert = policy->cert_paths->pdata[i], *key = policy->key_paths->pdata[i];

      if (creds == NULL)
        creds = adit_creds_load (cert, key, error);
      else if (!adit_creds_add (creds, cert, key, error))
        return NULL;
      if (creds == NULL)
        return NULL;
    }
  return g_steal_pointer (&creds);
}

static gboolean
make_state_dir (const AditPolicy *policy, GError **error)
{
  if (policy->state_dir == NULL || g_mkdir_with_parents (policy->state_dir, 0700) == 0)
    return TRUE;
  g_set_error (error, ADIT_ERROR, ADIT_ERROR_USAGE, "state_dir %s: %s; create it for the user that runs the server, or set server.state_dir",
               policy->state_dir, g_strerror (errno));
  return FALSE;
}

/* Takes a reference to @policy. */
static AditRules *
make_rules (AditPolicy *policy, GError **error)
{
  AditRules *rules = g_new0 (AditRules, 1);
  gboolean ok = TRUE;

  rules->refs = 1;
  rules->policy = adit_policy_ref (policy);
  if (policy->cert_paths->len > 0)
    ok = (rules->visitor = load_certificates (policy, error)) != NULL;
  if (ok && policy->control_tls != ADIT_CONTROL_TLS_OFF)
    {
      if (rules->visitor)
        rules->control = adit_creds_ref (rules->visitor);
      else if (policy->state_dir)
        rules->control = adit_creds_load_or_make (policy->state_dir, policy->domain, error);
      else
        g_set_error_literal (error, ADIT_ERROR, ADIT_ERROR_USAGE,
                             "the control port needs a key: set server.cert_path, or server.state_dir to keep one in");
      ok = rules->control != NULL;
    }
  if (ok)
    return rules;
  adit_rules_unref (rules);
  return NULL;
}

/* One socket for each worker. A first one without sharing finds out whether another program has the port:
 * SO_REUSEPORT alone would let two servers of one user share it silently. */
static gboolean
bind_port (AditServer *server, AditPort which, gint wanted, gsize offset, GError **error)
{
  const AditPolicy *policy = server->rules->policy;
  gboolean share = server->n_desks > 1;
  AditListener *probe;
  guint16 port;

  if (wanted == 0)
    return TRUE;
  probe = adit_listener_new (policy->bind, wanted == ADIT_PORT_ANY ? 0 : (guint16) wanted, FALSE, error);
  if (probe == NULL)
    return FALSE;
  port = server->ports[which] = adit_listener_get_port (probe);
  if (!share)
    {
      G_STRUCT_MEMBER (AditListener *, &server->desks[0], offset) = probe;
      return TRUE;
    }
  adit_listener_close (probe);
  for (guint i = 0; i < server->n_desks; i++)
    {
      AditListener *listener = adit_listener_new (policy->bind, port, TRUE, error);

      if (listener == NULL)
        return FALSE;
      G_STRUCT_MEMBER (AditListener *, &server->desks[i], offset) = listener;
    }
  return TRUE;
}

static gboolean
bind_ports (AditServer *server, GError **error)
{
  const AditPolicy *policy = server->rules->policy;

  return bind_port (server, ADIT_PORT_CONTROL, policy->control_port, G_STRUCT_OFFSET (AditDesk, control), error)
         && bind_port (server, ADIT_PORT_HTTP, policy->http_port, G_STRUCT_OFFSET (AditDesk, http), error)
         && bind_port (server, ADIT_PORT_HTTPS, policy->https_port, G_STRUCT_OFFSET (AditDesk, https), error);
}

/* "https://%s.adit.example.com", with the port where it is not the scheme's own. */
static char *
url_format (AditServer *server)
{
  const AditPolicy *policy = server->rules->policy;
  gboolean secure = server->ports[ADIT_PORT_HTTPS] != 0;
  guint port = secure ? server->ports[ADIT_PORT_HTTPS] : server->ports[ADIT_PORT_HTTP];
  const char *scheme = secure ? "https" : "http";

  if (policy->public_scheme)
    return g_strdup_printf ("%s://%%s.%s", policy->public_scheme, policy->domain);
  if (port == (secure ? 443 : 80) || port == 0)
    return g_strdup_printf ("%s://%%s.%s", scheme, policy->domain);
  return g_strdup_printf ("%s://%%s.%s:%u", scheme, policy->domain, port);
}

static void
on_published (gpointer data, AditWorker *worker)
{
  AditServer *server = data;

  adit_desk_published (&server->desks[adit_worker_get_index (worker)]);
}

static void
open_desks (AditServer *server)
{
  server->n_desks = adit_crew_get_size (server->crew);
  server->desks = g_new0 (AditDesk, server->n_desks);
  for (guint i = 0; i < server->n_desks; i++)
    {
      AditDesk *desk = &server->desks[i];

      desk->server = server;
      desk->worker = adit_crew_get (server->crew, i);
      desk->index = i;
      desk->rules = adit_rules_ref (server->rules);
      desk->router = server->router;
      desk->n_requests = &server->n_requests;
    }
}

AditServer *
adit_server_new (AditPolicy *policy, GError **error)
{
  AditServer *server;
  AditRules *rules;
  g_autofree char *format = NULL;
  gint64 now = adit_clock_us ();

  adit_tls_setup ();
  if (!make_state_dir (policy, error) || (rules = make_rules (policy, error)) == NULL)
    return NULL;
  server = g_new0 (AditServer, 1);
  server->context = g_main_context_ref_thread_default ();
  server->rules = rules;
  server->crew = adit_crew_new (policy->workers);
  server->router = adit_router_new (server->crew, on_published, server);
  server->clients = g_hash_table_new_full (NULL, NULL, NULL, adit_client_free);
  open_desks (server);
  if (!bind_ports (server, error))
    {
      adit_server_free (server);
      return NULL;
    }
  format = url_format (server);
  server->names = adit_names_new (policy->state_dir, format, policy->idle_timeout_ms, now, now + WAIT_MS * 1000);
  adit_server_want_publish (server);
  return server;
}

static gboolean
on_sweep (gpointer data)
{
  AditServer *server = data;

  adit_names_expire (server->names, adit_clock_us ());
  adit_server_want_publish (server);
  return G_SOURCE_CONTINUE;
}

static GSource *
add_timer (AditServer *server, guint ms, GSourceFunc func)
{
  GSource *source = g_timeout_source_new (ms);

  g_source_set_callback (source, func, server, NULL);
  g_source_attach (source, server->context);
  return source;
}

static void
log_certificate (AditServer *server)
{
  g_autoptr (GDateTime) end = NULL;
  g_autofree char *date = NULL;

  if (server->rules->control)
    adit_info ("control port fingerprint %s", adit_creds_get_fingerprint (server->rules->control));
  if (server->rules->visitor == NULL)
    return;
  end = g_date_time_new_from_unix_utc (adit_creds_get_expiry (server->rules->visitor));
  date = g_date_time_format (end, "%Y-%m-%d");
  adit_info ("loaded certificate %s, valid until %s", (char *) server->rules->policy->cert_paths->pdata[0], date);
  if (adit_creds_get_expiry (server->rules->visitor) < g_get_real_time () / G_USEC_PER_SEC)
    adit_warning ("the certificate has expired: visitors' browsers will refuse it");
}

static void
start_desk (gpointer data)
{
  adit_desk_start (data);
}

void
adit_server_start (AditServer *server)
{
  static const char *const names[] = { "control", "http", "https" };
  static const char *const words[] = { "required", "optional", "off" };

  log_certificate (server);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (server->ports[i])
      {
        const AditLogField fields[] = { ADIT_LOG_STR ("event", "listening"), ADIT_LOG_STR ("listener", names[i]),
                                        ADIT_LOG_STR ("address", server->rules->policy->bind),
                                        ADIT_LOG_INT ("port", server->ports[i]) };

        adit_log_fields (ADIT_LOG_INFO, fields, G_N_ELEMENTS (fields), "%s listening on %s port %u", names[i],
                         server->rules->policy->bind, server->ports[i]);
      }
  if (server->rules->policy->control_tls != ADIT_CONTROL_TLS_REQUIRED
      && !adit_listener_is_loopback (server->rules->policy->bind))
    adit_warning ("control.tls is \"%s\": tokens and bodies of plain clients cross the network in clear",
                  words[server->rules->policy->control_tls]);
  adit_crew_start (server->crew, "adit");
  for (guint i = 0; i < server->n_desks; i++)
    adit_worker_call (server->desks[i].worker, start_desk, &server->desks[i]);
  server->sweep = add_timer (server, SWEEP_MS, on_sweep);
}

guint16
adit_server_get_port (AditServer *server, AditPort which)
{
  return server->ports[which];
}

const char *
adit_server_get_fingerprint (AditServer *server)
{
  return server->rules->control ? adit_creds_get_fingerprint (server->rules->control) : NULL;
}

/* What cannot change while running stays as it was, so that the new policy tells the truth. */
static void
keep_listeners (AditPolicy *policy, const AditPolicy *old)
{
  g_autofree char *keys = adit_policy_diff_listeners (old, policy);

  if (keys == NULL)
    return;
  adit_warning ("changed, but in effect only after a restart: %s", keys);
  g_free (policy->domain);
  g_free (policy->bind);
  g_free (policy->state_dir);
  policy->domain = g_strdup (old->domain);
  policy->bind = g_strdup (old->bind);
  policy->state_dir = g_strdup (old->state_dir);
  policy->control_port = old->control_port;
  policy->http_port = old->http_port;
  policy->https_port = old->https_port;
  policy->workers = old->workers;
}

/* A mail with new rules for one desk. */
typedef struct
{
  AditDesk *desk;
  AditRules *rules;
} NewRules;

static void
deliver_rules (gpointer data)
{
  NewRules *mail = data;

  adit_desk_set_rules (mail->desk, mail->rules);
  g_free (mail);
}

static const char *
lost_right (AditServer *server, const AditClient *client)
{
  const AditPolicy *policy = server->rules->policy;
  const AditToken *token = adit_policy_find_digest (policy, client->digest);

  if (policy->tokens->len == 0)
    return NULL;
  if (token == NULL)
    return "its token was removed by the operator";
  for (guint i = 0; i < client->labels->len; i++)
    if (!adit_token_allows_name (token, client->labels->pdata[i]))
      return "its token lost the right to its name";
  return NULL;
}

static void
dismiss_unwanted (AditServer *server)
{
  GHashTableIter iter;
  AditClient *client;

  g_hash_table_iter_init (&iter, server->clients);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &client))
    {
      const char *reason = lost_right (server, client);

      if (reason)
        adit_server_dismiss (server, client->uplink, ADIT_REJECT_TOKEN, reason);
    }
}

static void
forget_removed_tokens (AditServer *server, const AditPolicy *old)
{
  for (guint i = 0; i < old->tokens->len; i++)
    {
      const AditToken *token = old->tokens->pdata[i];

      if (adit_policy_find_digest (server->rules->policy, token->digest) == NULL)
        adit_names_forget_token (server->names, token->digest);
    }
}

gboolean
adit_server_reload (AditServer *server, AditPolicy *policy, GError **error)
{
  AditRules *rules, *old = server->rules;

  if (old->visitor && policy->cert_paths->len == 0)
    {
      g_set_error_literal (error, ADIT_ERROR, ADIT_ERROR_USAGE,
                           "server.cert_path is gone, but the HTTPS listener needs it; restart to turn HTTPS off");
      return FALSE;
    }
  keep_listeners (policy, old->policy);
  rules = make_rules (policy, error);
  if (rules == NULL)
    return FALSE;
  server->rules = rules;
  for (guint i = 0; i < server->n_desks; i++)
    {
      NewRules *mail = g_new0 (NewRules, 1);

      mail->desk = &server->desks[i];
      mail->rules = adit_rules_ref (rules);
      adit_worker_call (mail->desk->worker, deliver_rules, mail);
    }
  adit_names_set_hold (server->names, policy->idle_timeout_ms);
  dismiss_unwanted (server);
  forget_removed_tokens (server, old->policy);
  adit_server_want_publish (server);
  adit_rules_unref (old);
  return TRUE;
}

static gboolean
on_draining (gpointer data)
{
  AditServer *server = data;

  if (g_atomic_int_get (&server->n_requests) > 0 && adit_clock_us () < server->drain_until_us)
    return G_SOURCE_CONTINUE;
  g_clear_pointer (&server->draining, g_source_unref);
  server->drained (server->drained_data);
  return G_SOURCE_REMOVE;
}

static void
drain_desk (gpointer data)
{
  adit_desk_drain (data);
}

void
adit_server_drain (AditServer *server, void (*done) (gpointer data), gpointer data)
{
  guint ms = server->rules->policy->drain_timeout_ms;

  if (server->draining)
    return;
  adit_info ("draining: %d requests are in flight, at most %u s", g_atomic_int_get (&server->n_requests), ms / 1000);
  server->drained = done;
  server->drained_data = data;
  server->drain_until_us = adit_clock_us () + (gint64) ms * 1000;
  for (guint i = 0; i < server->n_desks; i++)
    adit_worker_call (server->desks[i].worker, drain_desk, &server->desks[i]);
  server->draining = add_timer (server, DRAIN_LOOK_MS, on_draining);
}

static void
close_desk (gpointer data)
{
  adit_desk_close (data);
}

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

void
adit_server_free (AditServer *server)
{
  gboolean started = server->sweep != NULL;

  for (guint i = 0; i < server->n_desks; i++)
    if (started)
      adit_worker_call (server->desks[i].worker, close_desk, &server->desks[i]);
  adit_crew_stop (server->crew);
  server->stopping = TRUE;
  clear_source (&server->publish);
  for (guint i = 0; i < server->n_desks; i++)
    if (!started)
      adit_desk_close (&server->desks[i]);
  clear_source (&server->sweep);
  clear_source (&server->draining);
  /* News that the workers sent while they ended. */
  while (g_main_context_pending (server->context) && started)
    g_main_context_iteration (server->context, FALSE);
  g_hash_table_unref (server->clients);
  if (server->names)
    {
      adit_names_save (server->names);
      adit_names_free (server->names);
    }
  adit_crew_free (server->crew);
  adit_router_free (server->router);
  adit_rules_unref (server->rules);
  g_main_context_unref (server->context);
  g_free (server->desks);
  g_free (server);
}
