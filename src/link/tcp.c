/* SPDX-License-Identifier: MIT */
/* tcp: see tcp.h. */
#include "link/tcp.h"

#include "base/error.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

/* From here on bytes are offered to the kernel at once instead of being copied and written at the end of
 * the turn. */
#define DIRECT (16u * 1024)
/* A queue that reached this is offered to the kernel before the turn ends. */
#define EAGER (256u * 1024)
#define VECTORS 64
/* Unsent bytes that the kernel holds for a session, beyond what is in flight. */
#define SESSION_LOWAT (256 * 1024)
#define SESSION_TIMEOUT_MS 15000

typedef struct
{
  AditWatch watch;
  AditBuf out;
  gboolean finishing, finished; /* FIN is asked for, sent */
  gboolean reading, pending, eof;
  int broken;                   /* errno of the write that failed; what the peer had sent before is still read */
} AditTcpPrivate;

G_DEFINE_TYPE_WITH_PRIVATE (AditTcp, adit_tcp, ADIT_TYPE_LINK)

#define PRIV(tcp) ((AditTcpPrivate *) adit_tcp_get_instance_private (tcp))

static AditTcp *
tcp_of_watch (AditWatch *watch)
{
  AditTcpPrivate *priv = (AditTcpPrivate *) ((char *) watch - offsetof (AditTcpPrivate, watch));

  return (AditTcp *) ((char *) priv - AditTcp_private_offset);
}

static void
fail_errno (AditTcp *self, int number)
{
  adit_link_fail (ADIT_LINK (self), g_error_new_literal (ADIT_ERROR, ADIT_ERROR_CLOSED, g_strerror (number)));
}

static void
update_want (AditTcp *self)
{
  AditTcpPrivate *priv = PRIV (self);
  guint8 want = 0;

  if (priv->reading && (!priv->eof || priv->pending))
    want |= ADIT_READY_IN;
  if (priv->out.len > 0 || priv->finishing)
    want |= ADIT_READY_OUT;
  if (want != priv->watch.want)
    adit_watch_set_want (&priv->watch, want);
}

/* A socket that hung up stays so for ever: it is judged once. Without an error, and without an end of
 * ours, it was reset and something else got to see the error; a unix socket hangs up as soon as its peer
 * closes, with bytes still to be read. */
