/* SPDX-License-Identifier: MIT */
/* dispatch: what each type of frame does to a session: an array of handlers by type.
 *
 * Part of session. A frame that its sender's role or the session's state does not allow is a fault of the
 * peer and ends the session; frames for unknown or finished streams are dropped, for they may have crossed
 * a Close. */
#include "mux/session-private.h"

#include "base/error.h"
#include "wire/limits.h"

#include <string.h>

typedef void (*Handler) (AditSession *session, const AditFrame *frame, AditSpan body);

static void
fault (AditSession *session, const AditFrame *frame, const char *why)
{
  adit_session_fail (session, g_error_new (ADIT_ERROR, ADIT_ERROR_PROTOCOL, "%s frame: %s", adit_frame_name (frame->type), why));
}

static void
on_hello (AditSession *session, const AditFrame *frame, AditSpan body)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AditHello) hello = NULL;

  if (!session->is_server || session->state != ADIT_SESSION_OPENING)
    {
      fault (session, frame, "a second one, or from a server");
      return;
    }
  adit_session_set_state (session, ADIT_SESSION_HELLO);
  hello = adit_hello_parse (body.data, body.len, &error);
  if (hello == NULL)
    {
      const AditSessionListener *listener = session->listener;

      adit_session_reject (session, ADIT_REJECT_NONE, error->message);
      listener->on_closed (session->owner, error);
      return;
    }
  session->listener->on_hello (session->owner, g_steal_pointer (&hello));
}

static void
on_welcome (AditSession *session, const AditFrame *frame, AditSpan body)
{
  GError *error = NULL;
  g_autoptr (AditWelcome) welcome = NULL;

  if (session->is_server || session->state != ADIT_SESSION_HELLO)
    {
      fault (session, frame, "not expected");
      return;
    }
  welcome = adit_welcome_parse (body.data, body.len, &error);
  if (welcome == NULL)
    {
      adit_session_fail (session, error);
      return;
    }
  adit_session_start (session, welcome->features, welcome->window);
  session->listener->on_welcome (session->owner, welcome);
}

static void
on_reject (AditSession *session, const AditFrame *frame, AditSpan body)
{
  g_autoptr (AditReject) reject = NULL;

  if (session->is_server || session->state != ADIT_SESSION_HELLO)
    {
      fault (session, frame, "not expected");
      return;
    }
  reject = adit_reject_read (body.data, body.len);
  session->listener->on_reject (session->owner, reject);
}

static void
on_ping (AditSession *session, const AditFrame *frame, AditSpan body)
{
  adit_transport_send (session->transport, ADIT_FRAME_PONG, 0, body);
}

static void
on_pong (AditSession *session, const AditFrame *frame, AditSpan body)
{
  gint64 now = adit_worker_now_us (session->worker);
  gint64 sent;

  session->probe_ms = 0;
  if (body.len != sizeof sent)
    return;
  memcpy (&sent, body.data, sizeof sent);
  if (sent == 0) /* never asked */
    return;
  if (sent == session->pinged_us)
    {
      session->rtt_us = MAX (now - sent, 1);
      session->pinged_us = 0;
    }
  if (sent != session->settle_us)
    return;
  session->settle_us = 0;
  if (session->listener->on_settled)
    session->listener->on_settled (session->owner);
}

static void
accept_request (AditSession *session, const AditFrame *frame, guint tunnel, guint flags, AditSpan head)
{
  AditStream *stream;

  if (session->is_server || session->state != ADIT_SESSION_LIVE)
    {
      fault (session, frame, "not expected");
      return;
    }
  if (adit_session_find (session, frame->id))
    {
      adit_stream_send_close (session, frame->id, ADIT_REASON_PROTOCOL, "id in use");
      adit_stream_abort (adit_session_find (session, frame->id), ADIT_REASON_PROTOCOL, "id in use");
      return;
    }
  if (session->n_streams >= ADIT_LIMIT_STREAMS)
    {
      adit_stream_send_close (session, frame->id, ADIT_REASON_OVERLOADED, "too many streams");
      return;
    }
  stream = adit_stream_new (session, frame->id);
  session->listener->on_request (session->owner, stream, tunnel, flags, head);
}

static void
on_new_request (AditSession *session, const AditFrame *frame, AditSpan body)
{
  accept_request (session, frame, 0, 0, body);
}

static void
on_request (AditSession *session, const AditFrame *frame, AditSpan body)
{
  if (!(session->features & ADIT_FEATURE_TUNNELS) || body.len < 4)
    {
      fault (session, frame, "not announced, or too short");
      return;
    }
  accept_request (session, frame, (guint) body.data[0] << 8 | body.data[1], body.data[2], adit_span (body.data + 4, body.len - 4));
}

