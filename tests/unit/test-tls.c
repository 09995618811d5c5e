/* SPDX-License-Identifier: MIT */
/* test-tls: TLS links against each other and against a plain GnuTLS client, and the certificates behind
 * them.
 *
 * All keys are made at run time. */
#include "link/tls.h"

#include "base/error.h"
#include "lib/turning.h"

#include <glib/gstdio.h>
#include <gnutls/gnutls.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANY (8u * 1024 * 1024)

typedef struct
{
  AditLink *link;
  GChecksum *sum;
  guint64 got;
  guint n_open, n_readable, n_failed;
  gboolean eof;
  AditError code;
  char *message;
} End;

static AditWorker *worker;
static char *dir;
static AditCreds *server_creds, *client_creds;
static End server, client;
static guint8 *pattern;

/* ---- both ends ---- */

static void
on_open (gpointer owner)
{
  End *end = owner;

  ck_assert_uint_eq (++end->n_open, 1);
  ck_assert_uint_eq (end->n_readable, 0);
}

static void
on_readable (gpointer owner)
{
  End *end = owner;
  static guint8 bytes[100000];
  gssize n;

  ck_assert_uint_eq (end->n_open, 1);
  ck_assert_uint_eq (end->n_failed, 0);
  end->n_readable++;
  n = adit_link_read (end->link, bytes, sizeof bytes);
  if (n > 0)
    {
      ck_assert (!end->eof);
      g_checksum_update (end->sum, bytes, n);
      end->got += (gsize) n;
    }
  if (n == ADIT_LINK_EOF)
    end->eof = TRUE;
}

static void
on_failed (gpointer owner, const GError *error)
{
  End *end = owner;

  ck_assert_uint_eq (++end->n_failed, 1);
  ck_assert (error->domain == ADIT_ERROR);
  end->code = (AditError) error->code;
  end->message = g_strdup (error->message);
}

static const AditLinkListener listener = {
  .on_open = on_open,
  .on_readable = on_readable,
  .on_failed = on_failed,
};

static void
init_end (End *end, AditLink *link)
{
  *end = (End){ .link = link, .sum = g_checksum_new (G_CHECKSUM_SHA1) };
  adit_link_set_listener (link, &listener, end);
  ck_assert (adit_link_attach (link, worker));
}

static void
clear_end (End *end)
{
  if (end->sum)
    g_checksum_free (end->sum);
  g_free (end->message);
  if (end->link)
    turn_unref_last (end->link);
  *end = (End){ 0 };
}

static void
sockets (int fds[2])
{
  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

static void
open_both (AditTlsUse use, const AditTrust *trust)
{
  int fds[2];

  sockets (fds);
  init_end (&server, adit_tls_new_server (fds[0], use, server_creds));
  init_end (&client, use == ADIT_TLS_CONTROL ? adit_tls_new_client (fds[1], client_creds, trust)
                                             : adit_tls_new_local (fds[1], client_creds, trust));
}

static AditTrust
pinned (void)
{
  return (AditTrust){ .host = (char *) "adit.example.com",
                      .fingerprint = (char *) adit_creds_get_fingerprint (server_creds) };
}

static void
open_pinned (void)
{
  AditTrust trust = pinned ();

  open_both (ADIT_TLS_CONTROL, &trust);
  turn_until (worker, server.n_open && client.n_open);
}

static void
assert_got (End *end, const guint8 *bytes, gsize len)
{
  g_autofree char *expected = g_compute_checksum_for_data (G_CHECKSUM_SHA1, bytes, len);

  ck_assert_uint_eq (end->got, len);
  ck_assert_str_eq (g_checksum_get_string (end->sum), expected);
}

static void
remove_dir (char *path)
{
  g_autoptr (GDir) list = g_dir_open (path, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (list)))
    {
      g_autofree char *full = g_build_filename (path, name, NULL);

      g_unlink (full);
    }
  g_rmdir (path);
  g_free (path);
}

