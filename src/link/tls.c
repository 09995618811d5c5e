/* SPDX-License-Identifier: MIT */
/* tls: see tls.h. */
#include "link/tls.h"

#include "base/error.h"
#include "link/creds-private.h"

#include <errno.h>
#include <string.h>

#define RECORD 16384
/* GnuTLS's ChaCha20 is an order of magnitude slower than AES with the CPU's help, and X25519 the fastest
 * group. */
#define CIPHERS ":-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305" \
                ":-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:%SERVER_PRECEDENCE"

static gnutls_priority_t priorities[2]; /* by AditTlsUse; written once by adit_tls_setup() */

struct _AditTls
{
  AditTcp parent;

  gnutls_session_t session;
  AditCreds *creds;
  AditTrust trust;
  AditBuf plain;  /* sent, not yet in a record */
  AditBuf stash;  /* received, not yet taken by GnuTLS */
  AditSpan piece; /* of the worker's scratch memory, within one call */
  gboolean open, finishing, said_bye, ended;
  char *server_name;
};

G_DEFINE_FINAL_TYPE (AditTls, adit_tls, ADIT_TYPE_TCP)

void
adit_tls_setup (void)
{
  static gsize once;

  if (!g_once_init_enter (&once))
    return;
  gnutls_priority_init (&priorities[ADIT_TLS_CONTROL], "NORMAL:-VERS-ALL:+VERS-TLS1.3" CIPHERS, NULL);
  gnutls_priority_init (&priorities[ADIT_TLS_VISITOR], "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" CIPHERS, NULL);
  g_once_init_leave (&once, 1);
}

/* Bytes for GnuTLS: first what an earlier call left, then what this call read, then the socket. */
static ssize_t
pull (gnutls_transport_ptr_t data, void *out, size_t len)
{
  AditTls *self = data;
  AditWorker *worker = adit_link_get_worker (ADIT_LINK (self));

  if (self->stash.len == 0 && self->piece.len == 0)
    {
      guint8 *wire = adit_worker_scratch (worker, ADIT_SCRATCH_WIRE);
      gssize n = adit_tcp_recv (ADIT_TCP (self), wire, ADIT_SCRATCH_SIZE);

      if (n <= 0)
        {
          gnutls_transport_set_errno (self->session, n == ADIT_LINK_EOF ? 0 : n == ADIT_LINK_AGAIN ? EAGAIN : ECONNRESET);
          return n == ADIT_LINK_EOF ? 0 : -1;
        }
      self->piece = adit_span (wire, (gsize) n);
    }
  if (self->stash.len > 0)
    {
      AditSpan front = adit_buf_front (&self->stash);

      len = MIN (len, front.len);
      memcpy (out, front.data, len);
      adit_buf_consume (&self->stash, len);
      return (ssize_t) len;
    }
  len = MIN (len, self->piece.len);
  memcpy (out, self->piece.data, len);
  self->piece.data += len;
  self->piece.len -= len;
  return (ssize_t) len;
}

static int
pull_timeout (gnutls_transport_ptr_t data, unsigned ms)
{
  AditTls *self = data;

  return self->stash.len > 0 || self->piece.len > 0;
}

static ssize_t
push (gnutls_transport_ptr_t data, const void *bytes, size_t len)
{
  adit_tcp_push (ADIT_TCP (data), bytes, len);
  return (ssize_t) len;
}

/* The scratch memory is somebody else's after this call: keep what GnuTLS did not take. */
static void
keep_piece (AditTls *self)
{
  if (self->piece.len > 0)
    adit_buf_append (&self->stash, self->piece.data, self->piece.len);
  self->piece = adit_span (NULL, 0);
}

static void
fail_tls (AditTls *self, AditError code, int number)
{
  const char *text = gnutls_strerror (number);

  if (number == GNUTLS_E_FATAL_ALERT_RECEIVED || number == GNUTLS_E_WARNING_ALERT_RECEIVED)
    text = gnutls_alert_get_name (gnutls_alert_get (self->session));
  gnutls_alert_send_appropriate (self->session, number);
  adit_tcp_write (ADIT_TCP (self));
  adit_link_fail (ADIT_LINK (self), g_error_new (ADIT_ERROR, code, "TLS: %s", text ? text : "unknown error"));
}

static void
keep_server_name (AditTls *self)
{
  char name[256];
  size_t size = sizeof name;
  unsigned type;

  if (self->creds->is_server && gnutls_server_name_get (self->session, name, &size, &type, 0) == 0
      && type == GNUTLS_NAME_DNS)
    self->server_name = g_strdup (name);
}

