/* SPDX-License-Identifier: MIT */
/* stream: see stream.h. */
#include "mux/session-private.h"

#include "wire/limits.h"

#include <string.h>

#define CREDIT_MAX 0x7fffffffu
/* Without credit on the peer's side only the transport says when to stop. */
#define UNLIMITED G_MAXUINT64

/* The table. Ids that follow each other must not lie beside each other: removing one of a long run looks
 * at all behind it. */

static guint
home_of (AditSession *session, guint64 id)
{
  return (guint) (id * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15) >> __builtin_clzll (session->mask));
}

static guint
slot_of (AditSession *session, guint64 id)
{
  guint i = home_of (session, id);

  while (session->table[i] && session->table[i]->id != id)
    i = (i + 1) & session->mask;
  return i;
}

AditStream *
adit_session_find (AditSession *session, guint64 id)
{
  return session->table ? session->table[slot_of (session, id)] : NULL;
}

static void
resize (AditSession *session, guint size)
{
  AditStream **old = session->table;
  guint old_size = old ? session->mask + 1 : 0;

  session->table = g_new0 (AditStream *, size);
  session->mask = size - 1;
  for (guint i = 0; i < old_size; i++)
    if (old[i])
      session->table[slot_of (session, old[i]->id)] = old[i];
  g_free (old);
}

static void
insert (AditSession *session, AditStream *stream)
{
  if (session->table == NULL)
    resize (session, 16);
  else if (session->n_streams >= (session->mask + 1) / 2)
    resize (session, (session->mask + 1) * 2);
  session->table[slot_of (session, stream->id)] = stream;
  session->n_streams++;
}

/* Linear probing without tombstones: what follows the gap moves up. */
static void
delete (AditSession *session, AditStream *stream)
{
  guint gap = slot_of (session, stream->id);
  guint i = gap;

  session->n_streams--;
  for (;;)
    {
      guint home;

      session->table[gap] = NULL;
      do
        {
          i = (i + 1) & session->mask;
          if (session->table[i] == NULL)
            return;
          home = home_of (session, session->table[i]->id);
        }
      while (((i - home) & session->mask) < ((i - gap) & session->mask));
      session->table[gap] = session->table[i];
      gap = i;
    }
}

static void
stop_waiting (AditStream *stream)
{
  if (!stream->waiting)
    return;
  stream->waiting = FALSE;
  stream->prev->next = stream->next;
  stream->next->prev = stream->prev;
  stream->session->n_waiting--;
}

static void
wait_for_room (AditStream *stream)
{
  AditSession *session = stream->session;

  if (stream->waiting)
    return;
  stream->waiting = TRUE;
  stream->next = &session->waiting;
  stream->prev = session->waiting.prev;
  stream->prev->next = stream;
  session->waiting.prev = stream;
  session->n_waiting++;
}

AditStream *
adit_stream_new (AditSession *session, guint64 id)
{
  AditStream *stream = g_slice_new0 (AditStream);

  stream->session = session;
  stream->id = id;
  stream->credit = session->features & ADIT_FEATURE_CREDIT ? session->peer_window : UNLIMITED;
  adit_window_init (&stream->window, ADIT_LIMIT_WINDOW);
  insert (session, stream);
  return stream;
}

/* Leaves the session; the owner still has to free it. */
static void
unlink_stream (AditStream *stream)
{
  AditSession *session = stream->session;

  stop_waiting (stream);
  delete (session, stream);
  adit_window_clear (&stream->window, &session->budget);
  stream->session = NULL;
}

void
adit_stream_abort (AditStream *stream, AditReason reason, const char *text)
{
  unlink_stream (stream);
  if (stream->listener)
    stream->listener->on_closed (stream->owner, reason, text);
  else
    adit_stream_free (stream, reason, NULL);
}

void
adit_session_abort_streams (AditSession *session, AditReason reason, const char *text)
{
  /* What a removal moves up moves into the place that is looked at again. */
  for (guint i = 0; session->n_streams > 0;)
    if (session->table[i & session->mask])
      adit_stream_abort (session->table[i & session->mask], reason, text);
    else
      i++;
}

void
adit_stream_send_close (AditSession *session, guint64 id, AditReason reason, const char *text)
{
  g_autofree char *body = NULL;

  if (session->features & ADIT_FEATURE_REASON)
    body = g_strdup_printf ("%s: %s", adit_reason_word (reason), text ? text : "");
  else if (text)
    body = g_strdup (text);
  adit_transport_send (session->transport, ADIT_FRAME_CLOSE, id, adit_span (body, body ? strlen (body) : 0));
}

void
adit_session_pump (AditSession *session)
{
  guint n = session->n_waiting;

  while (n-- > 0 && session->n_waiting > 0 && adit_transport_get_room (session->transport) > 0)
    {
      AditStream *stream = session->waiting.next;

      stop_waiting (stream);
      if (stream->credit == 0)
        wait_for_room (stream); /* Credit moves it on, not room. */
      else if (stream->listener)
        stream->listener->on_room (stream->owner);
    }
}

