/* SPDX-License-Identifier: MIT */
/* plan: what a run of the client is to do: which server, with which token and trust, which tunnels.
 *
 * Made once from flags, environment and file; not changed after. Owner: the program. Thread: any. */
#pragma once

#include "client/address.h"
#include "client/clientcfg.h"
#include "client/options.h"
#include "client/publish.h"
#include "link/creds.h"

typedef struct
{
  AditAddress *address;
  char *token;
  AditTrust trust;         /* of the control connection */
  GPtrArray *tunnels;      /* AditPublish, at least one */
  guint idle_timeout_s;    /* 0: never */
  gboolean quiet;          /* finished requests are not logged */
} AditPlan;

/* Flag before environment before file. NULL with ADIT_ERROR_USAGE, or ADIT_ERROR_REFUSED for what no
 * server announces. */
AditPlan *adit_plan_new (const AditOptions *options, const AditClientCfg *cfg, GError **error);
/* Server, token and trust alone, for commands that open no tunnel of their own. */
AditPlan *adit_plan_new_contact (const AditOptions *options, const AditClientCfg *cfg, GError **error);
void adit_plan_free (AditPlan *plan);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AditPlan, adit_plan_free)
