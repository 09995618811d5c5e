/* SPDX-License-Identifier: MIT */
/* exchange: see exchange.h. */
#include "server/exchange-private.h"

#include "server/errorpage.h"
#include "server/uplink.h"
#include "wire/frame.h"

#include <stddef.h>
#include <string.h>

#define RAW_READ (64u * 1024)

static gsize feed_body (AditExchange *ex, guint8 *data, gsize len, gboolean *over);

/* Ends. */

static void
log_end (AditExchange *ex, AditReason reason)
{
  char ip[ADIT_PEER_TEXT];
  AditLogRequest line = {
    .method = ex->method,
    .path = ex->path ? ex->path : ex->short_path,
    .name = ex->tunnel->label,
    .error = reason == ADIT_REASON_NONE ? NULL : adit_reason_word (reason),
    .id = ex->id,
    .status = ex->status,
    .bytes_in = ex->bytes_in,
    .bytes_out = ex->bytes_out,
  };

  if (!adit_log_enabled (ADIT_LOG_INFO))
    return;
  line.peer = adit_peer_ip (adit_visitor_get_peer (ex->visitor), ip);
  line.duration_us = adit_worker_now_us (ex->desk->worker) - ex->since_us;
  adit_log_request (&line);
}

static void
release (AditExchange *ex, AditReason reason, const char *text)
{
  log_end (ex, reason);
  adit_stream_free (ex->stream, reason == ADIT_REASON_NONE ? ADIT_REASON_VISITOR_GONE : reason, text);
  g_atomic_int_add (ex->desk->n_requests, -1);
  adit_timer_stop (&ex->timer);
  if (ex->chunks)
    {
      adit_chunk_reader_clear (ex->chunks);
      g_free (ex->chunks);
    }
  adit_buf_clear (&ex->spool);
  adit_buf_clear (&ex->kept_head);
  adit_tunnel_unref (ex->tunnel);
  g_free (ex->path);
  g_slice_free (AditExchange, ex);
}

void
adit_exchange_free (AditExchange *ex, AditReason reason)
{
  release (ex, reason, "the visitor left");
}

/* Over, with the visitor told; @ex is gone afterwards. */
static void
finish (AditExchange *ex, AditReason reason, gboolean reusable)
{
  AditVisitor *visitor = ex->visitor;

  release (ex, reason, NULL);
  adit_visitor_done (visitor, reusable);
}

void
adit_exchange_refuse (AditExchange *ex, AditReason reason, const char *text)
{
  AditHeadWriter writer = { .at = adit_worker_scratch (ex->desk->worker, ADIT_SCRATCH_HEAD) };
  guint8 *start = writer.at;
  AditErrorPage page = { .reason = reason, .is_head = ex->is_head, .minor = ex->minor, .request_id = ex->id,
                         .keep_alive = ex->keep_alive && ex->request_done && !ex->desk->draining };

  page.accept = adit_span (ex->wants_json ? "application/json" : "", ex->wants_json ? 16 : 0);
  writer.end = writer.at + ADIT_SCRATCH_SIZE;
  adit_errorpage_write (&writer, &page);
  adit_link_send (ex->link, adit_span (start, (gsize) (writer.at - start)));
  ex->status = adit_reason_status (reason);
  adit_debug ("request %" G_GUINT64_FORMAT " refused: %s", ex->id, text ? text : adit_reason_word (reason));
  finish (ex, reason, page.keep_alive);
}

/* A head went out, so all that can be said is the end: a length or chunks tell the visitor that bytes are
 * missing, a close-delimited body needs a reset for that. */
void
adit_exchange_cut (AditExchange *ex, AditReason reason)
{
  AditVisitor *visitor = ex->visitor;
  gboolean reset = ex->answer == ADIT_ANSWER_CLOSE || ex->answer == ADIT_ANSWER_RAW;

  release (ex, reason, NULL);
  if (reset)
    {
      adit_link_flush (adit_visitor_get_link (visitor));
      adit_visitor_forget_exchange (visitor);
      adit_visitor_close (visitor, TRUE);
    }
  else
    adit_visitor_done (visitor, FALSE);
}

/* Both directions are complete. */
void
adit_exchange_answered (AditExchange *ex)
{
  ex->answer_done = TRUE;
  if (ex->answer == ADIT_ANSWER_RAW)
    {
      adit_link_finish (ex->link);
      if (ex->request_done)
        finish (ex, ADIT_REASON_NONE, FALSE);
      return;
    }
  /* An answer before the end of the body: the rest is neither wanted nor known to end (wire-v1 item 40). */
  finish (ex, ADIT_REASON_NONE, ex->request_done && ex->keep_alive && ex->answer != ADIT_ANSWER_CLOSE);
}

