/* SPDX-License-Identifier: MIT */
/* gate: a connection to the control port until its first byte tells what it speaks.
 *
 * 0x16 is TLS, 0x00 the Hello of plain wire v1, a letter HTTP (kept for other dialects). Owner: the desk's
 * queue of gates. One deadline (ADIT_LIMIT_HANDSHAKE_MS) runs from here to the end of the opening
 * exchange. */
#pragma once

#include "server/desk.h"

/* Takes @fd. */
void adit_gate_new (AditDesk *desk, int fd, const AditPeer *peer);
void adit_gate_close (AditGate *gate);
