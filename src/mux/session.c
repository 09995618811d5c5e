/* SPDX-License-Identifier: MIT */
/* session: see session.h. */
#include "mux/session-private.h"

#include "base/error.h"
#include "base/log.h"
#include "base/secret.h"
#include "wire/limits.h"

#include <stddef.h>
#include <string.h>

G_DEFINE_FINAL_TYPE (AditSession, adit_session, G_TYPE_OBJECT)

/* Silence in milliseconds after which we ask, and after which the peer is dead (wire-v1 item 28). */
static guint
ping_ms (AditSession *self)
{
  if (self->features & ADIT_FEATURE_KEEPALIVE)
    return 3000;
  return self->is_server ? 30000 : 15000;
}

static guint
dead_ms (AditSession *self)
{
  if (self->probe_ms)
    return self->probe_ms;
  return self->features & ADIT_FEATURE_KEEPALIVE ? 9000 : 45000;
}

void
adit_session_set_state (AditSession *self, AditSessionState state)
{
  static const guint8 next[] = {
    [ADIT_SESSION_OPENING] = 1 << ADIT_SESSION_HELLO | 1 << ADIT_SESSION_CLOSED,
    [ADIT_SESSION_HELLO] = 1 << ADIT_SESSION_LIVE | 1 << ADIT_SESSION_CLOSED,
    [ADIT_SESSION_LIVE] = 1 << ADIT_SESSION_CLOSED,
  };

  g_return_if_fail (self->state != ADIT_SESSION_CLOSED && (next[self->state] & 1 << state));
  adit_debug ("session %p: state %d to %d", (void *) self, self->state, state);
  self->state = state;
}

/* Leaves the loop and drops the streams; what was sent still leaves unless @at_once. */
static void
shut (AditSession *self, gboolean at_once, const char *text)
{
  adit_session_set_state (self, ADIT_SESSION_CLOSED);
  adit_timer_stop (&self->keepalive);
  adit_timer_stop (&self->stall);
  adit_worker_undefer (self->worker, &self->pump);
  adit_session_abort_streams (self, ADIT_REASON_TUNNEL_OFFLINE, text);
  if (at_once)
    adit_transport_close (self->transport);
  else
    adit_transport_finish (self->transport);
}

/* A client that did not get as far as a Hello still reads a Reject. */
static void
tell_fault (AditSession *self, const char *text)
{
  g_autofree char *reject = NULL;

  if (self->is_server && self->state != ADIT_SESSION_LIVE)
    {
      reject = adit_reject_write (text, NULL);
      adit_transport_send (self->transport, ADIT_FRAME_REJECT, 0, adit_span (reject, strlen (reject)));
    }
  else
    adit_transport_send (self->transport, ADIT_FRAME_CLOSE, 0, adit_span (text, strlen (text)));
}

void
adit_session_fail (AditSession *self, GError *error)
{
  const AditSessionListener *listener = self->listener;
  gboolean is_fault = g_error_matches (error, ADIT_ERROR, ADIT_ERROR_PROTOCOL);

  if (self->state == ADIT_SESSION_CLOSED)
    {
      g_error_free (error);
      return;
    }
  g_object_ref (self);
  if (is_fault)
    tell_fault (self, error->message);
  shut (self, !is_fault, error->message);
  listener->on_closed (self->owner, error);
  g_error_free (error);
  g_object_unref (self);
}

static void
send_ping (AditSession *self)
{
  gint64 now = adit_worker_now_us (self->worker);

  self->pinged_us = now;
  adit_transport_send (self->transport, ADIT_FRAME_PING, 0, adit_span (&now, sizeof now));
}

/* Fires when the peer may have been silent for long enough to ask or to give up. */
static void
on_keepalive (AditTimer *timer)
{
  AditSession *self = (AditSession *) ((char *) timer - offsetof (AditSession, keepalive));
  gint64 silent_ms = (adit_worker_now_us (self->worker) - adit_transport_get_seen_us (self->transport)) / 1000;
  guint ask = self->probe_ms ? 0 : ping_ms (self);

  if (self->stalled)
    silent_ms = 0; /* we do not read, so we cannot judge */
  if (silent_ms >= dead_ms (self))
    {
      adit_session_fail (self, g_error_new (ADIT_ERROR, ADIT_ERROR_TIMEOUT, "the peer has been silent for %" G_GINT64_FORMAT " s",
                                            silent_ms / 1000));
      return;
    }
  if (silent_ms < ask)
    {
      adit_worker_set_timer (self->worker, timer, (guint) (ask - silent_ms));
      return;
    }
  send_ping (self);
  adit_worker_set_timer (self->worker, timer, (guint) MIN (dead_ms (self) - silent_ms, MAX (ask, 100)));
}

