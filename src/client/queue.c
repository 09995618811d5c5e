/* SPDX-License-Identifier: MIT */
/* queue: see queue.h. */
#include "client/queue.h"

#include <stddef.h>

static void
append (AditQueue *queue, AditTurn *turn)
{
  turn->state = ADIT_TURN_WAITS;
  turn->next = &queue->ring;
  turn->prev = queue->ring.prev;
  queue->ring.prev->next = turn;
  queue->ring.prev = turn;
  queue->waiting++;
}

static void
take_out (AditQueue *queue, AditTurn *turn)
{
  turn->prev->next = turn->next;
  turn->next->prev = turn->prev;
  turn->state = ADIT_TURN_NONE;
  queue->waiting--;
}

static AditTurn *
oldest (AditQueue *queue)
{
  return queue->waiting > 0 ? queue->ring.next : NULL;
}

static void
watch_oldest (AditQueue *queue)
{
  AditTurn *turn = oldest (queue);
  gint64 waited_ms;

  if (turn == NULL)
    {
      adit_timer_stop (&queue->timer);
      return;
    }
  waited_ms = (adit_worker_now_us (queue->worker) - turn->since_us) / 1000;
  adit_worker_set_timer (queue->worker, &queue->timer, (guint) MAX (ADIT_QUEUE_WAIT_MS - waited_ms, 0));
}

static void
on_timer (AditTimer *timer)
{
  AditQueue *queue = (AditQueue *) ((char *) timer - offsetof (AditQueue, timer));
  gint64 until = adit_worker_now_us (queue->worker) - (gint64) ADIT_QUEUE_WAIT_MS * 1000;
  AditTurn *turn;

  while ((turn = oldest (queue)) && turn->since_us <= until)
    {
      take_out (queue, turn);
      turn->expire (turn);
    }
  watch_oldest (queue);
}

void
adit_queue_init (AditQueue *queue, AditWorker *worker, guint limit)
{
  *queue = (AditQueue){ .worker = worker, .limit = limit };
  queue->ring.next = queue->ring.prev = &queue->ring;
  adit_timer_init (&queue->timer, on_timer);
}

void
adit_queue_clear (AditQueue *queue)
{
  g_return_if_fail (queue->waiting == 0 && queue->active == 0);
  adit_timer_stop (&queue->timer);
}

AditTurnState
adit_queue_enter (AditQueue *queue, AditTurn *turn)
{
  if (queue->active < queue->limit)
    {
      queue->active++;
      return turn->state = ADIT_TURN_ACTIVE;
    }
  if (queue->waiting >= ADIT_QUEUE_WAITING)
    return turn->state = ADIT_TURN_NONE;
  turn->since_us = adit_worker_now_us (queue->worker);
  append (queue, turn);
  if (queue->waiting == 1)
    watch_oldest (queue);
  return ADIT_TURN_WAITS;
}

void
adit_queue_leave (AditQueue *queue, AditTurn *turn)
{
  AditTurnState was = turn->state;

  if (was == ADIT_TURN_WAITS)
    take_out (queue, turn);
  turn->state = ADIT_TURN_NONE;
  if (was != ADIT_TURN_ACTIVE)
    return;
  queue->active--;
  turn = oldest (queue);
  if (turn == NULL || queue->active >= queue->limit)
    return;
  take_out (queue, turn);
  turn->state = ADIT_TURN_ACTIVE;
  queue->active++;
  turn->admit (turn);
}
