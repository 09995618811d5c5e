/* SPDX-License-Identifier: MIT */
/* visitor: see visitor.h. */
#include "server/visitor.h"

#include "link/tls.h"
#include "server/errorpage.h"
#include "server/exchange.h"
#include "server/uplink.h"
#include "wire/frame.h"

#include <stddef.h>
#include <string.h>

/* Of a body: how much is read at once. */
#define READ_MAX (ADIT_SCRATCH_SIZE - ADIT_FRAME_HEADER)
#define HEAD_READ (64u * 1024)
/* Bytes of answers that the visitor may leave unread before its next request is looked at. */
#define UNREAD_MAX (256u * 1024)
/* A visitor that follows its tunnel from worker to worker. */
#define MOVES_MAX 8

typedef enum
{
  HANDSHAKE,
  READING,
  WAITING,
  SERVING,
  LINGERING,
  MOVING,
  CLOSED,
} State;

struct AditVisitor
{
  AditDesk *desk;
  AditLink *link;
  AditExchange *exchange;
  AditBuf in;            /* read, not used yet: part of a head, or what is behind one */
  AditHeadScan scan;
  AditTimer timer;       /* of the state */
  AditDefer later;       /* what must not happen inside a callback: see on_later() */
  GList all, waits;      /* in the desk's queues */
  AditPeer peer;
  gint64 dropped;        /* bytes, while lingering */
  gint64 wait_until_us;
  guint8 state, moves;
  guint16 destination;   /* worker, while moving */
  gboolean secure, running, reading_head, leaving, eof;
};

/* A visitor on its way to another worker. */
typedef struct
{
  AditMail mail;
  AditVisitor *visitor;
} Move;

static void run (AditVisitor *visitor);
static void pump_body (AditVisitor *visitor);

AditDesk *
adit_visitor_get_desk (AditVisitor *visitor)
{
  return visitor->desk;
}

AditLink *
adit_visitor_get_link (AditVisitor *visitor)
{
  return visitor->link;
}

const AditPeer *
adit_visitor_get_peer (AditVisitor *visitor)
{
  return &visitor->peer;
}

AditExchange *
adit_visitor_get_exchange (AditVisitor *visitor)
{
  return visitor->exchange;
}

void
adit_visitor_set_exchange (AditVisitor *visitor, AditExchange *exchange)
{
  visitor->exchange = exchange;
}

void
adit_visitor_forget_exchange (AditVisitor *visitor)
{
  visitor->exchange = NULL;
}

gboolean
adit_visitor_is_secure (AditVisitor *visitor)
{
  return visitor->secure;
}

static void
set_state (AditVisitor *visitor, State state)
{
  static const guint8 next[] = {
    [HANDSHAKE] = 1 << READING | 1 << CLOSED,
    [READING] = 1 << WAITING | 1 << SERVING | 1 << LINGERING | 1 << MOVING | 1 << CLOSED,
    [WAITING] = 1 << READING | 1 << CLOSED,
    [SERVING] = 1 << READING | 1 << LINGERING | 1 << CLOSED,
    [LINGERING] = 1 << CLOSED,
    [MOVING] = 1 << READING,
    [CLOSED] = 0,
  };

  g_return_if_fail (next[visitor->state] & 1 << state);
  visitor->state = (guint8) state;
}

static void
set_timer (AditVisitor *visitor, guint ms)
{
  adit_worker_set_timer (visitor->desk->worker, &visitor->timer, ms);
}

static void
later (AditVisitor *visitor)
{
  adit_worker_defer (visitor->desk->worker, &visitor->later);
}