void
adit_session_start (AditSession *self, AditFeatures theirs, guint32 window)
{
  adit_session_set_state (self, ADIT_SESSION_LIVE);
  self->features = theirs & self->offers & ADIT_FEATURES_ALL;
  if (!(self->features & ADIT_FEATURE_TUNNELS)) /* their flags live in Request frames */
    self->features &= ~(AditFeatures) (ADIT_FEATURE_LENGTH | ADIT_FEATURE_UPGRADE);
  self->peer_window = window ? window : ADIT_LIMIT_WINDOW;
  adit_worker_set_timer (self->worker, &self->keepalive, ping_ms (self));
  if (self->features & ADIT_FEATURE_CREDIT)
    send_ping (self); /* its answer measures the round trip, by which windows grow */
}

/* A stream of a peer without credit holds more than its share: the session is not read for a moment;
 * whoever is still as full then is closed, so that one slow visitor never freezes the others (wire-v1 item
 * 46). */
static AditStream *
find_overfull (AditSession *self, guint64 limit)
{
  for (guint i = 0; self->table && i <= self->mask; i++)
    if (self->table[i] && adit_window_get_held (&self->table[i]->window) > limit)
      return self->table[i];
  return NULL;
}

static void
set_stalled (AditSession *self, gboolean stalled)
{
  if (self->stalled == stalled)
    return;
  self->stalled = stalled;
  if (stalled)
    {
      adit_transport_hold (self->transport);
      adit_worker_set_timer (self->worker, &self->stall, ADIT_LIMIT_STALL_MS);
    }
  else
    {
      adit_timer_stop (&self->stall);
      adit_transport_release (self->transport);
    }
}

void
adit_session_overfull (AditSession *self)
{
  if (!self->stalled)
    set_stalled (self, TRUE);
  else if (find_overfull (self, ADIT_LIMIT_V1_QUEUE / 2) == NULL)
    set_stalled (self, FALSE);
}

static void
on_stall (AditTimer *timer)
{
  AditSession *self = (AditSession *) ((char *) timer - offsetof (AditSession, stall));
  AditStream *stream;

  g_object_ref (self);
  while (self->state == ADIT_SESSION_LIVE && (stream = find_overfull (self, ADIT_LIMIT_V1_QUEUE / 2)))
    {
      adit_stream_send_close (self, stream->id, ADIT_REASON_TOO_SLOW, "the reader is too slow for a peer without credit");
      adit_stream_abort (stream, ADIT_REASON_TOO_SLOW, "too slow");
    }
  if (self->state == ADIT_SESSION_LIVE)
    set_stalled (self, FALSE);
  g_object_unref (self);
}

static void
on_pump (AditDefer *defer)
{
  AditSession *self = (AditSession *) ((char *) defer - offsetof (AditSession, pump));

  g_object_ref (self);
  adit_session_pump (self);
  g_object_unref (self);
}

static void
on_open (gpointer owner)
{
  AditSession *self = owner;

  if (self->listener->on_open)
    self->listener->on_open (self->owner);
}

static void
on_frame (gpointer owner, const AditFrame *frame, AditSpan body)
{
  if (ADIT_SESSION (owner)->state != ADIT_SESSION_CLOSED)
    adit_session_dispatch (owner, frame, body);
}

static void
on_piece (gpointer owner, const AditFrame *frame, AditSpan piece, guint32 left)
{
  if (ADIT_SESSION (owner)->state != ADIT_SESSION_CLOSED)
    adit_session_dispatch_piece (owner, frame, piece, left);
}

static void
on_room (gpointer owner)
{
  g_object_ref (owner);
  adit_session_pump (owner);
  g_object_unref (owner);
}

static void
on_closed (gpointer owner, const GError *error)
{
  adit_session_fail (owner, g_error_copy (error));
}

static const AditTransportListener transport_listener = {
  .on_open = on_open,
  .on_frame = on_frame,
  .on_piece = on_piece,
  .on_room = on_room,
  .on_closed = on_closed,
};

static void
adit_session_finalize (GObject *object)
{
  AditSession *self = ADIT_SESSION (object);

  g_object_unref (self->transport);
  g_free (self->table);
  G_OBJECT_CLASS (adit_session_parent_class)->finalize (object);
}

static void
adit_session_dispose (GObject *object)
{
  adit_session_close (ADIT_SESSION (object));
  G_OBJECT_CLASS (adit_session_parent_class)->dispose (object);
}

static void
adit_session_class_init (AditSessionClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = adit_session_dispose;
  G_OBJECT_CLASS (klass)->finalize = adit_session_finalize;
}

