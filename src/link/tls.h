/* SPDX-License-Identifier: MIT */
/* tls: a link of TLS records over a socket. The only place that holds a GnuTLS session.
 *
 * Small sends of one turn share a record. on_open tells the end of the hand-shake; before it nothing is
 * readable and what is sent waits. The hand-shake's deadline is the owner's. */
#pragma once

#include "link/creds.h"
#include "link/tcp.h"

#define ADIT_TYPE_TLS (adit_tls_get_type ())
G_DECLARE_FINAL_TYPE (AditTls, adit_tls, ADIT, TLS, AditTcp)

typedef enum
{
  ADIT_TLS_CONTROL, /* TLS 1.3 only, ALPN "adit/1" */
  ADIT_TLS_VISITOR, /* TLS 1.2 and 1.3, ALPN "http/1.1" */
} AditTlsUse;

/* Once per process, before any thread needs it: the priority strings. */
void adit_tls_setup (void);

/* Takes @fd (non-blocking). */
AditLink *adit_tls_new_server (int fd, AditTlsUse use, AditCreds *creds);
/* @trust is copied. on_failed has ADIT_ERROR_VERIFY if the server's key is not what it demands; nothing
 * was sent then. */
AditLink *adit_tls_new_client (int fd, AditCreds *creds, const AditTrust *trust);
/* The same towards a web service on this side: TLS 1.2 or 1.3, ALPN "http/1.1". */
AditLink *adit_tls_new_local (int fd, AditCreds *creds, const AditTrust *trust);

/* The server name that the peer asked for, or NULL. Borrowed until the link ends. */
const char *adit_tls_get_server_name (AditTls *tls);
/* The peer's fingerprint after on_open; the caller owns it. */
char *adit_tls_dup_peer_fingerprint (AditTls *tls);
/* Whether the system's trust store accepts the peer for the trust's host. */
gboolean adit_tls_is_publicly_trusted (AditTls *tls);
