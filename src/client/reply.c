/* SPDX-License-Identifier: MIT */
/* reply: what comes back from the local service: heads, then a body that leaves from where it was read.
 *
 * Part of forward. Payload is read into the worker's memory and framed in place; no more is read than the
 * stream has room for, so nothing is ever held. */
#include "client/forward-private.h"

#include "client/localhead.h"
#include "wire/frame.h"

/* Reads in one turn before others get theirs. */
#define READS 4

G_STATIC_ASSERT (ADIT_SCRATCH_ROOM >= ADIT_FRAME_HEADER);

static const char *
target_of (AditLocal *local)
{
  return local->forward->publish->target->text;
}

/* ---- bodies; each returns FALSE when the request is over ---- */

static void
send_body (AditLocal *local, guint8 *data, gsize len)
{
  adit_stream_send_body (local->stream, data, len);
  local->bytes_out += len;
}

static gboolean
take_length (AditLocal *local, guint8 *data, gsize len)
{
  gsize n = (gsize) MIN (local->reply_left, (guint64) len);

  send_body (local, data, n);
  local->reply_left -= n;
  if (local->reply_left > 0)
    return TRUE;
  adit_local_answered (local, adit_span (NULL, 0), n == len);
  return FALSE;
}

/* What may be passed on of the trailers, in the worker's head memory. */
static AditSpan
write_trailers (AditLocal *local)
{
  AditHead *head = &local->forward->scratch;
  guint8 *memory = adit_worker_scratch (local->forward->worker, ADIT_SCRATCH_HEAD);
  AditHeadWriter writer = { memory, memory + ADIT_SCRATCH_SIZE, FALSE };
  AditSpan lines = adit_buf_flatten (&local->chunks.trailers);
  AditHeadFault fault;
  gsize used;

  if (lines.len == 0 || adit_head_parse_trailers (head, lines.data, lines.len, TRUE, &used,
                                                  &fault) != ADIT_HEAD_OK)
    return adit_span (NULL, 0);
  adit_localhead_put_trailers (&writer, head);
  return adit_span (memory, (gsize) (writer.at - memory));
}

static gboolean
take_chunks (AditLocal *local, guint8 *data, gsize len)
{
  AditSpan input = adit_span (data, len), piece;
  AditChunkResult result;
  const char *fault;

  while ((result = adit_chunk_read (&local->chunks, &input, &piece, &fault)) == ADIT_CHUNK_DATA)
    send_body (local, (guint8 *) piece.data, piece.len);
  if (result == ADIT_CHUNK_MORE)
    return TRUE;
  if (result == ADIT_CHUNK_BAD)
    adit_local_fail (local, ADIT_REASON_LOCAL_FAILED, "%s: %s", target_of (local), fault);
  else
    adit_local_answered (local, write_trailers (local), input.len == 0);
  return FALSE;
}

/* @len is at most the room that the stream had when the bytes were read; ADIT_FRAME_HEADER bytes in front
 * are free. */
static gboolean
take_body (AditLocal *local, guint8 *data, gsize len)
{
  switch (local->reply)
    {
    case ADIT_BODY_LENGTH:
      return take_length (local, data, len);
    case ADIT_BODY_CHUNKED:
      return take_chunks (local, data, len);
    case ADIT_BODY_CLOSE:
    case ADIT_BODY_RAW:
      send_body (local, data, len);
      return TRUE;
    case ADIT_BODY_NONE:
    default:
      adit_local_answered (local, adit_span (NULL, 0), len == 0);
      return FALSE;
    }
}

/* ---- heads ---- */

static gboolean
send_head (AditLocal *local, const AditHead *head)
{
  guint8 *memory = adit_worker_scratch (local->forward->worker, ADIT_SCRATCH_HEAD);
  AditHeadWriter writer = { memory, memory + ADIT_LIMIT_HEAD, FALSE };

  if (!adit_localhead_put_response (&writer, head))
    {
      adit_local_fail (local, ADIT_REASON_LOCAL_FAILED, "the head of %s's answer is too large",
                       target_of (local));
      return FALSE;
    }
  adit_stream_send_head (local->stream, adit_span (memory, (gsize) (writer.at - memory)));
  return TRUE;
}

static gboolean
take_interim (AditLocal *local, const AditHead *head)
{
  return !(local->features & ADIT_FEATURE_INTERIM) || send_head (local, head);
}

static gboolean
take_switch (AditLocal *local, const AditHead *head)
{
  if (!local->upgrade)
    {
      adit_local_fail (local, ADIT_REASON_LOCAL_FAILED, "%s switches protocols unasked", target_of (local));
      return FALSE;
    }
  if (!send_head (local, head))
    return FALSE;
  local->status = head->status;
  local->reply = ADIT_BODY_RAW;
  adit_local_go_raw (local);
  return TRUE;
}

