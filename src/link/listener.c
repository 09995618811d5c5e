/* SPDX-License-Identifier: MIT */
/* listener: see listener.h. */
#include "link/listener.h"

#include "base/error.h"
#include "base/log.h"
#include "link/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096
/* Connections taken in one turn, so that a flood of them does not hold up those that are open. */
#define ACCEPTS 64
/* At the descriptor limit. */
#define RETRY_MS 100

struct AditListener
{
  AditWatch watch;
  AditTimer retry;
  AditLogLimit limit;
  AditWorker *worker;
  AditAcceptFunc func;
  gpointer owner;
};

static void
peer_from_sockaddr (AditPeer *peer, const struct sockaddr_storage *from)
{
  memset (peer, 0, sizeof *peer);
  if (from->ss_family == AF_INET6)
    {
      memcpy (peer->ip, &((const struct sockaddr_in6 *) from)->sin6_addr, 16);
      peer->port = ntohs (((const struct sockaddr_in6 *) from)->sin6_port);
    }
  else if (from->ss_family == AF_INET)
    {
      peer->ip[10] = peer->ip[11] = 0xff;
      memcpy (peer->ip + 12, &((const struct sockaddr_in *) from)->sin_addr, 4);
      peer->port = ntohs (((const struct sockaddr_in *) from)->sin_port);
    }
  else
    peer->is_local = TRUE;
}

void
adit_peer_from_fd (AditPeer *peer, int fd)
{
  struct sockaddr_storage from = { 0 };
  socklen_t size = sizeof from;

  getpeername (fd, (struct sockaddr *) &from, &size);
  peer_from_sockaddr (peer, &from);
}

static gboolean
is_mapped (const AditPeer *peer)
{
  static const guint8 prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

  return memcmp (peer->ip, prefix, sizeof prefix) == 0;
}

const char *
adit_peer_ip (const AditPeer *peer, char text[ADIT_PEER_TEXT])
{
  if (peer->is_local)
    g_strlcpy (text, "unix", ADIT_PEER_TEXT);
  else if (is_mapped (peer))
    inet_ntop (AF_INET, peer->ip + 12, text, ADIT_PEER_TEXT);
  else
    inet_ntop (AF_INET6, peer->ip, text, ADIT_PEER_TEXT);
  return text;
}

const char *
adit_peer_text (const AditPeer *peer, char text[ADIT_PEER_TEXT])
{
  char ip[ADIT_PEER_TEXT];

  adit_peer_ip (peer, ip);
  if (peer->is_local)
    g_strlcpy (text, ip, ADIT_PEER_TEXT);
  else
    g_snprintf (text, ADIT_PEER_TEXT, is_mapped (peer) ? "%s:%u" : "[%s]:%u", ip, peer->port);
  return text;
}

gboolean
adit_peer_is_loopback (const AditPeer *peer)
{
  return peer->is_local || (is_mapped (peer) ? peer->ip[12] == 127 : IN6_IS_ADDR_LOOPBACK ((const struct in6_addr *) peer->ip));
}

static gboolean
parse_address (const char *address, guint16 port, struct sockaddr_storage *to, socklen_t *size)
{
  struct sockaddr_in *four = (struct sockaddr_in *) to;
  struct sockaddr_in6 *six = (struct sockaddr_in6 *) to;

  memset (to, 0, sizeof *to);
  if (g_strcmp0 (address, "localhost") == 0)
    address = "127.0.0.1";
  if (inet_pton (AF_INET, address, &four->sin_addr) == 1)
    {
      four->sin_family = AF_INET;
      four->sin_port = htons (port);
      *size = sizeof *four;
      return TRUE;
    }
  if (inet_pton (AF_INET6, address, &six->sin6_addr) == 1)
    {
      six->sin6_family = AF_INET6;
      six->sin6_port = htons (port);
      *size = sizeof *six;
      return TRUE;
    }
  return FALSE;
}

gboolean
adit_listener_is_loopback (const char *address)
{
  struct sockaddr_storage to;
  socklen_t size;
  AditPeer peer;

  if (!parse_address (address, 0, &to, &size))
    return FALSE;
  peer_from_sockaddr (&peer, &to);
  return adit_peer_is_loopback (&peer);
}