static void
shake_hands (AditTls *self)
{
  AditLink *link = ADIT_LINK (self);
  GError *error = NULL;
  int code;

  do
    code = gnutls_handshake (self->session);
  while (code < 0 && code != GNUTLS_E_AGAIN && gnutls_error_is_fatal (code) == 0);
  keep_piece (self);
  if (code == GNUTLS_E_AGAIN)
    {
      adit_tcp_write (ADIT_TCP (self));
      return;
    }
  if (code < 0)
    {
      fail_tls (self, ADIT_ERROR_PROTOCOL, code);
      return;
    }
  if (!self->creds->is_server && !adit_creds_verify (self->session, &self->trust, &error))
    {
      gnutls_alert_send (self->session, GNUTLS_AL_FATAL, GNUTLS_A_BAD_CERTIFICATE);
      adit_tcp_write (ADIT_TCP (self));
      adit_link_fail (link, error);
      return;
    }
  self->open = TRUE;
  keep_server_name (self);
  adit_tcp_set_pending (ADIT_TCP (self), self->stash.len > 0);
  adit_link_want_flush (link);
  adit_link_opened (link);
}

static void
adit_tls_ready (AditTcp *tcp)
{
  AditTls *self = ADIT_TLS (tcp);

  if (!self->open)
    shake_hands (self);
  else
    adit_link_readable (ADIT_LINK (tcp));
}

/* Fills consecutive places from as many records as there are, so that they leave in one write. */
static gssize
read_records (AditTls *self, guint8 *data, gsize len)
{
  gsize got = 0;
  gssize n = 0;

  while (got < len)
    {
      n = gnutls_record_recv (self->session, data + got, len - got);
      if (n > 0)
        got += (gsize) n;
      else if (n == GNUTLS_E_INTERRUPTED || (n < 0 && n != GNUTLS_E_AGAIN && !gnutls_error_is_fatal ((int) n)))
        continue;
      else
        break;
    }
  if (n == 0 || n == GNUTLS_E_PREMATURE_TERMINATION)
    self->ended = TRUE;
  else if (n < 0 && n != GNUTLS_E_AGAIN)
    {
      fail_tls (self, ADIT_ERROR_PROTOCOL, (int) n);
      return got > 0 ? (gssize) got : ADIT_LINK_FAIL;
    }
  if (got > 0)
    return (gssize) got;
  return self->ended ? ADIT_LINK_EOF : ADIT_LINK_AGAIN;
}

static gssize
adit_tls_read (AditLink *link, guint8 *data, gsize len)
{
  AditTls *self = ADIT_TLS (link);
  gssize n;

  if (!self->open)
    return ADIT_LINK_AGAIN;
  if (self->ended)
    {
      adit_tcp_set_pending (ADIT_TCP (self), FALSE);
      return ADIT_LINK_EOF;
    }
  n = read_records (self, data, len);
  keep_piece (self);
  adit_tcp_set_pending (ADIT_TCP (self), self->stash.len > 0 || gnutls_record_check_pending (self->session) > 0
                                             || (self->ended && n > 0));
  return n;
}

static gboolean
seal (AditTls *self, const guint8 *data, gsize len)
{
  while (len > 0)
    {
      gssize n = gnutls_record_send (self->session, data, MIN (len, RECORD));

      if (n < 0)
        {
          adit_link_fail (ADIT_LINK (self), g_error_new (ADIT_ERROR, ADIT_ERROR_CLOSED, "TLS: %s", gnutls_strerror ((int) n)));
          return FALSE;
        }
      data += n;
      len -= (gsize) n;
    }
  return TRUE;
}

static void
seal_plain (AditTls *self)
{
  while (self->plain.len > 0)
    {
      AditSpan front = adit_buf_front (&self->plain);

      if (!seal (self, front.data, front.len))
        return;
      adit_buf_consume (&self->plain, front.len);
    }
}

static void
adit_tls_flush (AditLink *link)
{
  AditTls *self = ADIT_TLS (link);

  if (self->open)
    {
      seal_plain (self);
      if (self->finishing && self->plain.len == 0)
        {
          self->finishing = FALSE;
          self->said_bye = TRUE;
          gnutls_bye (self->session, GNUTLS_SHUT_WR);
          ADIT_LINK_CLASS (adit_tls_parent_class)->finish (link);
        }
    }
  adit_tcp_write (ADIT_TCP (self));
}

static void
adit_tls_send (AditLink *link, const struct iovec *iov, guint n, gsize len)
{
  AditTls *self = ADIT_TLS (link);

  if (!self->open || len < RECORD)
    {
      for (guint i = 0; i < n; i++)
        adit_buf_append (&self->plain, iov[i].iov_base, iov[i].iov_len);
      adit_link_want_flush (link);
      return;
    }
  seal_plain (self);
  for (guint i = 0; i < n; i++)
    {
      /* Short pieces (a chunk's frame) share the record of the long one behind them. */
      if (iov[i].iov_len < RECORD / 4)
        adit_buf_append (&self->plain, iov[i].iov_base, iov[i].iov_len);
      else
        {
          seal_plain (self);
          if (!seal (self, iov[i].iov_base, iov[i].iov_len))
            return;
        }
    }
  if (self->plain.len > 0)
    adit_link_want_flush (link);
  adit_tcp_write (ADIT_TCP (self));
}

