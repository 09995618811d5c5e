/* SPDX-License-Identifier: MIT */
/* exchange-answer: the answer of the local service on its way to the visitor.
 *
 * Part of exchange. Heads are parsed again, whatever the client did; every piece leaves in the turn in
 * which it came. */
#include "server/exchange-private.h"

#include <string.h>

/* Credit is settled in pieces of this size at least, so that a small answer costs none of it. */
#define SETTLE (64u * 1024)

static void
put (AditHeadWriter *writer, const char *text)
{
  adit_head_put (writer, adit_span (text, strlen (text)));
}

void
adit_exchange_settle (AditExchange *ex)
{
  gsize queued = adit_link_get_queued (ex->link);

  if (ex->stream == NULL || ex->owed == 0)
    return;
  if (ex->owed > queued)
    {
      adit_stream_consume (ex->stream, ex->owed - queued);
      ex->owed = queued;
    }
  if (ex->owed > 0)
    adit_link_await_drain (ex->link);
}

/* 100 passes if it was asked for; all other interim answers end here: HTTP/1.1 visitors seldom expect
 * them. */
static void
answer_interim (AditExchange *ex, const AditHead *head)
{
  if (head->status != 100 || !ex->expects)
    return;
  ex->expects = FALSE;
  adit_link_send (ex->link, ADIT_SPAN ("HTTP/1.1 100 Continue\r\n\r\n"));
}

static AditAnswer
choose_answer (AditExchange *ex, const AditHead *head)
{
  if (head->status == 101)
    return ADIT_ANSWER_RAW;
  if (ex->is_head || head->body == ADIT_BODY_NONE)
    return ADIT_ANSWER_EMPTY;
  if (head->body == ADIT_BODY_LENGTH)
    return ADIT_ANSWER_LENGTH;
  return ex->minor == 1 ? ADIT_ANSWER_CHUNKED : ADIT_ANSWER_CLOSE;
}

static gboolean
is_passed (AditExchange *ex, const AditHead *head, const AditField *field)
{
  if (field->kind == ADIT_FIELD_CONTENT_LENGTH)
    return !field->hop && head->status != 204 && (ex->answer == ADIT_ANSWER_LENGTH || ex->answer == ADIT_ANSWER_EMPTY);
  return !field->hop && field->kind != ADIT_FIELD_TRANSFER_ENCODING;
}

static void
put_connection (AditExchange *ex, const AditHead *head, AditHeadWriter *writer)
{
  if (ex->answer == ADIT_ANSWER_RAW)
    {
      put (writer, "Connection: Upgrade\r\n");
      adit_head_put_field (writer, ADIT_SPAN ("Upgrade"), head->upgrade);
    }
  else if (!ex->keep_alive)
    put (writer, "Connection: close\r\n");
  else if (ex->minor == 0)
    put (writer, "Connection: keep-alive\r\n");
}

static void
write_answer (AditExchange *ex, const AditHead *head, AditHeadWriter *writer)
{
  put (writer, "HTTP/1.1 ");
  adit_head_put_number (writer, head->status);
  put (writer, " ");
  adit_head_put (writer, head->reason);
  put (writer, "\r\n");
  for (guint i = 0; i < head->n_fields; i++)
    if (is_passed (ex, head, &head->fields[i]))
      adit_head_put_field (writer, head->fields[i].name, head->fields[i].value);
  put_connection (ex, head, writer);
  if (ex->answer == ADIT_ANSWER_CHUNKED)
    put (writer, "Transfer-Encoding: chunked\r\n");
  put (writer, "\r\n");
}

static void
answer_final (AditExchange *ex, const AditHead *head)
{
  AditHeadWriter writer = { .at = adit_worker_scratch (ex->desk->worker, ADIT_SCRATCH_HEAD) };
  guint8 *start = writer.at;

  writer.end = writer.at + ADIT_SCRATCH_SIZE;
  ex->answer = (guint8) choose_answer (ex, head);
  ex->status = (guint16) head->status;
  ex->answer_left = ex->answer == ADIT_ANSWER_LENGTH ? head->length : 0;
  if (ex->answer == ADIT_ANSWER_CLOSE || ex->desk->draining)
    ex->keep_alive = FALSE;
  write_answer (ex, head, &writer);
  adit_link_send (ex->link, adit_span (start, (gsize) (writer.at - start)));
  adit_timer_stop (&ex->timer);
  if (ex->answer == ADIT_ANSWER_RAW)
    adit_visitor_read_body (ex->visitor);
  else if (ex->body == ADIT_BODY_RAW)
    {
      /* The upgrade was not taken: the request had no body and is complete. */
      ex->body = ADIT_BODY_NONE;
      ex->request_done = TRUE;
      adit_stream_send_end (ex->stream, adit_span (NULL, 0));
    }
}

