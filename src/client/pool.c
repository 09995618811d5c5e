/* SPDX-License-Identifier: MIT */
/* pool: see pool.h. */
#include "client/pool.h"

#include "base/log.h"
#include "link/tls.h"

#include <stddef.h>
#include <unistd.h>

#define IDLE_MS 30000u
#define IDLE_MOST 128u

struct AditPool
{
  AditWorker *worker;
  const AditTarget *target;
  AditCreds *creds;     /* with an https target */
  AditTrust trust;
  AditConn ring;        /* idle ones, newest first */
  guint n_idle;
  AditTimer sweep;
};

static void
unlink_conn (AditConn *conn)
{
  conn->prev->next = conn->next;
  conn->next->prev = conn->prev;
  conn->next = conn->prev = NULL;
  conn->pool->n_idle--;
}

void
adit_conn_close (AditConn *conn)
{
  adit_link_close (conn->link, FALSE);
  g_object_unref (conn->link);
  g_slice_free (AditConn, conn);
}

static void
drop (AditConn *conn)
{
  unlink_conn (conn);
  adit_conn_close (conn);
}

/* A service has nothing to say between requests: what comes is its farewell. A TLS link may have had
 * something for itself alone. */
static void
on_idle_readable (gpointer owner)
{
  AditConn *conn = owner;
  guint8 byte;

  if (adit_link_read (conn->link, &byte, 1) != ADIT_LINK_AGAIN)
    drop (conn);
}

static void
on_idle_failed (gpointer owner, const GError *error)
{
  drop (owner);
}

static const AditLinkListener idle_listener = {
  .on_readable = on_idle_readable,
  .on_failed = on_idle_failed,
};

static void
on_sweep (AditTimer *timer)
{
  AditPool *pool = (AditPool *) ((char *) timer - offsetof (AditPool, sweep));
  gint64 now = adit_worker_now_us (pool->worker);

  while (pool->n_idle > 0 && now - pool->ring.prev->idle_us >= (gint64) IDLE_MS * 1000)
    drop (pool->ring.prev);
  if (pool->n_idle > 0)
    adit_worker_set_timer (pool->worker, timer, IDLE_MS - (guint) ((now - pool->ring.prev->idle_us) / 1000));
}

AditPool *
adit_pool_new (AditWorker *worker, const AditTarget *target, gboolean insecure)
{
  AditPool *pool = g_new0 (AditPool, 1);

  pool->worker = worker;
  pool->target = target;
  pool->ring.next = pool->ring.prev = &pool->ring;
  adit_timer_init (&pool->sweep, on_sweep);
  if (!target->tls)
    return pool;
  pool->trust.host = target->host;
  pool->trust.insecure = insecure || adit_target_is_loopback (target);
  pool->creds = adit_creds_new_client (!pool->trust.insecure);
  if (pool->trust.insecure)
    adit_debug ("the certificate of %s is not verified", target->text);
  return pool;
}

void
adit_pool_free (AditPool *pool)
{
  while (pool->n_idle > 0)
    drop (pool->ring.next);
  adit_timer_stop (&pool->sweep);
  if (pool->creds)
    adit_creds_unref (pool->creds);
  g_free (pool);
}

AditConn *
adit_pool_take (AditPool *pool)
{
  while (pool->n_idle > 0)
    {
      AditConn *conn = pool->ring.next;

      if (adit_tcp_is_quiet (ADIT_TCP (conn->link)))
        {
          unlink_conn (conn);
          conn->reused = TRUE;
          return conn;
        }
      drop (conn);
    }
  return NULL;
}

AditConn *
adit_pool_add (AditPool *pool, int fd)
{
  AditConn *conn;
  AditLink *link;

  adit_tcp_tune (fd, FALSE);
  link = pool->target->tls ? adit_tls_new_local (fd, pool->creds, &pool->trust) : adit_tcp_new (fd);
  if (!adit_link_attach (link, pool->worker))
    {
      g_object_unref (link);
      return NULL;
    }
  conn = g_slice_new0 (AditConn);
  conn->pool = pool;
  conn->link = link;
  return conn;
}

void
adit_pool_give (AditConn *conn)
{
  AditPool *pool = conn->pool;

  if (pool->n_idle >= IDLE_MOST)
    {
      adit_conn_close (conn);
      return;
    }
  conn->idle_us = adit_worker_now_us (pool->worker);
  conn->next = pool->ring.next;
  conn->prev = &pool->ring;
  conn->next->prev = conn;
  pool->ring.next = conn;
  pool->n_idle++;
  adit_link_set_listener (conn->link, &idle_listener, conn);
  adit_link_set_reading (conn->link, TRUE);
  if (!adit_timer_is_set (&pool->sweep))
    adit_worker_set_timer (pool->worker, &pool->sweep, IDLE_MS);
}

guint
adit_pool_get_idle (AditPool *pool)
{
  return pool->n_idle;
}
