/* SPDX-License-Identifier: MIT */
/* uplink: see uplink.h. */
#include "server/uplink.h"

#include "base/error.h"
#include "base/secret.h"
#include "link/tls.h"
#include "server/claims.h"
#include "wire/limits.h"

#include <stddef.h>

/* Visitors wait so long for the successor of a session that said it leaves. */
#define WAIT_MS 5000

struct AditUplink
{
  gint refs;
  AditDesk *desk;
  guint worker;
  AditSession *session; /* NULL once closed */
  AditPeer peer;
  gint64 since_us;
  AditTimer deadline;   /* of the opening exchange */
  GList link;
  gboolean leaving;     /* the client opens elsewhere */
  gint64 wait_until_us; /* then: for its successor */
  gboolean welcomed;
};

AditUplink *
adit_uplink_ref (AditUplink *uplink)
{
  g_atomic_int_inc (&uplink->refs);
  return uplink;
}

void
adit_uplink_unref (AditUplink *uplink)
{
  if (uplink == NULL || !g_atomic_int_dec_and_test (&uplink->refs))
    return;
  g_free (uplink);
}

guint
adit_uplink_get_worker (AditUplink *uplink)
{
  return uplink->worker;
}

AditSession *
adit_uplink_get_session (AditUplink *uplink)
{
  return uplink->leaving || !uplink->welcomed ? NULL : uplink->session;
}

gint64
adit_uplink_get_wait_until_us (AditUplink *uplink)
{
  return uplink->session && !uplink->welcomed ? uplink->since_us + ADIT_LIMIT_HANDSHAKE_MS * 1000 : uplink->wait_until_us;
}

/* Leaves the desk; the session is closed already or never answers again. */
static void
drop (AditUplink *uplink)
{
  AditDesk *desk = uplink->desk;

  if (uplink->session == NULL)
    return;
  adit_timer_stop (&uplink->deadline);
  g_queue_unlink (&desk->uplinks, &uplink->link);
  g_object_unref (g_steal_pointer (&uplink->session));
  adit_server_uplink_gone (desk->server, uplink);
  adit_uplink_unref (uplink);
}

static void
log_end (AditUplink *uplink, const char *why)
{
  char peer[ADIT_PEER_TEXT];
  gint64 seconds = (adit_worker_now_us (uplink->desk->worker) - uplink->since_us) / G_USEC_PER_SEC;
  const AditLogField fields[] = { ADIT_LOG_STR ("event", "client_disconnected"),
                                  ADIT_LOG_STR ("peer", adit_peer_text (&uplink->peer, peer)), ADIT_LOG_STR ("reason", why),
                                  ADIT_LOG_INT ("uptime_s", seconds) };
  guint more = 0;

  if (uplink->welcomed)
    adit_log_fields (ADIT_LOG_INFO, fields, G_N_ELEMENTS (fields), "client %s disconnected after %" G_GINT64_FORMAT " s: %s", peer,
                     seconds, why);
  else if (adit_log_limit_pass (&uplink->desk->faults, 5, &more))
    adit_log_fields (ADIT_LOG_WARNING, fields, G_N_ELEMENTS (fields), "control connection of %s refused: %s%s", peer, why,
                     more ? " (and more of that kind)" : "");
}

void
adit_uplink_close (AditUplink *uplink)
{
  if (uplink->session == NULL)
    return;
  adit_session_close (uplink->session);
  drop (uplink);
}

static void
refuse (AditUplink *uplink, AditRejectCode code, const char *reason)
{
  log_end (uplink, reason);
  adit_session_reject (uplink->session, code, reason);
  drop (uplink);
}

static void
on_deadline (AditTimer *timer)
{
  AditUplink *uplink = (AditUplink *) ((char *) timer - offsetof (AditUplink, deadline));

  log_end (uplink, "no Hello within the deadline");
  if (adit_session_get_state (uplink->session) == ADIT_SESSION_OPENING)
    adit_link_close (adit_session_get_link (uplink->session), FALSE);
  adit_uplink_close (uplink);
}