static void
adit_session_init (AditSession *self)
{
  self->waiting.next = self->waiting.prev = &self->waiting;
  self->pump.func = on_pump;
  self->budget = ADIT_LIMIT_WINDOW_BUDGET;
  adit_timer_init (&self->keepalive, on_keepalive);
  adit_timer_init (&self->stall, on_stall);
}

AditSession *
adit_session_new (AditLink *link, gboolean is_server, const AditSessionListener *listener, gpointer owner)
{
  AditSession *self = g_object_new (ADIT_TYPE_SESSION, NULL);

  self->is_server = is_server;
  self->worker = adit_link_get_worker (link);
  self->listener = listener;
  self->owner = owner;
  self->transport = adit_transport_new (link, &transport_listener, self);
  return self;
}

AditSessionState
adit_session_get_state (AditSession *self)
{
  return self->state;
}

AditFeatures
adit_session_get_features (AditSession *self)
{
  return self->features;
}

AditLink *
adit_session_get_link (AditSession *self)
{
  return adit_transport_get_link (self->transport);
}

guint
adit_session_get_n_streams (AditSession *self)
{
  return self->n_streams;
}

gint64
adit_session_get_rtt_us (AditSession *self)
{
  return self->rtt_us;
}

void
adit_session_say_hello (AditSession *self, const AditHello *hello)
{
  g_autofree char *json = adit_hello_write (hello);

  self->offers = hello->features;
  adit_session_set_state (self, ADIT_SESSION_HELLO);
  adit_transport_send (self->transport, ADIT_FRAME_HELLO, 0, adit_span (json, strlen (json)));
  explicit_bzero (json, strlen (json));
}

void
adit_session_welcome (AditSession *self, const AditHello *hello, const AditWelcome *welcome)
{
  g_autofree char *json = adit_welcome_write (welcome);

  if (self->state != ADIT_SESSION_HELLO)
    return;
  adit_transport_send (self->transport, ADIT_FRAME_WELCOME, 0, adit_span (json, strlen (json)));
  self->offers = welcome->features;
  adit_session_start (self, hello->features, hello->window);
}

void
adit_session_reject (AditSession *self, AditRejectCode code, const char *reason)
{
  g_autofree char *json = adit_reject_write (reason, code == ADIT_REJECT_NONE ? NULL : adit_reject_word (code));

  if (self->state == ADIT_SESSION_CLOSED)
    return;
  adit_transport_send (self->transport, ADIT_FRAME_REJECT, 0, adit_span (json, strlen (json)));
  shut (self, FALSE, reason);
}

/* The prefix of a Request frame (tunnel, flags) goes in front of the head, the frame's header in front of
 * that. */
AditStream *
adit_session_open (AditSession *self, guint tunnel, guint flags, guint8 *head, gsize len, const AditStreamListener *listener,
                   gpointer owner)
{
  AditStream *stream;
  guint8 type = ADIT_FRAME_NEW_REQUEST;

  if (self->state != ADIT_SESSION_LIVE || self->n_streams >= ADIT_LIMIT_STREAMS)
    return NULL;
  stream = adit_stream_new (self, ++self->last_id);
  adit_stream_set_listener (stream, listener, owner);
  if (self->features & ADIT_FEATURE_TUNNELS)
    {
      type = ADIT_FRAME_REQUEST;
      head -= 4;
      len += 4;
      head[0] = (guint8) (tunnel >> 8);
      head[1] = (guint8) tunnel;
      head[2] = (guint8) flags;
      head[3] = 0;
    }
  adit_transport_send_in_place (self->transport, type, stream->id, head, len);
  return stream;
}

void
adit_session_probe (AditSession *self, guint ms)
{
  if (self->state != ADIT_SESSION_LIVE || self->probe_ms)
    return;
  self->probe_ms = ms;
  send_ping (self);
  adit_timer_stop (&self->keepalive);
  adit_worker_set_timer (self->worker, &self->keepalive, ms);
}

/* Frames stay in order, so the answer to a ping behind it tells that the peer read it. */
gboolean
adit_session_go_away (AditSession *self, const char *code, const char *reason)
{
  g_autofree char *json = NULL;

  if (self->state != ADIT_SESSION_LIVE || !(self->features & ADIT_FEATURE_GOAWAY))
    return FALSE;
  json = adit_reject_write (reason, code);
  adit_transport_send (self->transport, ADIT_FRAME_GOAWAY, 0, adit_span (json, strlen (json)));
  send_ping (self);
  self->settle_us = self->pinged_us;
  return TRUE;
}

void
adit_session_close (AditSession *self)
{
  if (self->state == ADIT_SESSION_CLOSED)
    return;
  if (self->state == ADIT_SESSION_LIVE)
    adit_transport_send (self->transport, ADIT_FRAME_CLOSE, 0, adit_span (NULL, 0));
  shut (self, FALSE, "the session was closed");
}
