/* SPDX-License-Identifier: MIT */
/* claims: see claims.h. */
#include "config.h"

#include "server/claims.h"

#include "base/clock.h"
#include "base/log.h"
#include "server/server-private.h"

#include <string.h>

#define AGENT "adit-server/" PACKAGE_VERSION

/* A Hello on its way to the main thread and its answer on the way back. */
typedef struct
{
  AditServer *server;
  AditUplink *uplink; /* counted */
  AditHello *hello;
  AditPeer peer;
  AditWelcome *welcome; /* NULL: refused */
  AditRejectCode code;
  char *reason;
} Claim;

/* A session's other news. */
typedef struct
{
  AditServer *server;
  AditUplink *uplink; /* counted */
  gint64 wait_until_us;
} News;

/* An order to a session. */
typedef struct
{
  AditUplink *uplink; /* counted */
  AditRejectCode code;
  char *reason;
} Order;

static void
claim_free (Claim *claim)
{
  adit_uplink_unref (claim->uplink);
  adit_hello_free (claim->hello);
  if (claim->welcome)
    adit_welcome_free (claim->welcome);
  g_free (claim->reason);
  g_free (claim);
}

void
adit_client_free (gpointer data)
{
  AditClient *client = data;

  adit_uplink_unref (client->uplink);
  g_free (client->digest);
  g_ptr_array_unref (client->labels);
  g_free (client);
}

static void
deliver_order (gpointer data)
{
  Order *order = data;

  adit_uplink_go_away (order->uplink, order->code, order->reason);
  adit_uplink_unref (order->uplink);
  g_free (order->reason);
  g_free (order);
}

void
adit_server_dismiss (AditServer *server, AditUplink *uplink, AditRejectCode code, const char *reason)
{
  Order *order = g_new0 (Order, 1);

  order->uplink = adit_uplink_ref (uplink);
  order->code = code;
  order->reason = g_strdup (reason);
  adit_worker_call (adit_crew_get (server->crew, adit_uplink_get_worker (uplink)), deliver_order, order);
}

static void
deliver_answer (gpointer data)
{
  Claim *claim = data;

  adit_uplink_answer (claim->uplink, claim->hello, claim->welcome, claim->code, claim->reason);
  claim_free (claim);
}

static gboolean
publish (gpointer data)
{
  AditServer *server = data;
  Claim *claim;

  g_clear_pointer (&server->publish, g_source_unref);
  if (adit_names_take_dirty (server->names))
    {
      adit_router_publish (server->router, adit_names_snapshot (server->names));
      adit_names_save (server->names);
    }
  while ((claim = g_queue_pop_head (&server->answers)))
    adit_worker_call (adit_crew_get (server->crew, adit_uplink_get_worker (claim->uplink)), deliver_answer, claim);
  return G_SOURCE_REMOVE;
}

void
adit_server_want_publish (AditServer *server)
{
  if (server->publish || server->stopping)
    return;
  server->publish = g_idle_source_new ();
  g_source_set_priority (server->publish, G_PRIORITY_HIGH_IDLE);
  g_source_set_callback (server->publish, publish, server, NULL);
  g_source_attach (server->publish, server->context);
}

static void
refuse (Claim *claim, AditRejectCode code, const char *reason)
{
  claim->code = code;
  g_free (claim->reason);
  claim->reason = g_strdup (reason);
}

/* TRUE if the session will take the place of one that counts already. */
static gboolean
replaces_somebody (AditServer *server, const Claim *claim, const char *digest)
{
  GHashTableIter iter;
  AditClient *client;

  g_hash_table_iter_init (&iter, server->clients);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &client))
    for (guint i = 0; strcmp (client->digest, digest) == 0 && i < client->labels->len; i++)
      if (claim->hello->subdomain && strcmp (claim->hello->subdomain, client->labels->pdata[i]) == 0)
        return TRUE;
  return FALSE;
}

/* Token, address and number of clients. */
static gboolean
admit (AditServer *server, Claim *claim, const AditToken **token)
{
  const AditPolicy *policy = server->rules->policy;

  *token = NULL;
  if (policy->tokens->len > 0)
    {
      *token = adit_policy_find_token (policy, claim->hello->token);
      if (*token == NULL)
        {
          refuse (claim, ADIT_REJECT_TOKEN, "unknown token");
          return FALSE;
        }
      if (!adit_token_allows_peer (*token, &claim->peer))
        {
          refuse (claim, ADIT_REJECT_FORBIDDEN, "this token may not be used from your address");
          return FALSE;
        }
    }
  if (g_hash_table_size (server->clients) >= policy->max_clients
      && !replaces_somebody (server, claim, *token ? (*token)->digest : ""))
    {
      refuse (claim, ADIT_REJECT_FULL, "server full");
      return FALSE;
    }
  return TRUE;
}

static void
dismiss_replaced (AditServer *server, AditGrant *grant)
{
  AditClient *client;
  g_autofree char *reason = NULL;

  if (grant->replaced == NULL)
    return;
  reason = g_strdup_printf ("a newer client with the same token took the name \"%s\" over", grant->tunnel->label);
  client = g_hash_table_lookup (server->clients, grant->replaced);
  if (client)
    {
      adit_server_dismiss (server, grant->replaced, ADIT_REJECT_REPLACED,
                           grant->by_other ? reason : "the same client connected again");
      g_hash_table_remove (server->clients, grant->replaced);
    }
  adit_uplink_unref (grant->replaced);
}

static AditHelloTunnel *
refused_tunnel (const AditHelloTunnel *wanted, AditRejectCode code, const char *reason)
{
  AditHelloTunnel *tunnel = adit_hello_tunnel_new ();

  tunnel->type = g_strdup (wanted->type);
  tunnel->subdomain = g_strdup (wanted->subdomain);
  tunnel->code = g_strdup (adit_reject_word (code));
  tunnel->reason = g_strdup (reason);
  return tunnel;
}

