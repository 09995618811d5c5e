/* SPDX-License-Identifier: MIT */
/* policy: what server.cfg says, checked and complete: immutable, shared by all threads.
 *
 * A reload makes a new one and swaps it; whoever works with the old one keeps its reference. Never opens a
 * socket. */
#pragma once

#include "link/creds.h"
#include "link/listener.h"

typedef enum
{
  ADIT_CONTROL_TLS_REQUIRED,
  ADIT_CONTROL_TLS_OPTIONAL,
  ADIT_CONTROL_TLS_OFF,
} AditControlTls;

#define ADIT_PORT_ANY (-1)

/* Who may do what. */
typedef struct
{
  char *token;
  char *digest;          /* of the token: what is kept on disk and compared between threads */
  char *name;            /* for logs; NULL: the token's hint is used */
  char **subdomains;     /* patterns with "*", anchored; NULL: any */
  GPtrArray *allow, *deny; /* GInetAddressMask */
} AditToken;

typedef struct
{
  gint refs;

  char *domain, *bind;
  gint control_port, http_port, https_port; /* 0: off; ADIT_PORT_ANY, which no file can say: a free one */
  guint workers;
  char *state_dir;       /* NULL: nothing is kept */
  char *public_scheme;   /* "https" if an edge in front terminates TLS; NULL: by the listeners */
  GPtrArray *trusted_proxies; /* GInetAddressMask */
  GPtrArray *cert_paths, *key_paths; /* the first is cert_path, key_path */
  AditControlTls control_tls;
  GPtrArray *tokens;     /* AditToken */

  guint max_clients, max_concurrent_requests;
  guint idle_timeout_ms, drain_timeout_ms, head_timeout_ms, response_timeout_ms;
} AditPolicy;

/* Every error in the file, NULL-terminated, "file:line: …"; NULL policy then. The caller frees both. */
AditPolicy *adit_policy_load (const char *path, char ***errors);
AditPolicy *adit_policy_parse (const char *text, const char *name, char ***errors);
AditPolicy *adit_policy_ref (AditPolicy *policy);
void adit_policy_unref (AditPolicy *policy);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AditPolicy, adit_policy_unref)

/* The effective policy as text, one "key = value" a line, no secret; the caller owns it. */
char *adit_policy_describe (const AditPolicy *policy);
/* The names of listener keys that differ, separated by commas; NULL if none does. The caller owns it. */
char *adit_policy_diff_listeners (const AditPolicy *old, const AditPolicy *new_policy);

/* Takes time independent of where @token differs. NULL: unknown. */
const AditToken *adit_policy_find_token (const AditPolicy *policy, const char *token);
const AditToken *adit_policy_find_digest (const AditPolicy *policy, const char *digest);
gboolean adit_token_allows_name (const AditToken *token, const char *name);
gboolean adit_token_allows_peer (const AditToken *token, const AditPeer *peer);
gboolean adit_masks_contain (GPtrArray *masks, const AditPeer *peer);
