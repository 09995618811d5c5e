/* SPDX-License-Identifier: MIT */
/* server-private: the inside of AditServer, shared by server.c and claims.c. Main thread only, but for
 * what is said to be atomic. */
#pragma once

#include "server/desk.h"
#include "server/names.h"
#include "server/server.h"
#include "server/uplink.h"

struct AditServer
{
  GMainContext *context;
  AditCrew *crew;
  AditDesk *desks;       /* one for each worker */
  guint n_desks;
  AditRouter *router;
  AditNames *names;
  AditRules *rules;
  GHashTable *clients;   /* AditUplink to Client, for welcomed ones */
  GQueue answers;        /* to be sent after the next publication */
  GSource *publish;      /* NULL: none is due */
  GSource *sweep;
  gint n_requests;       /* atomic */
  gboolean stopping;     /* the workers are gone: nothing is published any more */
  guint16 ports[3];      /* by AditPort */

  GSource *draining;
  gint64 drain_until_us;
  void (*drained) (gpointer data);
  gpointer drained_data;
};

/* One welcomed session as the main thread knows it. */
typedef struct
{
  AditUplink *uplink; /* counted */
  char *digest;       /* of its token; "" without */
  GPtrArray *labels;  /* the names it was given */
} AditClient;

void adit_client_free (gpointer data);
/* Runs @func (@data) on the main thread. */
void adit_server_invoke (AditServer *server, GSourceFunc func, gpointer data);
/* Publishes at the end of this turn of the main loop. */
void adit_server_want_publish (AditServer *server);
/* Tells the session on its worker to go away. */
void adit_server_dismiss (AditServer *server, AditUplink *uplink, AditRejectCode code, const char *reason);
