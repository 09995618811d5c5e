/* SPDX-License-Identifier: MIT */
/* buf: a queue of bytes in pooled chunks, and the borrowed span.
 *
 * Owner: the struct is embedded in its owner; its chunks come from a pool of the calling thread and go
 * back to it, so a buffer that moves with its owner to another thread keeps working. Thread: one at a time.
 * Never grows past what the caller appends: caps are the caller's duty. An empty AditBuf holds no memory. */
#pragma once

#include <glib.h>
#include <sys/uio.h>

/* Bytes that belong to somebody else and stay valid until the callee returns (or as the prototype says). */
typedef struct
{
  const guint8 *data;
  gsize len;
} AditSpan;

#define ADIT_SPAN(literal) ((AditSpan){ (const guint8 *) (literal), sizeof (literal) - 1 })

static inline AditSpan
adit_span (const void *data, gsize len)
{
  return (AditSpan){ (const guint8 *) data, len };
}

gboolean adit_span_equal (AditSpan a, AditSpan b);
/* ASCII case is ignored. */
gboolean adit_span_equal_nocase (AditSpan a, const char *word);
/* A new NUL-terminated copy; the caller owns it. */
char *adit_span_dup (AditSpan span);

typedef struct AditChunk AditChunk;

typedef struct
{
  AditChunk *first, *last;
  gsize len; /* bytes queued */
} AditBuf;

/* Copies @len bytes to the end. */
void adit_buf_append (AditBuf *buf, const void *data, gsize len);
/* At least @min (at most 64 KiB) writable bytes at the end, *room says how many; made real by
 * adit_buf_commit(). */
guint8 *adit_buf_reserve (AditBuf *buf, gsize min, gsize *room);
void adit_buf_commit (AditBuf *buf, gsize len);
/* Fills up to @max vectors from the front; returns how many were filled. */
guint adit_buf_peek (const AditBuf *buf, struct iovec *iov, guint max);
/* The first contiguous run; empty span for an empty buffer. Valid until the next change of @buf. */
AditSpan adit_buf_front (const AditBuf *buf);
/* All bytes as one contiguous span, moving them if needed. Valid until the next change of @buf. */
AditSpan adit_buf_flatten (AditBuf *buf);
/* Drops @len bytes from the front (@len <= buf->len). */
void adit_buf_consume (AditBuf *buf, gsize len);
/* Moves everything in @from to the end of @to; only a little (1 KiB) is copied, where there is room for it.
 * */
void adit_buf_move (AditBuf *to, AditBuf *from);
void adit_buf_clear (AditBuf *buf);
/* Frees the pool of the calling thread; called when a worker ends. */
void adit_buf_pool_drain (void);
