/* SPDX-License-Identifier: MIT */
/* creds: certificates, keys, trust and fingerprints: what a TLS hand-shake needs to know.
 *
 * Immutable once made; a reload makes new ones. Reference-counted, shared by all threads. A fingerprint is
 * "sha256:" and 64 lower-case hexadecimal digits of the DER SubjectPublicKeyInfo (RFC 5280 4.1.2.7). Never
 * logs. */
#pragma once

#include <glib.h>

typedef struct AditCreds AditCreds;

/* A server's certificate chain and key in PEM. Errors (ADIT_ERROR_USAGE) name the file and the cure. */
AditCreds *adit_creds_load (const char *cert_path, const char *key_path, GError **error);
/* One more pair for the same listener, chosen by SNI. */
gboolean adit_creds_add (AditCreds *creds, const char *cert_path, const char *key_path, GError **error);
/* The key and self-signed certificate kept in @dir (control.key, control.crt), made once. @dir must exist. */
AditCreds *adit_creds_load_or_make (const char *dir, const char *name, GError **error);
/* A client's; @trust_system loads the system's trust store (reads files), which a pinned fingerprint does
 * without. */
AditCreds *adit_creds_new_client (gboolean trust_system);
AditCreds *adit_creds_ref (AditCreds *creds);
void adit_creds_unref (AditCreds *creds);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AditCreds, adit_creds_unref)

/* Of a server's first certificate; NULL for a client's. Borrowed. */
const char *adit_creds_get_fingerprint (AditCreds *creds);
/* When the first certificate ends, seconds since 1970; 0 for a client's. */
gint64 adit_creds_get_expiry (AditCreds *creds);
/* TRUE if @text has the form of a fingerprint. */
gboolean adit_fingerprint_is_valid (const char *text);

/* What a client demands of the server's key. */
typedef struct
{
  char *host;         /* name to check and to send as SNI; a literal address is not sent */
  char *fingerprint;  /* NULL: the system's trust store decides */
  gboolean insecure;  /* nothing is checked */
} AditTrust;
