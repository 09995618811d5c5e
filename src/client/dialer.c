/* SPDX-License-Identifier: MIT */
/* dialer: see dialer.h. */
#include "client/dialer.h"

#include "base/error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_ADDRESSES 16u
#define STAGGER_MS 250u  /* RFC 8305 5, "Connection Attempt Delay" */
#define BOUND_MS 10000u
#define BACKLOG_MS 20u   /* a unix socket whose backlog is full says so at once */

typedef struct
{
  struct sockaddr_storage address;
  socklen_t len;
} Place;

typedef struct
{
  AditWatch watch;
  AditDialer *dialer;
} Attempt;

typedef struct
{
  AditMail mail;
  AditWorker *worker;
  AditDialer *dialer; /* NULL once given up; the worker's alone */
  char *host;
  char port[8];
  int code;
  struct addrinfo *found;
} Lookup;

struct AditDialer
{
  AditWorker *worker;
  const AditDialerListener *listener;
  gpointer owner;
  Lookup *lookup;
  Place places[MAX_ADDRESSES];
  Attempt attempts[MAX_ADDRESSES];
  guint n_places, n_begun, n_running;
  AditTimer stagger, bound;
  AditDefer verdict; /* tells a failure that was there at once */
  GError *error;     /* the best explanation so far */
};

/* ---- the end ---- */

static void
stop_attempts (AditDialer *dialer)
{
  for (guint i = 0; i < dialer->n_begun; i++)
    {
      AditWatch *watch = &dialer->attempts[i].watch;

      if (watch->fd < 0)
        continue;
      adit_watch_remove (watch);
      close (watch->fd);
      watch->fd = -1;
    }
  adit_timer_stop (&dialer->stagger);
  adit_timer_stop (&dialer->bound);
}

static void
fail (AditDialer *dialer, GError *error)
{
  stop_attempts (dialer);
  dialer->listener->on_failed (dialer->owner, error);
  g_error_free (error);
}

/* A refusal says more than a family that this machine cannot use. */
static void
note_error (AditDialer *dialer, int number)
{
  gboolean is_poor = number == ENETUNREACH || number == EAFNOSUPPORT || number == EADDRNOTAVAIL;

  if (dialer->error && is_poor)
    return;
  g_clear_error (&dialer->error);
  dialer->error = g_error_new_literal (ADIT_ERROR,
                                       number == ETIMEDOUT ? ADIT_ERROR_TIMEOUT : ADIT_ERROR_CLOSED,
                                       g_strerror (number));
}

static void
on_verdict (AditDefer *defer)
{
  AditDialer *dialer = (AditDialer *) ((char *) defer - offsetof (AditDialer, verdict));

  note_error (dialer, EADDRNOTAVAIL); /* if there is no better explanation */
  fail (dialer, g_steal_pointer (&dialer->error));
}

static void
on_bound (AditTimer *timer)
{
  AditDialer *dialer = (AditDialer *) ((char *) timer - offsetof (AditDialer, bound));

  fail (dialer, g_error_new (ADIT_ERROR, ADIT_ERROR_TIMEOUT, "%s within %u s",
                             dialer->lookup ? "the name was not resolved" : "no answer", BOUND_MS / 1000));
}

/* ---- attempts ---- */

static void begin_next (AditDialer *dialer);

/* Nothing runs and nothing is left to try. */
static void
check_exhausted (AditDialer *dialer)
{
  if (dialer->n_running == 0 && dialer->n_begun == dialer->n_places && !adit_timer_is_set (&dialer->stagger))
    adit_worker_defer (dialer->worker, &dialer->verdict);
}

static void
on_attempt (AditWatch *watch)
{
  Attempt *attempt = (Attempt *) ((char *) watch - offsetof (Attempt, watch));
  AditDialer *dialer = attempt->dialer;
  int number = 0, fd = watch->fd;
  socklen_t size = sizeof number;

  if (!(watch->ready & ADIT_READY_OUT))
    return;
  if (getsockopt (fd, SOL_SOCKET, SO_ERROR, &number, &size) != 0)
    number = errno;
  adit_watch_remove (watch);
  watch->fd = -1;
  if (number == 0)
    {
      stop_attempts (dialer);
      dialer->listener->on_connected (dialer->owner, fd);
      return;
    }
  close (fd);
  dialer->n_running--;
  note_error (dialer, number);
  begin_next (dialer);
}

