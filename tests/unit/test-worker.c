/* SPDX-License-Identifier: MIT */
/* test-worker: a turn and its order, deferred work, mail from threads, timers, foreign sources in the
 * context; the crew. */
#include "loop/worker.h"

#include "base/clock.h"
#include "lib/turning.h"
#include "loop/crew.h"

#include <glib-unix.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static AditWorker *worker;

static void
setup (void)
{
  worker = adit_worker_new (3);
}

static void
teardown (void)
{
  turn_unref_last (worker);
}

/* ---- deferred work ---- */

typedef struct
{
  AditDefer defer;
  char letter;
  guint again;      /* deferred again from its function so many times */
  AditDefer *drops; /* undeferred from its function */
} Job;

static char log_of[64];

static void
on_job (AditDefer *defer)
{
  Job *job = (Job *) ((char *) defer - offsetof (Job, defer));
  gsize len = strlen (log_of);

  ck_assert (!defer->queued);
  log_of[len] = job->letter;
  log_of[len + 1] = '\0';
  if (job->drops)
    adit_worker_undefer (worker, job->drops);
  if (job->again > 0)
    {
      job->again--;
      adit_worker_defer (worker, defer);
    }
}

#define JOB(name) { .defer.func = on_job, .letter = (name) }

START_TEST (test_defer)
{
  Job a = JOB ('a'), b = JOB ('b'), c = JOB ('c');

  adit_worker_defer (worker, &a.defer);
  adit_worker_defer (worker, &b.defer);
  adit_worker_defer (worker, &c.defer);
  adit_worker_defer (worker, &a.defer); /* once, and it keeps its place */
  adit_worker_turn (worker, TRUE);      /* does not wait: there is work */
  ck_assert_str_eq (log_of, "abc");
  turn_times (worker, 3);
  ck_assert_str_eq (log_of, "abc");

  *log_of = '\0';
  adit_worker_defer (worker, &a.defer);
  adit_worker_defer (worker, &b.defer);
  adit_worker_defer (worker, &c.defer);
  adit_worker_undefer (worker, &b.defer);
  adit_worker_undefer (worker, &b.defer);
  adit_worker_turn (worker, FALSE);
  ck_assert_str_eq (log_of, "ac");
}
END_TEST

/* What deferred work defers is still of this turn, behind the rest. */
START_TEST (test_defer_in_defer)
{
  Job a = JOB ('a'), b = JOB ('b'), c = JOB ('c');

  a.again = 2;
  a.drops = &c.defer;
  adit_worker_defer (worker, &a.defer);
  adit_worker_defer (worker, &b.defer);
  adit_worker_defer (worker, &c.defer);
  adit_worker_turn (worker, FALSE);
  ck_assert_str_eq (log_of, "abaa");
}
END_TEST

/* ---- the order of a turn: mail, timers, descriptors, deferred work ---- */

static AditWatch order_watch;
static AditTimer order_timer;
static AditDefer order_defer;

static void
append (char letter)
{
  gsize len = strlen (log_of);

  log_of[len] = letter;
  log_of[len + 1] = '\0';
  adit_worker_defer (worker, &order_defer);
}

static void
on_order_watch (AditWatch *watch)
{
  append ('w');
}

static void
on_order_timer (AditTimer *timer)
{
  append ('t');
}

static void
on_order_mail (gpointer data)
{
  append ('m');
}

static void
on_order_defer (AditDefer *defer)
{
  gsize len = strlen (log_of);

  log_of[len] = 'd';
  log_of[len + 1] = '\0';
}

static gint64 fake_us;

static gint64
fake_clock (void)
{
  return fake_us;
}

