/* SPDX-License-Identifier: MIT */
/* buf: chunks of two sizes from per-thread free lists.
 *
 * Every chunk of a list holds bytes, save the last, which may be an open reservation: start == end. The pool
 * of a thread is capped, so what one thread allocates and another frees does not pile up. Under
 * AddressSanitizer a pooled chunk is poisoned, so that a span kept too long is found. */
#include "base/buf.h"

#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADIT_BUF_POISON 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define ADIT_BUF_POISON 1
#endif
#ifdef ADIT_BUF_POISON
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void) (address), (void) (size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void) (address), (void) (size))
#endif

#define SMALL 4096u
#define LARGE 65536u
/* adit_buf_move() copies up to this into free room, or many tiny moves would hold 4 KiB each. */
#define TAIL_COPY 1024u

struct AditChunk
{
  AditChunk *next;
  guint8 *data;
  gsize start, end; /* the bytes in use */
  gsize size;
};

typedef struct
{
  AditChunk *first;
  guint count;
} ChunkPool;

enum
{
  POOL_SMALL,
  POOL_LARGE,
  N_POOLS
};

static const guint pool_cap[N_POOLS] = { 256, 64 };
static __thread ChunkPool pools[N_POOLS];

/* ---- spans ---- */

gboolean
adit_span_equal (AditSpan a, AditSpan b)
{
  return a.len == b.len && (a.len == 0 || memcmp (a.data, b.data, a.len) == 0);
}

gboolean
adit_span_equal_nocase (AditSpan a, const char *word)
{
  gsize i;

  for (i = 0; i < a.len; i++)
    if (word[i] == '\0' || g_ascii_tolower ((char) a.data[i]) != g_ascii_tolower (word[i]))
      return FALSE;
  return word[i] == '\0';
}

char *
adit_span_dup (AditSpan span)
{
  char *copy = g_malloc (span.len + 1);

  if (span.len > 0)
    memcpy (copy, span.data, span.len);
  copy[span.len] = '\0';
  return copy;
}

/* ---- chunks ---- */

static AditChunk *
chunk_new (gsize size)
{
  AditChunk *chunk = g_malloc (sizeof *chunk + size);

  chunk->data = (guint8 *) (chunk + 1);
  chunk->size = size;
  return chunk;
}

static AditChunk *
chunk_take (guint which)
{
  ChunkPool *pool = &pools[which];
  AditChunk *chunk = pool->first;

  if (chunk == NULL)
    chunk = chunk_new (which == POOL_SMALL ? SMALL : LARGE);
  else
    {
      pool->first = chunk->next;
      pool->count--;
      ASAN_UNPOISON_MEMORY_REGION (chunk->data, chunk->size);
    }
  chunk->next = NULL;
  chunk->start = chunk->end = 0;
  return chunk;
}

static void
chunk_give (AditChunk *chunk)
{
  guint which = chunk->size == SMALL ? POOL_SMALL : POOL_LARGE;
  ChunkPool *pool = &pools[which];

  if (chunk->size > LARGE || pool->count >= pool_cap[which])
    {
      g_free (chunk);
      return;
    }
  ASAN_POISON_MEMORY_REGION (chunk->data, chunk->size);
  chunk->next = pool->first;
  pool->first = chunk;
  pool->count++;
}

static void
chunk_give_all (AditChunk *chunk)
{
  while (chunk != NULL)
    {
      AditChunk *next = chunk->next;

      chunk_give (chunk);
      chunk = next;
    }
}

void
adit_buf_pool_drain (void)
{
  guint which;

  for (which = 0; which < N_POOLS; which++)
    while (pools[which].first != NULL)
      {
        AditChunk *chunk = pools[which].first;

        pools[which].first = chunk->next;
        pools[which].count--;
        ASAN_UNPOISON_MEMORY_REGION (chunk->data, chunk->size);
        g_free (chunk);
      }
}

/* ---- the queue ---- */

static gsize
tail_room (const AditBuf *buf)
{
  return buf->last == NULL ? 0 : buf->last->size - buf->last->end;
}

/* Drops the last chunk if it is a reservation that nobody committed. */
static void
drop_reservation (AditBuf *buf)
{
  AditChunk *empty = buf->last, *chunk;

  if (empty == NULL || empty->start != empty->end)
    return;
  if (buf->first == empty)
    buf->first = buf->last = NULL;
  else
    {
      for (chunk = buf->first; chunk->next != empty; chunk = chunk->next)
        ;
      chunk->next = NULL;
      buf->last = chunk;
    }
  chunk_give (empty);
}