/* FALSE with errno if there is nothing to wait for. */
static gboolean
begin (AditDialer *dialer, Attempt *attempt, const Place *place)
{
  int fd = socket (place->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  attempt->dialer = dialer;
  adit_watch_init (&attempt->watch, -1, on_attempt);
  if (fd < 0)
    return FALSE;
  if (connect (fd, (const struct sockaddr *) &place->address, place->len) != 0 && errno != EINPROGRESS)
    {
      int number = errno;

      close (fd);
      errno = number;
      return FALSE;
    }
  attempt->watch.fd = fd;
  attempt->watch.want = ADIT_READY_OUT;
  if (adit_watch_add (&attempt->watch, adit_worker_get_poller (dialer->worker), 0))
    return TRUE;
  close (fd);
  attempt->watch.fd = -1;
  errno = ENOMEM;
  return FALSE;
}

static void
begin_next (AditDialer *dialer)
{
  adit_timer_stop (&dialer->stagger);
  while (dialer->n_begun < dialer->n_places)
    {
      guint i = dialer->n_begun;

      if (begin (dialer, &dialer->attempts[i], &dialer->places[i]))
        {
          dialer->n_begun++;
          dialer->n_running++;
          if (dialer->n_begun < dialer->n_places)
            adit_worker_set_timer (dialer->worker, &dialer->stagger, STAGGER_MS);
          return;
        }
      if (errno == EAGAIN && dialer->places[i].address.ss_family == AF_UNIX)
        {
          adit_worker_set_timer (dialer->worker, &dialer->stagger, BACKLOG_MS);
          return;
        }
      note_error (dialer, errno);
      dialer->n_begun++;
    }
  check_exhausted (dialer);
}

static void
on_stagger (AditTimer *timer)
{
  begin_next ((AditDialer *) ((char *) timer - offsetof (AditDialer, stagger)));
}

/* ---- places ---- */

static void
add_place (AditDialer *dialer, const void *address, socklen_t len)
{
  Place *place = &dialer->places[dialer->n_places];

  if (dialer->n_places == MAX_ADDRESSES || len > sizeof place->address)
    return;
  memcpy (&place->address, address, len);
  place->len = len;
  dialer->n_places++;
}

static gboolean
add_literal (AditDialer *dialer, const char *text, guint16 port)
{
  struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons (port) };
  struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons (port) };

  if (inet_pton (AF_INET, text, &v4.sin_addr) == 1)
    add_place (dialer, &v4, sizeof v4);
  else if (inet_pton (AF_INET6, text, &v6.sin6_addr) == 1)
    add_place (dialer, &v6, sizeof v6);
  else
    return FALSE;
  return TRUE;
}

static void
add_unix (AditDialer *dialer, const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  add_place (dialer, &address, sizeof address);
}

/* The resolver's order within a family (RFC 6724), the families in turn (RFC 8305 4). */
static void
add_found (AditDialer *dialer, const struct addrinfo *found)
{
  int family = found->ai_family;
  const struct addrinfo *next[2] = { found, found };

  for (guint turn = 0; next[0] || next[1]; turn ^= 1)
    {
      const struct addrinfo *at = next[turn];

      while (at && (at->ai_family == family) != (turn == 0))
        at = at->ai_next;
      if (at)
        add_place (dialer, at->ai_addr, at->ai_addrlen);
      next[turn] = at ? at->ai_next : NULL;
    }
}

/* ---- names ---- */

static void
lookup_free (Lookup *lookup)
{
  if (lookup->found)
    freeaddrinfo (lookup->found);
  g_free (lookup->host);
  g_free (lookup);
}

/* On the worker. */
static void
lookup_deliver (AditMail *mail)
{
  Lookup *lookup = (Lookup *) mail;
  AditDialer *dialer = lookup->dialer;

  if (dialer)
    {
      dialer->lookup = NULL;
      if (lookup->code == 0)
        {
          add_found (dialer, lookup->found);
          begin_next (dialer);
        }
      else
        fail (dialer, g_error_new (ADIT_ERROR, ADIT_ERROR_FAILED, "cannot resolve %s: %s", lookup->host,
                                   gai_strerror (lookup->code)));
    }
  lookup_free (lookup);
}

static gpointer
lookup_run (gpointer data)
{
  Lookup *lookup = data;
  AditWorker *worker = lookup->worker;
  struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };

  lookup->code = getaddrinfo (lookup->host, lookup->port, &hints, &lookup->found);
  adit_worker_post (worker, &lookup->mail);
  g_object_unref (worker);
  return NULL;
}

static void
look_up (AditDialer *dialer, const char *host, guint16 port)
{
  Lookup *lookup = g_new0 (Lookup, 1);
  GThread *thread;

  lookup->mail.deliver = lookup_deliver;
  lookup->worker = g_object_ref (dialer->worker);
  lookup->dialer = dialer;
  lookup->host = g_strdup (host);
  g_snprintf (lookup->port, sizeof lookup->port, "%u", port);
  dialer->lookup = lookup;
  thread = g_thread_try_new ("adit-resolver", lookup_run, lookup, NULL);
  if (thread)
    {
      g_thread_unref (thread);
      return;
    }
  dialer->lookup = NULL;
  g_object_unref (lookup->worker);
  lookup_free (lookup);
  note_error (dialer, EAGAIN);
  check_exhausted (dialer);
}

/* ---- the door ---- */

AditDialer *
adit_dialer_new (AditWorker *worker, const AditDialTo *to, const AditDialerListener *listener, gpointer owner)
{
  AditDialer *dialer = g_new0 (AditDialer, 1);

  dialer->worker = worker;
  dialer->listener = listener;
  dialer->owner = owner;
  dialer->verdict.func = on_verdict;
  adit_timer_init (&dialer->stagger, on_stagger);
  adit_timer_init (&dialer->bound, on_bound);
  adit_worker_set_timer (worker, &dialer->bound, BOUND_MS);
  if (to->host == NULL)
    add_unix (dialer, to->path);
  else if (g_ascii_strcasecmp (to->host, "localhost") == 0)
    {
      add_literal (dialer, "127.0.0.1", to->port);
      add_literal (dialer, "::1", to->port);
    }
  else if (!add_literal (dialer, to->host, to->port))
    {
      look_up (dialer, to->host, to->port);
      return dialer;
    }
  begin_next (dialer);
  return dialer;
}

void
adit_dialer_free (AditDialer *dialer)
{
  if (dialer == NULL)
    return;
  stop_attempts (dialer);
  adit_worker_undefer (dialer->worker, &dialer->verdict);
  if (dialer->lookup)
    dialer->lookup->dialer = NULL;
  g_clear_error (&dialer->error);
  g_free (dialer);
}
