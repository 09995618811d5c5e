/* SPDX-License-Identifier: MIT */
/* publish: one tunnel that is wanted: what for, under which name, what the server gave, and what went
 * through.
 *
 * Owner: the agent's list. Thread: the worker, once the agent runs. Never touches the network. */
#pragma once

#include "client/target.h"
#include "wire/hello.h"

typedef struct
{
  /* wanted */
  char *label;        /* its name in the configuration file; NULL for the command line's */
  char *subdomain;    /* NULL: a random one */
  AditTarget *target;
  char *host_header;  /* what the local service sees as Host; NULL: the public one (preserve) */
  guint concurrency;
  gboolean insecure;  /* the certificate of an https target is not verified */

  /* given */
  char *given;        /* the subdomain; NULL before the first Welcome */
  char *public_url;
  guint64 epoch;
  gboolean open;
  gboolean refused;   /* for good: not asked for again */

  guint64 requests, bytes_in, bytes_out;
} AditPublish;

/* Takes @target. @host_header: "rewrite", "preserve" or a value. */
AditPublish *adit_publish_new (AditTarget *target, const char *subdomain, const char *host_header);
void adit_publish_free (AditPublish *publish);

/* What Hello asks for it; the caller owns it. */
AditHelloTunnel *adit_publish_ask (const AditPublish *publish);
/* The server gave it; logs the line that announces it. */
void adit_publish_give (AditPublish *publish, const char *subdomain, const char *public_url, guint64 epoch);
/* The name for people: the label, the given or the wanted name, or the target. Borrowed. */
const char *adit_publish_get_title (const AditPublish *publish);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AditPublish, adit_publish_free)
