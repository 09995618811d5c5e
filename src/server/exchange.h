/* SPDX-License-Identifier: MIT */
/* exchange: one request of a visitor and its answer, over one stream of a session.
 *
 * Owner: its visitor, which hands it body bytes; the stream hands it the answer. It ends by
 * adit_visitor_done(), or when the visitor closes and calls adit_exchange_free(). */
#pragma once

#include "mux/session.h"
#include "server/visitor.h"

typedef struct AditExchange AditExchange;

/* Opens the stream for @head, whose spans live until the call returns, as @raw does, the bytes it was
 * parsed from; tells the visitor its exchange, and may be over when this returns. */
void adit_exchange_new (AditVisitor *visitor, const AditHead *head, AditSpan raw, AditTunnel *tunnel);
/* Bytes that adit_exchange_feed() can take now; 0: none, adit_visitor_read_body() follows when it can. */
gsize adit_exchange_get_want (AditExchange *exchange);
/* Bytes of the visitor behind the head; returns how many were used. Memory in front of @data may be
 * overwritten (ADIT_FRAME_HEADER bytes). The exchange may be over when this returns: *over tells. */
gsize adit_exchange_feed (AditExchange *exchange, guint8 *data, gsize len, gboolean *over);
/* The visitor ended its direction. */
void adit_exchange_eof (AditExchange *exchange);
/* The visitor's queue became shorter. */
void adit_exchange_drained (AditExchange *exchange);
/* The visitor is gone: aborts and frees without a call back. */
void adit_exchange_free (AditExchange *exchange, AditReason reason);

/* A request that was refused before an exchange began: for the log. */
void adit_exchange_log_refused (AditVisitor *visitor, const AditHead *head, AditReason reason);