static int
open_socket (const struct sockaddr_storage *to, socklen_t size, gboolean share)
{
  int one = 1, zero = 0;
  int fd = socket (to->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int number;

  if (fd < 0)
    return -1;
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (share)
    setsockopt (fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  if (to->ss_family == AF_INET6)
    setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
  if (bind (fd, (const struct sockaddr *) to, size) == 0 && listen (fd, BACKLOG) == 0)
    return fd;
  number = errno;
  close (fd);
  errno = number;
  return -1;
}

static void
set_bind_error (GError **error, const char *address, guint16 port, int number)
{
  const char *cure = number == EADDRINUSE      ? "another program listens there: stop it or choose another port"
                     : number == EACCES        ? "ports below 1024 need CAP_NET_BIND_SERVICE"
                     : number == EADDRNOTAVAIL ? "no interface of this machine has that address"
                                               : "check server.bind and the port";

  g_set_error (error, ADIT_ERROR, ADIT_ERROR_USAGE, "cannot listen on %s port %u: %s; %s", address, port, g_strerror (number),
               cure);
}

/* A turn's worth of connections. TRUE: there may be more. */
static gboolean
accept_some (AditListener *self, guint most)
{
  for (guint i = 0; i < most; i++)
    {
      struct sockaddr_storage from = { 0 };
      socklen_t size = sizeof from;
      AditPeer peer;
      int fd = accept4 (self->watch.fd, (struct sockaddr *) &from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);

      if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return FALSE;
      if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
        {
          guint suppressed;

          if (adit_log_limit_pass (&self->limit, 1, &suppressed))
            adit_warning ("cannot accept connections: %s; raise the descriptor limit", g_strerror (errno));
          adit_watch_set_want (&self->watch, 0);
          adit_worker_set_timer (self->worker, &self->retry, RETRY_MS);
          return FALSE;
        }
      if (fd < 0)
        continue;
      adit_tcp_tune (fd, FALSE);
      peer_from_sockaddr (&peer, &from);
      self->func (self->owner, fd, &peer);
    }
  return TRUE;
}

static void
on_ready (AditWatch *watch)
{
  AditListener *self = (AditListener *) ((char *) watch - offsetof (AditListener, watch));

  if (!accept_some (self, ACCEPTS))
    adit_watch_drained (watch, ADIT_READY_IN | ADIT_READY_HUP);
  adit_watch_rearm (watch);
}

static void
on_retry (AditTimer *timer)
{
  AditListener *self = (AditListener *) ((char *) timer - offsetof (AditListener, retry));

  self->watch.ready |= ADIT_READY_IN;
  adit_watch_set_want (&self->watch, ADIT_READY_IN);
}

AditListener *
adit_listener_new (const char *address, guint16 port, gboolean share, GError **error)
{
  struct sockaddr_storage to;
  socklen_t size;
  AditListener *self;
  int fd;

  if (!parse_address (address, port, &to, &size))
    {
      g_set_error (error, ADIT_ERROR, ADIT_ERROR_USAGE, "cannot listen on %s: not a literal IPv4 or IPv6 address", address);
      return NULL;
    }
  fd = open_socket (&to, size, share);
  if (fd < 0)
    {
      set_bind_error (error, address, port, errno);
      return NULL;
    }
  self = g_new0 (AditListener, 1);
  adit_watch_init (&self->watch, fd, on_ready);
  adit_timer_init (&self->retry, on_retry);
  return self;
}

guint16
adit_listener_get_port (AditListener *self)
{
  struct sockaddr_storage at = { 0 };
  socklen_t size = sizeof at;
  AditPeer peer;

  getsockname (self->watch.fd, (struct sockaddr *) &at, &size);
  peer_from_sockaddr (&peer, &at);
  return peer.port;
}

void
adit_listener_attach (AditListener *self, AditWorker *worker, AditAcceptFunc func, gpointer owner)
{
  self->worker = worker;
  self->func = func;
  self->owner = owner;
  self->watch.want = ADIT_READY_IN;
  adit_watch_add (&self->watch, adit_worker_get_poller (worker), ADIT_READY_IN);
}

void
adit_listener_close (AditListener *self)
{
  if (self == NULL)
    return;
  adit_timer_stop (&self->retry);
  if (self->worker)
    {
      while (accept_some (self, ACCEPTS))
        ;
      adit_timer_stop (&self->retry);
      adit_watch_remove (&self->watch);
    }
  close (self->watch.fd);
  g_free (self);
}
