/* SPDX-License-Identifier: MIT */
/* forward: see forward.h. */
#include "client/forward-private.h"

AditForward *
adit_forward_new (AditWorker *worker, AditPublish *publish, gboolean quiet, void (*ended) (gpointer owner),
                  gpointer owner)
{
  AditForward *forward = g_new0 (AditForward, 1);

  forward->worker = worker;
  forward->publish = publish;
  forward->quiet = quiet;
  forward->ended = ended;
  forward->owner = owner;
  forward->ring.next = forward->ring.prev = &forward->ring;
  forward->pool = adit_pool_new (worker, publish->target, publish->insecure);
  adit_queue_init (&forward->queue, worker, publish->concurrency);
  return forward;
}

void
adit_forward_free (AditForward *forward)
{
  if (forward == NULL)
    return;
  forward->closing = TRUE;
  while (forward->ring.next != &forward->ring)
    adit_local_fail (forward->ring.next, ADIT_REASON_TUNNEL_OFFLINE, "the client is leaving");
  adit_queue_clear (&forward->queue);
  adit_pool_free (forward->pool);
  g_free (forward);
}

/* Towards a peer that announced it, the flag tells a body of unknown length; a v1 server may leave the
 * coding in the head. */
static const char *
judge_framing (const AditHead *head, guint flags)
{
  if ((flags & ADIT_REQUEST_UNKNOWN_LENGTH) && head->body == ADIT_BODY_LENGTH)
    return "a request of unknown length with a Content-Length";
  return NULL;
}

void
adit_forward_take (AditForward *forward, AditStream *stream, AditFeatures features, guint flags,
                   AditSpan bytes)
{
  AditHead *head = &forward->scratch;
  AditHeadFault fault = { ADIT_REASON_PROTOCOL, "an incomplete head" };
  const char *wrong;
  gsize used = 0;

  if (forward->closing)
    {
      adit_stream_free (stream, ADIT_REASON_TUNNEL_OFFLINE, "the client is leaving");
      return;
    }
  if (adit_head_parse_request (head, bytes.data, bytes.len, &used, &fault) != ADIT_HEAD_OK)
    {
      adit_stream_free (stream, fault.reason, fault.text);
      return;
    }
  wrong = used == bytes.len ? judge_framing (head, flags) : "more than a head in the frame of a head";
  if (wrong)
    {
      adit_stream_free (stream, ADIT_REASON_PROTOCOL, wrong);
      return;
    }
  forward->publish->requests++;
  adit_local_begin (forward, stream, features, flags, head);
}

guint
adit_forward_get_running (AditForward *forward)
{
  return forward->n_running;
}

AditPublish *
adit_forward_get_publish (AditForward *forward)
{
  return forward->publish;
}