static void
setup (void)
{
  guint64 seed = 3;

  adit_tls_setup ();
  dir = g_dir_make_tmp ("adit-test-XXXXXX", NULL);
  server_creds = adit_creds_load_or_make (dir, "adit.example.com", NULL);
  ck_assert (server_creds != NULL);
  client_creds = adit_creds_new_client (FALSE);
  worker = adit_worker_new (0);
  adit_worker_turn (worker, FALSE);
  pattern = g_malloc (MANY);
  for (gsize i = 0; i < MANY; i += 4)
    {
      guint32 word = turn_random (&seed, G_MAXUINT32);

      memcpy (pattern + i, &word, 4);
    }
}

static void
teardown (void)
{
  clear_end (&server);
  clear_end (&client);
  turn_unref_last (worker);
  adit_creds_unref (server_creds);
  adit_creds_unref (client_creds);
  remove_dir (dir);
  g_free (pattern);
}

/* ---- the hand-shake ---- */

START_TEST (test_handshake)
{
  AditTrust trust = pinned ();
  g_autofree char *seen = NULL;

  open_both (_i ? ADIT_TLS_VISITOR : ADIT_TLS_CONTROL, &trust);
  turn_until (worker, server.n_open && client.n_open);
  ck_assert_str_eq (adit_link_get_tls (client.link), "TLS1.3");
  ck_assert_str_eq (adit_link_get_tls (server.link), "TLS1.3");
  ck_assert_str_eq (adit_tls_get_server_name (ADIT_TLS (server.link)), "adit.example.com");
  seen = adit_tls_dup_peer_fingerprint (ADIT_TLS (client.link));
  ck_assert_str_eq (seen, adit_creds_get_fingerprint (server_creds));
  ck_assert (adit_tls_dup_peer_fingerprint (ADIT_TLS (server.link)) == NULL);
  ck_assert (!adit_tls_is_publicly_trusted (ADIT_TLS (client.link)));
  turn_times (worker, 10);
  ck_assert_uint_eq (server.got + client.got, 0);
}
END_TEST

/* A literal address is no server name (RFC 6066 3). */
START_TEST (test_no_server_name)
{
  static const char *const hosts[] = { "127.0.0.1", "::1", NULL };
  AditTrust trust = pinned ();

  trust.host = (char *) hosts[_i];
  open_both (ADIT_TLS_CONTROL, &trust);
  turn_until (worker, server.n_open && client.n_open);
  ck_assert (adit_tls_get_server_name (ADIT_TLS (server.link)) == NULL);
}
END_TEST

/* Both fingerprints are told, and nothing was sent to who is not trusted. */
static void
assert_refused (void)
{
  adit_link_send (client.link, ADIT_SPAN ("the token"));
  turn_until (worker, client.n_failed && (server.n_failed || server.eof));
  ck_assert_int_eq (client.code, ADIT_ERROR_VERIFY);
  ck_assert (strstr (client.message, adit_creds_get_fingerprint (server_creds)) != NULL);
  ck_assert_uint_eq (client.n_open, 0);
  ck_assert_uint_eq (server.got, 0);
}

START_TEST (test_pinned_other)
{
  static char other[] = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
  AditTrust trust = { .host = (char *) "adit.example.com", .fingerprint = other };

  open_both (ADIT_TLS_CONTROL, &trust);
  assert_refused ();
  ck_assert (strstr (client.message, other) != NULL);
  ck_assert (strstr (client.message, "adit login") != NULL);
}
END_TEST

START_TEST (test_not_trusted)
{
  AditTrust trust = { .host = (char *) "adit.example.com" };

  adit_creds_unref (client_creds);
  client_creds = adit_creds_new_client (_i);
  open_both (ADIT_TLS_CONTROL, &trust);
  assert_refused ();
  ck_assert (strstr (client.message, "--fingerprint") != NULL);
}
END_TEST

START_TEST (test_insecure)
{
  AditTrust trust = { .host = (char *) "other.example.com", .insecure = TRUE };

  open_both (ADIT_TLS_CONTROL, &trust);
  turn_until (worker, server.n_open && client.n_open);
  ck_assert (!adit_tls_is_publicly_trusted (ADIT_TLS (client.link)));
}
END_TEST

