/* SPDX-License-Identifier: MIT */
/* local: one request: from its stream to the local service, and how it ends.
 *
 * Part of forward. Callbacks of the stream never read from a link: their spans lie in the worker's read
 * memory. */
#include "client/forward-private.h"

#include "base/error.h"
#include "base/log.h"
#include "client/localhead.h"

#include <stddef.h>
#include <string.h>

/* Credit is given back in portions of this size. */
#define SETTLE (64u * 1024)
#define TLS_MS 10000u
#define LINGER_MS 30000u
#define VECTORS 32

static const AditLinkListener link_listener;
static const AditDialerListener dialer_listener;
static const AditStreamListener stream_listener;

/* ---- states ---- */

void
adit_local_set_state (AditLocal *local, AditLocalState state)
{
#define TO(name) 1 << ADIT_LOCAL_##name
  static const guint8 next[] = {
    [ADIT_LOCAL_NEW] = TO (QUEUED) | TO (CONNECTING) | TO (HEAD),
    [ADIT_LOCAL_QUEUED] = TO (CONNECTING) | TO (HEAD),
    [ADIT_LOCAL_CONNECTING] = TO (HEAD),
    [ADIT_LOCAL_HEAD] = TO (CONNECTING) | TO (BODY) | TO (RAW),
    [ADIT_LOCAL_BODY] = TO (LINGERING),
    [ADIT_LOCAL_RAW] = 0,
    [ADIT_LOCAL_LINGERING] = 0,
  };
#undef TO

  g_return_if_fail (local->state != ADIT_LOCAL_ENDED);
  g_return_if_fail (state == ADIT_LOCAL_ENDED || (next[local->state] & 1 << state));
  adit_debug ("request %s: state %d to %d", local->path, local->state, state);
  if (state >= ADIT_LOCAL_LINGERING && local->state < ADIT_LOCAL_LINGERING)
    local->forward->n_running--;
  local->state = state;
}

/* ---- the end ---- */

static void
log_request (AditLocal *local, const char *error)
{
  AditPublish *publish = local->forward->publish;
  AditLogRequest line = {
    .method = local->method,
    .path = local->path,
    .name = publish->given,
    .error = error,
    .id = local->stream ? adit_stream_get_id (local->stream) : 0,
    .status = local->status,
    .duration_us = adit_worker_now_us (local->forward->worker) - local->began_us,
    .bytes_in = local->bytes_in,
    .bytes_out = local->bytes_out,
  };

  publish->bytes_in += local->bytes_in;
  publish->bytes_out += local->bytes_out;
  if (!local->forward->quiet)
    adit_log_request (&line);
}

static void
drop_connection (AditLocal *local)
{
  adit_dialer_free (g_steal_pointer (&local->dialer));
  adit_timer_stop (&local->timer);
  if (local->conn)
    adit_conn_close (g_steal_pointer (&local->conn));
}

static void
local_free (AditLocal *local, AditReason reason, const char *text)
{
  AditForward *forward = local->forward;

  adit_local_set_state (local, ADIT_LOCAL_ENDED);
  drop_connection (local);
  adit_stream_free (local->stream, reason, text);
  local->prev->next = local->next;
  local->next->prev = local->prev;
  adit_buf_clear (&local->head);
  adit_buf_clear (&local->pending);
  adit_buf_clear (&local->partial);
  adit_chunk_reader_clear (&local->chunks);
  adit_queue_leave (&forward->queue, &local->turn);
  g_free (local->method);
  g_free (local->path);
  g_slice_free (AditLocal, local);
  if (!forward->closing)
    forward->ended (forward->owner);
}

void
adit_local_fail (AditLocal *local, AditReason reason, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  adit_debug ("request %s: %s: %s", local->path, adit_reason_word (reason), text);
  if (local->state != ADIT_LOCAL_LINGERING)
    {
      if (local->status == 0)
        local->status = adit_reason_status (reason);
      log_request (local, adit_reason_word (reason));
    }
  local_free (local, reason, text);
}

void
adit_local_answered (AditLocal *local, AditSpan trailers, gboolean reusable)
{
  AditConn *conn = g_steal_pointer (&local->conn);
  gboolean sent_all = local->body == ADIT_BODY_NONE
                      || (local->body == ADIT_BODY_LENGTH && local->body_left == 0)
                      || (local->body == ADIT_BODY_CHUNKED && local->got_end);

  adit_timer_stop (&local->timer);
  adit_stream_send_end (local->stream, trailers);
  log_request (local, NULL);
  adit_local_set_state (local, ADIT_LOCAL_LINGERING);
  if (reusable && local->reply_keep && sent_all && adit_link_get_queued (conn->link) == 0)
    adit_pool_give (conn);
  else
    adit_conn_close (conn);
  if (local->got_end)
    {
      local_free (local, ADIT_REASON_NONE, NULL);
      return;
    }
  adit_queue_leave (&local->forward->queue, &local->turn);
  adit_worker_set_timer (local->forward->worker, &local->timer, LINGER_MS);
}

