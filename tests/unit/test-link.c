/* SPDX-License-Identifier: MIT */
/* test-link: what every kind of link promises, over a unix socket, TCP and a pair in memory; then what is
 * special to each. */
#include "link/link.h"

#include "base/error.h"
#include "lib/turning.h"
#include "link/pair.h"
#include "link/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MANY (8u * 1024 * 1024)

enum
{
  UNIX,
  TCP,
  PAIR,
  N_KINDS
};

/* One end of a connection, with all that happened to it. */
typedef struct
{
  AditLink *link;
  GChecksum *sum;      /* of what came */
  guint64 got;
  guint n_readable, n_drained, n_failed;
  gboolean eof;
  gboolean lazy;       /* does not read */
  gboolean closes;     /* closes its link as soon as something can be read */
  gsize most;          /* bytes a read */
  AditError code;      /* of the failure */
  const guint8 *feed;  /* what is still to be sent, as room comes */
  gsize feed_len, highest;
} End;

static AditWorker *worker;
static End left, right;

static guint8 *
pattern (void)
{
  static guint8 *bytes;
  guint64 seed = 11;

  if (bytes == NULL)
    {
      bytes = g_malloc (MANY + 16);
      for (gsize i = 0; i < MANY; i += 4)
        {
          guint32 word = turn_random (&seed, G_MAXUINT32);

          memcpy (bytes + i, &word, 4);
        }
    }
  return bytes;
}

static void
assert_got (End *end, const guint8 *bytes, gsize len)
{
  g_autofree char *expected = g_compute_checksum_for_data (G_CHECKSUM_SHA1, bytes, len);

  ck_assert_uint_eq (end->got, len);
  ck_assert_str_eq (g_checksum_get_string (end->sum), expected);
}

static void
on_readable (gpointer owner)
{
  End *end = owner;
  static guint8 bytes[65536];
  gssize n;

  ck_assert_uint_eq (end->n_failed, 0);
  ck_assert (!adit_link_is_closed (end->link));
  end->n_readable++;
  if (end->closes)
    {
      adit_link_close (end->link, FALSE);
      return;
    }
  if (end->lazy)
    return;
  n = adit_link_read (end->link, bytes, end->most);
  if (n > 0)
    {
      ck_assert (!end->eof);
      g_checksum_update (end->sum, bytes, n);
      end->got += (gsize) n;
    }
  if (n == ADIT_LINK_EOF)
    end->eof = TRUE;
}

/* Sends a piece at a time, and asks for room above 64 KiB. */
static void
feed (End *end)
{
  while (end->feed_len > 0)
    {
      gsize n = MIN (end->feed_len, 10000);

      if (adit_link_get_queued (end->link) >= 65536)
        {
          adit_link_await_drain (end->link);
          return;
        }
      adit_link_send (end->link, adit_span (end->feed, n));
      end->feed += n;
      end->feed_len -= n;
      end->highest = MAX (end->highest, adit_link_get_queued (end->link));
    }
}

static void
on_drained (gpointer owner)
{
  End *end = owner;

  ck_assert_uint_eq (end->n_failed, 0);
  end->n_drained++;
  feed (end);
}

static void
on_failed (gpointer owner, const GError *error)
{
  End *end = owner;

  ck_assert_uint_eq (++end->n_failed, 1);
  ck_assert (error->domain == ADIT_ERROR);
  ck_assert_str_ne (error->message, "");
  end->code = (AditError) error->code;
}

static const AditLinkListener listener = {
  .on_readable = on_readable,
  .on_drained = on_drained,
  .on_failed = on_failed,
};