void
adit_exchange_answer_head (AditExchange *ex, AditSpan bytes)
{
  AditHead *head = &ex->desk->response;
  AditHeadFault fault;
  gsize used = 0;
  gboolean ok = adit_head_parse_response (head, bytes.data, bytes.len, ex->is_head, &used, &fault) == ADIT_HEAD_OK;

  if (ex->answer != ADIT_ANSWER_NONE)
    adit_exchange_cut (ex, ADIT_REASON_PROTOCOL);
  else if (!ok || used != bytes.len)
    adit_exchange_refuse (ex, ADIT_REASON_LOCAL_FAILED, ok ? "bytes behind the head" : fault.text);
  else if (head->status == 101 && ex->body != ADIT_BODY_RAW)
    adit_exchange_refuse (ex, ADIT_REASON_LOCAL_FAILED, "101 without an upgrade");
  else if (head->status < 200 && head->status != 101)
    answer_interim (ex, head);
  else
    answer_final (ex, head);
}

static void
send_chunk (AditExchange *ex, AditSpan piece)
{
  guint8 prefix[ADIT_CHUNK_PREFIX_MAX];
  struct iovec iov[] = { { prefix, adit_chunk_prefix (prefix, piece.len) },
                         { (void *) piece.data, piece.len },
                         { (void *) "\r\n", 2 } };

  adit_link_sendv (ex->link, iov, G_N_ELEMENTS (iov));
}

void
adit_exchange_answer_body (AditExchange *ex, AditSpan piece)
{
  gsize all = piece.len;

  switch ((AditAnswer) ex->answer)
    {
    case ADIT_ANSWER_NONE:
      adit_exchange_refuse (ex, ADIT_REASON_PROTOCOL, "a body before the head");
      return;
    case ADIT_ANSWER_EMPTY:
      piece.len = 0;
      break;
    case ADIT_ANSWER_LENGTH:
      /* More than announced is cut off; the end then finds it complete. */
      piece.len = (gsize) MIN (piece.len, ex->answer_left);
      ex->answer_left -= piece.len;
      adit_link_send (ex->link, piece);
      break;
    case ADIT_ANSWER_CHUNKED:
      send_chunk (ex, piece);
      break;
    case ADIT_ANSWER_CLOSE:
    case ADIT_ANSWER_RAW:
    default:
      adit_link_send (ex->link, piece);
    }
  ex->bytes_out += (gint64) piece.len;
  ex->owed += all;
  if (ex->owed >= SETTLE || ex->answer == ADIT_ANSWER_RAW)
    adit_exchange_settle (ex);
}

static void
end_chunks (AditExchange *ex, AditSpan trailers)
{
  AditHead *head = &ex->desk->response;
  AditHeadWriter writer = { .at = adit_worker_scratch (ex->desk->worker, ADIT_SCRATCH_HEAD) };
  guint8 *start = writer.at;
  AditHeadFault fault;
  gsize used;

  writer.end = writer.at + ADIT_SCRATCH_SIZE;
  put (&writer, "0\r\n");
  if (trailers.len > 0
      && adit_head_parse_trailers (head, trailers.data, trailers.len, TRUE, &used, &fault) == ADIT_HEAD_OK)
    for (guint i = 0; i < head->n_fields; i++)
      if (!head->fields[i].hop)
        adit_head_put_field (&writer, head->fields[i].name, head->fields[i].value);
  put (&writer, "\r\n");
  adit_link_send (ex->link, adit_span (start, (gsize) (writer.at - start)));
}

void
adit_exchange_answer_end (AditExchange *ex, AditSpan trailers)
{
  if (ex->answer == ADIT_ANSWER_NONE)
    adit_exchange_refuse (ex, ADIT_REASON_LOCAL_FAILED, "an end without a head");
  else if (ex->answer == ADIT_ANSWER_LENGTH && ex->answer_left > 0)
    adit_exchange_cut (ex, ADIT_REASON_LOCAL_FAILED);
  else
    {
      if (ex->answer == ADIT_ANSWER_CHUNKED)
        end_chunks (ex, trailers);
      adit_exchange_answered (ex);
    }
}