static void
on_timer (AditTimer *timer)
{
  AditLocal *local = (AditLocal *) ((char *) timer - offsetof (AditLocal, timer));

  if (local->state == ADIT_LOCAL_LINGERING)
    local_free (local, ADIT_REASON_NONE, NULL);
  else
    adit_local_fail (local, ADIT_REASON_LOCAL_TIMEOUT, "%s did not finish the TLS hand-shake within %u s",
                     local->forward->publish->target->text, TLS_MS / 1000);
}

/* ---- towards the service ---- */

/* Gives credit back for what left for the service. */
static void
settle (AditLocal *local, gsize least)
{
  gsize queued, gone;

  if (local->owed < least || local->conn == NULL)
    return;
  queued = adit_link_get_queued (local->conn->link);
  gone = local->owed - MIN (local->owed, queued);
  local->owed -= gone;
  adit_stream_consume (local->stream, gone);
  if (local->owed > 0)
    adit_link_await_drain (local->conn->link);
}

static void
send_buf (AditLink *link, AditBuf *buf)
{
  struct iovec iov[VECTORS];
  guint n = adit_buf_peek (buf, iov, VECTORS);

  if (n == VECTORS)
    adit_link_send (link, adit_buf_flatten (buf));
  else
    adit_link_sendv (link, iov, n);
}

/* There is a connection: the head, and the body that waited for it. */
static void
send_request (AditLocal *local)
{
  AditLink *link = local->conn->link;

  adit_local_set_state (local, ADIT_LOCAL_HEAD);
  adit_link_set_listener (link, &link_listener, local);
  adit_link_set_reading (link, TRUE);
  send_buf (link, &local->head);
  if (!local->conn->reused)
    adit_buf_clear (&local->head);
  if (local->pending.len > 0)
    {
      local->sent_body = TRUE;
      send_buf (link, &local->pending);
      adit_buf_clear (&local->pending);
    }
  settle (local, SETTLE);
}

static void
on_connected (gpointer owner, int fd)
{
  AditLocal *local = owner;

  adit_dialer_free (g_steal_pointer (&local->dialer));
  local->conn = adit_pool_add (local->forward->pool, fd);
  if (local->conn == NULL)
    {
      adit_local_fail (local, ADIT_REASON_INTERNAL, "cannot watch another connection");
      return;
    }
  if (local->forward->publish->target->tls)
    adit_worker_set_timer (local->forward->worker, &local->timer, TLS_MS);
  send_request (local);
}

static void
on_not_connected (gpointer owner, const GError *error)
{
  AditLocal *local = owner;
  gboolean late = g_error_matches (error, ADIT_ERROR, ADIT_ERROR_TIMEOUT);

  adit_local_fail (local, late ? ADIT_REASON_LOCAL_TIMEOUT : ADIT_REASON_LOCAL_REFUSED,
                   "cannot connect to %s: %s",
                   local->forward->publish->target->text, error->message);
}

static void
dial (AditLocal *local)
{
  const AditTarget *target = local->forward->publish->target;
  AditDialTo to = { target->host, target->port, target->path };

  adit_local_set_state (local, ADIT_LOCAL_CONNECTING);
  local->dialer = adit_dialer_new (local->forward->worker, &to, &dialer_listener, local);
}

static void
start (AditLocal *local)
{
  local->conn = adit_pool_take (local->forward->pool);
  if (local->conn)
    send_request (local);
  else
    dial (local);
}

/* Once, on a fresh connection, and only if the service cannot have begun with it: a request that changes
 * nothing, or one whose body it still waits for. A request that changes something and has no body may have
 * been carried out. */
static gboolean
may_retry (AditLocal *local)
{
  gboolean body_to_come = local->body == ADIT_BODY_CHUNKED
                          || (local->body == ADIT_BODY_LENGTH && local->body_left > 0);

  return local->conn->reused && !local->retried && !local->answered && !local->sent_body
         && (local->is_safe || body_to_come);
}

void
adit_local_unanswered (AditLocal *local, const char *why)
{
  if (!may_retry (local))
    {
      adit_local_fail (local, ADIT_REASON_LOCAL_FAILED, "%s %s", local->forward->publish->target->text, why);
      return;
    }
  adit_debug ("request %s: the kept connection had ended: once more", local->path);
  local->retried = TRUE;
  drop_connection (local);
  dial (local);
}

static void
on_admit (AditTurn *turn)
{
  start ((AditLocal *) ((char *) turn - offsetof (AditLocal, turn)));
}

