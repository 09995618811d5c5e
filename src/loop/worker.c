/* SPDX-License-Identifier: MIT */
/* worker: see worker.h. */
#include "loop/worker.h"

#include "base/buf.h"
#include "base/clock.h"

typedef struct
{
  GSource source;
  AditWorker *worker;
} WorkerSource;

struct _AditWorker
{
  GObject parent;

  guint index;
  GMainContext *context;
  GSource *source;
  AditPoller *poller;
  AditMailbox *mailbox;
  AditWheel *wheel;
  AditDefer defers; /* head of a ring */
  AditDefer ends;   /* the same, for the end of the thread */
  guint8 *scratch[ADIT_SCRATCH_N];
  gint64 now_us;

  GThread *thread;
  gboolean stopping;
  int wakeup; /* descriptor that the context polls, once known */
  gboolean woken; /* in this turn, by mail or by the context */
};

G_DEFINE_FINAL_TYPE (AditWorker, adit_worker, G_TYPE_OBJECT)

/* The context's poll function has no user data, so the thread knows its worker. */
static __thread AditWorker *current;

static int
wait_ms (AditWorker *self)
{
  if (adit_poller_is_runnable (self->poller) || self->defers.next != &self->defers)
    return 0;
  return adit_wheel_get_wait (self->wheel, adit_clock_us ());
}

/* epoll_wait as the context's poll function: saves a poll() each turn. A context that polls more than its
 * own wake-up (a foreign GSource) falls back to poll() over all of them and the epoll set. */
static gint
worker_poll (GPollFD *fds, guint n_fds, gint timeout)
{
  AditWorker *self = current;
  g_autofree GPollFD *many = NULL;
  GPollFD few[16], *all = few;
  gint n;

  if (n_fds == 1 && (fds[0].fd == self->wakeup || self->wakeup < 0))
    {
      if (self->wakeup < 0)
        adit_poller_add_wakeup (self->poller, self->wakeup = fds[0].fd);
      self->woken = adit_poller_wait (self->poller, timeout);
      fds[0].revents = self->woken ? G_IO_IN : 0;
      self->now_us = adit_clock_us ();
      return fds[0].revents ? 1 : 0;
    }
  if (n_fds >= G_N_ELEMENTS (few))
    all = many = g_new (GPollFD, n_fds + 1);
  for (guint i = 0; i < n_fds; i++)
    all[i] = fds[i];
  all[n_fds] = (GPollFD){ .fd = adit_poller_get_fd (self->poller), .events = G_IO_IN };
  n = g_poll (all, n_fds + 1, timeout);
  for (guint i = 0; i < n_fds; i++)
    fds[i].revents = n > 0 ? all[i].revents : 0;
  self->woken = adit_poller_wait (self->poller, 0);
  self->now_us = adit_clock_us ();
  return n;
}

static gboolean
source_prepare (GSource *source, gint *timeout)
{
  *timeout = wait_ms (((WorkerSource *) source)->worker);
  return FALSE;
}

/* Without work of the worker's own, foreign sources of a lower priority get the turn. */
static gboolean
source_check (GSource *source)
{
  AditWorker *self = ((WorkerSource *) source)->worker;

  return self->woken || adit_poller_is_runnable (self->poller) || self->defers.next != &self->defers
         || adit_wheel_get_wait (self->wheel, self->now_us) == 0;
}

static void
run_ring (AditWorker *self, AditDefer *ring)
{
  while (ring->next != ring)
    {
      AditDefer *defer = ring->next;

      adit_worker_undefer (self, defer);
      defer->func (defer);
    }
}

static gboolean
source_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  AditWorker *self = ((WorkerSource *) source)->worker;

  adit_mailbox_deliver (self->mailbox);
  adit_wheel_run (self->wheel, self->now_us);
  adit_poller_run (self->poller);
  run_ring (self, &self->defers);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_funcs = {
  .prepare = source_prepare,
  .check = source_check,
  .dispatch = source_dispatch,
};

static void
adit_worker_finalize (GObject *object)
{
  AditWorker *self = ADIT_WORKER (object);

  run_ring (self, &self->ends);
  run_ring (self, &self->defers);
  adit_mailbox_free (self->mailbox);
  g_source_destroy (self->source);
  g_source_unref (self->source);
  g_main_context_unref (self->context);
  adit_wheel_free (self->wheel);
  adit_poller_free (self->poller);
  for (guint i = 0; i < ADIT_SCRATCH_N; i++)
    g_free (self->scratch[i]);
  if (current == self)
    current = NULL;
  G_OBJECT_CLASS (adit_worker_parent_class)->finalize (object);
}

static void
adit_worker_class_init (AditWorkerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = adit_worker_finalize;
}

