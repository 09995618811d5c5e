/* SPDX-License-Identifier: MIT */
/* tunnel: see tunnel.h. */
#include "server/tunnel.h"

#include "server/uplink.h"

AditTunnel *
adit_tunnel_new (const char *label, const char *public_url, AditUplink *uplink, guint worker, guint index)
{
  AditTunnel *tunnel = g_new0 (AditTunnel, 1);

  tunnel->refs = 1;
  tunnel->label = g_strdup (label);
  tunnel->public_url = g_strdup (public_url);
  tunnel->uplink = uplink ? adit_uplink_ref (uplink) : NULL;
  tunnel->worker = worker;
  tunnel->index = index;
  return tunnel;
}

AditTunnel *
adit_tunnel_ref (AditTunnel *tunnel)
{
  g_atomic_int_inc (&tunnel->refs);
  return tunnel;
}

void
adit_tunnel_unref (AditTunnel *tunnel)
{
  if (tunnel == NULL || !g_atomic_int_dec_and_test (&tunnel->refs))
    return;
  g_free (tunnel->label);
  g_free (tunnel->public_url);
  adit_uplink_unref (tunnel->uplink);
  g_free (tunnel);
}