static void
on_expire (AditTurn *turn)
{
  AditLocal *local = (AditLocal *) ((char *) turn - offsetof (AditLocal, turn));

  adit_local_fail (local, ADIT_REASON_OVERLOADED, "no turn within %u s", ADIT_QUEUE_WAIT_MS / 1000);
}

/* ---- the link ---- */

static void
on_link_open (gpointer owner)
{
  adit_timer_stop (&((AditLocal *) owner)->timer);
}

static void
on_link_readable (gpointer owner)
{
  adit_reply_read (owner);
}

static void
on_link_drained (gpointer owner)
{
  AditLocal *local = owner;

  settle (local, 0);
  if (local->state == ADIT_LOCAL_RAW)
    adit_local_check_raw (local);
}

static void
on_link_failed (gpointer owner, const GError *error)
{
  AditLocal *local = owner;
  const char *target = local->forward->publish->target->text;

  if (adit_error_is_verify (error))
    adit_local_fail (local, ADIT_REASON_LOCAL_FAILED,
                     "the certificate of %s is not trusted; if it is of your own making, --insecure skips "
                     "the check", target);
  else if (local->state == ADIT_LOCAL_HEAD)
    adit_local_unanswered (local, error->message);
  else
    adit_local_fail (local, ADIT_REASON_LOCAL_FAILED, "%s: %s", target, error->message);
}

static const AditLinkListener link_listener = {
  .on_open = on_link_open,
  .on_readable = on_link_readable,
  .on_drained = on_link_drained,
  .on_failed = on_link_failed,
};

static const AditDialerListener dialer_listener = {
  .on_connected = on_connected,
  .on_failed = on_not_connected,
};

/* ---- the stream ---- */

static void
pass (AditLocal *local, const struct iovec *iov, guint n)
{
  if (local->conn)
    {
      local->sent_body = TRUE;
      adit_link_sendv (local->conn->link, iov, n);
      return;
    }
  for (guint i = 0; i < n; i++)
    adit_buf_append (&local->pending, iov[i].iov_base, iov[i].iov_len);
}

static void
pass_chunk (AditLocal *local, AditSpan piece)
{
  guint8 prefix[ADIT_CHUNK_PREFIX_MAX];
  struct iovec iov[] = {
    { prefix, adit_chunk_prefix (prefix, piece.len) },
    { (void *) piece.data, piece.len },
    { (void *) "\r\n", 2 },
  };

  pass (local, iov, G_N_ELEMENTS (iov));
}

/* NULL, or what is wrong with a piece of body now. */
static const char *
judge_body (AditLocal *local, gsize len)
{
  if (local->state == ADIT_LOCAL_RAW || local->body == ADIT_BODY_CHUNKED)
    return NULL;
  if (local->body == ADIT_BODY_NONE)
    return "a body for a request that has none";
  if (len > local->body_left)
    return "more body than the Content-Length says";
  local->body_left -= len;
  return NULL;
}

static void
on_body (gpointer owner, AditSpan piece)
{
  AditLocal *local = owner;
  struct iovec iov = { (void *) piece.data, piece.len };
  const char *wrong;

  if (local->state == ADIT_LOCAL_LINGERING)
    {
      adit_stream_consume (local->stream, piece.len);
      return;
    }
  wrong = judge_body (local, piece.len);
  if (wrong)
    {
      adit_local_fail (local, ADIT_REASON_PROTOCOL, "%s", wrong);
      return;
    }
  local->bytes_in += piece.len;
  local->owed += piece.len;
  if (local->body == ADIT_BODY_CHUNKED && local->state != ADIT_LOCAL_RAW)
    pass_chunk (local, piece);
  else
    pass (local, &iov, 1);
  settle (local, SETTLE);
}

/* The last chunk, and the trailers that may go on. */
static void
pass_last_chunk (AditLocal *local, AditSpan trailers)
{
  AditForward *forward = local->forward;
  guint8 *memory = adit_worker_scratch (forward->worker, ADIT_SCRATCH_HEAD);
  AditHeadWriter writer = { memory, memory + ADIT_SCRATCH_SIZE, FALSE };
  AditHeadFault fault;
  struct iovec iov;
  gsize used;

  adit_head_put (&writer, ADIT_SPAN ("0\r\n"));
  if (trailers.len > 0
      && adit_head_parse_trailers (&forward->scratch, trailers.data, trailers.len, TRUE, &used,
                                   &fault) == ADIT_HEAD_OK)
    adit_localhead_put_trailers (&writer, &forward->scratch);
  adit_head_put (&writer, ADIT_SPAN ("\r\n"));
  iov = (struct iovec){ memory, (gsize) (writer.at - memory) };
  pass (local, &iov, 1);
}