static void
adit_worker_init (AditWorker *self)
{
  self->wakeup = -1;
  self->defers.next = self->defers.prev = &self->defers;
  self->ends.next = self->ends.prev = &self->ends;
  self->now_us = adit_clock_us ();
  self->poller = adit_poller_new ();
  self->mailbox = adit_mailbox_new ();
  self->wheel = adit_wheel_new (self->now_us);
  adit_poller_add_wakeup (self->poller, adit_mailbox_get_fd (self->mailbox));

  self->context = g_main_context_new ();
  g_main_context_set_poll_func (self->context, worker_poll);
  self->source = g_source_new (&source_funcs, sizeof (WorkerSource));
  ((WorkerSource *) self->source)->worker = self;
  g_source_set_static_name (self->source, "adit-worker");
  /* Without this GLib blocks and unblocks the source around each dispatch: three system calls a turn. */
  g_source_set_can_recurse (self->source, TRUE);
  g_source_attach (self->source, self->context);
}

AditWorker *
adit_worker_new (guint index)
{
  AditWorker *self = g_object_new (ADIT_TYPE_WORKER, NULL);

  self->index = index;
  return self;
}

guint
adit_worker_get_index (AditWorker *self)
{
  return self->index;
}

GMainContext *
adit_worker_get_context (AditWorker *self)
{
  return self->context;
}

AditPoller *
adit_worker_get_poller (AditWorker *self)
{
  return self->poller;
}

/* What the last turn asked for still leaves (closing frames, refusals); then what lives on without an
 * owner ends. */
static void
wind_up (AditWorker *self)
{
  while (adit_mailbox_deliver (self->mailbox) || self->defers.next != &self->defers)
    run_ring (self, &self->defers);
  run_ring (self, &self->ends);
  run_ring (self, &self->defers);
}

static gpointer
worker_main (gpointer data)
{
  AditWorker *self = data;

  current = self;
  g_main_context_push_thread_default (self->context);
  while (!self->stopping)
    g_main_context_iteration (self->context, TRUE);
  wind_up (self);
  g_main_context_pop_thread_default (self->context);
  adit_buf_pool_drain ();
  current = NULL;
  return NULL;
}

void
adit_worker_start (AditWorker *self, const char *name)
{
  g_return_if_fail (self->thread == NULL);
  self->thread = g_thread_new (name, worker_main, self);
}

static void
stop_here (gpointer data)
{
  ((AditWorker *) data)->stopping = TRUE;
}

void
adit_worker_stop (AditWorker *self)
{
  if (self->thread == NULL)
    return;
  adit_worker_call (self, stop_here, self);
  g_thread_join (self->thread);
  self->thread = NULL;
}

void
adit_worker_turn (AditWorker *self, gboolean may_block)
{
  g_return_if_fail (self->thread == NULL);
  current = self;
  g_main_context_iteration (self->context, may_block);
}

AditWorker *
adit_worker_current (void)
{
  return current;
}

gboolean
adit_worker_is_mine (AditWorker *self)
{
  return current == self;
}

void
adit_worker_post (AditWorker *self, AditMail *mail)
{
  adit_mailbox_post (self->mailbox, mail);
}

typedef struct
{
  AditMail mail;
  void (*func) (gpointer data);
  gpointer data;
} Call;

static void
call_deliver (AditMail *mail)
{
  Call *call = (Call *) mail;

  call->func (call->data);
  g_free (call);
}

void
adit_worker_call (AditWorker *self, void (*func) (gpointer data), gpointer data)
{
  Call *call = g_new0 (Call, 1);

  call->mail.deliver = call_deliver;
  call->func = func;
  call->data = data;
  adit_mailbox_post (self->mailbox, &call->mail);
}

gint64
adit_worker_now_us (AditWorker *self)
{
  return self->now_us;
}

static void
join_ring (AditDefer *ring, AditDefer *defer)
{
  if (defer->queued)
    return;
  defer->queued = TRUE;
  defer->next = ring;
  defer->prev = ring->prev;
  ring->prev->next = defer;
  ring->prev = defer;
}

void
adit_worker_defer (AditWorker *self, AditDefer *defer)
{
  join_ring (&self->defers, defer);
}

void
adit_worker_defer_to_end (AditWorker *self, AditDefer *defer)
{
  join_ring (&self->ends, defer);
}

void
adit_worker_undefer (AditWorker *self, AditDefer *defer)
{
  if (!defer->queued)
    return;
  defer->prev->next = defer->next;
  defer->next->prev = defer->prev;
  defer->queued = FALSE;
}

guint8 *
adit_worker_scratch (AditWorker *self, AditScratch which)
{
  if (self->scratch[which] == NULL)
    self->scratch[which] = g_malloc (ADIT_SCRATCH_ROOM + ADIT_SCRATCH_SIZE);
  return self->scratch[which] + ADIT_SCRATCH_ROOM;
}

void
adit_worker_set_timer (AditWorker *self, AditTimer *timer, guint delay_ms)
{
  adit_timer_set (timer, self->wheel, self->now_us, delay_ms);
}
