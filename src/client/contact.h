/* SPDX-License-Identifier: MIT */
/* contact: reaching a server: dial, then the TLS hand-shake, before anything is said.
 *
 * Owner: the agent, or a command that only looks. Thread: the worker. */
#pragma once

#include "client/address.h"
#include "link/creds.h"
#include "link/link.h"

typedef struct AditContact AditContact;

/* @on_connected (may be NULL): the socket is there, the hand-shake begins. Then one of: @on_open: takes
 * the attached @link. @on_failed: with ADIT_ERROR_VERIFY nothing was sent. From within either
 * adit_contact_free() is fine. */
typedef struct
{
  void (*on_connected) (gpointer owner);
  void (*on_open) (gpointer owner, AditLink *link);
  void (*on_failed) (gpointer owner, const GError *error);
} AditContactListener;

/* @creds and @trust are copied or referenced; both may be NULL for a plain address. The hand-shake has
 * ADIT_LIMIT_HANDSHAKE_MS. */
AditContact *adit_contact_new (AditWorker *worker, const AditAddress *address, AditCreds *creds,
                               const AditTrust *trust,
                               const AditContactListener *listener, gpointer owner);
void adit_contact_free (AditContact *contact);
