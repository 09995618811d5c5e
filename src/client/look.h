/* SPDX-License-Identifier: MIT */
/* look: one look at a server on the calling thread, for commands that answer and end: its key, and whether
 * it takes the token.
 *
 * Waits, in a loop of its own. Thread: the main thread, while no worker of its runs. */
#pragma once

#include "client/plan.h"

typedef struct
{
  char *fingerprint;   /* NULL for a plain server */
  gboolean is_public;  /* the system's trust store accepts its certificate for this host */
} AditLook;

/* The TLS hand-shake (or the connection) alone: nothing is said, no name is claimed. */
gboolean adit_look_at_key (const AditAddress *address, const AditTrust *trust, AditLook *look,
                           GError **error);
/* Says Hello for a random name and leaves at once: ADIT_ERROR_REFUSED with the server's sentence if it
 * does not want us. */
gboolean adit_look_at_token (const AditPlan *plan, GError **error);
/* Whether something answers at @target. */
gboolean adit_look_at_target (const AditTarget *target, GError **error);
void adit_look_clear (AditLook *look);
