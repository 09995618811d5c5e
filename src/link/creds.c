/* SPDX-License-Identifier: MIT */
/* creds: see creds.h. */
#include "link/creds-private.h"

#include "base/error.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <gnutls/crypto.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SELF_SIGNED_YEARS 50

static char *
fingerprint_of (gnutls_x509_crt_t crt)
{
  guint8 id[32];
  size_t size = sizeof id;
  GString *text;

  if (gnutls_x509_crt_get_key_id (crt, GNUTLS_KEYID_USE_SHA256, id, &size) != 0 || size != sizeof id)
    return NULL;
  text = g_string_new ("sha256:");
  for (gsize i = 0; i < size; i++)
    g_string_append_printf (text, "%02x", id[i]);
  return g_string_free (text, FALSE);
}

gboolean
adit_fingerprint_is_valid (const char *text)
{
  if (!g_str_has_prefix (text, "sha256:") || strlen (text) != 7 + 64)
    return FALSE;
  return strspn (text + 7, "0123456789abcdef") == 64;
}

static AditCreds *
creds_new (gboolean is_server)
{
  AditCreds *creds = g_new0 (AditCreds, 1);

  creds->refs = 1;
  creds->is_server = is_server;
  gnutls_certificate_allocate_credentials (&creds->cert);
  return creds;
}

AditCreds *
adit_creds_ref (AditCreds *creds)
{
  g_atomic_int_inc (&creds->refs);
  return creds;
}

void
adit_creds_unref (AditCreds *creds)
{
  if (creds == NULL || !g_atomic_int_dec_and_test (&creds->refs))
    return;
  gnutls_certificate_free_credentials (creds->cert);
  gnutls_free (creds->ticket_key.data);
  g_free (creds->fingerprint);
  g_free (creds);
}

static gboolean
read_pem (const char *what, const char *path, gnutls_datum_t *pem, GError **error)
{
  g_autoptr (GError) cause = NULL;
  gsize len;
  char *text;

  if (!g_file_get_contents (path, &text, &len, &cause))
    {
      int number = g_error_matches (cause, G_FILE_ERROR, G_FILE_ERROR_NOENT) ? ENOENT
                   : g_error_matches (cause, G_FILE_ERROR, G_FILE_ERROR_ACCES) ? EACCES : 0;

      g_set_error (error, ADIT_ERROR, ADIT_ERROR_USAGE, "%s %s: %s; %s", what, path,
                   number ? g_strerror (number) : cause->message,
                   number == EACCES ? "let the user that runs the program read it" : "check the path in the configuration");
      return FALSE;
    }
  pem->data = (unsigned char *) text;
  pem->size = (unsigned) len;
  return TRUE;
}

/* What the first certificate says of itself. */
static void
describe (AditCreds *creds, const gnutls_datum_t *pem)
{
  gnutls_x509_crt_t chain[16];
  unsigned n = G_N_ELEMENTS (chain);

  if (creds->fingerprint != NULL)
    return;
  if (gnutls_x509_crt_list_import (chain, &n, pem, GNUTLS_X509_FMT_PEM, 0) < 0)
    return;
  if (n > 0)
    {
      creds->fingerprint = fingerprint_of (chain[0]);
      creds->expiry = (gint64) gnutls_x509_crt_get_expiration_time (chain[0]);
    }
  for (unsigned i = 0; i < n; i++)
    gnutls_x509_crt_deinit (chain[i]);
}

gboolean
adit_creds_add (AditCreds *creds, const char *cert_path, const char *key_path, GError **error)
{
  gnutls_datum_t cert = { 0 }, key = { 0 };
  gboolean ok = FALSE;
  int code;

  if (read_pem ("certificate", cert_path, &cert, error) && read_pem ("key", key_path, &key, error))
    {
      code = gnutls_certificate_set_x509_key_mem (creds->cert, &cert, &key, GNUTLS_X509_FMT_PEM);
      if (code == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
        g_set_error (error, ADIT_ERROR, ADIT_ERROR_USAGE, "key %s does not belong to certificate %s", key_path, cert_path);
      else if (code < 0)
        g_set_error (error, ADIT_ERROR, ADIT_ERROR_USAGE,
                     "certificate %s and key %s: %s; both must be PEM, the certificate with its chain", cert_path,
                     key_path, gnutls_strerror (code));
      else
        {
          describe (creds, &cert);
          ok = TRUE;
        }
    }
  if (key.data)
    gnutls_memset (key.data, 0, key.size);
  g_free (cert.data);
  g_free (key.data);
  return ok;
}

AditCreds *
adit_creds_load (const char *cert_path, const char *key_path, GError **error)
{
  g_autoptr (AditCreds) creds = creds_new (TRUE);

  if (!adit_creds_add (creds, cert_path, key_path, error))
    return NULL;
  gnutls_session_ticket_key_generate (&creds->ticket_key);
  return g_steal_pointer (&creds);
}

AditCreds *
adit_creds_new_client (gboolean trust_system)
{
  AditCreds *creds = creds_new (FALSE);

  if (trust_system)
    gnutls_certificate_set_x509_system_trust (creds->cert);
  return creds;
}

static gboolean
write_pem (const char *path, const gnutls_datum_t *pem, GError **error)
{
  g_autoptr (GError) cause = NULL;

  if (g_file_set_contents_full (path, (const char *) pem->data, pem->size, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &cause))
    return TRUE;
  g_set_error (error, ADIT_ERROR, ADIT_ERROR_USAGE, "%s: cannot be written: %s; check state_dir and its owner", path,
               cause->message);
  return FALSE;
}

static int
fill_certificate (gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const char *name)
{
  guint8 serial[16];
  time_t now = time (NULL);
  int code = gnutls_rnd (GNUTLS_RND_NONCE, serial, sizeof serial);

  serial[0] &= 0x7f;
  if (code >= 0)
    code = gnutls_x509_crt_set_version (crt, 3);
  if (code >= 0)
    code = gnutls_x509_crt_set_serial (crt, serial, sizeof serial);
  if (code >= 0)
    code = gnutls_x509_crt_set_dn_by_oid (crt, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned) MIN (strlen (name), 64));
  if (code >= 0)
    code = gnutls_x509_crt_set_subject_alt_name (crt, GNUTLS_SAN_DNSNAME, name, (unsigned) strlen (name), GNUTLS_FSAN_SET);
  if (code >= 0)
    code = gnutls_x509_crt_set_activation_time (crt, now - 24 * 3600);
  if (code >= 0)
    code = gnutls_x509_crt_set_expiration_time (crt, now + (time_t) SELF_SIGNED_YEARS * 365 * 24 * 3600);
  if (code >= 0)
    code = gnutls_x509_crt_set_key (crt, key);
  if (code >= 0)
    code = gnutls_x509_crt_sign2 (crt, crt, key, GNUTLS_DIG_SHA256, 0);
  return code;
}

