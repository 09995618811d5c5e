/* SPDX-License-Identifier: MIT */
/* transport: frames over a link.
 *
 * Incoming bodies of data frames are passed on in pieces as they come; those of the others are collected
 * (bounded by the type) and passed whole. Outgoing frames of one turn leave in one write. Knows types only
 * as far as wire/frame judges them. Owner: its session. Thread: the link's worker. */
#pragma once

#include "link/link.h"
#include "wire/frame.h"

#define ADIT_TYPE_TRANSPORT (adit_transport_get_type ())
G_DECLARE_FINAL_TYPE (AditTransport, adit_transport, ADIT, TRANSPORT, GObject)

/* @on_frame: a whole frame. @on_piece: bytes of a partial one; @left is what is still to come of it.
 * @on_room: data may be sent again after adit_transport_get_room() was 0. @on_closed: end, failure or
 * fault; nothing is called after it. Callbacks must not read from a link: the spans lie in the worker's
 * read memory. */
typedef struct
{
  void (*on_open) (gpointer owner);
  void (*on_frame) (gpointer owner, const AditFrame *frame, AditSpan body);
  void (*on_piece) (gpointer owner, const AditFrame *frame, AditSpan piece, guint32 left);
  void (*on_room) (gpointer owner);
  void (*on_closed) (gpointer owner, const GError *error);
} AditTransportListener;

/* Takes the reference to @link, which must be attached. */
AditTransport *adit_transport_new (AditLink *link, const AditTransportListener *listener, gpointer owner);
AditLink *adit_transport_get_link (AditTransport *transport);
void adit_transport_send (AditTransport *transport, guint8 type, guint64 id, AditSpan body);
/* ADIT_FRAME_HEADER bytes in front of @body are overwritten, so header and body leave from one place. */
void adit_transport_send_in_place (AditTransport *transport, guint8 type, guint64 id, guint8 *body, gsize len);
/* Bytes of data that may be sent now; 0: wait for on_room. */
gsize adit_transport_get_room (AditTransport *transport);
/* Stops and resumes reading; calls nest. */
void adit_transport_hold (AditTransport *transport);
void adit_transport_release (AditTransport *transport);
/* When the last byte came, microseconds of the worker's clock. */
gint64 adit_transport_get_seen_us (AditTransport *transport);
/* No callback after it. What was sent still leaves, then our direction ends; the peer's is read and
 * dropped for a short time, so that the last frame is not lost to a reset. */
void adit_transport_finish (AditTransport *transport);
/* At once. */
void adit_transport_close (AditTransport *transport);