/* The request. */

static void
end_request (AditExchange *ex, AditSpan trailers)
{
  ex->request_done = TRUE;
  adit_stream_send_end (ex->stream, trailers);
}

static void
end_chunked (AditExchange *ex)
{
  AditHead *trailers = &ex->desk->head;
  AditSpan lines = adit_buf_flatten (&ex->chunks->trailers);
  AditHeadWriter writer = { .at = adit_worker_scratch (ex->desk->worker, ADIT_SCRATCH_HEAD) };
  guint8 *start = writer.at;
  AditHeadFault fault;
  gsize used;

  writer.end = writer.at + ADIT_LIMIT_CONTROL;
  if (lines.len > 0
      && adit_head_parse_trailers (trailers, lines.data, lines.len, TRUE, &used, &fault) == ADIT_HEAD_OK)
    for (guint i = 0; i < trailers->n_fields; i++)
      if (!trailers->fields[i].hop)
        adit_head_put_field (&writer, trailers->fields[i].name, trailers->fields[i].value);
  end_request (ex, adit_span (start, writer.overflow ? 0 : (gsize) (writer.at - start)));
}

gsize
adit_exchange_get_want (AditExchange *ex)
{
  gsize room;

  if (ex->request_done || ex->body == ADIT_BODY_NONE)
    return 0;
  if (ex->spooling)
    return RAW_READ;
  if (ex->body == ADIT_BODY_RAW && ex->answer != ADIT_ANSWER_RAW)
    return 0;
  room = adit_stream_get_room (ex->stream);
  if (ex->body == ADIT_BODY_LENGTH)
    return (gsize) MIN (room, ex->body_left);
  return MIN (room, RAW_READ);
}

static void
bad_body (AditExchange *ex, const char *fault)
{
  adit_debug ("request %" G_GUINT64_FORMAT ": %s", ex->id, fault);
  if (ex->answer == ADIT_ANSWER_NONE)
    {
      ex->keep_alive = FALSE;
      adit_exchange_refuse (ex, ADIT_REASON_BAD_REQUEST, fault);
    }
  else
    adit_exchange_cut (ex, ADIT_REASON_BAD_REQUEST);
}

static void
spool_done (AditExchange *ex)
{
  AditHead *head = &ex->desk->head;
  AditSpan raw = adit_buf_flatten (&ex->kept_head);
  AditHeadFault fault;
  gsize used;

  ex->spooling = FALSE;
  ex->body = ADIT_BODY_LENGTH;
  ex->body_left = ex->spool.len;
  if (adit_head_parse_request (head, raw.data, raw.len, &used, &fault) != ADIT_HEAD_OK)
    {
      adit_exchange_refuse (ex, ADIT_REASON_INTERNAL, "a kept head");
      return;
    }
  adit_exchange_open (ex, head);
}

/* Sends what was spooled as far as there is room. TRUE: the exchange is over. */
static gboolean
send_spool (AditExchange *ex)
{
  guint8 *data = adit_worker_scratch (ex->desk->worker, ADIT_SCRATCH_HEAD);
  gboolean over = FALSE;

  while (ex->spool.len > 0 && !over)
    {
      AditSpan front = adit_buf_front (&ex->spool);
      gsize n = MIN (front.len, adit_stream_get_room (ex->stream));

      if (n == 0)
        return FALSE;
      memcpy (data, front.data, n);
      adit_buf_consume (&ex->spool, n);
      feed_body (ex, data, n, &over);
    }
  return over;
}

static gsize
feed_chunked (AditExchange *ex, guint8 *data, gsize len, gboolean *over)
{
  AditSpan input = adit_span (data, len), piece;
  const char *fault = NULL;

  for (;;)
    switch (adit_chunk_read (ex->chunks, &input, &piece, &fault))
      {
      case ADIT_CHUNK_DATA:
        ex->bytes_in += (gint64) piece.len;
        if (!ex->spooling)
          adit_stream_send_body (ex->stream, (guint8 *) piece.data, piece.len);
        else if (ex->spool.len + piece.len > ADIT_LIMIT_SPOOL)
          {
            *over = TRUE;
            ex->keep_alive = FALSE;
            adit_exchange_refuse (ex, ADIT_REASON_LENGTH_REQUIRED, "too long to be spooled");
            return len;
          }
        else
          adit_buf_append (&ex->spool, piece.data, piece.len);
        break;
      case ADIT_CHUNK_END:
        len -= input.len;
        if (ex->spooling)
          {
            AditVisitor *visitor = ex->visitor;

            spool_done (ex);
            *over = adit_visitor_get_exchange (visitor) != ex;
            if (!*over)
              *over = send_spool (ex);
          }
        else
          end_chunked (ex);
        return len;
      case ADIT_CHUNK_BAD:
        *over = TRUE;
        bad_body (ex, fault);
        return len;
      case ADIT_CHUNK_MORE:
      default:
        return len;
      }
}

