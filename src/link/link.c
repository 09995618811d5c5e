/* SPDX-License-Identifier: MIT */
/* link: see link.h. */
#include "link/link.h"

#include "base/error.h"

#include <stddef.h>

typedef struct
{
  AditWorker *worker; /* NULL while detached */
  const AditLinkListener *listener;
  gpointer owner;
  AditDefer defer;    /* flush, or the failure to be told */
  GError *failure;
  gboolean closed, awaits_drain, failed;
} AditLinkPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (AditLink, adit_link, G_TYPE_OBJECT)

#define PRIV(link) ((AditLinkPrivate *) adit_link_get_instance_private (link))

/* The private data lies at a fixed offset in front of the instance. */
static AditLink *
link_of_defer (AditDefer *defer)
{
  AditLinkPrivate *priv = (AditLinkPrivate *) ((char *) defer - offsetof (AditLinkPrivate, defer));

  return (AditLink *) ((char *) priv - AditLink_private_offset);
}

static void
on_defer (AditDefer *defer)
{
  AditLink *self = g_object_ref (link_of_defer (defer));
  AditLinkPrivate *priv = PRIV (self);

  if (!priv->closed && !priv->failure)
    {
      ADIT_LINK_GET_CLASS (self)->flush (self);
      adit_link_drained (self);
    }
  if (!priv->closed && priv->failure && !priv->failed)
    {
      priv->failed = TRUE;
      if (priv->listener)
        priv->listener->on_failed (priv->owner, priv->failure);
    }
  g_object_unref (self);
}

static void
adit_link_dispose (GObject *object)
{
  adit_link_close (ADIT_LINK (object), FALSE);
  G_OBJECT_CLASS (adit_link_parent_class)->dispose (object);
}

static void
adit_link_finalize (GObject *object)
{
  g_clear_error (&PRIV (ADIT_LINK (object))->failure);
  G_OBJECT_CLASS (adit_link_parent_class)->finalize (object);
}

static void
adit_link_class_init (AditLinkClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = adit_link_dispose;
  G_OBJECT_CLASS (klass)->finalize = adit_link_finalize;
}

static void
adit_link_init (AditLink *self)
{
  PRIV (self)->defer.func = on_defer;
}

void
adit_link_set_listener (AditLink *self, const AditLinkListener *listener, gpointer owner)
{
  PRIV (self)->listener = listener;
  PRIV (self)->owner = owner;
}

gssize
adit_link_read (AditLink *self, guint8 *data, gsize len)
{
  AditLinkPrivate *priv = PRIV (self);

  if (priv->failure || priv->closed)
    return ADIT_LINK_FAIL;
  return ADIT_LINK_GET_CLASS (self)->read (self, data, len);
}

void
adit_link_sendv (AditLink *self, const struct iovec *iov, guint n)
{
  AditLinkPrivate *priv = PRIV (self);
  gsize len = 0;

  if (priv->failure || priv->closed)
    return;
  for (guint i = 0; i < n; i++)
    len += iov[i].iov_len;
  if (len > 0)
    ADIT_LINK_GET_CLASS (self)->send (self, iov, n, len);
}

void
adit_link_send (AditLink *self, AditSpan bytes)
{
  struct iovec iov = { (void *) bytes.data, bytes.len };

  adit_link_sendv (self, &iov, 1);
}

void
adit_link_flush (AditLink *self)
{
  AditLinkPrivate *priv = PRIV (self);

  if (!priv->failure && !priv->closed && priv->worker)
    ADIT_LINK_GET_CLASS (self)->flush (self);
}

void
adit_link_finish (AditLink *self)
{
  AditLinkPrivate *priv = PRIV (self);

  if (!priv->failure && !priv->closed)
    ADIT_LINK_GET_CLASS (self)->finish (self);
}

void
adit_link_close (AditLink *self, gboolean reset)
{
  AditLinkPrivate *priv = PRIV (self);

  if (priv->closed)
    return;
  if (priv->worker)
    adit_link_detach (self);
  priv->closed = TRUE;
  priv->listener = NULL;
  ADIT_LINK_GET_CLASS (self)->close (self, reset);
}

gboolean
adit_link_is_closed (AditLink *self)
{
  return PRIV (self)->closed;
}

gboolean
adit_link_has_failed (AditLink *self)
{
  return PRIV (self)->failure != NULL;
}

void
adit_link_set_reading (AditLink *self, gboolean reading)
{
  if (!PRIV (self)->closed)
    ADIT_LINK_GET_CLASS (self)->set_reading (self, reading);
}

gsize
adit_link_get_queued (AditLink *self)
{
  return ADIT_LINK_GET_CLASS (self)->get_queued (self);
}

void
adit_link_await_drain (AditLink *self)
{
  PRIV (self)->awaits_drain = TRUE;
}

gboolean
adit_link_attach (AditLink *self, AditWorker *worker)
{
  AditLinkPrivate *priv = PRIV (self);

  g_return_val_if_fail (priv->worker == NULL && !priv->closed, FALSE);
  g_return_val_if_fail (adit_worker_is_mine (worker), FALSE);
  priv->worker = worker;
  if (!ADIT_LINK_GET_CLASS (self)->attach (self))
    {
      priv->worker = NULL;
      return FALSE;
    }
  if (priv->failure) /* of another loop, where it could not be told any more */
    adit_link_want_flush (self);
  return TRUE;
}

void
adit_link_detach (AditLink *self)
{
  AditLinkPrivate *priv = PRIV (self);

  g_return_if_fail (priv->worker != NULL);
  ADIT_LINK_GET_CLASS (self)->detach (self);
  adit_worker_undefer (priv->worker, &priv->defer);
  priv->worker = NULL;
}

AditWorker *
adit_link_get_worker (AditLink *self)
{
  return PRIV (self)->worker;
}

const char *
adit_link_get_tls (AditLink *self)
{
  AditLinkClass *klass = ADIT_LINK_GET_CLASS (self);

  return klass->get_tls ? klass->get_tls (self) : NULL;
}

void
adit_link_opened (AditLink *self)
{
  AditLinkPrivate *priv = PRIV (self);

  if (priv->listener && priv->listener->on_open)
    priv->listener->on_open (priv->owner);
}

void
adit_link_readable (AditLink *self)
{
  AditLinkPrivate *priv = PRIV (self);

  if (priv->listener && !priv->failure)
    priv->listener->on_readable (priv->owner);
}

void
adit_link_drained (AditLink *self)
{
  AditLinkPrivate *priv = PRIV (self);

  if (!priv->awaits_drain || priv->failure)
    return;
  priv->awaits_drain = FALSE;
  if (priv->listener && priv->listener->on_drained)
    priv->listener->on_drained (priv->owner);
}

void
adit_link_fail (AditLink *self, GError *error)
{
  AditLinkPrivate *priv = PRIV (self);

  if (priv->failure || priv->closed)
    {
      g_error_free (error);
      return;
    }
  priv->failure = error;
  if (priv->worker)
    adit_worker_defer (priv->worker, &priv->defer);
}

void
adit_link_want_flush (AditLink *self)
{
  AditLinkPrivate *priv = PRIV (self);

  if (priv->worker)
    adit_worker_defer (priv->worker, &priv->defer);
}
