/* SPDX-License-Identifier: MIT */
/* bond: one session of the agent, with the tunnels that it asked for in the order of its Hello.
 *
 * Owner: the agent. Thread: the worker. It hands requests to their forwards and tells the agent the rest. */
#pragma once

#include "client/forward.h"

typedef struct AditBond AditBond;

/* Nothing is called after on_closed, on_reject or adit_bond_close(). */
typedef struct
{
  void (*on_welcome) (gpointer owner, AditBond *bond, const AditWelcome *welcome);
  void (*on_reject) (gpointer owner, AditBond *bond, const AditReject *reject);
  void (*on_goaway) (gpointer owner, AditBond *bond, const AditReject *why);
  void (*on_settled) (gpointer owner, AditBond *bond); /* the server read our GoAway */
  void (*on_closed) (gpointer owner, AditBond *bond, const GError *error);
  gboolean (*may_take) (gpointer owner); /* whether new requests are served now */
} AditBondListener;

/* Takes the attached @link and says Hello for @forwards (those not refused for good). */
AditBond *adit_bond_new (AditLink *link, GPtrArray *forwards, const char *token, const char *instance,
                         const AditBondListener *listener, gpointer owner);
/* Close(0); its requests are aborted. */
void adit_bond_close (AditBond *bond);
void adit_bond_free (AditBond *bond);
AditSession *adit_bond_get_session (AditBond *bond);
/* AditForward, borrowed, as asked. */
GPtrArray *adit_bond_get_asked (AditBond *bond);