static gsize
feed_body (AditExchange *ex, guint8 *data, gsize len, gboolean *over)
{
  if (ex->body == ADIT_BODY_LENGTH)
    {
      len = (gsize) MIN (len, ex->body_left);
      ex->body_left -= len;
    }
  ex->bytes_in += (gint64) len;
  adit_stream_send_body (ex->stream, data, len);
  if (ex->body == ADIT_BODY_LENGTH && ex->body_left == 0)
    end_request (ex, adit_span (NULL, 0));
  return len;
}

gsize
adit_exchange_feed (AditExchange *ex, guint8 *data, gsize len, gboolean *over)
{
  return ex->body == ADIT_BODY_CHUNKED ? feed_chunked (ex, data, len, over) : feed_body (ex, data, len, over);
}

void
adit_exchange_eof (AditExchange *ex)
{
  if (ex->body == ADIT_BODY_RAW && ex->answer == ADIT_ANSWER_RAW)
    {
      end_request (ex, adit_span (NULL, 0));
      if (ex->answer_done)
        finish (ex, ADIT_REASON_NONE, FALSE);
    }
  else if (!ex->request_done && ex->body != ADIT_BODY_RAW)
    {
      /* The body is cut: the local service must not take it for complete. */
      AditVisitor *visitor = ex->visitor;

      release (ex, ADIT_REASON_VISITOR_GONE, "the body was cut");
      adit_visitor_forget_exchange (visitor);
      adit_visitor_close (visitor, FALSE);
    }
}

void
adit_exchange_drained (AditExchange *ex)
{
  adit_exchange_settle (ex);
}

static void
on_room (gpointer owner)
{
  AditExchange *ex = owner;

  if (ex->spool.len > 0 && send_spool (ex))
    return;
  adit_visitor_read_body (ex->visitor);
}

static void
on_head (gpointer owner, AditSpan head)
{
  adit_exchange_answer_head (owner, head);
}

static void
on_body (gpointer owner, AditSpan piece)
{
  adit_exchange_answer_body (owner, piece);
}

static void
on_end (gpointer owner, AditSpan trailers)
{
  adit_exchange_answer_end (owner, trailers);
}

static void
on_closed (gpointer owner, AditReason reason, const char *text)
{
  AditExchange *ex = owner;

  if (ex->answer != ADIT_ANSWER_NONE)
    adit_exchange_cut (ex, reason);
  else if (adit_reason_status (reason) < 500)
    adit_exchange_refuse (ex, ADIT_REASON_LOCAL_FAILED, text);
  else
    adit_exchange_refuse (ex, reason, text);
}

static const AditStreamListener stream_listener = {
  .on_head = on_head,
  .on_body = on_body,
  .on_end = on_end,
  .on_room = on_room,
  .on_closed = on_closed,
};

static void
on_timer (AditTimer *timer)
{
  AditExchange *ex = (AditExchange *) ((char *) timer - offsetof (AditExchange, timer));

  if (ex->answer == ADIT_ANSWER_NONE)
    adit_exchange_refuse (ex, ADIT_REASON_LOCAL_TIMEOUT, "no answer in time");
}

void
adit_exchange_open (AditExchange *ex, const AditHead *head)
{
  AditSession *session = adit_uplink_get_session (ex->tunnel->uplink);
  guint8 *start = adit_worker_scratch (ex->desk->worker, ADIT_SCRATCH_HEAD) + ADIT_SESSION_HEAD_ROOM;
  AditHeadWriter writer = { .at = start, .end = start + ADIT_LIMIT_HEAD_FRAME };
  guint timeout = ex->desk->rules->policy->response_timeout_ms;
  guint flags;

  if (session == NULL)
    {
      adit_exchange_refuse (ex, ADIT_REASON_TUNNEL_OFFLINE, "the session ended");
      return;
    }
  flags = adit_exchange_write_request (ex, head, adit_session_get_features (session), &writer);
  if (writer.overflow)
    {
      adit_exchange_refuse (ex, ADIT_REASON_HEAD_TOO_LARGE, "the framed head");
      return;
    }
  ex->stream = adit_session_open (session, ex->tunnel->index, flags, start, (gsize) (writer.at - start), &stream_listener, ex);
  if (ex->stream == NULL)
    {
      adit_exchange_refuse (ex, ADIT_REASON_OVERLOADED, "too many streams");
      return;
    }
  ex->id = adit_stream_get_id (ex->stream);
  if (ex->body == ADIT_BODY_NONE || (ex->body == ADIT_BODY_LENGTH && ex->body_left == 0))
    end_request (ex, adit_span (NULL, 0));
  if (timeout > 0)
    adit_worker_set_timer (ex->desk->worker, &ex->timer, timeout);
}