void
adit_stream_got_credit (AditStream *stream, guint32 credit)
{
  if (credit == 0 || stream->credit > CREDIT_MAX - MIN (credit, CREDIT_MAX))
    {
      adit_stream_send_close (stream->session, stream->id, ADIT_REASON_PROTOCOL, "credit out of range");
      adit_stream_abort (stream, ADIT_REASON_PROTOCOL, "credit out of range");
      return;
    }
  stream->credit += credit;
  if (stream->waiting)
    adit_worker_defer (stream->session->worker, &stream->session->pump);
}

void
adit_stream_got_body (AditStream *stream, AditSpan piece)
{
  AditSession *session = stream->session;
  gboolean fits = adit_window_receive (&stream->window, piece.len);

  if (!(session->features & ADIT_FEATURE_CREDIT))
    fits = TRUE;
  if (!fits || stream->got_end)
    {
      const char *text = fits ? "a body behind its end" : "more bytes than the credit allows";

      adit_stream_send_close (session, stream->id, ADIT_REASON_PROTOCOL, text);
      adit_stream_abort (stream, ADIT_REASON_PROTOCOL, text);
      return;
    }
  if (!(session->features & ADIT_FEATURE_CREDIT) && adit_window_get_held (&stream->window) > ADIT_LIMIT_V1_QUEUE)
    adit_session_overfull (session);
  if (stream->listener)
    stream->listener->on_body (stream->owner, piece);
}

void
adit_stream_got_end (AditStream *stream, AditSpan trailers)
{
  if (stream->got_end)
    return;
  stream->got_end = TRUE;
  if (!(stream->session->features & ADIT_FEATURE_TRAILERS))
    trailers.len = 0;
  if (stream->listener)
    stream->listener->on_end (stream->owner, trailers);
}

void
adit_stream_set_listener (AditStream *stream, const AditStreamListener *listener, gpointer owner)
{
  stream->listener = listener;
  stream->owner = owner;
}

guint64
adit_stream_get_id (const AditStream *stream)
{
  return stream->id;
}

void
adit_stream_send_head (AditStream *stream, AditSpan head)
{
  if (stream->session)
    adit_transport_send (stream->session->transport, ADIT_FRAME_RESPONSE_START, stream->id, head);
}

/* Alone a stream may fill large frames; when several compete, small ones keep the turns short. */
static gsize
frame_size (AditSession *session)
{
  if (!(session->features & ADIT_FEATURE_CREDIT))
    return ADIT_LIMIT_FRAME_SEND_V1;
  return session->n_waiting > 0 ? ADIT_LIMIT_FRAME_SEND_V1 : ADIT_LIMIT_FRAME_SEND;
}

gsize
adit_stream_get_room (AditStream *stream)
{
  AditSession *session = stream->session;

  if (session == NULL || stream->sent_end)
    return 0;
  if (stream->credit > 0 && adit_transport_get_room (session->transport) > 0)
    return (gsize) MIN (stream->credit, frame_size (session));
  wait_for_room (stream);
  return 0;
}

void
adit_stream_send_body (AditStream *stream, guint8 *body, gsize len)
{
  AditSession *session = stream->session;

  if (session == NULL || len == 0)
    return;
  g_return_if_fail (!stream->sent_end && len <= stream->credit);
  if (stream->credit != UNLIMITED)
    stream->credit -= len;
  adit_transport_send_in_place (session->transport,
                                session->is_server ? ADIT_FRAME_REQUEST_BODY : ADIT_FRAME_RESPONSE_BODY, stream->id, body, len);
}

void
adit_stream_send_end (AditStream *stream, AditSpan trailers)
{
  AditSession *session = stream->session;

  if (session == NULL || stream->sent_end)
    return;
  stream->sent_end = TRUE;
  stop_waiting (stream);
  if (!(session->features & ADIT_FEATURE_TRAILERS))
    trailers.len = 0;
  adit_transport_send (session->transport, session->is_server ? ADIT_FRAME_REQUEST_END : ADIT_FRAME_RESPONSE_END, stream->id,
                       trailers);
}

void
adit_stream_consume (AditStream *stream, gsize len)
{
  AditSession *session = stream->session;
  guint32 credit;
  guint8 body[4];

  if (session == NULL || len == 0)
    return;
  if (!(session->features & ADIT_FEATURE_CREDIT))
    {
      stream->window.consumed += len;
      if (session->stalled)
        adit_session_overfull (session);
      return;
    }
  credit = adit_window_consume (&stream->window, len, adit_worker_now_us (session->worker), session->rtt_us, &session->budget);
  if (credit == 0 || stream->got_end)
    return;
  credit = GUINT32_TO_BE (credit);
  memcpy (body, &credit, sizeof body);
  adit_transport_send (session->transport, ADIT_FRAME_CREDIT, stream->id, adit_span (body, sizeof body));
}

void
adit_stream_free (AditStream *stream, AditReason reason, const char *text)
{
  AditSession *session = stream ? stream->session : NULL;

  if (stream == NULL)
    return;
  if (session)
    {
      if (!stream->sent_end || !stream->got_end)
        adit_stream_send_close (session, stream->id, reason, text);
      unlink_stream (stream);
      if (session->stalled) /* perhaps by this one */
        adit_session_overfull (session);
    }
  g_slice_free (AditStream, stream);
}
