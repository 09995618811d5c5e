/* SPDX-License-Identifier: MIT */
/* claims: what sessions ask of the main thread: names at their Hello, and what follows when they leave or
 * end.
 *
 * The functions are called on workers and carried out on the main thread, in order; what they change in
 * one turn of its loop is published together, then the answers go back. */
#pragma once

#include "server/uplink.h"

/* Takes @hello; adit_uplink_answer() follows on the uplink's worker. */
void adit_server_claim (AditServer *server, AditUplink *uplink, AditHello *hello, const AditPeer *peer);
void adit_server_uplink_gone (AditServer *server, AditUplink *uplink);
void adit_server_uplink_leaves (AditServer *server, AditUplink *uplink, gint64 wait_until_us);