static void
keep_names (AditExchange *ex, const AditHead *head)
{
  gsize n = MIN (head->method.len, sizeof ex->method - 1);

  memcpy (ex->method, head->method.data, n);
  if (head->target.len < sizeof ex->short_path)
    memcpy (ex->short_path, head->target.data, head->target.len);
  else
    ex->path = adit_span_dup (head->target);
}

static void
keep_head (AditExchange *ex, const AditHead *head)
{
  const AditField *accept = adit_head_get (head, ADIT_FIELD_ACCEPT);

  keep_names (ex, head);
  ex->is_head = head->is_head;
  ex->minor = (guint8) head->minor;
  ex->keep_alive = head->keep_alive;
  ex->wants_json = accept && adit_head_list_has (accept->value, "application/json");
  ex->body = head->body;
  ex->body_left = head->body == ADIT_BODY_LENGTH ? head->length : 0;
  ex->request_done = FALSE;
  if (head->body == ADIT_BODY_CHUNKED)
    {
      ex->chunks = g_new0 (AditChunkReader, 1);
      adit_chunk_reader_init (ex->chunks);
    }
}

/* The visitor waits for leave to send its body, and the client's side cannot give it. */
static void
give_leave (AditExchange *ex)
{
  adit_link_send (ex->link, ADIT_SPAN ("HTTP/1.1 100 Continue\r\n\r\n"));
}

void
adit_exchange_new (AditVisitor *visitor, const AditHead *head, AditSpan raw, AditTunnel *tunnel)
{
  AditExchange *ex = g_slice_new0 (AditExchange);
  AditSession *session = adit_uplink_get_session (tunnel->uplink);
  AditFeatures features = adit_session_get_features (session);

  ex->visitor = visitor;
  ex->desk = adit_visitor_get_desk (visitor);
  ex->link = adit_visitor_get_link (visitor);
  ex->tunnel = adit_tunnel_ref (tunnel);
  ex->since_us = adit_worker_now_us (ex->desk->worker);
  adit_timer_init (&ex->timer, on_timer);
  keep_head (ex, head);
  adit_visitor_set_exchange (visitor, ex);
  if ((guint) g_atomic_int_add (ex->desk->n_requests, 1) >= ex->desk->rules->policy->max_concurrent_requests)
    {
      ex->request_done = head->body == ADIT_BODY_NONE;
      adit_exchange_refuse (ex, ADIT_REASON_OVERLOADED, "limits.max_concurrent_requests");
      return;
    }
  if (head->expect_continue && head->minor == 1 && head->body != ADIT_BODY_NONE && !(features & ADIT_FEATURE_INTERIM))
    give_leave (ex);
  ex->expects = head->expect_continue && head->minor == 1;
  if (head->body == ADIT_BODY_CHUNKED && !(features & ADIT_FEATURE_LENGTH))
    {
      ex->spooling = TRUE;
      adit_buf_append (&ex->kept_head, raw.data, raw.len);
      return;
    }
  adit_exchange_open (ex, head);
}

void
adit_exchange_log_refused (AditVisitor *visitor, const AditHead *head, AditReason reason)
{
  char ip[ADIT_PEER_TEXT], method[ADIT_LIMIT_METHOD + 1] = "-";
  g_autofree char *path = head ? adit_span_dup (head->target) : NULL;
  AditLogRequest line = { .method = method, .path = path ? path : "-", .error = adit_reason_word (reason),
                          .status = adit_reason_status (reason) };

  if (!adit_log_enabled (ADIT_LOG_INFO))
    return;
  if (head)
    g_strlcpy (method, (const char *) head->method.data, MIN (sizeof method, head->method.len + 1));
  line.peer = adit_peer_ip (adit_visitor_get_peer (visitor), ip);
  adit_log_request (&line);
}
