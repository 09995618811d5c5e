/* SPDX-License-Identifier: MIT */
/* names: who holds which name: the register behind the router.
 *
 * A name belongs to the token that holds it; the newest session of that token wins; epochs keep two
 * clients from stealing it from each other for ever (wire-v1 item 21). A name whose session is gone is
 * held for a time, over a restart too. Main thread only. */
#pragma once

#include "server/policy.h"
#include "server/tunnel.h"
#include "wire/reason.h"

typedef struct AditNames AditNames;

/* What a client asks for. */
typedef struct
{
  const AditToken *token; /* NULL: a server without tokens */
  const char *instance;   /* NULL: a v1 client */
  const char *label;      /* NULL: a random one */
  guint64 epoch;          /* 0: never held */
  AditUplink *uplink;
  guint worker, index;
} AditClaim;

/* And what it gets. */
typedef struct
{
  AditTunnel *tunnel;      /* borrowed; NULL: refused */
  guint64 epoch;
  AditUplink *replaced;    /* counted; the session that lost the name, or NULL */
  gboolean by_other;       /* it belonged to another client process */
  AditRejectCode code;
  char *reason;            /* the caller frees it */
} AditGrant;

/* Reads the names kept in @state_dir (NULL: nothing is kept); visitors of those wait until @wait_until_us.
 * @url_format has one %s for the name. */
AditNames *adit_names_new (const char *state_dir, const char *url_format, guint hold_ms, gint64 now_us, gint64 wait_until_us);
void adit_names_free (AditNames *names);
void adit_names_set_hold (AditNames *names, guint hold_ms);

void adit_names_claim (AditNames *names, const AditClaim *claim, AditGrant *grant);
/* The session is gone: its names are held from @now_us on. */
void adit_names_release (AditNames *names, AditUplink *uplink, gint64 now_us);
/* The session said that it leaves: visitors of its names wait for its successor. */
void adit_names_leave (AditNames *names, AditUplink *uplink, gint64 wait_until_us);
/* Names of this token are no longer held. */
void adit_names_forget_token (AditNames *names, const char *digest);
/* Drops what was held for long enough. */
void adit_names_expire (AditNames *names, gint64 now_us);

/* TRUE once after a change; then publish adit_names_snapshot() and adit_names_save(). */
gboolean adit_names_take_dirty (AditNames *names);
/* A new table of label to tunnel for the router. */
GHashTable *adit_names_snapshot (AditNames *names);
void adit_names_save (AditNames *names);