static void
sockets (int kind, int fds[2])
{
  struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t size = sizeof at;
  int door;

  if (kind == UNIX)
    {
      ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
      return;
    }
  door = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert_int_eq (bind (door, (struct sockaddr *) &at, sizeof at), 0);
  ck_assert_int_eq (listen (door, 1), 0);
  getsockname (door, (struct sockaddr *) &at, &size);
  fds[0] = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  connect (fds[0], (struct sockaddr *) &at, sizeof at);
  fds[1] = accept4 (door, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  ck_assert_int_ge (fds[1], 0);
  close (door);
}

static void
init_end (End *end, AditLink *link)
{
  *end = (End){ .link = link, .sum = g_checksum_new (G_CHECKSUM_SHA1), .most = 65536 };
  adit_link_set_listener (link, &listener, end);
  ck_assert (adit_link_attach (link, worker));
  ck_assert (adit_link_get_worker (link) == worker);
}

static void
clear_end (End *end)
{
  if (end->sum)
    g_checksum_free (end->sum);
  if (end->link)
    turn_unref_last (end->link);
  *end = (End){ 0 };
}

static void
open_both (int kind)
{
  AditLink *a, *b;
  int fds[2];

  if (kind == PAIR)
    adit_pair_new (&a, &b);
  else
    {
      sockets (kind, fds);
      a = adit_tcp_new (fds[0]);
      b = adit_tcp_new (fds[1]);
    }
  init_end (&left, a);
  init_end (&right, b);
}

/* The left end takes only a little at a time. */
static void
make_narrow (int kind)
{
  int small = kind == UNIX ? 4096 : 65536; /* TCP waits for acknowledgements when it has less */

  if (kind == PAIR)
    {
      adit_pair_set_capacity (ADIT_PAIR (left.link), 5000);
      adit_pair_set_read_size (ADIT_PAIR (right.link), 3001);
      return;
    }
  setsockopt (adit_tcp_get_fd (ADIT_TCP (left.link)), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
}

static void
setup (void)
{
  pattern ();
  worker = adit_worker_new (0);
  adit_worker_turn (worker, FALSE);
}

static void
teardown (void)
{
  clear_end (&left);
  clear_end (&right);
  turn_unref_last (worker);
}

/* ---- what every kind promises ---- */

START_TEST (test_small)
{
  static const char hello[] = "hello", answer[] = "a longer answer";
  struct iovec iov[] = { { (void *) hello, 2 }, { NULL, 0 }, { (void *) (hello + 2), 3 } };

  open_both (_i);
  adit_link_send (left.link, adit_span (NULL, 0));
  adit_link_sendv (left.link, iov, 3);
  adit_link_send (right.link, adit_span (answer, strlen (answer)));
  turn_until (worker, right.got >= 5 && left.got >= strlen (answer));
  assert_got (&right, (const guint8 *) hello, 5);
  assert_got (&left, (const guint8 *) answer, strlen (answer));
  ck_assert_uint_eq (adit_link_get_queued (left.link), 0);
  ck_assert (!left.eof && !right.eof);
  ck_assert_uint_eq (left.n_drained, 0); /* nobody asked */
  ck_assert (adit_link_get_tls (left.link) == NULL);
}
END_TEST

/* All at once, through a narrow passage, while the reader reads in odd sizes. */
START_TEST (test_many_bytes)
{
  open_both (_i);
  make_narrow (_i);
  right.most = 7001;
  adit_link_send (left.link, adit_span (pattern (), MANY));
  ck_assert_uint_gt (adit_link_get_queued (left.link), MANY / 2);
  adit_link_await_drain (left.link);
  adit_link_finish (left.link);
  turn_until (worker, right.eof);
  assert_got (&right, pattern (), MANY);
  ck_assert_uint_eq (adit_link_get_queued (left.link), 0);
  ck_assert_uint_eq (left.n_drained, 1); /* once for each time it is asked for */
}
END_TEST

/* Several pieces in one call, of which the socket takes a part that ends in any of them. */
START_TEST (test_pieces)
{
  static const gsize sizes[] = { 1000, 150000, 0, 3, 90000, 200000 };
  struct iovec iov[G_N_ELEMENTS (sizes)];
  gsize at = 0;

  open_both (_i);
  make_narrow (_i);
  for (guint i = 0; i < 10; i++)
    {
      for (guint j = 0; j < G_N_ELEMENTS (sizes); at += sizes[j++])
        iov[j] = (struct iovec){ pattern () + at, sizes[j] };
      adit_link_sendv (left.link, iov, G_N_ELEMENTS (sizes));
      turn_times (worker, i % 3);
    }
  turn_until (worker, right.got >= at);
  assert_got (&right, pattern (), at);
}
END_TEST

/* Both ways at once, each sender only as fast as its queue drains. */
START_TEST (test_paced)
{
  open_both (_i);
  make_narrow (_i);
  left.feed = pattern ();
  right.feed = pattern () + 1;
  left.feed_len = right.feed_len = MANY - 1;
  feed (&left);
  feed (&right);
  turn_until (worker, left.got >= MANY - 1 && right.got >= MANY - 1);
  assert_got (&right, pattern (), MANY - 1);
  assert_got (&left, pattern () + 1, MANY - 1);
  ck_assert_uint_le (left.highest, 65536 + 10000);
  ck_assert_uint_gt (left.n_drained, 0);
}
END_TEST

START_TEST (test_half_close)
{
  open_both (_i);
  adit_link_send (left.link, ADIT_SPAN ("question"));
  adit_link_finish (left.link);
  adit_link_finish (left.link);
  turn_until (worker, right.eof);
  assert_got (&right, (const guint8 *) "question", 8);
  ck_assert (!left.eof);
  adit_link_send (right.link, adit_span (pattern (), 100000));
  turn_until (worker, left.got >= 100000);
  adit_link_finish (right.link);
  turn_until (worker, left.eof);
  assert_got (&left, pattern (), 100000);
  turn_times (worker, 20);
  ck_assert_uint_eq (left.n_failed + right.n_failed, 0);
}
END_TEST

/* What was sent before a plain close still arrives, as far as it left. */
START_TEST (test_close)
{
  open_both (_i);
  adit_link_send (left.link, ADIT_SPAN ("bye"));
  turn_times (worker, 1);
  adit_link_close (left.link, FALSE);
  adit_link_close (left.link, TRUE);
  left.n_readable = 0;
  ck_assert (adit_link_is_closed (left.link));
  turn_until (worker, right.eof);
  assert_got (&right, (const guint8 *) "bye", 3);
  ck_assert_uint_eq (right.n_failed, 0);

  /* Every call on a closed link does nothing. */
  adit_link_send (left.link, ADIT_SPAN ("more"));
  adit_link_flush (left.link);
  adit_link_finish (left.link);
  adit_link_set_reading (left.link, FALSE);
  ck_assert_int_eq (adit_link_read (left.link, (guint8[4]){ 0 }, 4), ADIT_LINK_FAIL);
  ck_assert (adit_link_get_worker (left.link) == NULL);
  turn_times (worker, 20);
  ck_assert_uint_eq (left.n_readable + left.n_failed + left.n_drained, 0);
}
END_TEST

/* The unread bytes make it a reset on a unix socket too. */
START_TEST (test_reset)
{
  open_both (_i);
  left.lazy = TRUE;
  adit_link_set_reading (left.link, FALSE);
  adit_link_send (right.link, ADIT_SPAN ("never read"));
  turn_times (worker, 3);
  adit_link_close (left.link, TRUE);
  turn_until (worker, right.n_failed > 0);
  ck_assert_int_eq (right.code, ADIT_ERROR_CLOSED);
  ck_assert_uint_eq (right.got, 0);
  adit_link_send (right.link, ADIT_SPAN ("too late"));
  ck_assert_int_eq (adit_link_read (right.link, (guint8[4]){ 0 }, 4), ADIT_LINK_FAIL);
  turn_times (worker, 20);
}
END_TEST

/* Who does not read learns of the reset as well. */
START_TEST (test_reset_while_paused)
{
  open_both (_i);
  adit_link_set_reading (right.link, FALSE);
  turn_times (worker, 2);
  adit_link_set_reading (left.link, FALSE);
  adit_link_send (right.link, ADIT_SPAN ("never read"));
  turn_times (worker, 3);
  adit_link_close (left.link, TRUE);
  turn_until (worker, right.n_failed > 0);
  turn_times (worker, 20);
}
END_TEST

START_TEST (test_reading)
{
  open_both (_i);
  adit_link_set_reading (right.link, FALSE);
  adit_link_send (left.link, adit_span (pattern (), 5000));
  turn_times (worker, 20);
  ck_assert_uint_eq (right.n_readable, 0);
  adit_link_set_reading (right.link, TRUE);
  turn_until (worker, right.got >= 5000);
  adit_link_set_reading (right.link, FALSE);
  adit_link_send (left.link, adit_span (pattern () + 5000, 5000));
  adit_link_finish (left.link);
  turn_times (worker, 20);
  ck_assert_uint_eq (right.got, 5000);
  adit_link_set_reading (right.link, TRUE);
  turn_until (worker, right.eof);
  assert_got (&right, pattern (), 10000);
}
END_TEST

START_TEST (test_close_in_callback)
{
  open_both (_i);
  right.closes = TRUE;
  adit_link_send (left.link, ADIT_SPAN ("x"));
  turn_until (worker, adit_link_is_closed (right.link));
  turn_until (worker, left.eof || left.n_failed);
  turn_times (worker, 20);
  ck_assert_uint_eq (right.n_readable, 1);
}
END_TEST

/* The last reference goes while deferred work is due. */
START_TEST (test_unref)
{
  open_both (_i);
  adit_link_send (left.link, adit_span (pattern (), 1000));
  adit_link_await_drain (left.link);
  clear_end (&left);
  turn_times (worker, 20);
  ck_assert (right.eof || right.n_failed == 1);
}
END_TEST

START_TEST (test_flush)
{
  open_both (_i);
  adit_link_send (left.link, ADIT_SPAN ("now"));
  ck_assert_uint_eq (adit_link_get_queued (left.link), 3);
  adit_link_flush (left.link);
  ck_assert_uint_eq (adit_link_get_queued (left.link), 0);
  turn_until (worker, right.got == 3);
}
END_TEST

/* Out of the loop nothing happens; what was sent or came in that time goes on behind. */
START_TEST (test_detach)
{
  open_both (_i);
  adit_link_send (left.link, adit_span (pattern (), 1000));
  turn_until (worker, right.got == 1000);
  adit_link_detach (right.link);
  ck_assert (adit_link_get_worker (right.link) == NULL);
  adit_link_send (left.link, adit_span (pattern () + 1000, 70000));
  adit_link_send (right.link, adit_span (pattern (), 1000));
  turn_times (worker, 20);
  ck_assert_uint_eq (right.got, 1000);
  ck_assert_uint_eq (left.got, 0);
  ck_assert (adit_link_attach (right.link, worker));
  turn_until (worker, right.got == 71000 && left.got == 1000);
  assert_got (&right, pattern (), 71000);
  adit_link_detach (right.link);
  adit_link_finish (left.link);
  turn_times (worker, 20);
  ck_assert (!right.eof);
  ck_assert (adit_link_attach (right.link, worker));
  turn_until (worker, right.eof);
}
END_TEST

/* ---- sockets ---- */

static gssize
read_all (int fd, guint8 *to, gsize len)
{
  gsize got = 0;

  while (got < len)
    {
      gssize n = read (fd, to + got, len - got);

      if (n <= 0)
        break;
      got += (gsize) n;
    }
  return (gssize) got;
}

/* The small sends of a turn leave together, at its end and not before. */
START_TEST (test_one_write)
{
  int fds[2];
  guint8 bytes[64];

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  init_end (&left, adit_tcp_new (fds[0]));
  turn_times (worker, 2);
  for (guint i = 0; i < 10; i++)
    adit_link_send (left.link, ADIT_SPAN ("abc"));
  ck_assert_int_eq (read (fds[1], bytes, sizeof bytes), -1);
  turn_times (worker, 1);
  ck_assert_int_eq (read (fds[1], bytes, sizeof bytes), 30); /* one packet, so one write */
  close (fds[1]);
}
END_TEST

/* The peer answers, then closes on what it did not read: the answer is read first, then the failure. */
START_TEST (test_answer_before_reset)
{
  int fds[2];

  sockets (_i, fds);
  init_end (&left, adit_tcp_new (fds[0]));
  adit_link_send (left.link, adit_span (pattern (), MANY));
  turn_times (worker, 3);
  ck_assert_int_eq (write (fds[1], "413", 3), 3);
  close (fds[1]);
  turn_until (worker, left.n_failed || left.eof);
  assert_got (&left, (const guint8 *) "413", 3);
  turn_until (worker, adit_link_get_queued (left.link) == 0 || left.n_failed);
}
END_TEST

/* It closed before we wrote: what it said is read, and then it is a failure, not an end, for ours was not read. */
START_TEST (test_answer_before_write)
{
  int fds[2];

  sockets (UNIX, fds);
  ck_assert_int_eq (write (fds[1], "408", 3), 3);
  close (fds[1]);
  init_end (&left, adit_tcp_new (fds[0]));
  adit_link_send (left.link, adit_span (pattern (), _i ? 100 : MANY));
  adit_link_flush (left.link);
  turn_until (worker, left.n_failed);
  assert_got (&left, (const guint8 *) "408", 3);
  ck_assert (!left.eof);
  ck_assert_int_eq (left.code, ADIT_ERROR_CLOSED);
}
END_TEST

/* The peer is gone: what is written now fails, by itself and once. */
START_TEST (test_write_to_dead)
{
  int fds[2];

  sockets (_i, fds);
  init_end (&left, adit_tcp_new (fds[0]));
  adit_link_set_reading (left.link, FALSE);
  turn_times (worker, 2);
  close (fds[1]);
  for (guint i = 0; i < 1000 && left.n_failed == 0; i++)
    {
      adit_link_send (left.link, ADIT_SPAN ("anybody?"));
      adit_worker_turn (worker, FALSE);
    }
  turn_until (worker, left.n_failed == 1);
  ck_assert_int_eq (left.code, ADIT_ERROR_CLOSED);
}
END_TEST

/* The failure is known but not told yet when the link leaves the loop: it is told in the next one. */
START_TEST (test_failed_then_detached)
{
  int fds[2];
  guint8 byte;

  sockets (_i, fds);
  ck_assert_int_eq (write (fds[0], "unread", 6), 6);
  close (fds[1]);
  init_end (&left, adit_tcp_new (fds[0]));
  ck_assert_int_eq (adit_link_read (left.link, &byte, 1), ADIT_LINK_FAIL);
  adit_link_detach (left.link);
  turn_times (worker, 5);
  ck_assert_uint_eq (left.n_failed, 0);
  ck_assert (adit_link_attach (left.link, worker));
  turn_until (worker, left.n_failed == 1);
  turn_times (worker, 5);
}
END_TEST

START_TEST (test_quiet)
{
  int fds[2];

  sockets (_i, fds);
  init_end (&left, adit_tcp_new (fds[0]));
  left.lazy = TRUE;
  ck_assert (adit_tcp_is_quiet (ADIT_TCP (left.link)));
  ck_assert_int_eq (write (fds[1], "x", 1), 1);
  turn_times (worker, 2);
  ck_assert (!adit_tcp_is_quiet (ADIT_TCP (left.link)));
  left.lazy = FALSE;
  adit_link_set_reading (left.link, TRUE);
  adit_tcp_set_pending (ADIT_TCP (left.link), FALSE);
  on_readable (&left); /* looking took nothing */
  ck_assert_uint_eq (left.got, 1);
  ck_assert (adit_tcp_is_quiet (ADIT_TCP (left.link)));
  close (fds[1]);
  ck_assert (!adit_tcp_is_quiet (ADIT_TCP (left.link)));
  adit_link_close (left.link, FALSE);
  ck_assert (!adit_tcp_is_quiet (ADIT_TCP (left.link)));
}
END_TEST

START_TEST (test_tune)
{
  int fds[2], value = 0;
  socklen_t size = sizeof value;

  sockets (TCP, fds);
  adit_tcp_tune (fds[0], FALSE);
  getsockopt (fds[0], IPPROTO_TCP, TCP_NODELAY, &value, &size);
  ck_assert_int_ne (value, 0);
  adit_tcp_tune (fds[0], TRUE);
  getsockopt (fds[0], IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size);
  ck_assert_int_gt (value, 0);
  close (fds[0]);
  close (fds[1]);
}
END_TEST

/* ---- from worker to worker: an echo that moves while bytes flow in both directions ---- */

typedef struct
{
  AditWorker *workers[2];
  AditLink *link;
  AditDefer defer;
  guint at;       /* index of the worker it is on */
  guint64 since;  /* bytes since it came */
  guint moves;
  gint done;
} Echo;

static void echo_arrive (gpointer data);

/* At the end of the turn, as callers up the stack still hold the link. */
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
  gssize n;

  ck_assert (here == echo->workers[echo->at]);
  n = adit_link_read (echo->link, bytes, 20000);
  if (n == ADIT_LINK_EOF)
    {
      adit_link_finish (echo->link);
      g_atomic_int_set (&echo->done, 1);
    }
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
echo_failed (gpointer owner, const GError *error)
{
  ck_abort_msg ("%s", error->message);
}

static void
echo_arrive (gpointer data)
{
  static const AditLinkListener echo_listener = { .on_readable = echo_readable, .on_failed = echo_failed };
  Echo *echo = data;

  echo->since = 0;
  echo->moves++;
  adit_link_set_listener (echo->link, &echo_listener, echo);
  ck_assert (adit_link_attach (echo->link, adit_worker_current ()));
}

/* Writes all and reads all back, as the sockets take it. */
static void
pump_echo (int fd, gsize len, guint8 *back)
{
  gint64 end = turn_deadline ();
  gsize sent = 0, got = 0;

  while (got < len)
    {
      struct pollfd at = { fd, POLLIN, 0 };
      gssize n;

      ck_assert (g_get_monotonic_time () < end);
      if (sent < len)
        at.events |= POLLOUT;
      poll (&at, 1, 1000);
      if (sent < len && (n = write (fd, pattern () + sent, MIN (len - sent, 50000))) > 0)
        {
          sent += (gsize) n;
          if (sent == len)
            shutdown (fd, SHUT_WR);
        }
      if ((n = read (fd, back + got, len - got)) > 0)
        got += (gsize) n;
      ck_assert (n != 0);
    }
}

START_TEST (test_two_workers)
{
  Echo echo = { .defer.func = echo_leave };
  g_autofree guint8 *back = g_malloc (MANY);
  int fds[2];

  sockets (_i, fds);
  echo.workers[0] = adit_worker_new (0);
  echo.workers[1] = adit_worker_new (1);
  echo.link = adit_tcp_new (fds[0]);
  adit_worker_start (echo.workers[0], "one");
  adit_worker_start (echo.workers[1], "two");
  adit_worker_call (echo.workers[0], echo_arrive, &echo);
  pump_echo (fds[1], MANY, back);
  ck_assert_mem_eq (back, pattern (), MANY);
  ck_assert_int_eq (read_all (fds[1], back, 1), 0);
  while (g_atomic_int_get (&echo.done) == 0)
    g_thread_yield ();
  adit_worker_stop (echo.workers[0]);
  adit_worker_stop (echo.workers[1]);
  ck_assert_uint_gt (echo.moves, 20);
  turn_unref_last (echo.link);
  turn_unref_last (echo.workers[0]);
  turn_unref_last (echo.workers[1]);
  close (fds[1]);
}
END_TEST

/* ---- the faults of a pair ---- */

START_TEST (test_pair_read_size)
{
  open_both (PAIR);
  adit_pair_set_read_size (ADIT_PAIR (right.link), 1);
  adit_link_send (left.link, adit_span (pattern (), 1000));
  adit_link_finish (left.link);
  turn_until (worker, right.eof);
  assert_got (&right, pattern (), 1000);
  ck_assert_uint_ge (right.n_readable, 1000);
}
END_TEST

START_TEST (test_pair_stalled)
{
  open_both (PAIR);
  adit_pair_set_stalled (ADIT_PAIR (left.link), TRUE);
  adit_link_send (left.link, adit_span (pattern (), 1000));
  adit_link_finish (left.link);
  turn_times (worker, 20);
  ck_assert_uint_eq (right.got, 0);
  ck_assert_uint_eq (adit_link_get_queued (left.link), 1000);
  ck_assert (!right.eof);
  adit_link_send (right.link, ADIT_SPAN ("other way"));
  turn_until (worker, left.got == 9);
  adit_pair_set_stalled (ADIT_PAIR (left.link), FALSE);
  turn_until (worker, right.eof);
  assert_got (&right, pattern (), 1000);
}
END_TEST

START_TEST (test_pair_capacity)
{
  open_both (PAIR);
  adit_pair_set_capacity (ADIT_PAIR (left.link), 100);
  adit_link_set_reading (right.link, FALSE);
  adit_link_send (left.link, adit_span (pattern (), 1000));
  turn_times (worker, 20);
  ck_assert_uint_eq (adit_link_get_queued (left.link), 900);
  adit_link_set_reading (right.link, TRUE);
  turn_until (worker, right.got == 1000);
  assert_got (&right, pattern (), 1000);
}
END_TEST

START_TEST (test_pair_cut)
{
  open_both (PAIR);
  adit_link_send (left.link, ADIT_SPAN ("lost"));
  adit_pair_cut (ADIT_PAIR (left.link));
  turn_until (worker, left.n_failed == 1 && right.n_failed == 1);
  turn_times (worker, 20);
  ck_assert_uint_eq (right.got, 0);
  ck_assert_int_eq (left.code, ADIT_ERROR_CLOSED);
}
END_TEST

/* Cut while it is in no loop: told as soon as it is in one again. */
START_TEST (test_pair_cut_detached)
{
  open_both (PAIR);
  adit_link_detach (right.link);
  adit_pair_cut (ADIT_PAIR (left.link));
  turn_until (worker, left.n_failed == 1);
  ck_assert_uint_eq (right.n_failed, 0);
  ck_assert (adit_link_attach (right.link, worker));
  turn_until (worker, right.n_failed == 1);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("link");
  TCase *all = tcase_create ("all kinds");
  TCase *socket_case = tcase_create ("sockets");
  TCase *pair = tcase_create ("pair");

  tcase_add_checked_fixture (all, setup, teardown);
  tcase_set_timeout (all, 30);
  tcase_add_loop_test (all, test_small, 0, N_KINDS);
  tcase_add_loop_test (all, test_many_bytes, 0, N_KINDS);
  tcase_add_loop_test (all, test_pieces, 0, N_KINDS);
  tcase_add_loop_test (all, test_paced, 0, N_KINDS);
  tcase_add_loop_test (all, test_half_close, 0, N_KINDS);
  tcase_add_loop_test (all, test_close, 0, N_KINDS);
  tcase_add_loop_test (all, test_reset, 0, N_KINDS);
  tcase_add_loop_test (all, test_reset_while_paused, 0, N_KINDS);
  tcase_add_loop_test (all, test_reading, 0, N_KINDS);
  tcase_add_loop_test (all, test_close_in_callback, 0, N_KINDS);
  tcase_add_loop_test (all, test_unref, 0, N_KINDS);
  tcase_add_loop_test (all, test_flush, 0, N_KINDS);
  tcase_add_loop_test (all, test_detach, 0, N_KINDS);
  suite_add_tcase (suite, all);

  tcase_add_checked_fixture (socket_case, setup, teardown);
  tcase_set_timeout (socket_case, 30);
  tcase_add_test (socket_case, test_one_write);
  tcase_add_loop_test (socket_case, test_answer_before_reset, 0, PAIR);
  tcase_add_loop_test (socket_case, test_answer_before_write, 0, 2);
  tcase_add_loop_test (socket_case, test_write_to_dead, 0, PAIR);
  tcase_add_loop_test (socket_case, test_failed_then_detached, 0, PAIR);
  tcase_add_loop_test (socket_case, test_quiet, 0, PAIR);
  tcase_add_test (socket_case, test_tune);
  tcase_add_loop_test (socket_case, test_two_workers, 0, PAIR);
  suite_add_tcase (suite, socket_case);

  tcase_add_checked_fixture (pair, setup, teardown);
  tcase_add_test (pair, test_pair_read_size);
  tcase_add_test (pair, test_pair_stalled);
  tcase_add_test (pair, test_pair_capacity);
  tcase_add_test (pair, test_pair_cut);
  tcase_add_test (pair, test_pair_cut_detached);
  suite_add_tcase (suite, pair);
  return testing_run (suite);
}
