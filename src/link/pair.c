/* SPDX-License-Identifier: MIT */
/* pair: see pair.h. */
#include "link/pair.h"

#include "base/error.h"

#include <stddef.h>
#include <string.h>

struct _AditPair
{
  AditLink parent;

  AditPair *other;    /* NULL once either end is gone */
  AditBuf out;        /* sent here, not yet on its way */
  AditBuf in;         /* on its way to here */
  AditDefer wake;     /* something became readable or the queue shorter */
  gsize read_size, capacity;
  gboolean stalled, reading, finishing, ended, eof, drained;
};

G_DEFINE_FINAL_TYPE (AditPair, adit_pair, ADIT_TYPE_LINK)

static void
wake (AditPair *self)
{
  AditWorker *worker = adit_link_get_worker (ADIT_LINK (self));

  if (worker)
    adit_worker_defer (worker, &self->wake);
}

static void
on_wake (AditDefer *defer)
{
  AditPair *self = g_object_ref ((AditPair *) ((char *) defer - offsetof (AditPair, wake)));
  AditLink *link = ADIT_LINK (self);

  if (self->drained)
    {
      self->drained = FALSE;
      adit_link_drained (link);
    }
  if (!adit_link_is_closed (link) && self->reading && (self->in.len > 0 || (self->ended && !self->eof)))
    {
      adit_link_readable (link);
      if (!adit_link_is_closed (link) && self->reading && (self->in.len > 0 || (self->ended && !self->eof)))
        wake (self);
    }
  g_object_unref (self);
}

/* Nothing is readable behind a failure. */
static void
fail (AditPair *self)
{
  adit_buf_clear (&self->in);
  self->ended = FALSE;
  adit_link_fail (ADIT_LINK (self), g_error_new_literal (ADIT_ERROR, ADIT_ERROR_CLOSED, "reset"));
}

static gssize
adit_pair_read (AditLink *link, guint8 *data, gsize len)
{
  AditPair *self = ADIT_PAIR (link);
  AditSpan front = adit_buf_front (&self->in);

  if (front.len == 0)
    {
      if (!self->ended)
        return ADIT_LINK_AGAIN;
      self->eof = TRUE;
      return ADIT_LINK_EOF;
    }
  len = MIN (len, front.len);
  if (self->read_size)
    len = MIN (len, self->read_size);
  memcpy (data, front.data, len);
  adit_buf_consume (&self->in, len);
  if (self->other && self->other->out.len > 0)
    adit_link_want_flush (ADIT_LINK (self->other));
  return (gssize) len;
}

static void
adit_pair_send (AditLink *link, const struct iovec *iov, guint n, gsize len)
{
  for (guint i = 0; i < n; i++)
    adit_buf_append (&ADIT_PAIR (link)->out, iov[i].iov_base, iov[i].iov_len);
  adit_link_want_flush (link);
}

static void
adit_pair_flush (AditLink *link)
{
  AditPair *self = ADIT_PAIR (link);
  AditPair *other = self->other;

  if (self->stalled)
    return;
  while (self->out.len > 0)
    {
      AditSpan front = adit_buf_front (&self->out);
      gsize len = front.len;

      if (other && self->capacity)
        len = other->in.len < self->capacity ? MIN (len, self->capacity - other->in.len) : 0;
      if (len == 0)
        break;
      if (other)
        adit_buf_append (&other->in, front.data, len);
      adit_buf_consume (&self->out, len);
      self->drained = TRUE;
    }
  if (self->finishing && self->out.len == 0 && other)
    other->ended = TRUE;
  if (self->drained)
    wake (self);
  if (other)
    wake (other);
}

static void
adit_pair_finish (AditLink *link)
{
  ADIT_PAIR (link)->finishing = TRUE;
  adit_link_want_flush (link);
}

static void
adit_pair_close (AditLink *link, gboolean reset)
{
  AditPair *self = ADIT_PAIR (link);
  AditPair *other = self->other;

  if (other)
    {
      if (!reset && !self->stalled)
        adit_buf_move (&other->in, &self->out);
      other->ended = TRUE;
      other->other = NULL;
      self->other = NULL;
      if (reset)
        fail (other);
      wake (other);
    }
  adit_buf_clear (&self->out);
  adit_buf_clear (&self->in);
}

static void
adit_pair_set_reading (AditLink *link, gboolean reading)
{
  ADIT_PAIR (link)->reading = reading;
  wake (ADIT_PAIR (link));
}

static gsize
adit_pair_get_queued (AditLink *link)
{
  return ADIT_PAIR (link)->out.len;
}

static gboolean
adit_pair_attach (AditLink *link)
{
  wake (ADIT_PAIR (link));
  adit_link_want_flush (link);
  return TRUE;
}

static void
adit_pair_detach (AditLink *link)
{
  adit_worker_undefer (adit_link_get_worker (link), &ADIT_PAIR (link)->wake);
}

static void
adit_pair_class_init (AditPairClass *klass)
{
  AditLinkClass *link = ADIT_LINK_CLASS (klass);

  link->read = adit_pair_read;
  link->send = adit_pair_send;
  link->flush = adit_pair_flush;
  link->finish = adit_pair_finish;
  link->close = adit_pair_close;
  link->set_reading = adit_pair_set_reading;
  link->get_queued = adit_pair_get_queued;
  link->attach = adit_pair_attach;
  link->detach = adit_pair_detach;
}

static void
adit_pair_init (AditPair *self)
{
  self->reading = TRUE;
  self->wake.func = on_wake;
}

void
adit_pair_new (AditLink **left, AditLink **right)
{
  AditPair *a = g_object_new (ADIT_TYPE_PAIR, NULL);
  AditPair *b = g_object_new (ADIT_TYPE_PAIR, NULL);

  a->other = b;
  b->other = a;
  *left = ADIT_LINK (a);
  *right = ADIT_LINK (b);
}

void
adit_pair_set_read_size (AditPair *self, gsize most)
{
  self->read_size = most;
}

void
adit_pair_set_stalled (AditPair *self, gboolean stalled)
{
  self->stalled = stalled;
  if (!stalled)
    adit_link_want_flush (ADIT_LINK (self));
}

void
adit_pair_set_capacity (AditPair *self, gsize most)
{
  self->capacity = most;
}

void
adit_pair_cut (AditPair *self)
{
  if (self->other)
    fail (self->other);
  fail (self);
}