void
adit_visitor_close (AditVisitor *visitor, gboolean reset)
{
  if (visitor->state == CLOSED)
    return;
  if (visitor->state == WAITING)
    g_queue_unlink (&visitor->desk->waiting, &visitor->waits);
  set_state (visitor, CLOSED);
  adit_timer_stop (&visitor->timer);
  g_queue_unlink (&visitor->desk->visitors, &visitor->all);
  if (visitor->exchange)
    adit_exchange_free (g_steal_pointer (&visitor->exchange), ADIT_REASON_VISITOR_GONE);
  adit_buf_clear (&visitor->in);
  adit_link_close (visitor->link, reset);
  later (visitor);
}

static void
read_off (AditVisitor *visitor)
{
  guint8 *data = adit_worker_scratch (visitor->desk->worker, ADIT_SCRATCH_READ);
  gssize n = visitor->eof ? ADIT_LINK_EOF : adit_link_read (visitor->link, data, ADIT_SCRATCH_SIZE);

  if (n > 0)
    visitor->dropped += n;
  if (n == ADIT_LINK_EOF)
    visitor->eof = TRUE;
  if (n == ADIT_LINK_FAIL || visitor->dropped > ADIT_LIMIT_LINGER
      || (visitor->eof && adit_link_get_queued (visitor->link) == 0))
    adit_visitor_close (visitor, FALSE);
}

/* A slow visitor gets the time to read what was answered; only then a short one to end its own direction. */
static void
linger_on (AditVisitor *visitor)
{
  if (adit_link_get_queued (visitor->link) > 0)
    {
      adit_link_await_drain (visitor->link);
      set_timer (visitor, visitor->desk->rules->policy->idle_timeout_ms);
    }
  else if (visitor->eof)
    adit_visitor_close (visitor, FALSE);
  else
    set_timer (visitor, ADIT_LIMIT_LINGER_MS);
}

static void
linger (AditVisitor *visitor)
{
  set_state (visitor, LINGERING);
  adit_buf_clear (&visitor->in);
  adit_link_finish (visitor->link);
  adit_link_flush (visitor->link);
  adit_link_set_reading (visitor->link, TRUE);
  later (visitor);
}

/* Answers by ourselves. Where there was any doubt, or a body is still to come, the connection ends. */
static void
refuse (AditVisitor *visitor, const AditHead *head, AditReason reason)
{
  AditHeadWriter writer = { .at = adit_worker_scratch (visitor->desk->worker, ADIT_SCRATCH_HEAD) };
  const AditField *accept = head ? adit_head_get (head, ADIT_FIELD_ACCEPT) : NULL;
  guint8 *start = writer.at;
  AditErrorPage page = { .reason = reason };

  writer.end = writer.at + ADIT_SCRATCH_SIZE;
  page.accept = accept ? accept->value : adit_span (NULL, 0);
  page.is_head = head && head->is_head;
  page.keep_alive = head && head->keep_alive && head->body == ADIT_BODY_NONE && !visitor->desk->draining && !visitor->leaving;
  page.minor = head ? head->minor : 1;
  adit_errorpage_write (&writer, &page);
  adit_link_send (visitor->link, adit_span (start, (gsize) (writer.at - start)));
  adit_exchange_log_refused (visitor, head, reason);
  if (page.keep_alive)
    set_timer (visitor, visitor->desk->rules->policy->idle_timeout_ms);
  else
    linger (visitor);
}

/* The head is complete and moves with the visitor: everything read so far lies in visitor->in. */
static void
deliver_move (AditMail *mail)
{
  AditVisitor *visitor = ((Move *) mail)->visitor;
  AditDesk *desk = visitor->desk;

  g_free (mail);
  set_state (visitor, READING);
  g_queue_push_tail_link (&desk->visitors, &visitor->all);
  if (!adit_link_attach (visitor->link, desk->worker))
    {
      adit_visitor_close (visitor, FALSE);
      return;
    }
  if (desk->draining)
    adit_visitor_drain (visitor);
  else
    set_timer (visitor, desk->rules->policy->head_timeout_ms);
  if (visitor->state == READING)
    run (visitor);
}

/* Leaves this worker's loop now and the worker at the end of the turn: callers up the stack may still look
 * at the visitor. */
