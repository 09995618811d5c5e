/* SPDX-License-Identifier: MIT */
/* log-ring: a bounded ring of finished lines between one producer and one consumer.
 *
 * Owner: whoever embeds it. Thread: push by one thread, peek and take by one other; neither waits for the
 * other. A line that does not fit is counted and left out. */
#pragma once

#include <glib.h>

#define ADIT_LOG_RING_SIZE (256u * 1024)

typedef struct
{
  guint64 head;    /* bytes ever put in; the producer's */
  char pad[56];    /* the two ends in cache lines of their own */
  guint64 tail;    /* bytes ever taken out; the consumer's */
  guint64 dropped; /* lines left out; the producer's */
  guint64 told;    /* how many of them are known outside; the consumer's */
  guint8 data[ADIT_LOG_RING_SIZE];
} AditLogRing;

void adit_log_ring_init (AditLogRing *ring);
/* FALSE if there is no room: the line is counted as dropped. */
gboolean adit_log_ring_push (AditLogRing *ring, gint64 time_us, const char *line, gsize len);
gboolean adit_log_ring_is_empty (AditLogRing *ring);
gboolean adit_log_ring_is_half_full (AditLogRing *ring);
/* Time and length of the oldest line; FALSE if there is none. */
gboolean adit_log_ring_peek (AditLogRing *ring, gint64 *time_us, gsize *len);
/* Copies the oldest line, which peek has seen, to @out and removes it. */
void adit_log_ring_take (AditLogRing *ring, char *out);
/* Lines dropped since the last call. */
guint64 adit_log_ring_take_dropped (AditLogRing *ring);