START_TEST (test_turn)
{
  int fd = eventfd (1, EFD_CLOEXEC | EFD_NONBLOCK);

  fake_us = adit_clock_us ();
  adit_clock_replace (fake_clock);
  adit_worker_turn (worker, FALSE);
  ck_assert_int_eq (adit_worker_now_us (worker), fake_us);
  order_defer.func = on_order_defer;
  adit_watch_init (&order_watch, fd, on_order_watch);
  order_watch.want = ADIT_READY_IN;
  ck_assert (adit_watch_add (&order_watch, adit_worker_get_poller (worker), 0));
  adit_timer_init (&order_timer, on_order_timer);
  adit_worker_set_timer (worker, &order_timer, 100);
  adit_worker_call (worker, on_order_mail, NULL);
  fake_us += G_USEC_PER_SEC;
  adit_worker_turn (worker, FALSE);
  ck_assert_str_eq (log_of, "mtwd");
  ck_assert_int_eq (adit_worker_now_us (worker), fake_us);
  adit_watch_remove (&order_watch);
  adit_clock_replace (NULL);
  close (fd);
}
END_TEST

/* ---- who is where ---- */

START_TEST (test_current)
{
  AditWorker *other = adit_worker_new (4);
  guint8 *scratch[ADIT_SCRATCH_N];

  ck_assert (adit_worker_current () == NULL);
  adit_worker_turn (worker, FALSE);
  ck_assert (adit_worker_current () == worker);
  ck_assert (adit_worker_is_mine (worker) && !adit_worker_is_mine (other));
  adit_worker_turn (other, FALSE);
  ck_assert (adit_worker_is_mine (other) && !adit_worker_is_mine (worker));
  ck_assert_uint_eq (adit_worker_get_index (other), 4);
  turn_unref_last (other);
  ck_assert (adit_worker_current () == NULL);

  for (guint i = 0; i < ADIT_SCRATCH_N; i++)
    {
      scratch[i] = adit_worker_scratch (worker, i);
      memset (scratch[i] - ADIT_SCRATCH_ROOM, (int) i, ADIT_SCRATCH_ROOM + ADIT_SCRATCH_SIZE);
    }
  for (guint i = 0; i < ADIT_SCRATCH_N; i++)
    {
      ck_assert (adit_worker_scratch (worker, i) == scratch[i]);
      ck_assert_uint_eq (scratch[i][ADIT_SCRATCH_SIZE - 1], i);
    }
}
END_TEST

/* ---- threads ---- */

#define THREADS 4
#define CALLS 3000

static guint n_calls; /* of the worker's thread */
static guint next_of[THREADS];

static void
on_call (gpointer data)
{
  guint thread = GPOINTER_TO_UINT (data) / CALLS, number = GPOINTER_TO_UINT (data) % CALLS;

  ck_assert (adit_worker_is_mine (worker));
  ck_assert_uint_eq (next_of[thread], number);
  next_of[thread]++;
  n_calls++;
}

static void *
call_many (void *data)
{
  ck_assert (adit_worker_current () == NULL);
  for (guint i = 0; i < CALLS; i++)
    adit_worker_call (worker, on_call, GUINT_TO_POINTER (GPOINTER_TO_UINT (data) * CALLS + i));
  return NULL;
}

/* Stopping waits for what was posted before. */
START_TEST (test_threads)
{
  pthread_t threads[THREADS];

  adit_worker_start (worker, "test");
  for (guint i = 0; i < THREADS; i++)
    ck_assert_int_eq (pthread_create (&threads[i], NULL, call_many, GUINT_TO_POINTER (i)), 0);
  for (guint i = 0; i < THREADS; i++)
    pthread_join (threads[i], NULL);
  adit_worker_stop (worker);
  ck_assert_uint_eq (n_calls, THREADS * CALLS);
  adit_worker_stop (worker);
}
END_TEST

/* Mail after the end is delivered with the last reference: nothing is lost. */
static void
count (gpointer data)
{
  g_atomic_int_inc ((gint *) data);
}

START_TEST (test_late_mail)
{
  AditWorker *own = adit_worker_new (0);
  gint n = 0;

  adit_worker_start (own, "test");
  adit_worker_call (own, count, &n);
  adit_worker_stop (own);
  ck_assert_int_eq (n, 1);
  adit_worker_call (own, count, &n);
  turn_unref_last (own);
  ck_assert_int_eq (n, 2);
}
END_TEST