static void
on_hello (gpointer owner, AditHello *taken)
{
  AditUplink *uplink = owner;
  g_autoptr (AditHello) hello = taken;
  g_autofree char *version = NULL;

  if (hello->version != 1)
    {
      version = g_strdup_printf ("unsupported protocol version %" G_GUINT64_FORMAT ", server speaks 1", hello->version);
      refuse (uplink, ADIT_REJECT_VERSION, version);
      return;
    }
  if (uplink->desk->draining)
    {
      refuse (uplink, ADIT_REJECT_DRAINING, "the server is about to stop; try again");
      return;
    }
  adit_server_claim (uplink->desk->server, uplink, g_steal_pointer (&hello), &uplink->peer);
}

static void
on_goaway (gpointer owner, const AditReject *why)
{
  AditUplink *uplink = owner;

  uplink->leaving = TRUE;
  uplink->wait_until_us = adit_worker_now_us (uplink->desk->worker) + WAIT_MS * 1000;
  adit_server_uplink_leaves (uplink->desk->server, uplink, uplink->wait_until_us);
}

static void
on_closed (gpointer owner, const GError *error)
{
  AditUplink *uplink = owner;

  log_end (uplink, error->message);
  drop (uplink);
}

static const AditSessionListener session_listener = {
  .on_hello = on_hello,
  .on_goaway = on_goaway,
  .on_closed = on_closed,
};

void
adit_uplink_new (AditDesk *desk, AditLink *link, const AditPeer *peer, gint64 since_us)
{
  AditUplink *uplink;
  gint64 spent_ms = (adit_worker_now_us (desk->worker) - since_us) / 1000;

  if (!adit_link_attach (link, desk->worker))
    {
      g_object_unref (link);
      return;
    }
  uplink = g_new0 (AditUplink, 1);
  uplink->refs = 1;
  uplink->desk = desk;
  uplink->worker = desk->index;
  uplink->peer = *peer;
  uplink->since_us = since_us;
  uplink->link.data = uplink;
  g_queue_push_tail_link (&desk->uplinks, &uplink->link);
  adit_timer_init (&uplink->deadline, on_deadline);
  adit_worker_set_timer (desk->worker, &uplink->deadline, (guint) MAX (1, (gint64) ADIT_LIMIT_HANDSHAKE_MS - spent_ms));
  uplink->session = adit_session_new (link, TRUE, &session_listener, uplink);
}

static void
welcome_client (AditUplink *uplink, const AditHello *hello, const AditWelcome *welcome)
{
  char peer[ADIT_PEER_TEXT];
  g_autofree char *hint = adit_secret_hint (hello->token);

  uplink->welcomed = TRUE;
  adit_timer_stop (&uplink->deadline);
  adit_session_welcome (uplink->session, hello, welcome);
  adit_desk_published (uplink->desk);
  adit_peer_text (&uplink->peer, peer);
  for (guint i = 0; i < welcome->tunnels->len; i++)
    {
      const AditHelloTunnel *tunnel = welcome->tunnels->pdata[i];
      const AditLogField fields[]
          = { ADIT_LOG_STR ("event", "tunnel"), ADIT_LOG_STR ("peer", peer), ADIT_LOG_STR ("token", hint),
              ADIT_LOG_STR ("name", tunnel->subdomain ? tunnel->subdomain : ""),
              ADIT_LOG_STR ("public_url", tunnel->public_url ? tunnel->public_url : ""),
              ADIT_LOG_STR ("reason", tunnel->reason ? tunnel->reason : "") };

      if (tunnel->public_url)
        adit_log_fields (ADIT_LOG_INFO, fields, 5, "client %s, token %s, has %s", peer, hint, tunnel->public_url);
      else
        adit_log_fields (ADIT_LOG_INFO, fields, 6, "client %s, token %s, was refused a tunnel: %s", peer, hint, tunnel->reason);
    }
}

void
adit_uplink_answer (AditUplink *uplink, const AditHello *hello, const AditWelcome *welcome, AditRejectCode code, const char *reason)
{
  if (uplink->session == NULL)
    return;
  if (welcome)
    welcome_client (uplink, hello, welcome);
  else
    refuse (uplink, code, reason);
}

void
adit_uplink_go_away (AditUplink *uplink, AditRejectCode code, const char *reason)
{
  if (uplink->session == NULL)
    return;
  adit_session_go_away (uplink->session, adit_reject_word (code), reason);
  uplink->leaving = uplink->leaving || code != ADIT_REJECT_DRAINING;
  if (code == ADIT_REJECT_DRAINING || !uplink->welcomed)
    return;
  log_end (uplink, reason);
  adit_uplink_close (uplink);
}