static void
on_end (gpointer owner, AditSpan trailers)
{
  AditLocal *local = owner;

  local->got_end = TRUE;
  if (local->state == ADIT_LOCAL_LINGERING)
    local_free (local, ADIT_REASON_NONE, NULL);
  else if (local->state == ADIT_LOCAL_RAW)
    {
      adit_link_finish (local->conn->link);
      adit_local_check_raw (local);
    }
  else if (local->body == ADIT_BODY_LENGTH && local->body_left > 0)
    adit_local_fail (local, ADIT_REASON_PROTOCOL, "less body than the Content-Length says");
  else if (local->body == ADIT_BODY_CHUNKED)
    pass_last_chunk (local, trailers);
}

static void
on_room (gpointer owner)
{
  AditLocal *local = owner;

  if (local->conn)
    adit_link_set_reading (local->conn->link, TRUE);
}

/* The visitor left, the session ended, or a limit was passed. */
static void
on_closed (gpointer owner, AditReason reason, const char *text)
{
  AditLocal *local = owner;

  if (local->state == ADIT_LOCAL_LINGERING)
    {
      local_free (local, reason, NULL);
      return;
    }
  adit_local_fail (local, reason, "%s", text ? text : "");
}

static const AditStreamListener stream_listener = {
  .on_body = on_body,
  .on_end = on_end,
  .on_room = on_room,
  .on_closed = on_closed,
};

/* ---- upgraded ---- */

void
adit_local_go_raw (AditLocal *local)
{
  adit_local_set_state (local, ADIT_LOCAL_RAW);
  adit_queue_leave (&local->forward->queue, &local->turn);
  if (local->got_end)
    adit_link_finish (local->conn->link);
}

void
adit_local_check_raw (AditLocal *local)
{
  if (!local->got_end || !local->reply_ended)
    return;
  if (adit_link_get_queued (local->conn->link) > 0)
    {
      adit_link_await_drain (local->conn->link);
      return;
    }
  log_request (local, NULL);
  local_free (local, ADIT_REASON_NONE, NULL);
}

/* ---- the beginning ---- */

static gboolean
take_head (AditLocal *local, const AditHead *head, guint flags)
{
  AditForward *forward = local->forward;
  guint8 *memory = adit_worker_scratch (forward->worker, ADIT_SCRATCH_HEAD);
  AditHeadWriter writer = { memory, memory + ADIT_SCRATCH_SIZE, FALSE };
  guint style = 0;

  local->method = adit_span_dup (head->method);
  local->path = adit_span_dup (head->target);
  local->is_safe = head->is_safe;
  local->to_head = head->is_head;
  local->body = flags & ADIT_REQUEST_UNKNOWN_LENGTH ? ADIT_BODY_CHUNKED : head->body;
  local->body_left = head->length;
  local->upgrade = (flags & ADIT_REQUEST_UPGRADE) && head->upgrade.len > 0;
  if (local->body == ADIT_BODY_CHUNKED)
    style |= ADIT_LOCALHEAD_CHUNKED;
  if (local->upgrade)
    style |= ADIT_LOCALHEAD_UPGRADE;
  if (!adit_localhead_put_request (&writer, head, forward->publish->host_header, style))
    return FALSE;
  adit_buf_append (&local->head, memory, (gsize) (writer.at - memory));
  return TRUE;
}

void
adit_local_begin (AditForward *forward, AditStream *stream, AditFeatures features, guint flags,
                  const AditHead *head)
{
  AditLocal *local = g_slice_new0 (AditLocal);

  local->forward = forward;
  local->stream = stream;
  local->features = features;
  local->began_us = adit_worker_now_us (forward->worker);
  local->turn.admit = on_admit;
  local->turn.expire = on_expire;
  local->next = forward->ring.next;
  local->prev = &forward->ring;
  local->next->prev = local->prev->next = local;
  adit_timer_init (&local->timer, on_timer);
  forward->n_running++;
  adit_stream_set_listener (stream, &stream_listener, local);
  if (!take_head (local, head, flags))
    {
      adit_local_fail (local, ADIT_REASON_HEAD_TOO_LARGE, "the head is too large");
      return;
    }
  switch (adit_queue_enter (&forward->queue, &local->turn))
    {
    case ADIT_TURN_ACTIVE:
      start (local);
      break;
    case ADIT_TURN_WAITS:
      adit_local_set_state (local, ADIT_LOCAL_QUEUED);
      break;
    case ADIT_TURN_NONE:
    default:
      adit_local_fail (local, ADIT_REASON_OVERLOADED, "%u requests wait for %s already", ADIT_QUEUE_WAITING,
                       forward->publish->target->text);
    }
}