static void
on_response_start (AditSession *session, const AditFrame *frame, AditSpan body)
{
  AditStream *stream = adit_session_find (session, frame->id);

  if (!session->is_server || session->state != ADIT_SESSION_LIVE)
    {
      fault (session, frame, "not expected");
      return;
    }
  if (stream == NULL || stream->listener == NULL)
    return;
  stream->listener->on_head (stream->owner, body);
}

static void
on_end (AditSession *session, const AditFrame *frame, AditSpan body)
{
  AditStream *stream = adit_session_find (session, frame->id);

  if (session->is_server != (frame->type == ADIT_FRAME_RESPONSE_END))
    {
      fault (session, frame, "from the wrong side");
      return;
    }
  if (stream)
    adit_stream_got_end (stream, body);
}

static void
on_close (AditSession *session, const AditFrame *frame, AditSpan body)
{
  AditStream *stream = adit_session_find (session, frame->id);
  AditReason reason = ADIT_REASON_LOCAL_FAILED;
  g_autofree char *text = g_utf8_make_valid ((const char *) body.data, (gssize) body.len);
  char *colon = strchr (text, ':');

  if (frame->id == 0)
    {
      adit_session_fail (session, g_error_new (ADIT_ERROR, ADIT_ERROR_CLOSED, "the peer left%s%s", *text ? ": " : "", text));
      return;
    }
  if (stream == NULL)
    return;
  if (session->features & ADIT_FEATURE_REASON)
    reason = adit_reason_parse (text, colon ? (gsize) (colon - text) : strlen (text));
  adit_stream_abort (stream, reason, (session->features & ADIT_FEATURE_REASON) && colon ? g_strchug (colon + 1) : text);
}

static void
on_credit (AditSession *session, const AditFrame *frame, AditSpan body)
{
  AditStream *stream = adit_session_find (session, frame->id);
  guint32 credit;

  if (!(session->features & ADIT_FEATURE_CREDIT) || body.len != sizeof credit)
    {
      fault (session, frame, "not announced, or not of 4 bytes");
      return;
    }
  memcpy (&credit, body.data, sizeof credit);
  if (stream)
    adit_stream_got_credit (stream, GUINT32_FROM_BE (credit));
}

static void
on_goaway (AditSession *session, const AditFrame *frame, AditSpan body)
{
  g_autoptr (AditReject) why = NULL;

  if (!(session->features & ADIT_FEATURE_GOAWAY))
    {
      fault (session, frame, "not announced");
      return;
    }
  why = adit_reject_read (body.data, body.len);
  session->listener->on_goaway (session->owner, why);
}

static const Handler handlers[] = {
  [ADIT_FRAME_HELLO] = on_hello,
  [ADIT_FRAME_WELCOME] = on_welcome,
  [ADIT_FRAME_REJECT] = on_reject,
  [ADIT_FRAME_PING] = on_ping,
  [ADIT_FRAME_PONG] = on_pong,
  [ADIT_FRAME_NEW_REQUEST] = on_new_request,
  [ADIT_FRAME_REQUEST_END] = on_end,
  [ADIT_FRAME_RESPONSE_START] = on_response_start,
  [ADIT_FRAME_RESPONSE_END] = on_end,
  [ADIT_FRAME_CLOSE] = on_close,
  [ADIT_FRAME_CREDIT] = on_credit,
  [ADIT_FRAME_REQUEST] = on_request,
  [ADIT_FRAME_GOAWAY] = on_goaway,
};

void
adit_session_dispatch (AditSession *session, const AditFrame *frame, AditSpan body)
{
  /* Before the opening exchange is over only its own frames count: a stranger gets no echo. */
  if (session->is_server && session->state == ADIT_SESSION_OPENING && frame->type != ADIT_FRAME_HELLO)
    {
      const AditSessionListener *listener = session->listener;
      g_autoptr (GError) error = g_error_new_literal (ADIT_ERROR, ADIT_ERROR_PROTOCOL, "the first frame must be Hello");

      adit_session_reject (session, ADIT_REJECT_NONE, error->message);
      listener->on_closed (session->owner, error);
      return;
    }
  if (frame->type < G_N_ELEMENTS (handlers) && handlers[frame->type])
    handlers[frame->type](session, frame, body);
}

void
adit_session_dispatch_piece (AditSession *session, const AditFrame *frame, AditSpan piece, guint32 left)
{
  AditStream *stream;

  if (session->state != ADIT_SESSION_LIVE || session->is_server != (frame->type == ADIT_FRAME_RESPONSE_BODY))
    {
      fault (session, frame, "not expected");
      return;
    }
  stream = adit_session_find (session, frame->id);
  if (stream && piece.len > 0)
    adit_stream_got_body (stream, piece);
}
