/* SPDX-License-Identifier: MIT */
/* log-ring: records of 16-byte units, so that a record's header never wraps; its bytes may.
 *
 * The head is published with a sequentially consistent store: the log thread's going to sleep depends on the
 * order of this store and the producer's later look at the sleeper (log.c). */
#include "base/log-ring.h"

#include <string.h>

typedef struct
{
  gint64 time_us;
  guint32 len;
  guint32 unused;
} Record;

#define UNIT sizeof (Record)

G_STATIC_ASSERT (sizeof (Record) == 16);
G_STATIC_ASSERT ((ADIT_LOG_RING_SIZE & (ADIT_LOG_RING_SIZE - 1)) == 0);

static inline gsize
offset_of (guint64 position)
{
  return (gsize) (position & (ADIT_LOG_RING_SIZE - 1));
}

static inline guint64
units_for (gsize len)
{
  return UNIT + ((len + UNIT - 1) & ~(guint64) (UNIT - 1));
}

void
adit_log_ring_init (AditLogRing *ring)
{
  ring->head = ring->tail = ring->dropped = ring->told = 0;
}

static inline guint64
used_bytes (AditLogRing *ring)
{
  guint64 tail = __atomic_load_n (&ring->tail, __ATOMIC_ACQUIRE);

  return __atomic_load_n (&ring->head, __ATOMIC_SEQ_CST) - tail;
}

gboolean
adit_log_ring_push (AditLogRing *ring, gint64 time_us, const char *line, gsize len)
{
  guint64 head = ring->head;
  Record record = { time_us, (guint32) len, 0 };
  gsize at = offset_of (head + UNIT);
  gsize first = MIN (len, ADIT_LOG_RING_SIZE - at);

  if (units_for (len) > ADIT_LOG_RING_SIZE - used_bytes (ring))
    {
      __atomic_store_n (&ring->dropped, ring->dropped + 1, __ATOMIC_RELAXED);
      return FALSE;
    }
  memcpy (ring->data + offset_of (head), &record, sizeof record);
  memcpy (ring->data + at, line, first);
  memcpy (ring->data, line + first, len - first);
  __atomic_store_n (&ring->head, head + units_for (len), __ATOMIC_SEQ_CST);
  return TRUE;
}

gboolean
adit_log_ring_is_empty (AditLogRing *ring)
{
  return used_bytes (ring) == 0;
}

gboolean
adit_log_ring_is_half_full (AditLogRing *ring)
{
  return used_bytes (ring) > ADIT_LOG_RING_SIZE / 2;
}

gboolean
adit_log_ring_peek (AditLogRing *ring, gint64 *time_us, gsize *len)
{
  Record record;

  if (adit_log_ring_is_empty (ring))
    return FALSE;
  memcpy (&record, ring->data + offset_of (ring->tail), sizeof record);
  *time_us = record.time_us;
  *len = record.len;
  return TRUE;
}

void
adit_log_ring_take (AditLogRing *ring, char *out)
{
  guint64 tail = ring->tail;
  gsize at = offset_of (tail + UNIT), first;
  Record record;

  memcpy (&record, ring->data + offset_of (tail), sizeof record);
  first = MIN (record.len, ADIT_LOG_RING_SIZE - at);
  memcpy (out, ring->data + at, first);
  memcpy (out + first, ring->data, record.len - first);
  __atomic_store_n (&ring->tail, tail + units_for (record.len), __ATOMIC_RELEASE);
}

guint64
adit_log_ring_take_dropped (AditLogRing *ring)
{
  guint64 dropped = __atomic_load_n (&ring->dropped, __ATOMIC_RELAXED);
  guint64 fresh = dropped - ring->told;

  ring->told = dropped;
  return fresh;
}
