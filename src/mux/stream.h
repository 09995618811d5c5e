/* SPDX-License-Identifier: MIT */
/* stream: one request and its answer on a session: two directions that end each for itself, with credit.
 *
 * Owner: whoever opened or accepted it, until adit_stream_free(), which every owner calls once whatever
 * happened. After on_closed every call but adit_stream_free() does nothing. Thread: the session's worker. */
#pragma once

#include "base/buf.h"
#include "wire/reason.h"

typedef struct AditStream AditStream;

/* @on_head: ResponseStart (server side), possibly several if 1xx precede the last. @on_body: a piece of
 * payload; say adit_stream_consume() when it went on. @on_end: the peer's direction is complete; @trailers
 * are bare field lines, mostly empty. @on_room: adit_stream_get_room() is above 0 again. @on_closed: the
 * peer, the session or a limit aborted it. Spans lie in the worker's read memory: callbacks other than
 * on_room must not read from a link. */
typedef struct
{
  void (*on_head) (gpointer owner, AditSpan head);
  void (*on_body) (gpointer owner, AditSpan piece);
  void (*on_end) (gpointer owner, AditSpan trailers);
  void (*on_room) (gpointer owner);
  void (*on_closed) (gpointer owner, AditReason reason, const char *text);
} AditStreamListener;

void adit_stream_set_listener (AditStream *stream, const AditStreamListener *listener, gpointer owner);
guint64 adit_stream_get_id (const AditStream *stream);
/* ResponseStart. */
void adit_stream_send_head (AditStream *stream, AditSpan head);
/* Bytes of body that may be sent now in one piece; at 0 on_room follows when there is room. */
gsize adit_stream_get_room (AditStream *stream);
/* At most adit_stream_get_room() bytes; ADIT_FRAME_HEADER bytes in front of @body are overwritten. */
void adit_stream_send_body (AditStream *stream, guint8 *body, gsize len);
/* Our direction is complete. Trailers go only to a peer that announced them. */
void adit_stream_send_end (AditStream *stream, AditSpan trailers);
/* @len bytes of on_body went on: gives credit back. */
void adit_stream_consume (AditStream *stream, gsize len);
/* Ends the ownership; a stream of which a direction is still open is aborted with @reason at the peer. */
void adit_stream_free (AditStream *stream, AditReason reason, const char *text);