static void
move_to (AditVisitor *visitor, guint worker)
{
  set_state (visitor, MOVING);
  visitor->moves++;
  visitor->destination = (guint16) worker;
  adit_link_detach (visitor->link);
  adit_timer_stop (&visitor->timer);
  g_queue_unlink (&visitor->desk->visitors, &visitor->all);
  later (visitor);
}

static void
post_move (AditVisitor *visitor)
{
  Move *move = g_new0 (Move, 1);
  AditDesk *from = visitor->desk;

  move->mail.deliver = deliver_move;
  move->visitor = visitor;
  visitor->running = FALSE;
  visitor->desk = from - from->index + visitor->destination;
  adit_worker_post (visitor->desk->worker, &move->mail);
}

typedef enum
{
  ROUTE_HERE,
  ROUTE_REFUSED,
  ROUTE_ELSEWHERE,
  ROUTE_WAIT,
} Route;

/* Finds the tunnel that @head is for, and whether it can be served on this worker now. */
static Route
find_route (AditVisitor *visitor, const AditHead *head, AditTunnel **tunnel, AditReason *reason)
{
  AditDesk *desk = visitor->desk;
  char label[ADIT_LIMIT_LABEL + 1];
  gboolean apex = FALSE;

  *reason = ADIT_REASON_WRONG_HOST;
  if (!adit_head_host_label (head->host, desk->rules->policy->domain, label, &apex))
    {
      if (apex)
        *reason = ADIT_REASON_UNKNOWN_NAME;
      return ROUTE_REFUSED;
    }
  *reason = ADIT_REASON_UNKNOWN_NAME;
  *tunnel = adit_router_find (desk->router, label);
  if (*tunnel == NULL)
    return ROUTE_REFUSED;
  *reason = ADIT_REASON_TUNNEL_OFFLINE;
  if ((*tunnel)->uplink && (*tunnel)->worker != desk->index)
    return visitor->moves < MOVES_MAX ? ROUTE_ELSEWHERE : ROUTE_REFUSED;
  if ((*tunnel)->uplink && adit_uplink_get_session ((*tunnel)->uplink))
    return ROUTE_HERE;
  visitor->wait_until_us = (*tunnel)->wait_until_us;
  if ((*tunnel)->uplink)
    visitor->wait_until_us = MAX (visitor->wait_until_us, adit_uplink_get_wait_until_us ((*tunnel)->uplink));
  return visitor->wait_until_us > adit_worker_now_us (desk->worker) ? ROUTE_WAIT : ROUTE_REFUSED;
}

static void
wait_for_session (AditVisitor *visitor)
{
  gint64 left_ms = (visitor->wait_until_us - adit_worker_now_us (visitor->desk->worker)) / 1000;

  set_state (visitor, WAITING);
  g_queue_push_tail_link (&visitor->desk->waiting, &visitor->waits);
  adit_link_set_reading (visitor->link, FALSE);
  set_timer (visitor, (guint) MAX (1, left_ms));
}

void
adit_visitor_look_again (AditVisitor *visitor)
{
  set_state (visitor, READING);
  set_timer (visitor, visitor->desk->rules->policy->head_timeout_ms);
  run (visitor);
}

/* Keeps what was read where the next look finds it; @data may be that place already. */
static void
keep (AditVisitor *visitor, const guint8 *data, gsize len, gboolean is_kept)
{
  if (!is_kept && len > 0)
    adit_buf_append (&visitor->in, data, len);
}

static void
serve (AditVisitor *visitor, const AditHead *head, AditSpan raw, AditTunnel *tunnel)
{
  set_state (visitor, SERVING);
  visitor->moves = 0;
  adit_exchange_new (visitor, head, raw, tunnel);
}

/* A head at the start of @data. Returns how many bytes were used, 0 if it is not complete; those behind
 * are body or the next request. */
