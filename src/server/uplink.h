/* SPDX-License-Identifier: MIT */
/* uplink: the server end of a client's session.
 *
 * Lives on one worker; asks the main thread for its names (adit_server_claim) and publishes nothing by
 * itself. Counted atomically, because router snapshots hold it: other threads only count. */
#pragma once

#include "mux/session.h"
#include "server/desk.h"

/* Takes @link, of a connection that came at @since_us. */
void adit_uplink_new (AditDesk *desk, AditLink *link, const AditPeer *peer, gint64 since_us);
AditUplink *adit_uplink_ref (AditUplink *uplink);
void adit_uplink_unref (AditUplink *uplink);

/* Any thread: fixed when the claim was made. */
guint adit_uplink_get_worker (AditUplink *uplink);

/* The rest on the worker. The session, while it takes requests; NULL once it is gone or leaving. */
AditSession *adit_uplink_get_session (AditUplink *uplink);
/* Until when visitors wait for a session although this one takes no requests: it is about to, or it said
 * that it leaves and its successor is expected. 0: they do not. */
gint64 adit_uplink_get_wait_until_us (AditUplink *uplink);
/* The answer to adit_server_claim(): @welcome, or NULL and a refusal. */
void adit_uplink_answer (AditUplink *uplink, const AditHello *hello, const AditWelcome *welcome, AditRejectCode code,
                         const char *reason);
/* Tells the client that nothing new is opened; DRAINING lets what runs finish, all others close now. */
void adit_uplink_go_away (AditUplink *uplink, AditRejectCode code, const char *reason);
void adit_uplink_close (AditUplink *uplink);