/* ---- timers ---- */

#define TIMERS 10000

static AditTimer timers[TIMERS];
static gint64 due_us[TIMERS];
static gint n_fired;

static void
on_timer (AditTimer *timer)
{
  ck_assert (adit_worker_is_mine (worker));
  ck_assert_int_ge (adit_clock_us (), due_us[timer - timers]);
  g_atomic_int_inc (&n_fired);
}

static void
set_timers (gpointer data)
{
  guint64 seed = 5;

  for (guint i = 0; i < TIMERS; i++)
    {
      guint delay = turn_random (&seed, 300);

      adit_timer_init (&timers[i], on_timer);
      due_us[i] = adit_worker_now_us (worker) + (gint64) delay * 1000;
      adit_worker_set_timer (worker, &timers[i], delay);
    }
}

static gboolean
all_fired (gpointer data)
{
  return g_atomic_int_get (&n_fired) == TIMERS;
}

START_TEST (test_timers)
{
  adit_worker_start (worker, "test");
  adit_worker_call (worker, set_timers, NULL);
  ck_assert (testing_wait (all_fired, NULL, 10000));
  adit_worker_stop (worker);
}
END_TEST

/* A worker with nothing but a timer sleeps until it is due, and no longer. */
START_TEST (test_sleep)
{
  gint64 start;

  adit_worker_turn (worker, FALSE);
  start = adit_worker_now_us (worker);
  adit_timer_init (&timers[0], on_timer);
  due_us[0] = start + 50 * 1000;
  adit_worker_set_timer (worker, &timers[0], 50);
  for (guint turns = 0; n_fired == 0; turns++)
    {
      ck_assert_uint_lt (turns, 10);
      adit_worker_turn (worker, TRUE);
    }
  ck_assert_int_ge (adit_worker_now_us (worker) - start, 50 * 1000);
}
END_TEST

/* ---- foreign sources in the worker's context ---- */

#define FOREIGN 40

typedef struct
{
  int fds[FOREIGN];
  GSource *sources[FOREIGN];
  gint called;
} Foreign;

static gboolean
on_foreign (gint fd, GIOCondition condition, gpointer data)
{
  Foreign *foreign = data;
  eventfd_t value;

  ck_assert_int_eq (condition, G_IO_IN);
  ck_assert (adit_worker_is_mine (worker));
  ck_assert_int_eq (eventfd_read (fd, &value), 0);
  g_atomic_int_inc (&foreign->called);
  return G_SOURCE_CONTINUE;
}

static void
attach_foreign (Foreign *foreign, guint i)
{
  foreign->fds[i] = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  foreign->sources[i] = g_unix_fd_source_new (foreign->fds[i], G_IO_IN);
  g_source_set_callback (foreign->sources[i], G_SOURCE_FUNC (on_foreign), foreign, NULL);
  g_source_attach (foreign->sources[i], adit_worker_get_context (worker));
}

static void
detach_foreign (Foreign *foreign, guint i)
{
  g_source_destroy (foreign->sources[i]);
  g_source_unref (foreign->sources[i]);
  close (foreign->fds[i]);
}