static AditHelloTunnel *
grant_tunnel (AditServer *server, Claim *claim, AditClient *client, const AditToken *token, guint index, AditRejectCode *code)
{
  const AditHelloTunnel *wanted = claim->hello->tunnels->pdata[index];
  AditClaim asked = { .token = token, .instance = claim->hello->instance, .label = wanted->subdomain, .epoch = wanted->epoch,
                      .uplink = claim->uplink, .worker = adit_uplink_get_worker (claim->uplink), .index = index };
  AditHelloTunnel *tunnel;
  AditGrant grant;

  *code = ADIT_REJECT_FORBIDDEN;
  if (wanted->type && strcmp (wanted->type, "http") != 0)
    return refused_tunnel (wanted, *code, "this server offers http tunnels only");
  for (guint i = 0; wanted->subdomain && i < client->labels->len; i++)
    if (strcmp (client->labels->pdata[i], wanted->subdomain) == 0)
      return refused_tunnel (wanted, *code = ADIT_REJECT_NAME, "the same name is asked for twice");
  adit_names_claim (server->names, &asked, &grant);
  if (grant.tunnel == NULL)
    {
      tunnel = refused_tunnel (wanted, *code = grant.code, grant.reason);
      g_free (grant.reason);
      return tunnel;
    }
  dismiss_replaced (server, &grant);
  g_ptr_array_add (client->labels, g_strdup (grant.tunnel->label));
  *code = ADIT_REJECT_NONE;
  tunnel = adit_hello_tunnel_new ();
  tunnel->type = g_strdup ("http");
  tunnel->subdomain = g_strdup (grant.tunnel->label);
  tunnel->public_url = g_strdup (grant.tunnel->public_url);
  tunnel->epoch = grant.epoch;
  return tunnel;
}

/* A v1 client asks for one tunnel only. */
static void
complete_tunnels (AditHello *hello)
{
  AditHelloTunnel *tunnel;

  if (hello->tunnels->len > 0)
    return;
  tunnel = adit_hello_tunnel_new ();
  tunnel->type = g_strdup ("http");
  tunnel->subdomain = g_strdup (hello->subdomain);
  g_ptr_array_add (hello->tunnels, tunnel);
}

static void
grant_tunnels (AditServer *server, Claim *claim, const AditToken *token)
{
  AditClient *client = g_new0 (AditClient, 1);
  AditWelcome *welcome = adit_welcome_new ();

  client->uplink = adit_uplink_ref (claim->uplink);
  client->digest = g_strdup (token ? token->digest : "");
  client->labels = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < claim->hello->tunnels->len; i++)
    {
      AditRejectCode code;
      AditHelloTunnel *tunnel = grant_tunnel (server, claim, client, token, i, &code);

      g_ptr_array_add (welcome->tunnels, tunnel);
      if (tunnel->public_url && welcome->public_url == NULL)
        {
          welcome->subdomain = g_strdup (tunnel->subdomain);
          welcome->public_url = g_strdup (tunnel->public_url);
        }
      else if (tunnel->public_url == NULL && claim->reason == NULL)
        refuse (claim, code, tunnel->reason);
    }
  if (welcome->public_url == NULL)
    {
      adit_client_free (client);
      adit_welcome_free (welcome);
      return;
    }
  welcome->features = ADIT_FEATURES_ALL;
  welcome->window = ADIT_LIMIT_WINDOW;
  welcome->agent = g_strdup (AGENT);
  claim->welcome = welcome;
  g_hash_table_insert (server->clients, client->uplink, client);
}

static gboolean
decide (gpointer data)
{
  Claim *claim = data;
  AditServer *server = claim->server;
  const AditToken *token;

  complete_tunnels (claim->hello);
  if (admit (server, claim, &token))
    grant_tunnels (server, claim, token);
  g_queue_push_tail (&server->answers, claim);
  adit_server_want_publish (server);
  return G_SOURCE_REMOVE;
}

void
adit_server_claim (AditServer *server, AditUplink *uplink, AditHello *hello, const AditPeer *peer)
{
  Claim *claim = g_new0 (Claim, 1);

  claim->server = server;
  claim->uplink = adit_uplink_ref (uplink);
  claim->hello = hello;
  claim->peer = *peer;
  adit_server_invoke (server, decide, claim);
}

static void
send_news (AditServer *server, AditUplink *uplink, gint64 wait_until_us, GSourceFunc func)
{
  News *news = g_new0 (News, 1);

  news->server = server;
  news->uplink = adit_uplink_ref (uplink);
  news->wait_until_us = wait_until_us;
  adit_server_invoke (server, func, news);
}

static gboolean
on_gone (gpointer data)
{
  News *news = data;

  g_hash_table_remove (news->server->clients, news->uplink);
  adit_names_release (news->server->names, news->uplink, adit_clock_us ());
  adit_server_want_publish (news->server);
  adit_uplink_unref (news->uplink);
  g_free (news);
  return G_SOURCE_REMOVE;
}

void
adit_server_uplink_gone (AditServer *server, AditUplink *uplink)
{
  send_news (server, uplink, 0, on_gone);
}

static gboolean
on_leaves (gpointer data)
{
  News *news = data;

  adit_names_leave (news->server->names, news->uplink, news->wait_until_us);
  adit_server_want_publish (news->server);
  adit_uplink_unref (news->uplink);
  g_free (news);
  return G_SOURCE_REMOVE;
}

void
adit_server_uplink_leaves (AditServer *server, AditUplink *uplink, gint64 wait_until_us)
{
  send_news (server, uplink, wait_until_us, on_leaves);
}
