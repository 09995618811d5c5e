/* SPDX-License-Identifier: MIT */
/* visitor: one public connection that speaks HTTP/1: reads heads, finds the tunnel, runs one exchange at a time.
 *
 *   HANDSHAKE --> READING <--> SERVING          READING: waiting for a head, or in the middle of one
 *                  |   ^          |             WAITING: complete head, its session is expected back soon
 *                  v   |          v             MOVING: complete head, on its way to the worker of its tunnel
 *         WAITING, MOVING      LINGERING        LINGERING: answered for the last time; reads and drops, so that
 *                                                          the answer is not lost to a reset
 *
 * Lives on one worker. It moves to another only with a complete head and no exchange, when that worker owns the tunnel. */
#pragma once

#include "link/link.h"
#include "server/desk.h"

/* Takes @fd. */
void adit_visitor_new (AditDesk *desk, int fd, const AditPeer *peer, gboolean tls);
/* No callback after it; memory goes at the end of the turn. Idempotent. */
void adit_visitor_close (AditVisitor *visitor, gboolean reset);
/* The router changed: routes the head that waits. */
void adit_visitor_look_again (AditVisitor *visitor);
/* An idle one leaves; a busy one leaves behind its answer. */
void adit_visitor_drain (AditVisitor *visitor);

/* For exchange. */
AditDesk *adit_visitor_get_desk (AditVisitor *visitor);
AditLink *adit_visitor_get_link (AditVisitor *visitor);
const AditPeer *adit_visitor_get_peer (AditVisitor *visitor);
gboolean adit_visitor_is_secure (AditVisitor *visitor);
/* The one that runs; NULL between two. */
struct AditExchange *adit_visitor_get_exchange (AditVisitor *visitor);
void adit_visitor_set_exchange (AditVisitor *visitor, struct AditExchange *exchange);
/* It freed itself; adit_visitor_close() follows. */
void adit_visitor_forget_exchange (AditVisitor *visitor);
/* The exchange can take body bytes (again). */
void adit_visitor_read_body (AditVisitor *visitor);
/* The exchange is over and gone. @reusable: the connection stands exactly behind a request. */
void adit_visitor_done (AditVisitor *visitor, gboolean reusable);
