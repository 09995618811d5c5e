/* SPDX-License-Identifier: MIT */
/* poller: see poller.h. */
#include "loop/poller.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BATCH 256

struct AditPoller
{
  int fd;
  AditWatch *first, *last; /* runnable */
  AditWatch *mark;         /* the last one of the running turn */
};

AditPoller *
adit_poller_new (void)
{
  AditPoller *poller = g_new0 (AditPoller, 1);

  poller->fd = epoll_create1 (EPOLL_CLOEXEC);
  if (poller->fd < 0)
    g_error ("epoll_create1: %s", g_strerror (errno));
  return poller;
}

void
adit_poller_free (AditPoller *poller)
{
  g_return_if_fail (poller->first == NULL);
  close (poller->fd);
  g_free (poller);
}

int
adit_poller_get_fd (AditPoller *poller)
{
  return poller->fd;
}

void
adit_poller_add_wakeup (AditPoller *poller, int fd)
{
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };

  if (epoll_ctl (poller->fd, EPOLL_CTL_ADD, fd, &event) != 0 && errno != EEXIST)
    g_error ("epoll_ctl: %s", g_strerror (errno));
}

static void
enqueue (AditPoller *poller, AditWatch *watch)
{
  watch->queued = TRUE;
  watch->next = NULL;
  watch->prev = poller->last;
  if (poller->last)
    poller->last->next = watch;
  else
    poller->first = watch;
  poller->last = watch;
}

static void
dequeue (AditPoller *poller, AditWatch *watch)
{
  if (poller->mark == watch)
    poller->mark = watch->prev;
  if (watch->prev)
    watch->prev->next = watch->next;
  else
    poller->first = watch->next;
  if (watch->next)
    watch->next->prev = watch->prev;
  else
    poller->last = watch->prev;
  watch->queued = FALSE;
  watch->next = watch->prev = NULL;
}

static guint8
ready_of (guint32 events)
{
  guint8 ready = 0;

  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
    ready |= ADIT_READY_IN;
  if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
    ready |= ADIT_READY_OUT;
  if (events & (EPOLLHUP | EPOLLERR))
    ready |= ADIT_READY_HUP;
  if (events & EPOLLRDHUP)
    ready |= ADIT_READY_RDHUP;
  return ready;
}

gboolean
adit_poller_wait (AditPoller *poller, int timeout_ms)
{
  struct epoll_event events[BATCH];
  gboolean woken = FALSE;
  int n = epoll_wait (poller->fd, events, BATCH, timeout_ms);

  for (int i = 0; i < n; i++)
    {
      AditWatch *watch = events[i].data.ptr;

      if (watch == NULL)
        {
          woken = TRUE;
          continue;
        }
      watch->ready |= ready_of (events[i].events);
      adit_watch_rearm (watch);
    }
  return woken;
}

gboolean
adit_poller_is_runnable (AditPoller *poller)
{
  return poller->first != NULL;
}

void
adit_poller_run (AditPoller *poller)
{
  poller->mark = poller->last;
  while (poller->mark != NULL)
    {
      AditWatch *watch = poller->first;
      gboolean is_last = watch == poller->mark;

      dequeue (poller, watch);
      if (is_last)
        poller->mark = NULL;
      watch->func (watch);
    }
}

void
adit_watch_init (AditWatch *watch, int fd, void (*func) (AditWatch *watch))
{
  memset (watch, 0, sizeof *watch);
  watch->fd = fd;
  watch->func = func;
}

gboolean
adit_watch_add (AditWatch *watch, AditPoller *poller, guint8 ready)
{
  struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = watch };

  g_return_val_if_fail (watch->poller == NULL, FALSE);
  if (epoll_ctl (poller->fd, EPOLL_CTL_ADD, watch->fd, &event) != 0)
    return FALSE;
  watch->poller = poller;
  watch->ready = ready;
  adit_watch_rearm (watch);
  return TRUE;
}

void
adit_watch_remove (AditWatch *watch)
{
  AditPoller *poller = watch->poller;

  if (poller == NULL)
    return;
  if (watch->queued)
    dequeue (poller, watch);
  epoll_ctl (poller->fd, EPOLL_CTL_DEL, watch->fd, NULL);
  watch->poller = NULL;
}

void
adit_watch_set_want (AditWatch *watch, guint8 want)
{
  watch->want = want;
  adit_watch_rearm (watch);
}

void
adit_watch_rearm (AditWatch *watch)
{
  if (watch->poller && !watch->queued && (watch->ready & (watch->want | ADIT_READY_HUP)))
    enqueue (watch->poller, watch);
}