static gboolean
make_self_signed (const char *name, const char *cert_path, const char *key_path, GError **error)
{
  gnutls_x509_privkey_t key;
  gnutls_x509_crt_t crt;
  gnutls_datum_t key_pem = { 0 }, crt_pem = { 0 };
  gboolean ok = FALSE;
  int code;

  gnutls_x509_privkey_init (&key);
  gnutls_x509_crt_init (&crt);
  code = gnutls_x509_privkey_generate (key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS (GNUTLS_ECC_CURVE_SECP256R1), 0);
  if (code >= 0)
    code = fill_certificate (crt, key, name);
  if (code >= 0)
    code = gnutls_x509_privkey_export2_pkcs8 (key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &key_pem);
  if (code >= 0)
    code = gnutls_x509_crt_export2 (crt, GNUTLS_X509_FMT_PEM, &crt_pem);
  if (code < 0)
    g_set_error (error, ADIT_ERROR, ADIT_ERROR_FAILED, "cannot make a key: %s", gnutls_strerror (code));
  else
    ok = write_pem (key_path, &key_pem, error) && write_pem (cert_path, &crt_pem, error);
  if (key_pem.data)
    gnutls_memset (key_pem.data, 0, key_pem.size);
  gnutls_free (key_pem.data);
  gnutls_free (crt_pem.data);
  gnutls_x509_crt_deinit (crt);
  gnutls_x509_privkey_deinit (key);
  return ok;
}

AditCreds *
adit_creds_load_or_make (const char *dir, const char *name, GError **error)
{
  g_autofree char *cert_path = g_build_filename (dir, "control.crt", NULL);
  g_autofree char *key_path = g_build_filename (dir, "control.key", NULL);

  if (g_access (cert_path, F_OK) != 0 && g_access (key_path, F_OK) != 0
      && !make_self_signed (name, cert_path, key_path, error))
    return NULL;
  return adit_creds_load (cert_path, key_path, error);
}

const char *
adit_creds_get_fingerprint (AditCreds *creds)
{
  return creds->fingerprint;
}

gint64
adit_creds_get_expiry (AditCreds *creds)
{
  return creds->expiry;
}

char *
adit_creds_peer_fingerprint (gnutls_session_t session)
{
  unsigned n = 0;
  const gnutls_datum_t *chain = gnutls_certificate_get_peers (session, &n);
  gnutls_x509_crt_t crt;
  char *text = NULL;

  if (chain == NULL || n == 0)
    return NULL;
  gnutls_x509_crt_init (&crt);
  if (gnutls_x509_crt_import (crt, &chain[0], GNUTLS_X509_FMT_DER) == 0)
    text = fingerprint_of (crt);
  gnutls_x509_crt_deinit (crt);
  return text;
}

static gboolean
verify_by_trust_store (gnutls_session_t session, const AditTrust *trust, const char *fingerprint, GError **error)
{
  gnutls_datum_t why = { 0 };
  unsigned status = 0;
  int code = gnutls_certificate_verify_peers3 (session, trust->host, &status);

  if (code >= 0 && status == 0)
    return TRUE;
  if (code >= 0)
    gnutls_certificate_verification_status_print (status, GNUTLS_CRT_X509, &why, 0);
  g_set_error (error, ADIT_ERROR, ADIT_ERROR_VERIFY,
               "the server's key is not known and its certificate is not publicly trusted (%s). Its fingerprint is %s: "
               "compare it with the one that adit-server logs at its start, then run adit login with --fingerprint",
               why.data ? (const char *) why.data : gnutls_strerror (code), fingerprint ? fingerprint : "unknown");
  gnutls_free (why.data);
  return FALSE;
}

gboolean
adit_creds_verify (gnutls_session_t session, const AditTrust *trust, GError **error)
{
  g_autofree char *fingerprint = NULL;

  if (trust->insecure)
    return TRUE;
  fingerprint = adit_creds_peer_fingerprint (session);
  if (trust->fingerprint == NULL)
    return verify_by_trust_store (session, trust, fingerprint, error);
  if (g_strcmp0 (trust->fingerprint, fingerprint) == 0)
    return TRUE;
  g_set_error (error, ADIT_ERROR, ADIT_ERROR_VERIFY,
               "the server's key has changed: expected %s, got %s. If the operator made a new key, run adit login again with "
               "--fingerprint; if not, somebody may stand between you and the server",
               trust->fingerprint, fingerprint ? fingerprint : "none");
  return FALSE;
}
