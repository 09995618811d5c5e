/* SPDX-License-Identifier: MIT */
/* transport: see transport.h. */
#include "mux/transport.h"

#include "base/error.h"
#include "wire/limits.h"

#include <stddef.h>
#include <string.h>

/* Data is taken while less than this waits for the socket. */
#define HIGH_WATER (256u * 1024)
/* Reads in one turn before others get theirs. */
#define READS 4

struct _AditTransport
{
  GObject parent;

  AditLink *link;
  const AditTransportListener *listener; /* NULL once finished or closed */
  gpointer owner;

  guint8 header[ADIT_FRAME_HEADER];
  guint header_len;
  AditFrame frame;         /* the current one, once header_len is complete */
  AditFrameTaking taking;
  guint32 left;            /* of its body */
  AditBuf partial;         /* of a whole body that comes in several reads */

  guint holds;
  gboolean is_full;        /* room was refused */
  gboolean lingers;
  gint64 seen_us;
  AditTimer linger;
  AditDefer end;           /* of the worker, while it lingers */
};

G_DEFINE_FINAL_TYPE (AditTransport, adit_transport, G_TYPE_OBJECT)

static void
fault (AditTransport *self, const GError *error)
{
  const AditTransportListener *listener = self->listener;

  self->listener = NULL;
  if (listener)
    listener->on_closed (self->owner, error);
}

static void
fault_frame (AditTransport *self)
{
  g_autoptr (GError) error = NULL;

  g_set_error (&error, ADIT_ERROR, ADIT_ERROR_PROTOCOL, "%s frame with id %" G_GUINT64_FORMAT " and length %u is not allowed",
               adit_frame_name (self->frame.type), self->frame.id, self->frame.len);
  fault (self, error);
}

/* The body of a frame that is handled whole: straight from the input if it is all there. */
static gsize
take_whole (AditTransport *self, const guint8 *data, gsize len)
{
  gsize n = MIN (len, self->left);
  AditSpan body = adit_span (data, n);

  if (self->partial.len > 0 || n < self->left)
    {
      adit_buf_append (&self->partial, data, n);
      if (n == self->left)
        body = adit_buf_flatten (&self->partial);
    }
  self->left -= (guint32) n;
  if (self->left == 0)
    {
      self->header_len = 0;
      self->listener->on_frame (self->owner, &self->frame, body);
      adit_buf_clear (&self->partial);
    }
  return n;
}

static gsize
take_piece (AditTransport *self, const guint8 *data, gsize len)
{
  gsize n = MIN (len, self->left);

  self->left -= (guint32) n;
  if (self->left == 0)
    self->header_len = 0;
  if (self->taking == ADIT_FRAME_PARTIAL)
    self->listener->on_piece (self->owner, &self->frame, adit_span (data, n), self->left);
  return n;
}

static gsize
take_header (AditTransport *self, const guint8 *data, gsize len)
{
  gsize n = MIN (len, ADIT_FRAME_HEADER - self->header_len);
  guint32 limit = 0;

  memcpy (self->header + self->header_len, data, n);
  self->header_len += (guint) n;
  if (self->header_len < ADIT_FRAME_HEADER)
    return n;
  adit_frame_unpack (&self->frame, self->header);
  self->left = self->frame.len;
  self->taking = adit_frame_judge (&self->frame, &limit);
  if (self->taking == ADIT_FRAME_WHOLE && self->left > limit)
    self->taking = ADIT_FRAME_FAULT;
  if (self->taking == ADIT_FRAME_FAULT)
    fault_frame (self);
  else if (self->left == 0)
    {
      if (self->taking == ADIT_FRAME_WHOLE)
        take_whole (self, data, 0);
      else
        take_piece (self, data, 0);
    }
  return n;
}

static void
feed (AditTransport *self, const guint8 *data, gsize len)
{
  while (len > 0 && self->listener)
    {
      gsize n;

      if (self->header_len < ADIT_FRAME_HEADER)
        n = take_header (self, data, len);
      else if (self->taking == ADIT_FRAME_WHOLE)
        n = take_whole (self, data, len);
      else
        n = take_piece (self, data, len);
      data += n;
      len -= n;
    }
}

static void
tell_end (AditTransport *self)
{
  g_autoptr (GError) error = NULL;

  g_set_error_literal (&error, ADIT_ERROR, ADIT_ERROR_CLOSED,
                       self->header_len > 0 ? "the connection ended inside a frame" : "the connection ended");
  fault (self, error);
}

static void
read_some (AditTransport *self)
{
  AditWorker *worker = adit_link_get_worker (self->link);
  guint8 *data = adit_worker_scratch (worker, ADIT_SCRATCH_READ);

  for (guint i = 0; i < READS && self->listener && self->holds == 0; i++)
    {
      gssize n = adit_link_read (self->link, data, ADIT_SCRATCH_SIZE);

      if (n == ADIT_LINK_EOF)
        tell_end (self);
      if (n <= 0)
        return;
      self->seen_us = adit_worker_now_us (worker);
      feed (self, data, (gsize) n);
      if (n < (gssize) ADIT_SCRATCH_SIZE / 2)
        return;
    }
}

/* After finish: what the peer still sends is dropped until it ends. */
static void
read_off (AditTransport *self)
{
  guint8 *data = adit_worker_scratch (adit_link_get_worker (self->link), ADIT_SCRATCH_READ);
  gssize n = adit_link_read (self->link, data, ADIT_SCRATCH_SIZE);

  if (n == ADIT_LINK_EOF || n == ADIT_LINK_FAIL)
    adit_transport_close (self);
}

