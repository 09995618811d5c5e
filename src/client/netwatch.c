/* SPDX-License-Identifier: MIT */
/* netwatch: see netwatch.h. */
#include "client/netwatch.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEBOUNCE_MS 100u
#define LOOK_MS 1000u
#define SLEPT_US 500000 /* boot time ahead of monotonic time by so much more than before */

struct AditNetwatch
{
  AditWorker *worker;
  void (*changed) (gpointer owner);
  gpointer owner;
  AditWatch watch; /* fd -1 without netlink */
  AditTimer debounce, look;
  gint64 ahead_us;
};

static gint64
get_ahead_us (void)
{
  return adit_clock_boot_us () - adit_clock_us ();
}

static void
on_debounce (AditTimer *timer)
{
  AditNetwatch *netwatch = (AditNetwatch *) ((char *) timer - offsetof (AditNetwatch, debounce));

  netwatch->changed (netwatch->owner);
}

static void
note_change (AditNetwatch *netwatch, const char *what)
{
  if (adit_timer_is_set (&netwatch->debounce))
    return;
  adit_debug ("%s", what);
  adit_worker_set_timer (netwatch->worker, &netwatch->debounce, DEBOUNCE_MS);
}

static void
on_look (AditTimer *timer)
{
  AditNetwatch *netwatch = (AditNetwatch *) ((char *) timer - offsetof (AditNetwatch, look));
  gint64 ahead_us = get_ahead_us ();

  if (ahead_us - netwatch->ahead_us > SLEPT_US)
    note_change (netwatch, "the machine woke up");
  netwatch->ahead_us = ahead_us;
  adit_worker_set_timer (netwatch->worker, timer, LOOK_MS);
}

/* Wireless statistics and the like come as link messages that change nothing. */
static gboolean
is_change (const struct nlmsghdr *message)
{
  const struct ifinfomsg *link = NLMSG_DATA (message);

  switch (message->nlmsg_type)
    {
    case RTM_NEWLINK:
      return message->nlmsg_len >= NLMSG_LENGTH (sizeof *link) && link->ifi_change != 0;
    case RTM_DELLINK:
    case RTM_NEWADDR:
    case RTM_DELADDR:
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return TRUE;
    default:
      return FALSE;
    }
}

static void
on_netlink (AditWatch *watch)
{
  AditNetwatch *netwatch = (AditNetwatch *) ((char *) watch - offsetof (AditNetwatch, watch));
  _Alignas (struct nlmsghdr) char data[16384];
  struct nlmsghdr *at;
  gboolean changed = FALSE;
  gssize n;

  while ((n = recv (watch->fd, data, sizeof data, MSG_DONTWAIT)) > 0 || errno == ENOBUFS || errno == EINTR)
    {
      int left = (int) MAX (n, 0);

      if (n == 0)
        break;
      changed |= n < 0 && errno == ENOBUFS; /* messages were lost: it is lively */
      for (at = (struct nlmsghdr *) data; n > 0 && NLMSG_OK (at, (unsigned) left); at = NLMSG_NEXT (at, left))
        changed |= is_change (at);
      errno = 0;
    }
  adit_watch_drained (watch, ADIT_READY_IN | ADIT_READY_HUP);
  if (changed)
    note_change (netwatch, "the network changed");
}

static void
open_netlink (AditNetwatch *netwatch)
{
  struct sockaddr_nl address = { .nl_family = AF_NETLINK,
                                 .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR
                                              | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE };
  int fd = socket (AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

  adit_watch_init (&netwatch->watch, fd, on_netlink);
  netwatch->watch.want = ADIT_READY_IN;
  if (fd >= 0 && bind (fd, (struct sockaddr *) &address, sizeof address) == 0
      && adit_watch_add (&netwatch->watch, adit_worker_get_poller (netwatch->worker), ADIT_READY_IN))
    return;
  adit_debug ("no netlink: changes of the network are not noticed (%s)", g_strerror (errno));
  if (fd >= 0)
    close (fd);
  netwatch->watch.fd = -1;
}

AditNetwatch *
adit_netwatch_new (AditWorker *worker, void (*changed) (gpointer owner), gpointer owner)
{
  AditNetwatch *netwatch = g_new0 (AditNetwatch, 1);

  netwatch->worker = worker;
  netwatch->changed = changed;
  netwatch->owner = owner;
  netwatch->ahead_us = get_ahead_us ();
  adit_timer_init (&netwatch->debounce, on_debounce);
  adit_timer_init (&netwatch->look, on_look);
  adit_worker_set_timer (worker, &netwatch->look, LOOK_MS);
  open_netlink (netwatch);
  return netwatch;
}

void
adit_netwatch_free (AditNetwatch *netwatch)
{
  if (netwatch == NULL)
    return;
  adit_timer_stop (&netwatch->debounce);
  adit_timer_stop (&netwatch->look);
  if (netwatch->watch.fd >= 0)
    {
      adit_watch_remove (&netwatch->watch);
      close (netwatch->watch.fd);
    }
  g_free (netwatch);
}