/* A new last chunk for @need more bytes: small for a little in an (almost) empty buffer, else large. */
static void
add_chunk (AditBuf *buf, gsize need)
{
  AditChunk *chunk;

  drop_reservation (buf);
  chunk = chunk_take (need <= SMALL && buf->len < SMALL ? POOL_SMALL : POOL_LARGE);
  if (buf->last == NULL)
    buf->first = chunk;
  else
    buf->last->next = chunk;
  buf->last = chunk;
}

void
adit_buf_append (AditBuf *buf, const void *data, gsize len)
{
  const guint8 *next = data;

  while (len > 0)
    {
      gsize part = MIN (len, tail_room (buf));

      if (part == 0)
        {
          add_chunk (buf, len);
          continue;
        }
      memcpy (buf->last->data + buf->last->end, next, part);
      buf->last->end += part;
      buf->len += part;
      next += part;
      len -= part;
    }
}

guint8 *
adit_buf_reserve (AditBuf *buf, gsize min, gsize *room)
{
  *room = 0;
  g_return_val_if_fail (min <= LARGE, NULL);

  if (tail_room (buf) < MAX (min, 1))
    add_chunk (buf, min);
  *room = tail_room (buf);
  return buf->last->data + buf->last->end;
}

void
adit_buf_commit (AditBuf *buf, gsize len)
{
  g_return_if_fail (len <= tail_room (buf));

  if (len == 0)
    {
      drop_reservation (buf);
      return;
    }
  buf->last->end += len;
  buf->len += len;
}

guint
adit_buf_peek (const AditBuf *buf, struct iovec *iov, guint max)
{
  const AditChunk *chunk;
  guint n = 0;

  for (chunk = buf->first; chunk != NULL && n < max && chunk->start != chunk->end; chunk = chunk->next)
    iov[n++] = (struct iovec){ chunk->data + chunk->start, chunk->end - chunk->start };
  return n;
}

AditSpan
adit_buf_front (const AditBuf *buf)
{
  if (buf->len == 0)
    return ADIT_SPAN ("");
  return adit_span (buf->first->data + buf->first->start, buf->first->end - buf->first->start);
}

/* Copies the bytes of @chunk and those behind it to the end of @to, which has the room, and gives them back.
 * */
static void
gather (AditChunk *to, AditChunk *chunk)
{
  while (chunk != NULL)
    {
      AditChunk *next = chunk->next;

      memcpy (to->data + to->end, chunk->data + chunk->start, chunk->end - chunk->start);
      to->end += chunk->end - chunk->start;
      chunk_give (chunk);
      chunk = next;
    }
}

AditSpan
adit_buf_flatten (AditBuf *buf)
{
  AditChunk *whole, *rest;

  drop_reservation (buf);
  if (buf->first == buf->last)
    return adit_buf_front (buf);
  if (buf->first->size - buf->first->start >= buf->len)
    {
      whole = buf->first;
      rest = whole->next;
    }
  else
    {
      rest = buf->first;
      if (buf->len <= LARGE)
        whole = chunk_take (POOL_LARGE);
      else
        {
          whole = chunk_new (buf->len);
          whole->start = whole->end = 0;
        }
    }
  whole->next = NULL;
  gather (whole, rest);
  buf->first = buf->last = whole;
  return adit_buf_front (buf);
}

void
adit_buf_consume (AditBuf *buf, gsize len)
{
  g_return_if_fail (len <= buf->len);

  buf->len -= len;
  if (buf->len == 0)
    {
      adit_buf_clear (buf);
      return;
    }
  while (len > 0)
    {
      AditChunk *chunk = buf->first;
      gsize part = MIN (len, chunk->end - chunk->start);

      chunk->start += part;
      len -= part;
      if (chunk->start != chunk->end)
        continue;
      buf->first = chunk->next;
      chunk_give (chunk);
    }
}

void
adit_buf_move (AditBuf *to, AditBuf *from)
{
  if (to == from || from->len == 0)
    return;
  drop_reservation (to);
  drop_reservation (from);
  if (from->len <= TAIL_COPY && from->len <= tail_room (to))
    {
      gather (to->last, from->first);
      to->len += from->len;
    }
  else
    {
      if (to->last == NULL)
        to->first = from->first;
      else
        to->last->next = from->first;
      to->last = from->last;
      to->len += from->len;
    }
  *from = (AditBuf){ NULL, NULL, 0 };
}

void
adit_buf_clear (AditBuf *buf)
{
  chunk_give_all (buf->first);
  *buf = (AditBuf){ NULL, NULL, 0 };
}