static gsize
take_head (AditVisitor *visitor, guint8 *data, gsize len, gboolean is_kept)
{
  AditHead *head = &visitor->desk->head;
  AditTunnel *tunnel = NULL;
  AditHeadFault fault;
  AditReason reason;
  gsize used = 0;

  switch (adit_head_parse_request (head, data, len, &used, &fault))
    {
    case ADIT_HEAD_OK:
      visitor->reading_head = FALSE;
      break;
    case ADIT_HEAD_MORE:
      return 0;
    case ADIT_HEAD_BAD:
    default:
      refuse (visitor, NULL, fault.reason);
      return len;
    }
  switch (find_route (visitor, head, &tunnel, &reason))
    {
    case ROUTE_HERE:
      serve (visitor, head, adit_span (data, used), tunnel);
      return used;
    case ROUTE_REFUSED:
      refuse (visitor, head, reason);
      return used;
    case ROUTE_ELSEWHERE:
      keep (visitor, data, len, is_kept);
      move_to (visitor, tunnel->worker);
      return len;
    case ROUTE_WAIT:
    default:
      keep (visitor, data, len, is_kept);
      wait_for_session (visitor);
      return len;
    }
}

/* Body bytes that were read together with the head. */
static void
feed_rest (AditVisitor *visitor, guint8 *data, gsize len)
{
  while (len > 0 && visitor->state == SERVING && visitor->exchange)
    {
      gsize want = MIN (len, adit_exchange_get_want (visitor->exchange));
      gboolean over = FALSE;
      gsize used;

      if (want == 0)
        break;
      used = adit_exchange_feed (visitor->exchange, data, want, &over);
      data += used;
      len -= used;
      if (over)
        break;
    }
  if (visitor->state == SERVING || visitor->state == READING)
    keep (visitor, data, len, FALSE);
}

/* A head in fresh bytes, the usual case: nothing is copied but what is behind it and cannot go on yet. */
static void
take_fresh (AditVisitor *visitor, guint8 *data, gsize len)
{
  gsize used = take_head (visitor, data, len, FALSE);

  if (used < len)
    feed_rest (visitor, data + used, len - used);
}

/* A head in bytes that were kept; one that comes byte by byte is not parsed before its end is there. TRUE:
 * one was taken. */
static gboolean
take_kept (AditVisitor *visitor)
{
  AditSpan all = adit_buf_flatten (&visitor->in);
  gsize used;

  if (adit_head_scan (&visitor->scan, all.data, all.len) == 0 && all.len < ADIT_LIMIT_HEAD)
    return FALSE;
  visitor->scan = (AditHeadScan){ 0 };
  used = take_head (visitor, (guint8 *) all.data, all.len, TRUE);
  if (visitor->state == SERVING || visitor->state == READING)
    adit_buf_consume (&visitor->in, MIN (used, visitor->in.len));
  return used > 0;
}

/* Who does not read the answers gets no further ones: they would pile up here. */
static gboolean
may_go_on (AditVisitor *visitor)
{
  if (adit_link_get_queued (visitor->link) <= UNREAD_MAX)
    return TRUE;
  adit_link_set_reading (visitor->link, FALSE);
  adit_link_await_drain (visitor->link);
  return FALSE;
}

/* Takes heads from what was kept, one after the other, until one is being served or is not complete. */
static void
run (AditVisitor *visitor)
{
  if (visitor->running || !may_go_on (visitor))
    return;
  visitor->running = TRUE;
  while (visitor->state == READING && visitor->in.len > 0 && may_go_on (visitor) && take_kept (visitor))
    ;
  visitor->running = FALSE;
  if (visitor->state == SERVING && visitor->in.len > 0)
    later (visitor);
  if (visitor->state != READING)
    return;
  if (visitor->in.len > 0 && !visitor->reading_head)
    {
      visitor->reading_head = TRUE;
      set_timer (visitor, visitor->desk->rules->policy->head_timeout_ms);
    }
  adit_link_set_reading (visitor->link, TRUE);
}