static void
check_hangup (AditTcp *self)
{
  AditTcpPrivate *priv = PRIV (self);
  int number = 0;
  socklen_t size = sizeof number;

  adit_watch_drained (&priv->watch, ADIT_READY_HUP);
  getsockopt (priv->watch.fd, SOL_SOCKET, SO_ERROR, &number, &size);
  if (number == 0 && !priv->finished)
    {
      int domain = AF_UNIX;

      size = sizeof domain;
      getsockopt (priv->watch.fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
      number = domain == AF_UNIX ? 0 : ECONNRESET;
    }
  if (number != 0)
    fail_errno (self, number);
}

static void
on_ready (AditWatch *watch)
{
  AditTcp *self = g_object_ref (tcp_of_watch (watch));
  AditTcpPrivate *priv = PRIV (self);
  AditLink *link = ADIT_LINK (self);

  if ((watch->ready & ADIT_READY_HUP) && !(priv->reading && (watch->ready & ADIT_READY_IN)))
    check_hangup (self);
  if ((watch->ready & watch->want & ADIT_READY_OUT) && !adit_link_is_closed (link))
    {
      adit_link_flush (link);
      if (!adit_link_is_closed (link))
        adit_link_drained (link);
    }
  if (!adit_link_is_closed (link) && priv->reading && (watch->ready & ADIT_READY_IN))
    ADIT_TCP_GET_CLASS (self)->ready (self);
  if (!adit_link_is_closed (link))
    {
      update_want (self);
      adit_watch_rearm (watch);
    }
  g_object_unref (self);
}

gssize
adit_tcp_recv (AditTcp *self, guint8 *data, gsize len)
{
  AditTcpPrivate *priv = PRIV (self);
  gssize n;

  if (priv->eof)
    return ADIT_LINK_EOF;
  if (!(priv->watch.ready & ADIT_READY_IN))
    return ADIT_LINK_AGAIN;
  do
    n = recv (priv->watch.fd, data, len, 0);
  while (n < 0 && errno == EINTR);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
    {
      adit_watch_drained (&priv->watch, ADIT_READY_IN);
      return ADIT_LINK_AGAIN;
    }
  if (n < 0)
    {
      fail_errno (self, errno);
      return ADIT_LINK_FAIL;
    }
  if (n == 0 && priv->broken)
    {
      fail_errno (self, priv->broken);
      return ADIT_LINK_FAIL;
    }
  if (n == 0)
    {
      priv->eof = TRUE;
      adit_watch_drained (&priv->watch, ADIT_READY_HUP);
    }
  else if ((gsize) n < len && !(priv->watch.ready & (ADIT_READY_HUP | ADIT_READY_RDHUP)))
    adit_watch_drained (&priv->watch, ADIT_READY_IN); /* a short read emptied it: epoll(7), edge-triggered */
  return n;
}

static gssize
adit_tcp_read (AditLink *link, guint8 *data, gsize len)
{
  return adit_tcp_recv (ADIT_TCP (link), data, len);
}

void
adit_tcp_push (AditTcp *self, const void *data, gsize len)
{
  if (PRIV (self)->broken == 0)
    adit_buf_append (&PRIV (self)->out, data, len);
}

gsize
adit_tcp_get_pushed (AditTcp *self)
{
  return PRIV (self)->out.len;
}

/* A peer that stopped reading and reset us may have answered before: the failure is told when everything
 * that came was read. */
static void
break_off (AditTcp *self, int number)
{
  AditTcpPrivate *priv = PRIV (self);

  if ((number != EPIPE && number != ECONNRESET) || !priv->reading || priv->eof)
    {
      fail_errno (self, number);
      return;
    }
  priv->broken = number;
  priv->watch.ready |= ADIT_READY_IN;
  adit_watch_rearm (&priv->watch);
  adit_buf_clear (&priv->out);
}

/* One sendmsg; the number of bytes taken, 0 if none could be. */
static gsize
send_vectors (AditTcp *self, const struct iovec *iov, guint n)
{
  AditTcpPrivate *priv = PRIV (self);
  struct msghdr message = { .msg_iov = (struct iovec *) iov, .msg_iovlen = n };
  gssize sent;

  if (!(priv->watch.ready & ADIT_READY_OUT) || priv->broken)
    return 0;
  do
    sent = sendmsg (priv->watch.fd, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent >= 0)
    return (gsize) sent;
  adit_watch_drained (&priv->watch, ADIT_READY_OUT);
  if (errno != EAGAIN && errno != EWOULDBLOCK)
    break_off (self, errno);
  return 0;
}

static void
send_fin (AditTcp *self)
{
  AditTcpPrivate *priv = PRIV (self);

  if (!priv->finishing || priv->finished || priv->out.len > 0)
    return;
  priv->finished = TRUE;
  priv->finishing = FALSE;
  shutdown (priv->watch.fd, SHUT_WR);
}

void
adit_tcp_write (AditTcp *self)
{
  AditTcpPrivate *priv = PRIV (self);
  struct iovec iov[VECTORS];

  while (priv->out.len > 0)
    {
      guint n = adit_buf_peek (&priv->out, iov, VECTORS);
      gsize sent = send_vectors (self, iov, n);

      if (sent == 0)
        break;
      adit_buf_consume (&priv->out, sent);
    }
  send_fin (self);
  update_want (self);
}

/* Big pieces go to the kernel straight from the caller's memory, behind what is queued; only what it does
 * not take is copied. */
static void
send_direct (AditTcp *self, const struct iovec *iov, guint n, gsize len)
{
  AditTcpPrivate *priv = PRIV (self);
  gsize sent = 0;

  adit_tcp_write (self);
  if (priv->out.len == 0)
    sent = send_vectors (self, iov, n);
  for (guint i = 0; i < n; i++)
    {
      gsize skip = MIN (sent, iov[i].iov_len);

      sent -= skip;
      if (skip < iov[i].iov_len && priv->broken == 0)
        adit_buf_append (&priv->out, (const guint8 *) iov[i].iov_base + skip, iov[i].iov_len - skip);
    }
  update_want (self);
}

static void
adit_tcp_send (AditLink *link, const struct iovec *iov, guint n, gsize len)
{
  AditTcp *self = ADIT_TCP (link);
  AditTcpPrivate *priv = PRIV (self);

  if (priv->broken)
    return;
  if (len >= DIRECT)
    {
      send_direct (self, iov, n, len);
      return;
    }
  for (guint i = 0; i < n; i++)
    adit_buf_append (&priv->out, iov[i].iov_base, iov[i].iov_len);
  if (priv->out.len >= EAGER)
    adit_tcp_write (self);
  else
    adit_link_want_flush (link);
}

static void
adit_tcp_flush (AditLink *link)
{
  adit_tcp_write (ADIT_TCP (link));
}

static void
adit_tcp_finish (AditLink *link)
{
  AditTcpPrivate *priv = PRIV (ADIT_TCP (link));

  if (priv->finished)
    return;
  priv->finishing = TRUE;
  adit_link_want_flush (link);
}

static void
adit_tcp_close (AditLink *link, gboolean reset)
{
  AditTcpPrivate *priv = PRIV (ADIT_TCP (link));
  struct linger linger = { .l_onoff = 1, .l_linger = 0 };

  if (reset)
    setsockopt (priv->watch.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close (priv->watch.fd);
  priv->watch.fd = -1;
  adit_buf_clear (&priv->out);
}

static void
adit_tcp_set_reading (AditLink *link, gboolean reading)
{
  PRIV (ADIT_TCP (link))->reading = reading;
  update_want (ADIT_TCP (link));
}

static gsize
adit_tcp_get_queued (AditLink *link)
{
  return PRIV (ADIT_TCP (link))->out.len;
}

static gboolean
adit_tcp_attach (AditLink *link)
{
  AditTcpPrivate *priv = PRIV (ADIT_TCP (link));
  AditPoller *poller = adit_worker_get_poller (adit_link_get_worker (link));

  if (!adit_watch_add (&priv->watch, poller, ADIT_READY_IN | ADIT_READY_OUT))
    return FALSE;
  if (priv->out.len > 0 || priv->finishing)
    adit_link_want_flush (link);
  return TRUE;
}

static void
adit_tcp_detach (AditLink *link)
{
  adit_watch_remove (&PRIV (ADIT_TCP (link))->watch);
}

static void
adit_tcp_ready (AditTcp *self)
{
  adit_link_readable (ADIT_LINK (self));
}

static void
adit_tcp_class_init (AditTcpClass *klass)
{
  AditLinkClass *link = ADIT_LINK_CLASS (klass);

  link->read = adit_tcp_read;
  link->send = adit_tcp_send;
  link->flush = adit_tcp_flush;
  link->finish = adit_tcp_finish;
  link->close = adit_tcp_close;
  link->set_reading = adit_tcp_set_reading;
  link->get_queued = adit_tcp_get_queued;
  link->attach = adit_tcp_attach;
  link->detach = adit_tcp_detach;
  klass->ready = adit_tcp_ready;
}

static void
adit_tcp_init (AditTcp *self)
{
  AditTcpPrivate *priv = PRIV (self);

  adit_watch_init (&priv->watch, -1, on_ready);
  priv->reading = TRUE;
  priv->watch.want = ADIT_READY_IN;
}

AditLink *
adit_tcp_new (int fd)
{
  AditTcp *self = g_object_new (ADIT_TYPE_TCP, NULL);

  adit_tcp_set_fd (self, fd);
  return ADIT_LINK (self);
}

int
adit_tcp_get_fd (AditTcp *self)
{
  return PRIV (self)->watch.fd;
}

void
adit_tcp_set_fd (AditTcp *self, int fd)
{
  PRIV (self)->watch.fd = fd;
}

void
adit_tcp_set_pending (AditTcp *self, gboolean pending)
{
  AditTcpPrivate *priv = PRIV (self);

  priv->pending = pending;
  if (pending)
    priv->watch.ready |= ADIT_READY_IN;
}

gboolean
adit_tcp_is_quiet (AditTcp *self)
{
  AditTcpPrivate *priv = PRIV (self);
  guint8 byte;
  gssize n;

  if (priv->eof || priv->broken || adit_link_is_closed (ADIT_LINK (self)))
    return FALSE;
  n = recv (priv->watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (n > 0)
    return adit_link_get_tls (ADIT_LINK (self)) != NULL; /* records that carry nothing for us */
  return n < 0 && errno == EAGAIN;
}

void
adit_tcp_tune (int fd, gboolean session)
{
  int one = 1, lowat = SESSION_LOWAT, timeout = SESSION_TIMEOUT_MS;

  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (!session)
    return;
  setsockopt (fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof lowat);
  setsockopt (fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
}
