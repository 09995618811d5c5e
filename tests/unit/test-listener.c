/* SPDX-License-Identifier: MIT */
/* test-listener: binding and its errors, accepting, the descriptor limit, the addresses of peers. */
#include "link/listener.h"

#include "base/error.h"
#include "base/log.h"
#include "lib/turning.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MANY 200

static AditWorker *worker;
static int fds[MANY];
static AditPeer peers[MANY];
static guint n_accepted;

static void
on_accept (gpointer owner, int fd, const AditPeer *peer)
{
  ck_assert (owner == &n_accepted);
  ck_assert_uint_lt (n_accepted, MANY);
  peers[n_accepted] = *peer;
  fds[n_accepted++] = fd;
}

static void
setup (void)
{
  worker = adit_worker_new (0);
  adit_worker_turn (worker, FALSE);
}

static void
teardown (void)
{
  for (guint i = 0; i < n_accepted; i++)
    close (fds[i]);
  turn_unref_last (worker);
}

static AditListener *
listen_on (const char *address)
{
  GError *error = NULL;
  AditListener *listener = adit_listener_new (address, 0, FALSE, &error);

  ck_assert_msg (listener != NULL, "%s", error ? error->message : "");
  ck_assert_uint_ne (adit_listener_get_port (listener), 0);
  adit_listener_attach (listener, worker, on_accept, &n_accepted);
  return listener;
}

static int
connect_to (int family, guint16 port)
{
  struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons (port),
                              .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons (port),
                              .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  int fd = socket (family, SOCK_STREAM | SOCK_CLOEXEC, 0);

  ck_assert_int_ge (fd, 0);
  if (family == AF_INET)
    ck_assert_int_eq (connect (fd, (struct sockaddr *) &four, sizeof four), 0);
  else
    ck_assert_int_eq (connect (fd, (struct sockaddr *) &six, sizeof six), 0);
  return fd;
}

static guint16
local_port (int fd)
{
  struct sockaddr_storage at = { 0 };
  socklen_t size = sizeof at;

  getsockname (fd, (struct sockaddr *) &at, &size);
  return ntohs (((struct sockaddr_in *) &at)->sin_port);
}