/* Works that would read into memory which a callback further up still uses, or free what it stands on. */
static void
on_later (AditDefer *defer)
{
  AditVisitor *visitor = (AditVisitor *) ((char *) defer - offsetof (AditVisitor, later));

  switch ((State) visitor->state)
    {
    case CLOSED:
      g_object_unref (visitor->link);
      g_slice_free (AditVisitor, visitor);
      break;
    case MOVING:
      post_move (visitor);
      break;
    case READING:
      run (visitor);
      break;
    case SERVING:
      pump_body (visitor);
      break;
    case LINGERING:
      linger_on (visitor);
      break;
    case HANDSHAKE:
    case WAITING:
    default:
      break;
    }
}

static void
end_of_input (AditVisitor *visitor)
{
  visitor->eof = TRUE;
  if (visitor->state == SERVING && visitor->exchange)
    {
      adit_link_set_reading (visitor->link, FALSE);
      adit_exchange_eof (visitor->exchange);
    }
  else
    adit_visitor_close (visitor, FALSE);
}

static void
read_head (AditVisitor *visitor)
{
  guint8 *data = adit_worker_scratch (visitor->desk->worker, ADIT_SCRATCH_READ);
  gssize n = may_go_on (visitor) ? adit_link_read (visitor->link, data, HEAD_READ) : ADIT_LINK_AGAIN;

  if (n == ADIT_LINK_EOF)
    end_of_input (visitor);
  if (n <= 0)
    return;
  if (visitor->in.len == 0)
    {
      visitor->running = TRUE;
      take_fresh (visitor, data, (gsize) n);
      visitor->running = FALSE;
    }
  else
    adit_buf_append (&visitor->in, data, (gsize) n);
  run (visitor);
}

/* Bytes that were kept go to the exchange first, by way of memory that has room in front. */
static gboolean
feed_kept (AditVisitor *visitor)
{
  guint8 *data = adit_worker_scratch (visitor->desk->worker, ADIT_SCRATCH_READ);

  while (visitor->in.len > 0 && visitor->state == SERVING && visitor->exchange)
    {
      AditSpan front = adit_buf_front (&visitor->in);
      gsize want = MIN (MIN (front.len, READ_MAX), adit_exchange_get_want (visitor->exchange));
      gboolean over = FALSE;
      gsize used;

      if (want == 0)
        return FALSE;
      memcpy (data, front.data, want);
      used = adit_exchange_feed (visitor->exchange, data, want, &over);
      if (visitor->state == CLOSED || visitor->state == LINGERING)
        return FALSE;
      adit_buf_consume (&visitor->in, used);
      if (over)
        return FALSE;
    }
  return visitor->state == SERVING && visitor->exchange;
}

static void
pump_body (AditVisitor *visitor)
{
  gboolean wants_more;

  if (visitor->running || visitor->exchange == NULL)
    return;
  visitor->running = TRUE;
  wants_more = feed_kept (visitor);
  visitor->running = FALSE;
  if (wants_more && !visitor->eof && adit_exchange_get_want (visitor->exchange) > 0)
    adit_link_set_reading (visitor->link, TRUE);
  else if (visitor->state == READING)
    run (visitor);
}

void
adit_visitor_read_body (AditVisitor *visitor)
{
  later (visitor);
}

static void
read_body (AditVisitor *visitor)
{
  guint8 *data = adit_worker_scratch (visitor->desk->worker, ADIT_SCRATCH_READ);
  gsize want = MIN (adit_exchange_get_want (visitor->exchange), READ_MAX);
  gssize n;

  if (want == 0)
    {
      adit_link_set_reading (visitor->link, FALSE);
      return;
    }
  n = adit_link_read (visitor->link, data, want);
  if (n == ADIT_LINK_EOF)
    end_of_input (visitor);
  if (n <= 0)
    return;
  visitor->running = TRUE;
  feed_rest (visitor, data, (gsize) n);
  visitor->running = FALSE;
  run (visitor);
}

