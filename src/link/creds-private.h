/* SPDX-License-Identifier: MIT */
/* creds-private: the inside of AditCreds, for tls.c only: no GnuTLS type leaves link/{tls,creds}. */
#pragma once

#include "link/creds.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

struct AditCreds
{
  gint refs;
  gboolean is_server;
  gnutls_certificate_credentials_t cert;
  gnutls_datum_t ticket_key;
  char *fingerprint;
  gint64 expiry;
};

/* Of the peer's certificate; NULL if it sent none. The caller owns it. */
char *adit_creds_peer_fingerprint (gnutls_session_t session);
/* Judges the server's certificate against @trust; FALSE with ADIT_ERROR_VERIFY. */
gboolean adit_creds_verify (gnutls_session_t session, const AditTrust *trust, GError **error);
