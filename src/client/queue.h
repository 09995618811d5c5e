/* SPDX-License-Identifier: MIT */
/* queue: so many at a time; more wait for their turn, for a bounded time and in a bounded number.
 *
 * Owner: the forward; entries are embedded in what waits. Thread: the worker. */
#pragma once

#include "loop/worker.h"

#define ADIT_QUEUE_WAITING 1000u
#define ADIT_QUEUE_WAIT_MS 10000u

typedef enum
{
  ADIT_TURN_NONE,
  ADIT_TURN_WAITS,
  ADIT_TURN_ACTIVE,
} AditTurnState;

typedef struct AditTurn AditTurn;

/* @admit: the turn has come. @expire: it did not come in time; the entry is out. */
struct AditTurn
{
  void (*admit) (AditTurn *turn);
  void (*expire) (AditTurn *turn);
  AditTurnState state;
  gint64 since_us;
  AditTurn *next, *prev;
};

typedef struct
{
  AditWorker *worker;
  guint limit, active, waiting;
  AditTurn ring; /* those that wait, oldest first */
  AditTimer timer;
} AditQueue;

void adit_queue_init (AditQueue *queue, AditWorker *worker, guint limit);
/* No entry is in it any more. */
void adit_queue_clear (AditQueue *queue);
/* ACTIVE: go on at once; WAITS: admit or expire follows; NONE: too many wait already. */
AditTurnState adit_queue_enter (AditQueue *queue, AditTurn *turn);
/* Leaves, whatever its state; the next one is admitted. */
void adit_queue_leave (AditQueue *queue, AditTurn *turn);
