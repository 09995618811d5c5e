/* SPDX-License-Identifier: MIT */
/* tunnel: a published name as the router's snapshot holds it: immutable, counted, shared by all threads.
 *
 * A change of anything (session, worker, held or live) makes a new one. @uplink is touched on the worker
 * that owns it only. */
#pragma once

#include <glib.h>

typedef struct AditUplink AditUplink;

typedef struct
{
  gint refs;
  char *label;           /* NAME of NAME.domain */
  char *public_url;
  AditUplink *uplink;    /* counted; NULL while the name is held for a client that is gone */
  guint worker;          /* of the uplink */
  guint index;           /* position in the session's Hello */
  gint64 wait_until_us;  /* visitors wait for a successor session until then; 0: they do not */
} AditTunnel;

AditTunnel *adit_tunnel_new (const char *label, const char *public_url, AditUplink *uplink, guint worker, guint index);
AditTunnel *adit_tunnel_ref (AditTunnel *tunnel);
void adit_tunnel_unref (AditTunnel *tunnel);
