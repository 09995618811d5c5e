/* SPDX-License-Identifier: MIT */
/* server: builds, wires, starts and stops everything of adit-server: crew, desks, router, register of names.
 *
 * Belongs to the thread that made it (the main thread), whose thread-default GMainContext it uses; that
 * thread runs a main loop. */
#pragma once

#include "server/policy.h"

typedef struct AditServer AditServer;

typedef enum
{
  ADIT_PORT_CONTROL,
  ADIT_PORT_HTTP,
  ADIT_PORT_HTTPS,
} AditPort;

/* Loads keys and binds; nothing is accepted before adit_server_start(). Takes a reference to @policy.
 * Errors are fit for the operator. */
AditServer *adit_server_new (AditPolicy *policy, GError **error);
void adit_server_start (AditServer *server);
/* The bound port; 0 if that listener is off. */
guint16 adit_server_get_port (AditServer *server, AditPort which);
/* The control port's fingerprint; NULL without TLS. Borrowed until a reload. */
const char *adit_server_get_fingerprint (AditServer *server);
/* Everything but listener keys takes effect; FALSE with @error leaves all as it was. */
gboolean adit_server_reload (AditServer *server, AditPolicy *policy, GError **error);
/* No new work; @done (@data) when nothing runs any more or the drain time is over. */
void adit_server_drain (AditServer *server, void (*done) (gpointer data), gpointer data);
/* Closes what is left and joins the workers. */
void adit_server_free (AditServer *server);