static void
on_readable (gpointer owner)
{
  AditVisitor *visitor = owner;

  switch ((State) visitor->state)
    {
    case READING:
      read_head (visitor);
      break;
    case SERVING:
      if (visitor->exchange && visitor->in.len == 0)
        read_body (visitor);
      else
        adit_link_set_reading (visitor->link, FALSE);
      break;
    case LINGERING:
      read_off (visitor);
      break;
    case HANDSHAKE:
    case WAITING:
    case MOVING:
    case CLOSED:
    default:
      adit_link_set_reading (visitor->link, FALSE);
    }
}

static void
on_drained (gpointer owner)
{
  AditVisitor *visitor = owner;

  if (visitor->state == LINGERING)
    linger_on (visitor);
  else if (visitor->state == READING)
    run (visitor);
  else if (visitor->exchange)
    adit_exchange_drained (visitor->exchange);
}

static void
on_failed (gpointer owner, const GError *error)
{
  adit_visitor_close (owner, FALSE);
}

static void
start_reading (AditVisitor *visitor)
{
  set_state (visitor, READING);
  set_timer (visitor, visitor->desk->rules->policy->head_timeout_ms);
}

static void
on_open (gpointer owner)
{
  start_reading (owner);
}

static const AditLinkListener link_listener = {
  .on_open = on_open,
  .on_readable = on_readable,
  .on_drained = on_drained,
  .on_failed = on_failed,
};

static void
on_timer (AditTimer *timer)
{
  AditVisitor *visitor = (AditVisitor *) ((char *) timer - offsetof (AditVisitor, timer));

  if (visitor->state == SERVING)
    return;
  if (visitor->state == WAITING)
    {
      g_queue_unlink (&visitor->desk->waiting, &visitor->waits);
      adit_visitor_look_again (visitor);
    }
  else if (visitor->state == READING && visitor->in.len > 0)
    refuse (visitor, NULL, ADIT_REASON_HEAD_TIMEOUT);
  else
    adit_visitor_close (visitor, FALSE);
}

void
adit_visitor_new (AditDesk *desk, int fd, const AditPeer *peer, gboolean tls)
{
  AditVisitor *visitor = g_slice_new0 (AditVisitor);

  visitor->desk = desk;
  visitor->peer = *peer;
  visitor->secure = tls;
  visitor->all.data = visitor->waits.data = visitor;
  visitor->later.func = on_later;
  adit_timer_init (&visitor->timer, on_timer);
  visitor->link = tls ? adit_tls_new_server (fd, ADIT_TLS_VISITOR, desk->rules->visitor) : adit_tcp_new (fd);
  adit_link_set_listener (visitor->link, &link_listener, visitor);
  g_queue_push_tail_link (&desk->visitors, &visitor->all);
  if (!adit_link_attach (visitor->link, desk->worker))
    adit_visitor_close (visitor, FALSE);
  else if (tls)
    set_timer (visitor, ADIT_LIMIT_HANDSHAKE_MS);
  else
    start_reading (visitor);
}

void
adit_visitor_drain (AditVisitor *visitor)
{
  visitor->leaving = TRUE;
  if (visitor->state == HANDSHAKE || (visitor->state == READING && visitor->in.len == 0))
    adit_visitor_close (visitor, FALSE);
}

void
adit_visitor_done (AditVisitor *visitor, gboolean reusable)
{
  visitor->exchange = NULL;
  if (!reusable || visitor->leaving || visitor->desk->draining)
    {
      linger (visitor);
      return;
    }
  set_state (visitor, READING);
  set_timer (visitor, visitor->desk->rules->policy->idle_timeout_ms);
  adit_link_set_reading (visitor->link, TRUE);
  if (visitor->in.len > 0 && !visitor->running)
    later (visitor);
  else if (visitor->eof && visitor->in.len == 0)
    linger (visitor);
}