/* One descriptor, then many, then none again; the worker's own work goes on beside them. */
START_TEST (test_foreign)
{
  static Foreign foreign;
  int own = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);

  adit_watch_init (&order_watch, own, on_order_watch);
  order_watch.want = ADIT_READY_IN;
  order_defer.func = on_order_defer;
  ck_assert (adit_watch_add (&order_watch, adit_worker_get_poller (worker), 0));
  turn_times (worker, 2);
  for (guint n = 0; n < FOREIGN; n++)
    {
      attach_foreign (&foreign, n);
      turn_times (worker, 2);
      ck_assert_int_eq (foreign.called, 0);
      for (guint i = 0; i <= n; i++)
        eventfd_write (foreign.fds[i], 1);
      turn_until (worker, foreign.called == (gint) n + 1);
      foreign.called = 0;
      *log_of = '\0';
      eventfd_write (own, 1);
      adit_worker_call (worker, on_order_mail, NULL);
      adit_worker_turn (worker, TRUE);
      ck_assert_str_eq (log_of, "mwd");
      turn_times (worker, 2);
      *log_of = '\0';
      adit_worker_call (worker, on_order_mail, NULL); /* and mail alone */
      adit_worker_turn (worker, TRUE);
      ck_assert_str_eq (log_of, "md");
    }
  for (guint n = 0; n < FOREIGN; n++)
    detach_foreign (&foreign, n);
  *log_of = '\0';
  eventfd_write (own, 1);
  adit_worker_turn (worker, TRUE);
  ck_assert_str_eq (log_of, "wd");
  adit_watch_remove (&order_watch);
  close (own);
}
END_TEST

static gboolean
on_source (gpointer data)
{
  ck_assert (adit_worker_is_mine (worker));
  g_atomic_int_inc ((gint *) data);
  return G_SOURCE_REMOVE;
}

/* Time-outs, and sources of a lower priority, get their turn beside the worker's. */
START_TEST (test_foreign_kinds)
{
  static gint n_timeout, n_idle;
  GSource *timeout = g_timeout_source_new (20), *idle = g_idle_source_new ();

  g_source_set_callback (timeout, on_source, &n_timeout, NULL);
  g_source_set_callback (idle, on_source, &n_idle, NULL);
  g_source_attach (timeout, adit_worker_get_context (worker));
  g_source_attach (idle, adit_worker_get_context (worker));
  g_source_unref (timeout);
  g_source_unref (idle);
  turn_until (worker, n_timeout == 1);
  turn_until (worker, n_idle == 1);
}
END_TEST

static gboolean
is_one (gpointer data)
{
  return g_atomic_int_get ((gint *) data) == 1;
}

/* A source that another thread attaches wakes the worker. */
START_TEST (test_foreign_wakes)
{
  static gint n;

  adit_worker_start (worker, "test");
  for (guint i = 0; i < 20; i++)
    {
      g_atomic_int_set (&n, 0);
      g_main_context_invoke (adit_worker_get_context (worker), on_source, &n);
      ck_assert (testing_wait (is_one, &n, 5000));
    }
  adit_worker_stop (worker);
}
END_TEST

/* ---- the crew ---- */

static gint seen[8];

static void
see (gpointer data)
{
  g_atomic_int_inc (&seen[adit_worker_get_index (adit_worker_current ())]);
}

START_TEST (test_crew)
{
  AditCrew *crew = adit_crew_new (4), *all = adit_crew_new (0);

  ck_assert_uint_eq (adit_crew_get_size (crew), 4);
  ck_assert_uint_ge (adit_crew_get_size (all), 1);
  for (guint i = 0; i < 4; i++)
    ck_assert_uint_eq (adit_worker_get_index (adit_crew_get (crew, i)), i);
  adit_crew_start (crew, "test");
  for (guint i = 0; i < 100; i++)
    adit_crew_call (crew, see, NULL);
  adit_crew_stop (crew);
  for (guint i = 0; i < 4; i++)
    ck_assert_int_eq (seen[i], 100);
  adit_crew_free (crew);
  adit_crew_free (all);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("worker");
  TCase *tcase = tcase_create ("worker");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, test_defer);
  tcase_add_test (tcase, test_defer_in_defer);
  tcase_add_test (tcase, test_turn);
  tcase_add_test (tcase, test_current);
  tcase_add_test (tcase, test_threads);
  tcase_add_test (tcase, test_late_mail);
  tcase_add_test (tcase, test_timers);
  tcase_add_test (tcase, test_sleep);
  tcase_add_test (tcase, test_foreign);
  tcase_add_test (tcase, test_foreign_kinds);
  tcase_add_test (tcase, test_foreign_wakes);
  tcase_add_test (tcase, test_crew);
  suite_add_tcase (suite, tcase);
  return testing_run (suite);
}