static gboolean
has_ipv6 (void)
{
  struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  int fd = socket (AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  gboolean has = fd >= 0 && bind (fd, (struct sockaddr *) &six, sizeof six) == 0;

  if (fd >= 0)
    close (fd);
  return has;
}

/* ---- binding ---- */

static void
assert_refused (const char *address, guint16 port, gboolean share, const char *cure)
{
  GError *error = NULL;
  g_autofree char *number = g_strdup_printf (" %u", port);

  ck_assert (adit_listener_new (address, port, share, &error) == NULL);
  ck_assert (g_error_matches (error, ADIT_ERROR, ADIT_ERROR_USAGE));
  ck_assert_msg (strstr (error->message, address) != NULL, "%s", error->message);
  ck_assert_msg (port == 0 || strstr (error->message, number) != NULL, "%s", error->message);
  ck_assert_msg (strstr (error->message, cure) != NULL, "%s", error->message);
  g_error_free (error);
}

START_TEST (test_no_literal)
{
  static const char *const addresses[] = { "adit.example.com", "127.0.0.1:80", "127.1", "*", "[::1]", "",
                                           "256.0.0.1" };

  for (guint i = 0; i < G_N_ELEMENTS (addresses); i++)
    assert_refused (addresses[i], 0, FALSE, "literal");
}
END_TEST

START_TEST (test_in_use)
{
  AditListener *first = adit_listener_new ("127.0.0.1", 0, FALSE, NULL);
  guint16 port = adit_listener_get_port (first);

  assert_refused ("127.0.0.1", port, FALSE, "choose another port");
  assert_refused ("127.0.0.1", port, TRUE, "choose another port");
  adit_listener_close (first);
  first = adit_listener_new ("127.0.0.1", port, FALSE, NULL);
  ck_assert (first != NULL);
  adit_listener_close (first);
  adit_listener_close (NULL);
}
END_TEST

START_TEST (test_not_ours)
{
  assert_refused ("192.0.2.1", 8080, FALSE, "no interface");
}
END_TEST

START_TEST (test_share)
{
  AditListener *first = adit_listener_new ("127.0.0.1", 0, TRUE, NULL), *second;

  second = adit_listener_new ("127.0.0.1", adit_listener_get_port (first), TRUE, NULL);
  ck_assert (second != NULL);
  ck_assert_uint_eq (adit_listener_get_port (first), adit_listener_get_port (second));
  adit_listener_close (first);
  adit_listener_close (second);
}
END_TEST

/* ---- accepting ---- */

static void
assert_prepared (int fd)
{
  int value = 0;
  socklen_t size = sizeof value;

  ck_assert (fcntl (fd, F_GETFL) & O_NONBLOCK);
  ck_assert (fcntl (fd, F_GETFD) & FD_CLOEXEC);
  ck_assert_int_eq (getsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
  ck_assert_int_ne (value, 0);
}

START_TEST (test_accept)
{
  AditListener *listener = listen_on ("127.0.0.1");
  int fd = connect_to (AF_INET, adit_listener_get_port (listener));
  char text[ADIT_PEER_TEXT];
  g_autofree char *expected = g_strdup_printf ("127.0.0.1:%u", local_port (fd));
  AditPeer peer;

  turn_until (worker, n_accepted == 1);
  assert_prepared (fds[0]);
  ck_assert_str_eq (adit_peer_text (&peers[0], text), expected);
  ck_assert_str_eq (adit_peer_ip (&peers[0], text), "127.0.0.1");
  ck_assert (adit_peer_is_loopback (&peers[0]));
  adit_peer_from_fd (&peer, fds[0]);
  ck_assert_mem_eq (&peer, &peers[0], sizeof peer);
  close (fd);
  adit_listener_close (listener);
}
END_TEST

/* "::" takes both families, and an IPv4 peer looks like one. */
START_TEST (test_both_families)
{
  AditListener *listener;
  char text[ADIT_PEER_TEXT];
  int four, six;

  if (!has_ipv6 ())
    return;
  listener = listen_on ("::");
  four = connect_to (AF_INET, adit_listener_get_port (listener));
  turn_until (worker, n_accepted == 1);
  six = connect_to (AF_INET6, adit_listener_get_port (listener));
  turn_until (worker, n_accepted == 2);
  ck_assert_str_eq (adit_peer_ip (&peers[0], text), "127.0.0.1");
  ck_assert_str_eq (adit_peer_ip (&peers[1], text), "::1");
  ck_assert (g_str_has_prefix (adit_peer_text (&peers[1], text), "[::1]:"));
  close (four);
  close (six);
  adit_listener_close (listener);
}
END_TEST

/* Many at once: all of them, but not all in one turn. */
START_TEST (test_many)
{
  AditListener *listener = listen_on ("127.0.0.1");
  int clients[MANY];

  turn_times (worker, 2);
  for (guint i = 0; i < MANY; i++)
    clients[i] = connect_to (AF_INET, adit_listener_get_port (listener));
  adit_worker_turn (worker, TRUE);
  ck_assert_uint_gt (n_accepted, 0);
  ck_assert_uint_lt (n_accepted, MANY);
  turn_until (worker, n_accepted == MANY);
  for (guint i = 0; i < MANY; i++)
    close (clients[i]);
  adit_listener_close (listener);
}
END_TEST

/* Who is in the queue when the listener closes is not sent away. */
START_TEST (test_close_accepts)
{
  AditListener *listener = listen_on ("127.0.0.1");
  int clients[100];

  turn_times (worker, 2);
  for (guint i = 0; i < 100; i++)
    clients[i] = connect_to (AF_INET, adit_listener_get_port (listener));
  adit_listener_close (listener);
  ck_assert_uint_eq (n_accepted, 100);
  for (guint i = 0; i < 100; i++)
    close (clients[i]);
  turn_times (worker, 5);
}
END_TEST

START_TEST (test_close_unattached)
{
  AditListener *listener = adit_listener_new ("127.0.0.1", 0, FALSE, NULL);
  int fd = connect_to (AF_INET, adit_listener_get_port (listener));

  adit_listener_close (listener);
  ck_assert_uint_eq (n_accepted, 0);
  close (fd);
}
END_TEST

static guint n_lines;

static void
on_line (const char *line, gpointer data)
{
  ck_assert_msg (strstr (line, "descriptor limit") != NULL, "%s", line);
  n_lines++;
}

/* Without descriptors it waits instead of spinning, says so once, and goes on when there are some again. */
START_TEST (test_descriptor_limit)
{
  AditListener *listener = listen_on ("127.0.0.1");
  struct rlimit limit, before;
  int fd;

  adit_log_capture (on_line, NULL);
  turn_times (worker, 2);
  fd = connect_to (AF_INET, adit_listener_get_port (listener));
  getrlimit (RLIMIT_NOFILE, &before);
  limit = before;
  limit.rlim_cur = (rlim_t) fd + 1;
  setrlimit (RLIMIT_NOFILE, &limit);
  turn_until (worker, n_lines == 1);
  adit_worker_turn (worker, TRUE); /* sleeps until the next attempt */
  adit_worker_turn (worker, TRUE);
  ck_assert_uint_eq (n_accepted, 0);
  setrlimit (RLIMIT_NOFILE, &before);
  turn_until (worker, n_accepted == 1);
  ck_assert_uint_eq (n_lines, 1);
  adit_log_capture (NULL, NULL);
  close (fd);
  adit_listener_close (listener);
}
END_TEST

/* ---- addresses ---- */

START_TEST (test_peer_texts)
{
  static const struct
  {
    const char *six, *ip, *text;
    gboolean loopback;
  } rows[] = {
    { "::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1:65535", FALSE },
    { "::ffff:127.0.0.1", "127.0.0.1", "127.0.0.1:65535", TRUE },
    { "::ffff:127.255.255.254", "127.255.255.254", "127.255.255.254:65535", TRUE },
    { "::ffff:128.0.0.1", "128.0.0.1", "128.0.0.1:65535", FALSE },
    { "2001:db8::1", "2001:db8::1", "[2001:db8::1]:65535", FALSE },
    { "::1", "::1", "[::1]:65535", TRUE },
    { "::", "::", "[::]:65535", FALSE },
    { "::2", "::2", "[::2]:65535", FALSE },
    { "1111:2222:3333:4444:5555:6666:7777:8888", "1111:2222:3333:4444:5555:6666:7777:8888",
      "[1111:2222:3333:4444:5555:6666:7777:8888]:65535", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      AditPeer peer = { .port = 65535 };
      char text[ADIT_PEER_TEXT];

      ck_assert_int_eq (inet_pton (AF_INET6, rows[i].six, peer.ip), 1);
      ck_assert_str_eq (adit_peer_ip (&peer, text), rows[i].ip);
      ck_assert_str_eq (adit_peer_text (&peer, text), rows[i].text);
      ck_assert_msg (adit_peer_is_loopback (&peer) == rows[i].loopback, "%s", rows[i].six);
    }
}
END_TEST

START_TEST (test_unix_peer)
{
  int pair[2];
  char text[ADIT_PEER_TEXT];
  AditPeer peer;

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  adit_peer_from_fd (&peer, pair[0]);
  ck_assert (peer.is_local);
  ck_assert (adit_peer_is_loopback (&peer));
  ck_assert_str_eq (adit_peer_ip (&peer, text), "unix");
  ck_assert_str_eq (adit_peer_text (&peer, text), "unix");
  close (pair[0]);
  close (pair[1]);
}
END_TEST

START_TEST (test_is_loopback)
{
  static const char *const yes[] = { "127.0.0.1", "127.9.9.9", "::1", "localhost", "::ffff:127.0.0.1" };
  static const char *const no[] = { "0.0.0.0", "::", "192.0.2.1", "2001:db8::1", "adit.example.com", "",
                                    "::ffff:10.0.0.1" };

  for (guint i = 0; i < G_N_ELEMENTS (yes); i++)
    ck_assert_msg (adit_listener_is_loopback (yes[i]), "%s", yes[i]);
  for (guint i = 0; i < G_N_ELEMENTS (no); i++)
    ck_assert_msg (!adit_listener_is_loopback (no[i]), "%s", no[i]);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("listener");
  TCase *tcase = tcase_create ("listener");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, test_no_literal);
  tcase_add_test (tcase, test_in_use);
  tcase_add_test (tcase, test_not_ours);
  tcase_add_test (tcase, test_share);
  tcase_add_test (tcase, test_accept);
  tcase_add_test (tcase, test_both_families);
  tcase_add_test (tcase, test_many);
  tcase_add_test (tcase, test_close_accepts);
  tcase_add_test (tcase, test_close_unattached);
  tcase_add_test (tcase, test_descriptor_limit);
  tcase_add_test (tcase, test_peer_texts);
  tcase_add_test (tcase, test_unix_peer);
  tcase_add_test (tcase, test_is_loopback);
  suite_add_tcase (suite, tcase);
  return testing_run (suite);
}