static void
adit_tls_finish (AditLink *link)
{
  AditTls *self = ADIT_TLS (link);

  self->finishing = !self->said_bye;
  adit_link_want_flush (link);
}

static gsize
adit_tls_get_queued (AditLink *link)
{
  return ADIT_TLS (link)->plain.len + adit_tcp_get_pushed (ADIT_TCP (link));
}

static void
adit_tls_close (AditLink *link, gboolean reset)
{
  AditTls *self = ADIT_TLS (link);

  adit_buf_clear (&self->plain);
  adit_buf_clear (&self->stash);
  ADIT_LINK_CLASS (adit_tls_parent_class)->close (link, reset);
}

static const char *
adit_tls_get_tls (AditLink *link)
{
  return gnutls_protocol_get_name (gnutls_protocol_get_version (ADIT_TLS (link)->session));
}

static void
adit_tls_finalize (GObject *object)
{
  AditTls *self = ADIT_TLS (object);

  gnutls_deinit (self->session);
  adit_creds_unref (self->creds);
  g_free (self->trust.host);
  g_free (self->trust.fingerprint);
  g_free (self->server_name);
  G_OBJECT_CLASS (adit_tls_parent_class)->finalize (object);
}

static void
adit_tls_class_init (AditTlsClass *klass)
{
  AditLinkClass *link = ADIT_LINK_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = adit_tls_finalize;
  link->read = adit_tls_read;
  link->send = adit_tls_send;
  link->flush = adit_tls_flush;
  link->finish = adit_tls_finish;
  link->close = adit_tls_close;
  link->get_queued = adit_tls_get_queued;
  link->get_tls = adit_tls_get_tls;
  ADIT_TCP_CLASS (klass)->ready = adit_tls_ready;
}

static void
adit_tls_init (AditTls *self)
{
}

static AditTls *
tls_new (int fd, AditTlsUse use, AditCreds *creds, unsigned flags)
{
  static const gnutls_datum_t alpn[] = { [ADIT_TLS_CONTROL] = { (unsigned char *) "adit/1", 6 },
                                         [ADIT_TLS_VISITOR] = { (unsigned char *) "http/1.1", 8 } };
  AditTls *self = g_object_new (ADIT_TYPE_TLS, NULL);

  adit_tcp_set_fd (ADIT_TCP (self), fd);
  self->creds = adit_creds_ref (creds);
  gnutls_init (&self->session, flags | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
  gnutls_priority_set (self->session, priorities[use]);
  gnutls_credentials_set (self->session, GNUTLS_CRD_CERTIFICATE, creds->cert);
  gnutls_alpn_set_protocols (self->session, &alpn[use], 1, 0);
  gnutls_transport_set_ptr (self->session, self);
  gnutls_transport_set_pull_function (self->session, pull);
  gnutls_transport_set_pull_timeout_function (self->session, pull_timeout);
  gnutls_transport_set_push_function (self->session, push);
  return self;
}

AditLink *
adit_tls_new_server (int fd, AditTlsUse use, AditCreds *creds)
{
  AditTls *self = tls_new (fd, use, creds, GNUTLS_SERVER);

  gnutls_certificate_server_set_request (self->session, GNUTLS_CERT_IGNORE);
  if (creds->ticket_key.data)
    gnutls_session_ticket_enable_server (self->session, &creds->ticket_key);
  return ADIT_LINK (self);
}

static AditLink *
new_client (int fd, AditTlsUse use, AditCreds *creds, const AditTrust *trust)
{
  AditTls *self = tls_new (fd, use, creds, GNUTLS_CLIENT);

  self->trust = *trust;
  self->trust.host = g_strdup (trust->host);
  self->trust.fingerprint = g_strdup (trust->fingerprint);
  if (trust->host && !g_hostname_is_ip_address (trust->host))
    gnutls_server_name_set (self->session, GNUTLS_NAME_DNS, trust->host, strlen (trust->host));
  return ADIT_LINK (self);
}

AditLink *
adit_tls_new_client (int fd, AditCreds *creds, const AditTrust *trust)
{
  return new_client (fd, ADIT_TLS_CONTROL, creds, trust);
}

AditLink *
adit_tls_new_local (int fd, AditCreds *creds, const AditTrust *trust)
{
  return new_client (fd, ADIT_TLS_VISITOR, creds, trust);
}

const char *
adit_tls_get_server_name (AditTls *self)
{
  return self->server_name;
}

char *
adit_tls_dup_peer_fingerprint (AditTls *self)
{
  return adit_creds_peer_fingerprint (self->session);
}

gboolean
adit_tls_is_publicly_trusted (AditTls *self)
{
  AditTrust trust = { .host = self->trust.host };

  return adit_creds_verify (self->session, &trust, NULL);
}
