/* SPDX-License-Identifier: MIT */
/* test-poller: when a watch is called and when it is not: edges, what is wanted, re-arming, removal from
 * callbacks. */
#include "loop/poller.h"

#include "lib/testing.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct
{
  AditWatch watch;
  int peer;
  guint called;
  guint8 seen;       /* ready, when it was called */
  gboolean drains;   /* reads everything and says so */
  gboolean rearms;
  AditWatch *victim; /* removed from the callback */
} Probe;

static AditPoller *poller;

static void
on_ready (AditWatch *watch)
{
  Probe *probe = (Probe *) ((char *) watch - offsetof (Probe, watch));
  char bytes[64];

  ck_assert (!watch->queued);
  probe->called++;
  probe->seen = watch->ready;
  if (probe->drains)
    {
      while (recv (watch->fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
      adit_watch_drained (watch, ADIT_READY_IN);
    }
  if (probe->victim)
    adit_watch_remove (probe->victim);
  if (probe->rearms)
    adit_watch_rearm (watch);
}

static void
open_probe (Probe *probe, guint8 want)
{
  int fds[2];

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  *probe = (Probe){ .peer = fds[1] };
  adit_watch_init (&probe->watch, fds[0], on_ready);
  ck_assert (adit_watch_add (&probe->watch, poller, 0));
  adit_watch_set_want (&probe->watch, want);
}

static void
close_probe (Probe *probe)
{
  adit_watch_remove (&probe->watch);
  ck_assert (!probe->watch.queued && probe->watch.poller == NULL);
  close (probe->watch.fd);
  if (probe->peer >= 0)
    close (probe->peer);
}

static void
say (Probe *probe)
{
  ck_assert_int_eq (write (probe->peer, "x", 1), 1);
}

/* One turn: what became ready by now. TRUE if a wake-up was. */
static gboolean
turn (void)
{
  gboolean woken = adit_poller_wait (poller, 0);

  adit_poller_run (poller);
  return woken;
}

static void
setup (void)
{
  poller = adit_poller_new ();
}

static void
teardown (void)
{
  adit_poller_free (poller);
}

START_TEST (test_edges)
{
  Probe probe;

  open_probe (&probe, ADIT_READY_IN);
  probe.drains = TRUE;
  turn ();
  ck_assert_uint_eq (probe.called, 0);
  say (&probe);
  turn ();
  ck_assert_uint_eq (probe.called, 1);
  ck_assert_uint_eq (probe.seen & ADIT_READY_IN, ADIT_READY_IN);
  turn ();
  ck_assert_uint_eq (probe.called, 1);
  say (&probe);
  turn ();
  ck_assert_uint_eq (probe.called, 2);

  /* Not drained, nothing new: quiet until its owner asks. */
  probe.drains = FALSE;
  say (&probe);
  turn ();
  ck_assert_uint_eq (probe.called, 3);
  turn ();
  turn ();
  ck_assert_uint_eq (probe.called, 3);
  ck_assert (!adit_poller_is_runnable (poller));
  adit_watch_rearm (&probe.watch);
  ck_assert (adit_poller_is_runnable (poller));
  turn ();
  ck_assert_uint_eq (probe.called, 4);
  close_probe (&probe);
}
END_TEST

/* Pausing and resuming needs no new edge: what came meanwhile is remembered. */
START_TEST (test_want)
{
  Probe probe;

  open_probe (&probe, 0);
  say (&probe);
  turn ();
  ck_assert_uint_eq (probe.called, 0);
  ck_assert_uint_eq (probe.watch.ready & ADIT_READY_IN, ADIT_READY_IN);
  adit_watch_set_want (&probe.watch, ADIT_READY_IN);
  adit_poller_run (poller);
  ck_assert_uint_eq (probe.called, 1);
  adit_watch_set_want (&probe.watch, 0);
  say (&probe);
  turn ();
  adit_watch_rearm (&probe.watch);
  turn ();
  ck_assert_uint_eq (probe.called, 1);
  adit_watch_set_want (&probe.watch, ADIT_READY_OUT);
  turn ();
  ck_assert_uint_eq (probe.called, 2);
  ck_assert_uint_eq (probe.seen & ADIT_READY_OUT, ADIT_READY_OUT);
  close_probe (&probe);
}
END_TEST

/* Writable again after the socket was full. */
START_TEST (test_out)
{
  Probe probe;
  static char bytes[65536];
  int small = 4096;

  open_probe (&probe, 0);
  setsockopt (probe.watch.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  turn ();
  while (write (probe.watch.fd, bytes, sizeof bytes) > 0)
    ;
  adit_watch_drained (&probe.watch, ADIT_READY_OUT);
  adit_watch_set_want (&probe.watch, ADIT_READY_OUT);
  turn ();
  ck_assert_uint_eq (probe.called, 0);
  while (read (probe.peer, bytes, sizeof bytes) > 0)
    ;
  turn ();
  ck_assert_uint_eq (probe.called, 1);
  close_probe (&probe);
}
END_TEST

START_TEST (test_ends)
{
  Probe half, whole;

  open_probe (&half, ADIT_READY_IN);
  open_probe (&whole, 0);
  say (&half);
  shutdown (half.peer, SHUT_WR);
  turn ();
  ck_assert_uint_eq (half.called, 1);
  ck_assert_uint_eq (half.seen & (ADIT_READY_IN | ADIT_READY_RDHUP | ADIT_READY_HUP),
                     ADIT_READY_IN | ADIT_READY_RDHUP);

  /* A dead connection is told whatever is wanted. */
  close (whole.peer);
  whole.peer = -1;
  turn ();
  ck_assert_uint_eq (whole.called, 1);
  ck_assert_uint_eq (whole.seen & ADIT_READY_HUP, ADIT_READY_HUP);
  close_probe (&half);
  close_probe (&whole);
}
END_TEST

/* Two that remove each other in the same turn: the second is never called, whichever it is. */
START_TEST (test_remove_in_callback)
{
  Probe a, b, c;

  open_probe (&a, ADIT_READY_IN);
  open_probe (&b, ADIT_READY_IN);
  open_probe (&c, ADIT_READY_IN);
  a.victim = &b.watch;
  b.victim = &a.watch;
  say (&a);
  say (&b);
  say (&c);
  turn ();
  ck_assert_uint_eq (a.called + b.called, 1);
  ck_assert_uint_eq (c.called, 1);
  ck_assert (!adit_poller_is_runnable (poller));
  adit_watch_remove (&c.watch);
  adit_watch_remove (&c.watch);
  say (&c);
  turn ();
  ck_assert_uint_eq (c.called, 1);
  close_probe (&a);
  close_probe (&b);
  close_probe (&c);
}
END_TEST

/* The last one of the turn is removed by the first: the turn ends where it should. */
START_TEST (test_remove_last)
{
  Probe probes[3];

  for (guint i = 0; i < 3; i++)
    open_probe (&probes[i], ADIT_READY_IN);
  for (guint i = 0; i < 3; i++)
    {
      probes[i].watch.ready |= ADIT_READY_IN;
      adit_watch_rearm (&probes[i].watch);
    }
  probes[0].victim = &probes[2].watch;
  probes[1].rearms = TRUE;
  adit_poller_run (poller);
  ck_assert_uint_eq (probes[0].called, 1);
  ck_assert_uint_eq (probes[1].called, 1);
  ck_assert_uint_eq (probes[2].called, 0);
  ck_assert (adit_poller_is_runnable (poller));
  probes[1].victim = &probes[1].watch;
  adit_poller_run (poller);
  ck_assert_uint_eq (probes[1].called, 2);
  ck_assert (!adit_poller_is_runnable (poller));
  for (guint i = 0; i < 3; i++)
    close_probe (&probes[i]);
}
END_TEST

/* One that always has more to do gets one call a turn, and the others theirs. */
START_TEST (test_rearm_is_fair)
{
  Probe busy, other;

  open_probe (&busy, ADIT_READY_IN);
  open_probe (&other, ADIT_READY_IN);
  busy.rearms = TRUE;
  say (&busy);
  for (guint i = 1; i <= 5; i++)
    {
      other.drains = TRUE;
      say (&other);
      turn ();
      ck_assert_uint_eq (busy.called, i);
      ck_assert_uint_eq (other.called, i);
    }
  close_probe (&busy);
  close_probe (&other);
}
END_TEST

START_TEST (test_add)
{
  Probe probe;
  AditPoller *second = adit_poller_new ();
  AditWatch bad;

  /* The kernel refuses: told, not crashed. */
  adit_watch_init (&bad, -1, on_ready);
  ck_assert (!adit_watch_add (&bad, poller, ADIT_READY_IN));
  ck_assert (bad.poller == NULL && !bad.queued);

  /* Taken to be ready until the owner finds otherwise. */
  open_probe (&probe, ADIT_READY_IN);
  adit_watch_remove (&probe.watch);
  ck_assert (adit_watch_add (&probe.watch, poller, ADIT_READY_IN));
  adit_poller_run (poller);
  ck_assert_uint_eq (probe.called, 1);

  /* And into another poller, as in a hand-over: bytes that wait are an edge there. */
  say (&probe);
  adit_watch_remove (&probe.watch);
  ck_assert (adit_watch_add (&probe.watch, second, 0));
  turn ();
  ck_assert_uint_eq (probe.called, 1);
  adit_poller_wait (second, 0);
  adit_poller_run (second);
  ck_assert_uint_eq (probe.called, 2);
  close_probe (&probe);
  adit_poller_free (second);
}
END_TEST

START_TEST (test_wakeup)
{
  Probe probe;
  int wakeup = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  eventfd_t count;

  open_probe (&probe, ADIT_READY_IN);
  adit_poller_add_wakeup (poller, wakeup);
  ck_assert (!turn ());
  say (&probe);
  ck_assert (!turn ());
  eventfd_write (wakeup, 1);
  ck_assert (turn ());
  ck_assert (turn ()); /* level-triggered */
  eventfd_read (wakeup, &count);
  ck_assert (!turn ());
  ck_assert_uint_eq (probe.called, 1);
  close_probe (&probe);
  close (wakeup);
}
END_TEST

/* More than one batch of the kernel at once: nobody is forgotten. */
START_TEST (test_many)
{
  enum { N = 400 };
  static Probe probes[N];

  for (guint i = 0; i < N; i++)
    {
      probes[i] = (Probe){ .peer = -1 };
      adit_watch_init (&probes[i].watch, eventfd (1, EFD_CLOEXEC | EFD_NONBLOCK), on_ready);
      probes[i].watch.want = ADIT_READY_IN;
      ck_assert (adit_watch_add (&probes[i].watch, poller, 0));
    }
  turn ();
  turn ();
  for (guint i = 0; i < N; i++)
    {
      ck_assert_uint_eq (probes[i].called, 1);
      close_probe (&probes[i]);
    }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("poller");
  TCase *tcase = tcase_create ("poller");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, test_edges);
  tcase_add_test (tcase, test_want);
  tcase_add_test (tcase, test_out);
  tcase_add_test (tcase, test_ends);
  tcase_add_test (tcase, test_remove_in_callback);
  tcase_add_test (tcase, test_remove_last);
  tcase_add_test (tcase, test_rearm_is_fair);
  tcase_add_test (tcase, test_add);
  tcase_add_test (tcase, test_wakeup);
  tcase_add_test (tcase, test_many);
  suite_add_tcase (suite, tcase);
  return testing_run (suite);
}
