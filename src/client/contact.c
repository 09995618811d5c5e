/* SPDX-License-Identifier: MIT */
/* contact: see contact.h. */
#include "client/contact.h"

#include "base/error.h"
#include "client/dialer.h"
#include "link/tls.h"
#include "wire/limits.h"

#include <stddef.h>

struct AditContact
{
  AditWorker *worker;
  const AditContactListener *listener;
  gpointer owner;
  AditDialer *dialer;
  AditLink *link;
  gboolean plain;
  AditCreds *creds;
  AditTrust trust;
  AditTimer deadline;
};

static void
fail (AditContact *contact, const GError *error)
{
  adit_timer_stop (&contact->deadline);
  if (contact->link)
    adit_link_close (contact->link, FALSE);
  contact->listener->on_failed (contact->owner, error);
}

static void
on_deadline (AditTimer *timer)
{
  AditContact *contact = (AditContact *) ((char *) timer - offsetof (AditContact, deadline));
  g_autoptr (GError) error = g_error_new (ADIT_ERROR, ADIT_ERROR_TIMEOUT, "no TLS hand-shake within %u s",
                                          ADIT_LIMIT_HANDSHAKE_MS / 1000);

  fail (contact, error);
}

static void
open_link (AditContact *contact)
{
  AditLink *link = g_steal_pointer (&contact->link);

  adit_timer_stop (&contact->deadline);
  adit_link_set_listener (link, NULL, NULL);
  contact->listener->on_open (contact->owner, link);
}

static void
on_link_open (gpointer owner)
{
  open_link (owner);
}

static void
on_link_readable (gpointer owner)
{
}

/* A peer that ends the hand-shake without a word, or answers it with something else, may speak plain v1. */
static void
on_link_failed (gpointer owner, const GError *error)
{
  g_autoptr (GError) told = NULL;

  if (adit_error_is_verify (error))
    fail (owner, error);
  else
    {
      told = g_error_new (ADIT_ERROR, error->code,
                          "no TLS hand-shake: %s (a server without TLS is named tcp://HOST:PORT)",
                          error->message);
      fail (owner, told);
    }
}

static const AditLinkListener link_listener = {
  .on_open = on_link_open,
  .on_readable = on_link_readable,
  .on_failed = on_link_failed,
};

static void
on_dialed (gpointer owner, int fd)
{
  AditContact *contact = owner;

  adit_dialer_free (g_steal_pointer (&contact->dialer));
  adit_tcp_tune (fd, TRUE);
  contact->link = contact->plain ? adit_tcp_new (fd)
                                 : adit_tls_new_client (fd, contact->creds, &contact->trust);
  if (!adit_link_attach (contact->link, contact->worker))
    {
      g_autoptr (GError) error = g_error_new_literal (ADIT_ERROR, ADIT_ERROR_FAILED,
                                                      "the socket cannot be watched");

      fail (contact, error);
      return;
    }
  if (contact->listener->on_connected)
    contact->listener->on_connected (contact->owner);
  if (contact->plain)
    {
      open_link (contact);
      return;
    }
  adit_link_set_listener (contact->link, &link_listener, contact);
  adit_worker_set_timer (contact->worker, &contact->deadline, ADIT_LIMIT_HANDSHAKE_MS);
}

static void
on_not_dialed (gpointer owner, const GError *error)
{
  fail (owner, error);
}

static const AditDialerListener dialer_listener = {
  .on_connected = on_dialed,
  .on_failed = on_not_dialed,
};

AditContact *
adit_contact_new (AditWorker *worker, const AditAddress *address, AditCreds *creds, const AditTrust *trust,
                  const AditContactListener *listener, gpointer owner)
{
  AditContact *contact = g_new0 (AditContact, 1);
  AditDialTo to = { address->host, address->port, NULL };

  contact->worker = worker;
  contact->listener = listener;
  contact->owner = owner;
  contact->plain = address->plain;
  adit_timer_init (&contact->deadline, on_deadline);
  if (!address->plain)
    {
      contact->creds = adit_creds_ref (creds);
      contact->trust = *trust;
      contact->trust.host = g_strdup (trust->host);
      contact->trust.fingerprint = g_strdup (trust->fingerprint);
    }
  contact->dialer = adit_dialer_new (worker, &to, &dialer_listener, contact);
  return contact;
}

void
adit_contact_free (AditContact *contact)
{
  if (contact == NULL)
    return;
  adit_dialer_free (contact->dialer);
  adit_timer_stop (&contact->deadline);
  if (contact->link)
    {
      adit_link_close (contact->link, FALSE);
      g_object_unref (contact->link);
    }
  adit_creds_unref (contact->creds);
  g_free (contact->trust.host);
  g_free (contact->trust.fingerprint);
  g_free (contact);
}