static void
write_all (int fd, const void *bytes, gsize len)
{
  ck_assert_int_eq (write (fd, bytes, len), (gssize) len);
}

/* What is no TLS, or stops in the middle of it, fails soon and by itself. */
START_TEST (test_no_tls)
{
  const AditSpan starts[] = { ADIT_SPAN ("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), ADIT_SPAN ("\x16\x03\x01\x02"),
                              ADIT_SPAN (""), ADIT_SPAN ("\x16\x03\x01\xff\xff garbage"),
                              ADIT_SPAN ("\x15\x03\x03\0\2\2\x28") };
  int fds[2];

  sockets (fds);
  init_end (&server, adit_tls_new_server (fds[0], ADIT_TLS_CONTROL, server_creds));
  adit_link_send (server.link, ADIT_SPAN ("never in clear"));
  write_all (fds[1], starts[_i].data, starts[_i].len);
  turn_times (worker, 5);
  shutdown (fds[1], SHUT_WR);
  turn_until (worker, server.n_failed);
  ck_assert_int_eq (server.code, ADIT_ERROR_PROTOCOL);
  ck_assert (g_str_has_prefix (server.message, "TLS: "));
  ck_assert_uint_eq (server.n_open + server.n_readable, 0);
  for (;;)
    {
      char bytes[256];
      gssize n = read (fds[1], bytes, sizeof bytes);

      if (n <= 0)
        break;
      ck_assert (memmem (bytes, (gsize) n, "never", 5) == NULL);
    }
  close (fds[1]);
}
END_TEST

START_TEST (test_silent_peer_closed)
{
  AditTrust trust = pinned ();

  open_both (ADIT_TLS_CONTROL, &trust);
  adit_link_close (server.link, TRUE);
  turn_until (worker, client.n_failed);
  ck_assert_uint_eq (client.n_open, 0);
}
END_TEST

/* ---- bytes ---- */

START_TEST (test_many_bytes)
{
  int small = 4096;

  open_pinned ();
  if (_i)
    setsockopt (adit_tcp_get_fd (ADIT_TCP (client.link)), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  for (gsize at = 0; at < MANY; at += MANY / 8)
    {
      adit_link_send (client.link, adit_span (pattern + at, MANY / 8));
      adit_link_send (server.link, adit_span (pattern + at, MANY / 8));
    }
  turn_until (worker, server.got >= MANY && client.got >= MANY);
  assert_got (&server, pattern, MANY);
  assert_got (&client, pattern, MANY);
  ck_assert_uint_eq (adit_link_get_queued (client.link), 0);
}
END_TEST

/* Pieces of all sizes, also before the hand-shake is over, arrive in their order. */
START_TEST (test_pieces)
{
  AditTrust trust = pinned ();
  guint64 seed = (guint64) _i + 1;
  gsize at = 0;

  open_both (ADIT_TLS_CONTROL, &trust);
  while (at < 2000000)
    {
      gsize a = turn_random (&seed, turn_random (&seed, 2) ? 200 : 40000), b = turn_random (&seed, 20000);
      struct iovec iov[] = { { pattern + at, a }, { pattern + at + a, b } };

      adit_link_sendv (client.link, iov, 2);
      at += a + b;
      if (turn_random (&seed, 3) == 0)
        adit_worker_turn (worker, FALSE);
    }
  turn_until (worker, server.got >= at);
  assert_got (&server, pattern, at);
}
END_TEST

START_TEST (test_half_close)
{
  open_pinned ();
  adit_link_send (client.link, ADIT_SPAN ("question"));
  adit_link_finish (client.link);
  adit_link_finish (client.link);
  turn_until (worker, server.eof);
  assert_got (&server, (const guint8 *) "question", 8);
  adit_link_send (server.link, adit_span (pattern, 300000));
  turn_until (worker, client.got >= 300000);
  assert_got (&client, pattern, 300000);
  adit_link_finish (client.link);
  adit_link_finish (server.link);
  turn_until (worker, client.eof);
  turn_times (worker, 20);
  ck_assert_uint_eq (client.n_failed + server.n_failed, 0);
}
END_TEST

/* Asked for before the hand-shake: done after it. */
START_TEST (test_early_finish)
{
  AditTrust trust = pinned ();

  open_both (ADIT_TLS_CONTROL, &trust);
  adit_link_send (client.link, ADIT_SPAN ("early"));
  adit_link_finish (client.link);
  turn_until (worker, server.eof);
  assert_got (&server, (const guint8 *) "early", 5);
}
END_TEST

START_TEST (test_reading)
{
  open_pinned ();
  adit_link_set_reading (server.link, FALSE);
  adit_link_send (client.link, adit_span (pattern, 50000));
  turn_times (worker, 20);
  ck_assert_uint_eq (server.got, 0);
  adit_link_set_reading (server.link, TRUE);
  turn_until (worker, server.got >= 50000);
  assert_got (&server, pattern, 50000);
}
END_TEST

/* A record that somebody changed on the way. */
START_TEST (test_bad_record)
{
  static const guint8 record[] = { 0x17, 0x03, 0x03, 0, 32, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
                                   16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32 };

  open_pinned ();
  turn_times (worker, 5);
  write_all (adit_tcp_get_fd (ADIT_TCP (client.link)), record, sizeof record);
  turn_until (worker, server.n_failed);
  ck_assert_int_eq (server.code, ADIT_ERROR_PROTOCOL);
  ck_assert_uint_eq (server.got, 0);
  turn_until (worker, client.n_failed || client.eof);
}
END_TEST

START_TEST (test_cut)
{
  open_pinned ();
  turn_times (worker, 5);
  adit_link_send (client.link, adit_span (pattern, 1000));
  turn_until (worker, server.got == 1000);
  adit_link_close (client.link, FALSE);
  turn_until (worker, server.eof || server.n_failed);
  turn_times (worker, 20);
}
END_TEST

/* ---- certificates by name ---- */

START_TEST (test_by_name)
{
  char *second = g_dir_make_tmp ("adit-test-XXXXXX", NULL);
  AditCreds *other = adit_creds_load_or_make (second, "two.example.org", NULL);
  g_autofree char *cert = g_build_filename (second, "control.crt", NULL);
  g_autofree char *key = g_build_filename (second, "control.key", NULL);
  AditTrust trust = { .host = (char *) "two.example.org",
                      .fingerprint = (char *) adit_creds_get_fingerprint (other) };

  ck_assert (adit_creds_add (server_creds, cert, key, NULL));
  ck_assert_str_ne (adit_creds_get_fingerprint (server_creds), adit_creds_get_fingerprint (other));
  open_both (ADIT_TLS_VISITOR, &trust);
  turn_until (worker, server.n_open && client.n_open);
  clear_end (&server);
  clear_end (&client);
  trust = pinned ();
  open_both (ADIT_TLS_VISITOR, &trust);
  turn_until (worker, server.n_open && client.n_open);
  adit_creds_unref (other);
  remove_dir (second);
}
END_TEST

/* ---- a plain GnuTLS client ---- */

typedef struct
{
  gnutls_session_t session;
  gnutls_certificate_credentials_t cert;
  int fd;
} Stock;

static void
stock_open (Stock *stock, int fd, const char *priority, const char *alpn)
{
  gnutls_datum_t protocol = { (unsigned char *) alpn, (unsigned) strlen (alpn) };

  stock->fd = fd;
  gnutls_certificate_allocate_credentials (&stock->cert);
  gnutls_init (&stock->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
  ck_assert_int_eq (gnutls_priority_set_direct (stock->session, priority, NULL), 0);
  gnutls_credentials_set (stock->session, GNUTLS_CRD_CERTIFICATE, stock->cert);
  gnutls_alpn_set_protocols (stock->session, &protocol, 1, 0);
  gnutls_transport_set_int (stock->session, fd);
}

static void
stock_close (Stock *stock)
{
  gnutls_deinit (stock->session);
  gnutls_certificate_free_credentials (stock->cert);
  close (stock->fd);
}

static int
stock_handshake (Stock *stock)
{
  gint64 end = turn_deadline ();
  int code;

  do
    {
      code = gnutls_handshake (stock->session);
      adit_worker_turn (worker, FALSE);
      ck_assert (g_get_monotonic_time () < end);
    }
  while (code < 0 && !gnutls_error_is_fatal (code));
  return code;
}

static void
stock_connect (Stock *stock, AditTlsUse use, const char *priority, const char *alpn)
{
  int fds[2];

  sockets (fds);
  init_end (&server, adit_tls_new_server (fds[0], use, server_creds));
  stock_open (stock, fds[1], priority, alpn);
}

static char
stock_read (Stock *stock)
{
  gint64 end = turn_deadline ();
  char byte;

  while (gnutls_record_recv (stock->session, &byte, 1) != 1)
    {
      adit_worker_turn (worker, FALSE);
      ck_assert (g_get_monotonic_time () < end);
    }
  return byte;
}

START_TEST (test_stock)
{
  static const struct
  {
    AditTlsUse use;
    const char *priority, *alpn, *version; /* NULL: refused */
  } rows[] = {
    { ADIT_TLS_CONTROL, "NORMAL", "adit/1", "TLS1.3" },
    { ADIT_TLS_CONTROL, "NORMAL:-VERS-ALL:+VERS-TLS1.2", "adit/1", NULL },
    { ADIT_TLS_VISITOR, "NORMAL", "http/1.1", "TLS1.3" },
    { ADIT_TLS_VISITOR, "NORMAL:-VERS-ALL:+VERS-TLS1.2", "http/1.1", "TLS1.2" },
    { ADIT_TLS_VISITOR, "NORMAL:-VERS-ALL:+VERS-TLS1.1:%VERIFY_ALLOW_SIGN_WITH_SHA1", "http/1.1", NULL },
  };
  gnutls_datum_t chosen;
  Stock stock;

  stock_connect (&stock, rows[_i].use, rows[_i].priority, rows[_i].alpn);
  if (rows[_i].version == NULL)
    {
      ck_assert_int_lt (stock_handshake (&stock), 0);
      turn_until (worker, server.n_failed);
      ck_assert_int_eq (server.code, ADIT_ERROR_PROTOCOL);
      stock_close (&stock);
      return;
    }
  ck_assert_int_eq (stock_handshake (&stock), 0);
  turn_until (worker, server.n_open);
  ck_assert_str_eq (adit_link_get_tls (server.link), rows[_i].version);
  ck_assert_int_eq (gnutls_alpn_get_selected_protocol (stock.session, &chosen), 0);
  ck_assert_uint_eq (chosen.size, strlen (rows[_i].alpn));
  ck_assert_mem_eq (chosen.data, rows[_i].alpn, chosen.size);
  ck_assert_int_eq (gnutls_cipher_get (stock.session), GNUTLS_CIPHER_AES_128_GCM);
  ck_assert_int_eq (gnutls_record_send (stock.session, "hello", 5), 5);
  turn_until (worker, server.got == 5);
  adit_link_send (server.link, ADIT_SPAN ("x"));
  ck_assert_int_eq (stock_read (&stock), 'x');
  /* An orderly end in both directions. */
  ck_assert_int_eq (gnutls_bye (stock.session, GNUTLS_SHUT_WR), 0);
  turn_until (worker, server.eof);
  ck_assert_uint_eq (server.n_failed, 0);
  stock_close (&stock);
}
END_TEST

static gboolean
resume (const char *priority, gnutls_datum_t *data)
{
  gboolean resumed;
  Stock stock;

  stock_connect (&stock, ADIT_TLS_VISITOR, priority, "http/1.1");
  if (data->data)
    ck_assert_int_eq (gnutls_session_set_data (stock.session, data->data, data->size), 0);
  ck_assert_int_eq (stock_handshake (&stock), 0);
  turn_until (worker, server.n_open);
  adit_link_send (server.link, ADIT_SPAN ("x"));
  ck_assert_int_eq (stock_read (&stock), 'x'); /* and with it the ticket */
  resumed = gnutls_session_is_resumed (stock.session) != 0;
  gnutls_free (data->data);
  ck_assert_int_eq (gnutls_session_get_data2 (stock.session, data), 0);
  stock_close (&stock);
  clear_end (&server);
  return resumed;
}

START_TEST (test_resumption)
{
  const char *priority = _i ? "NORMAL" : "NORMAL:-VERS-ALL:+VERS-TLS1.2";
  gnutls_datum_t data = { 0 };

  ck_assert (!resume (priority, &data));
  ck_assert (resume (priority, &data));
  gnutls_free (data.data);
}
END_TEST

/* ---- from worker to worker, with the session ---- */

typedef struct
{
  AditWorker *workers[2];
  AditLink *link;
  AditDefer defer;
  guint at, moves;
  guint64 since;
} Echo;

static void echo_arrive (gpointer data);

static void
echo_leave (AditDefer *defer)
{
  Echo *echo = (Echo *) ((char *) defer - offsetof (Echo, defer));

  echo->at ^= 1;
  adit_worker_call (echo->workers[echo->at], echo_arrive, echo);
}

static void
echo_readable (gpointer owner)
{
  Echo *echo = owner;
  AditWorker *here = adit_worker_current ();
  guint8 *bytes = adit_worker_scratch (here, ADIT_SCRATCH_READ);
  gssize n = adit_link_read (echo->link, bytes, 10000); /* less than came: the rest moves along */

  ck_assert (here == echo->workers[echo->at]);
  if (n == ADIT_LINK_EOF)
    adit_link_finish (echo->link);
  if (n <= 0)
    return;
  adit_link_send (echo->link, adit_span (bytes, (gsize) n));
  echo->since += (guint64) n;
  if (echo->since < 100000)
    return;
  adit_link_detach (echo->link);
  adit_worker_defer (here, &echo->defer);
}

static void
echo_opened (gpointer owner)
{
}

static void
echo_failed (gpointer owner, const GError *error)
{
  ck_abort_msg ("%s", error->message);
}

static void
echo_arrive (gpointer data)
{
  static const AditLinkListener echo_listener
      = { .on_open = echo_opened, .on_readable = echo_readable, .on_failed = echo_failed };
  Echo *echo = data;

  echo->since = 0;
  echo->moves++;
  adit_link_set_listener (echo->link, &echo_listener, echo);
  ck_assert (adit_link_attach (echo->link, adit_worker_current ()));
}

START_TEST (test_two_workers)
{
  Echo echo = { .defer.func = echo_leave };
  AditTrust trust = pinned ();
  int fds[2];

  sockets (fds);
  echo.workers[0] = adit_worker_new (0);
  echo.workers[1] = adit_worker_new (1);
  echo.link = adit_tls_new_server (fds[0], ADIT_TLS_CONTROL, server_creds);
  init_end (&client, adit_tls_new_client (fds[1], client_creds, &trust));
  adit_worker_start (echo.workers[0], "one");
  adit_worker_start (echo.workers[1], "two");
  adit_worker_call (echo.workers[0], echo_arrive, &echo);
  adit_link_send (client.link, adit_span (pattern, MANY / 2));
  adit_link_finish (client.link);
  turn_until (worker, client.eof);
  assert_got (&client, pattern, MANY / 2);
  adit_worker_stop (echo.workers[0]);
  adit_worker_stop (echo.workers[1]);
  ck_assert_uint_gt (echo.moves, 10);
  turn_unref_last (echo.link);
  turn_unref_last (echo.workers[0]);
  turn_unref_last (echo.workers[1]);
}
END_TEST

/* ---- certificates and keys on disk ---- */

static void
assert_usage (GError *error, const char *first, const char *second)
{
  ck_assert (g_error_matches (error, ADIT_ERROR, ADIT_ERROR_USAGE));
  ck_assert_msg (strstr (error->message, first) != NULL, "%s", error->message);
  ck_assert_msg (second == NULL || strstr (error->message, second) != NULL, "%s", error->message);
  g_error_free (error);
}

START_TEST (test_fingerprint_form)
{
  static const struct
  {
    const char *text;
    gboolean valid;
  } rows[] = {
    { "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", TRUE },
    { "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde", FALSE },
    { "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0", FALSE },
    { "sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", FALSE },
    { "sha256:g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", FALSE },
    { "sha512:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", FALSE },
    { "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", FALSE },
    { "", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    ck_assert_msg (adit_fingerprint_is_valid (rows[i].text) == rows[i].valid, "%s", rows[i].text);
}
END_TEST

static void
assert_private (const char *path)
{
  struct stat info;

  ck_assert_int_eq (g_stat (path, &info), 0);
  ck_assert_uint_eq (info.st_mode & 0777, 0600);
}

START_TEST (test_make_once)
{
  g_autofree char *cert = g_build_filename (dir, "control.crt", NULL);
  g_autofree char *key = g_build_filename (dir, "control.key", NULL);
  g_autofree char *before = NULL, *after = NULL;
  AditCreds *again;

  assert_private (cert);
  assert_private (key);
  ck_assert (adit_fingerprint_is_valid (adit_creds_get_fingerprint (server_creds)));
  ck_assert_int_gt (adit_creds_get_expiry (server_creds),
                    g_get_real_time () / G_USEC_PER_SEC + 10 * 365 * 86400);
  ck_assert (g_file_get_contents (key, &before, NULL, NULL));
  again = adit_creds_load_or_make (dir, "renamed.example.com", NULL);
  ck_assert (g_file_get_contents (key, &after, NULL, NULL));
  ck_assert_str_eq (before, after);
  ck_assert_str_eq (adit_creds_get_fingerprint (again), adit_creds_get_fingerprint (server_creds));
  adit_creds_unref (again);

  ck_assert (adit_creds_get_fingerprint (client_creds) == NULL);
  ck_assert_int_eq (adit_creds_get_expiry (client_creds), 0);
}
END_TEST

/* One of the two is lost: never replaced in silence, for clients pinned it. */
START_TEST (test_half_lost)
{
  g_autofree char *lost = g_build_filename (dir, _i ? "control.crt" : "control.key", NULL);
  GError *error = NULL;

  g_unlink (lost);
  ck_assert (adit_creds_load_or_make (dir, "adit.example.com", &error) == NULL);
  assert_usage (error, lost, "No such file");
}
END_TEST

START_TEST (test_make_nowhere)
{
  g_autofree char *nowhere = g_build_filename (dir, "nowhere", NULL);
  GError *error = NULL;

  ck_assert (adit_creds_load_or_make (nowhere, "adit.example.com", &error) == NULL);
  assert_usage (error, nowhere, "state_dir");
}
END_TEST

START_TEST (test_long_name)
{
  g_autofree char *label = g_strnfill (60, 'a');
  g_autofree char *name = g_strjoin (".", label, label, label, "example.com", NULL);
  char *second = g_dir_make_tmp ("adit-test-XXXXXX", NULL);
  GError *error = NULL;
  AditCreds *creds = adit_creds_load_or_make (second, name, &error);

  ck_assert_msg (creds != NULL, "%s", error ? error->message : "");
  adit_creds_unref (creds);
  remove_dir (second);
}
END_TEST

START_TEST (test_bad_files)
{
  g_autofree char *cert = g_build_filename (dir, "control.crt", NULL);
  g_autofree char *key = g_build_filename (dir, "control.key", NULL);
  g_autofree char *none = g_build_filename (dir, "none.pem", NULL);
  g_autofree char *text = g_build_filename (dir, "text.pem", NULL);
  g_autofree char *other = g_build_filename (dir, "other.key", NULL);
  char *second = g_dir_make_tmp ("adit-test-XXXXXX", NULL);
  g_autofree char *second_key = g_build_filename (second, "control.key", NULL);
  GError *error = NULL;

  ck_assert (adit_creds_load (none, key, &error) == NULL);
  assert_usage (g_steal_pointer (&error), none, "check the path");
  ck_assert (adit_creds_load (cert, none, &error) == NULL);
  assert_usage (g_steal_pointer (&error), none, "check the path");

  ck_assert (g_file_set_contents (text, "this is no PEM\n", -1, NULL));
  ck_assert (adit_creds_load (text, key, &error) == NULL);
  assert_usage (g_steal_pointer (&error), text, "PEM");
  ck_assert (adit_creds_load (cert, text, &error) == NULL);
  assert_usage (g_steal_pointer (&error), text, "PEM");
  ck_assert (adit_creds_load (key, cert, &error) == NULL);
  assert_usage (g_steal_pointer (&error), key, "PEM");

  adit_creds_unref (adit_creds_load_or_make (second, "other.example.com", NULL));
  ck_assert_int_eq (g_rename (second_key, other), 0);
  ck_assert (adit_creds_load (cert, other, &error) == NULL);
  assert_usage (g_steal_pointer (&error), other, "does not belong");
  ck_assert (!adit_creds_add (server_creds, cert, other, &error));
  assert_usage (g_steal_pointer (&error), cert, "does not belong");
  remove_dir (second);
}
END_TEST

/* Another program finds the same fingerprint, and takes our certificate. */
START_TEST (test_openssl)
{
  g_autofree char *openssl = g_find_program_in_path ("openssl");
  g_autofree char *command
    = g_strdup_printf ("openssl x509 -in %s/control.crt -noout -pubkey | openssl pkey -pubin -outform DER |"
                       " openssl dgst -sha256 -r", dir);
  const char *argv[] = { "sh", "-c", command, NULL };
  g_autofree char *out = NULL;
  g_autofree char *expected = NULL;

  if (openssl == NULL)
    return;
  ck_assert (g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, NULL, NULL,
                           NULL));
  ck_assert_uint_ge (strlen (out), 64);
  expected = g_strdup_printf ("sha256:%.64s", out);
  ck_assert_str_eq (adit_creds_get_fingerprint (server_creds), expected);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("tls");
  TCase *tls = tcase_create ("tls");
  TCase *creds = tcase_create ("creds");

  tcase_add_checked_fixture (tls, setup, teardown);
  tcase_set_timeout (tls, 30);
  tcase_add_loop_test (tls, test_handshake, 0, 2);
  tcase_add_loop_test (tls, test_no_server_name, 0, 3);
  tcase_add_test (tls, test_pinned_other);
  tcase_add_loop_test (tls, test_not_trusted, 0, 2);
  tcase_add_test (tls, test_insecure);
  tcase_add_loop_test (tls, test_no_tls, 0, 5);
  tcase_add_test (tls, test_silent_peer_closed);
  tcase_add_loop_test (tls, test_many_bytes, 0, 2);
  tcase_add_loop_test (tls, test_pieces, 0, 3);
  tcase_add_test (tls, test_half_close);
  tcase_add_test (tls, test_early_finish);
  tcase_add_test (tls, test_reading);
  tcase_add_test (tls, test_bad_record);
  tcase_add_test (tls, test_cut);
  tcase_add_test (tls, test_by_name);
  tcase_add_loop_test (tls, test_stock, 0, 5);
  tcase_add_loop_test (tls, test_resumption, 0, 2);
  tcase_add_test (tls, test_two_workers);
  suite_add_tcase (suite, tls);

  tcase_add_checked_fixture (creds, setup, teardown);
  tcase_add_test (creds, test_fingerprint_form);
  tcase_add_test (creds, test_make_once);
  tcase_add_loop_test (creds, test_half_lost, 0, 2);
  tcase_add_test (creds, test_make_nowhere);
  tcase_add_test (creds, test_long_name);
  tcase_add_test (creds, test_bad_files);
  tcase_add_test (creds, test_openssl);
  suite_add_tcase (suite, creds);
  return testing_run (suite);
}
