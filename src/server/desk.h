/* SPDX-License-Identifier: MIT */
/* desk: what the server has on one worker: its listeners, visitors and sessions there, and what they share.
 *
 * Thread: its worker's. What comes from the main thread (a reload, the order to drain) comes by mail. */
#pragma once

#include "base/log.h"
#include "loop/crew.h"
#include "server/policy.h"
#include "server/router.h"
#include "wire/head.h"

typedef struct AditServer AditServer;
typedef struct AditVisitor AditVisitor;
typedef struct AditGate AditGate;

/* The certificates in force; replaced together on a reload. Immutable, counted. */
typedef struct
{
  gint refs;
  AditPolicy *policy;
  AditCreds *control; /* NULL with control.tls "off" */
  AditCreds *visitor; /* NULL without a certificate */
} AditRules;

AditRules *adit_rules_ref (AditRules *rules);
void adit_rules_unref (AditRules *rules);

typedef struct
{
  AditServer *server;
  AditWorker *worker;
  guint index;
  AditRules *rules;
  AditRouter *router;
  gint *n_requests; /* of all desks; atomic */
  AditListener *control, *http, *https;
  GQueue visitors, waiting, uplinks, gates; /* of the objects' embedded links */
  gboolean draining;
  AditHead head, response; /* scratch of one callback */
  AditLogLimit faults;
} AditDesk;

/* The desk of the calling worker's thread; all run there. */
void adit_desk_start (AditDesk *desk);
/* Takes @rules. */
void adit_desk_set_rules (AditDesk *desk, AditRules *rules);
/* Names changed: whoever waits for a session looks again. */
void adit_desk_published (AditDesk *desk);
/* No new work: listeners close, idle visitors leave, clients are told. */
void adit_desk_drain (AditDesk *desk);
/* Everything ends now. */
void adit_desk_close (AditDesk *desk);
