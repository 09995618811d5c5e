/* SPDX-License-Identifier: MIT */
/* look: see look.h. */
#include "client/look.h"

#include "base/error.h"
#include "client/contact.h"
#include "client/dialer.h"
#include "client/refusal.h"
#include "link/tls.h"
#include "mux/session.h"
#include "wire/limits.h"

#include <stddef.h>
#include <unistd.h>

/* One look under way. */
typedef struct
{
  AditWorker *worker;
  const AditPlan *plan;
  AditLook *look;
  AditContact *contact;
  AditDialer *dialer;
  AditLink *link;
  AditSession *session;
  AditTimer deadline;
  gboolean done, link_gone;
  GError *error;
} Sight;

static void
settle (Sight *sight, GError *error)
{
  if (sight->done)
    {
      g_clear_error (&error);
      return;
    }
  sight->done = TRUE;
  sight->error = error;
}

static void
wait_for (Sight *sight, const gboolean *flag)
{
  while (!*flag)
    adit_worker_turn (sight->worker, TRUE);
}

static void
on_failed (gpointer owner, const GError *error)
{
  settle (owner, g_error_copy (error));
}

static gboolean
end_sight (Sight *sight, GError **error)
{
  adit_timer_stop (&sight->deadline);
  adit_contact_free (sight->contact);
  adit_dialer_free (sight->dialer);
  g_object_unref (sight->worker);
  if (sight->error == NULL)
    return TRUE;
  g_propagate_error (error, sight->error);
  return FALSE;
}

/* ---- the key ---- */

static void
on_key_open (gpointer owner, AditLink *link)
{
  Sight *sight = owner;

  if (ADIT_IS_TLS (link))
    {
      sight->look->fingerprint = adit_tls_dup_peer_fingerprint (ADIT_TLS (link));
      sight->look->is_public = adit_tls_is_publicly_trusted (ADIT_TLS (link));
    }
  adit_link_close (link, FALSE);
  g_object_unref (link);
  settle (sight, NULL);
}

static const AditContactListener key_listener = {
  .on_open = on_key_open,
  .on_failed = on_failed,
};

gboolean
adit_look_at_key (const AditAddress *address, const AditTrust *trust, AditLook *look, GError **error)
{
  Sight sight = { .worker = adit_worker_new (0), .look = look };
  g_autoptr (AditCreds) creds = address->plain ? NULL : adit_creds_new_client (TRUE);

  *look = (AditLook){ NULL, FALSE };
  adit_worker_turn (sight.worker, FALSE);
  sight.contact = adit_contact_new (sight.worker, address, creds, trust, &key_listener, &sight);
  wait_for (&sight, &sight.done);
  return end_sight (&sight, error);
}

void
adit_look_clear (AditLook *look)
{
  g_clear_pointer (&look->fingerprint, g_free);
}

/* ---- the token ---- */

static void
on_welcome (gpointer owner, const AditWelcome *welcome)
{
  Sight *sight = owner;

  adit_session_go_away (sight->session, "leaving", "only a look");
  settle (sight, NULL);
}

static void
on_reject (gpointer owner, const AditReject *reject)
{
  g_autofree char *text = adit_refusal_sentence (adit_reject_parse (reject->code), NULL, reject->reason);

  settle (owner, g_error_new_literal (ADIT_ERROR, ADIT_ERROR_REFUSED, text));
}

static void
on_request (gpointer owner, AditStream *stream, guint tunnel, guint flags, AditSpan head)
{
  adit_stream_free (stream, ADIT_REASON_TUNNEL_OFFLINE, "only a look");
}

static void
on_goaway (gpointer owner, const AditReject *why)
{
}

static const AditSessionListener session_listener = {
  .on_welcome = on_welcome,
  .on_reject = on_reject,
  .on_request = on_request,
  .on_goaway = on_goaway,
  .on_closed = on_failed,
};

static void
on_link_gone (gpointer data, GObject *link)
{
  ((Sight *) data)->link_gone = TRUE;
}

static void
on_deadline (AditTimer *timer)
{
  Sight *sight = (Sight *) ((char *) timer - offsetof (Sight, deadline));

  settle (sight, g_error_new (ADIT_ERROR, ADIT_ERROR_TIMEOUT, "no answer to Hello within %u s",
                              ADIT_LIMIT_HANDSHAKE_MS / 1000));
}

static void
on_token_open (gpointer owner, AditLink *link)
{
  Sight *sight = owner;
  g_autoptr (AditHello) hello = adit_hello_new ();
  AditHelloTunnel *tunnel = adit_hello_tunnel_new ();

  g_object_weak_ref (G_OBJECT (link), on_link_gone, sight);
  sight->session = adit_session_new (link, FALSE, &session_listener, sight);
  g_free (hello->token);
  hello->token = g_strdup (sight->plan->token);
  hello->features = ADIT_FEATURES_ALL;
  hello->window = ADIT_LIMIT_WINDOW;
  hello->agent = g_strdup ("adit/" ADIT_VERSION " (check)");
  g_free (tunnel->type);
  tunnel->type = g_strdup ("http");
  g_ptr_array_add (hello->tunnels, tunnel);
  adit_session_say_hello (sight->session, hello);
  adit_worker_set_timer (sight->worker, &sight->deadline, ADIT_LIMIT_HANDSHAKE_MS);
}

static const AditContactListener token_listener = {
  .on_open = on_token_open,
  .on_failed = on_failed,
};

gboolean
adit_look_at_token (const AditPlan *plan, GError **error)
{
  Sight sight = { .worker = adit_worker_new (0), .plan = plan };
  g_autoptr (AditCreds) creds = NULL;

  if (!plan->address->plain)
    creds = adit_creds_new_client (!plan->trust.insecure && plan->trust.fingerprint == NULL);
  adit_timer_init (&sight.deadline, on_deadline);
  adit_worker_turn (sight.worker, FALSE);
  sight.contact = adit_contact_new (sight.worker, plan->address, creds, &plan->trust, &token_listener,
                                    &sight);
  wait_for (&sight, &sight.done);
  if (sight.session)
    {
      adit_session_close (sight.session);
      g_object_unref (sight.session);
      wait_for (&sight, &sight.link_gone);
    }
  return end_sight (&sight, error);
}

/* ---- a target ---- */

static void
on_dialed (gpointer owner, int fd)
{
  close (fd);
  settle (owner, NULL);
}

static const AditDialerListener dialer_listener = {
  .on_connected = on_dialed,
  .on_failed = on_failed,
};

gboolean
adit_look_at_target (const AditTarget *target, GError **error)
{
  Sight sight = { .worker = adit_worker_new (0) };
  AditDialTo to = { target->host, target->port, target->path };

  adit_worker_turn (sight.worker, FALSE);
  sight.dialer = adit_dialer_new (sight.worker, &to, &dialer_listener, &sight);
  wait_for (&sight, &sight.done);
  return end_sight (&sight, error);
}