static void
on_readable (gpointer owner)
{
  AditTransport *self = g_object_ref (ADIT_TRANSPORT (owner));

  if (self->listener)
    read_some (self);
  else if (self->lingers)
    read_off (self);
  g_object_unref (self);
}

static void
on_drained (gpointer owner)
{
  AditTransport *self = owner;

  if (!self->is_full || self->listener == NULL)
    return;
  if (adit_transport_get_room (self) > 0)
    {
      self->is_full = FALSE;
      self->listener->on_room (self->owner);
    }
}

static void
on_failed (gpointer owner, const GError *error)
{
  AditTransport *self = g_object_ref (ADIT_TRANSPORT (owner));

  if (self->listener)
    fault (self, error);
  else
    adit_transport_close (self);
  g_object_unref (self);
}

static void
on_open (gpointer owner)
{
  AditTransport *self = owner;

  if (self->listener && self->listener->on_open)
    self->listener->on_open (self->owner);
}

static const AditLinkListener link_listener = {
  .on_open = on_open,
  .on_readable = on_readable,
  .on_drained = on_drained,
  .on_failed = on_failed,
};

static void
on_linger (AditTimer *timer)
{
  adit_transport_close ((AditTransport *) ((char *) timer - offsetof (AditTransport, linger)));
}

static void
on_end (AditDefer *defer)
{
  adit_transport_close ((AditTransport *) ((char *) defer - offsetof (AditTransport, end)));
}

static void
adit_transport_finalize (GObject *object)
{
  AditTransport *self = ADIT_TRANSPORT (object);

  adit_timer_stop (&self->linger);
  adit_link_close (self->link, FALSE);
  g_object_unref (self->link);
  adit_buf_clear (&self->partial);
  G_OBJECT_CLASS (adit_transport_parent_class)->finalize (object);
}

static void
adit_transport_class_init (AditTransportClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = adit_transport_finalize;
}

static void
adit_transport_init (AditTransport *self)
{
  adit_timer_init (&self->linger, on_linger);
  self->end.func = on_end;
}

AditTransport *
adit_transport_new (AditLink *link, const AditTransportListener *listener, gpointer owner)
{
  AditTransport *self = g_object_new (ADIT_TYPE_TRANSPORT, NULL);

  self->link = link;
  self->listener = listener;
  self->owner = owner;
  self->seen_us = adit_worker_now_us (adit_link_get_worker (link));
  adit_link_set_listener (link, &link_listener, self);
  return self;
}

AditLink *
adit_transport_get_link (AditTransport *self)
{
  return self->link;
}

void
adit_transport_send (AditTransport *self, guint8 type, guint64 id, AditSpan body)
{
  guint8 header[ADIT_FRAME_HEADER];
  struct iovec iov[] = { { header, sizeof header }, { (void *) body.data, body.len } };

  adit_frame_pack (header, type, id, (guint32) body.len);
  adit_link_sendv (self->link, iov, body.len ? 2 : 1);
}

void
adit_transport_send_in_place (AditTransport *self, guint8 type, guint64 id, guint8 *body, gsize len)
{
  adit_frame_pack (body - ADIT_FRAME_HEADER, type, id, (guint32) len);
  adit_link_send (self->link, adit_span (body - ADIT_FRAME_HEADER, ADIT_FRAME_HEADER + len));
}

gsize
adit_transport_get_room (AditTransport *self)
{
  gsize queued;

  if (self->listener == NULL)
    return 0;
  queued = adit_link_get_queued (self->link);
  if (queued < HIGH_WATER)
    return HIGH_WATER - queued;
  self->is_full = TRUE;
  adit_link_await_drain (self->link);
  return 0;
}

void
adit_transport_hold (AditTransport *self)
{
  if (self->holds++ == 0)
    adit_link_set_reading (self->link, FALSE);
}

void
adit_transport_release (AditTransport *self)
{
  g_return_if_fail (self->holds > 0);
  if (--self->holds == 0)
    adit_link_set_reading (self->link, TRUE);
}

gint64
adit_transport_get_seen_us (AditTransport *self)
{
  return self->seen_us;
}

void
adit_transport_finish (AditTransport *self)
{
  AditWorker *worker = adit_link_get_worker (self->link);

  self->listener = NULL;
  if (self->lingers)
    return;
  if (worker == NULL || adit_link_has_failed (self->link))
    {
      adit_transport_close (self);
      return;
    }
  self->lingers = TRUE;
  g_object_ref (self); /* until adit_transport_close() */
  adit_worker_set_timer (worker, &self->linger, ADIT_LIMIT_LINGER_MS);
  adit_worker_defer_to_end (worker, &self->end);
  adit_link_finish (self->link);
  adit_link_set_reading (self->link, TRUE);
}

void
adit_transport_close (AditTransport *self)
{
  gboolean lingers = self->lingers;

  self->listener = NULL;
  self->lingers = FALSE;
  if (lingers && adit_link_get_worker (self->link))
    adit_worker_undefer (adit_link_get_worker (self->link), &self->end);
  adit_timer_stop (&self->linger);
  adit_link_close (self->link, FALSE);
  if (lingers)
    g_object_unref (self);
}