static gboolean
take_final (AditLocal *local, const AditHead *head)
{
  if (!send_head (local, head))
    return FALSE;
  local->status = head->status;
  local->reply = head->body;
  local->reply_left = head->length;
  local->reply_keep = head->keep_alive;
  adit_chunk_reader_init (&local->chunks);
  adit_local_set_state (local, ADIT_LOCAL_BODY);
  return TRUE;
}

/* TRUE once nothing but an end can follow the head. */
static gboolean
is_empty (AditLocal *local)
{
  return local->state == ADIT_LOCAL_BODY
         && (local->reply == ADIT_BODY_NONE || (local->reply == ADIT_BODY_LENGTH && local->reply_left == 0));
}

/* Takes one head from the front; *used is 0 if it is not complete. FALSE when the request is over. */
static gboolean
take_head (AditLocal *local, const guint8 *data, gsize len, gsize *used)
{
  AditHead *head = &local->forward->scratch;
  AditHeadFault fault;
  gsize end = adit_head_scan (&local->scan, data, len);
  AditHeadResult result;

  *used = 0;
  if (end == 0 && len < ADIT_LIMIT_HEAD)
    return TRUE;
  result = adit_head_parse_response (head, data, end ? end : len, local->to_head, used, &fault);
  local->scan.seen = 0;
  if (result != ADIT_HEAD_OK)
    {
      adit_local_fail (local, ADIT_REASON_LOCAL_FAILED, "%s gave no proper answer: %s", target_of (local),
                       result == ADIT_HEAD_BAD ? fault.text : "an incomplete head");
      return FALSE;
    }
  if (head->status == 101)
    return take_switch (local, head);
  return head->status < 200 ? take_interim (local, head) : take_final (local, head);
}

/* Heads until the last one, then what is behind it. The bytes of a head that was passed on are the room
 * for a frame's header. */
static gboolean
take_heads (AditLocal *local, guint8 *data, gsize len)
{
  while (local->state == ADIT_LOCAL_HEAD)
    {
      gsize used;

      if (!take_head (local, data, len, &used))
        return FALSE;
      data += used;
      len -= used;
      if (used == 0)
        {
          adit_buf_append (&local->partial, data, len);
          return TRUE;
        }
    }
  return (len == 0 && !is_empty (local)) || take_body (local, data, len);
}

/* A head that came in pieces lies in a buffer; only the last piece can hold more than head. */
static gboolean
take_more_head (AditLocal *local, const guint8 *data, gsize len)
{
  AditBuf held;
  AditSpan whole;
  gboolean goes_on;

  adit_buf_append (&local->partial, data, len);
  whole = adit_buf_flatten (&local->partial);
  if (adit_head_scan (&local->scan, whole.data, whole.len) == 0 && whole.len < ADIT_LIMIT_HEAD)
    return TRUE;
  local->scan.seen = 0;
  held = local->partial;
  local->partial = (AditBuf){ NULL, NULL, 0 };
  goes_on = take_heads (local, (guint8 *) whole.data, whole.len);
  adit_buf_clear (&held);
  return goes_on;
}

static gboolean
take (AditLocal *local, guint8 *data, gsize len)
{
  if (!local->answered)
    {
      local->answered = TRUE;
      adit_buf_clear (&local->head);
    }
  if (local->state != ADIT_LOCAL_HEAD)
    return take_body (local, data, len);
  return local->partial.len > 0 ? take_more_head (local, data, len) : take_heads (local, data, len);
}

/* ---- the end of what comes ---- */

static void
take_end (AditLocal *local)
{
  if (local->state == ADIT_LOCAL_RAW)
    {
      local->reply_ended = TRUE;
      adit_stream_send_end (local->stream, adit_span (NULL, 0));
      adit_local_check_raw (local);
    }
  else if (local->state == ADIT_LOCAL_BODY && local->reply == ADIT_BODY_CLOSE)
    adit_local_answered (local, adit_span (NULL, 0), FALSE);
  else if (local->state == ADIT_LOCAL_HEAD)
    adit_local_unanswered (local, "ended the connection without an answer");
  else
    adit_local_fail (local, ADIT_REASON_LOCAL_FAILED, "%s ended the connection in the middle of its answer",
                     target_of (local));
}

void
adit_reply_read (AditLocal *local)
{
  guint8 *data = adit_worker_scratch (local->forward->worker, ADIT_SCRATCH_READ);

  for (guint i = 0; i < READS; i++)
    {
      gsize room = adit_stream_get_room (local->stream);
      gssize n;

      if (room == 0)
        {
          adit_link_set_reading (local->conn->link, FALSE);
          return;
        }
      room = MIN (room, ADIT_SCRATCH_SIZE);
      n = adit_link_read (local->conn->link, data, room);
      if (n == ADIT_LINK_EOF)
        take_end (local);
      if (n <= 0 || !take (local, data, (gsize) n) || (gsize) n < room)
        return;
    }
}
