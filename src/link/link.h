/* SPDX-License-Identifier: MIT */
/* link: an abstract link of bytes in both directions, with a queue in front of the writer.
 *
 * What is sent in one turn of the worker leaves in one write at its end. Sending never fails at once: a
 * failure is told to the listener from the loop. Owner: a reference; the listener's owner closes it.
 * Thread: the worker that it is attached to; between adit_link_detach() and adit_link_attach() none. Never
 * interprets a byte. */
#pragma once

#include "base/buf.h"
#include "loop/worker.h"

#include <glib-object.h>

#define ADIT_TYPE_LINK (adit_link_get_type ())
G_DECLARE_DERIVABLE_TYPE (AditLink, adit_link, ADIT, LINK, GObject)

/* Filled by the upper room. @on_open: the hand-shake of a TLS link is over (never called for others).
 * @on_readable: there may be something for adit_link_read(). @on_drained: the queue became shorter after
 * adit_link_await_drain(). @on_failed: reset, error or a broken hand-shake; nothing is called after it. */
typedef struct
{
  void (*on_open) (gpointer owner);
  void (*on_readable) (gpointer owner);
  void (*on_drained) (gpointer owner);
  void (*on_failed) (gpointer owner, const GError *error);
} AditLinkListener;

enum
{
  ADIT_LINK_EOF = 0,    /* the peer ended its direction */
  ADIT_LINK_AGAIN = -1, /* nothing now */
  ADIT_LINK_FAIL = -2,  /* on_failed follows from the loop */
};

struct _AditLinkClass
{
  GObjectClass parent_class;

  gssize (*read) (AditLink *link, guint8 *data, gsize len);
  void (*send) (AditLink *link, const struct iovec *iov, guint n, gsize len);
  void (*flush) (AditLink *link);
  void (*finish) (AditLink *link);
  void (*close) (AditLink *link, gboolean reset);
  void (*set_reading) (AditLink *link, gboolean reading);
  gsize (*get_queued) (AditLink *link);
  gboolean (*attach) (AditLink *link);
  void (*detach) (AditLink *link);
  const char *(*get_tls) (AditLink *link);
};

/* NULL @listener: nobody listens (what comes is left unread). */
void adit_link_set_listener (AditLink *link, const AditLinkListener *listener, gpointer owner);

/* Up to @len bytes: the number read, or ADIT_LINK_EOF, _AGAIN, _FAIL. */
gssize adit_link_read (AditLink *link, guint8 *data, gsize len);
/* Takes all bytes: writes or copies them before it returns. */
void adit_link_send (AditLink *link, AditSpan bytes);
void adit_link_sendv (AditLink *link, const struct iovec *iov, guint n);
/* Writes now instead of at the end of the turn. */
void adit_link_flush (AditLink *link);
/* Ends our direction once the queue is written (FIN; close_notify first for TLS). */
void adit_link_finish (AditLink *link);
/* Drops the queue and the descriptor; @reset sends RST where the kind of link can. No callback after it.
 * Idempotent. */
void adit_link_close (AditLink *link, gboolean reset);
gboolean adit_link_is_closed (AditLink *link);
/* TRUE from the failure on, also before on_failed told it. */
gboolean adit_link_has_failed (AditLink *link);
/* Whether on_readable is wanted; TRUE at the start. */
void adit_link_set_reading (AditLink *link, gboolean reading);
/* Bytes that were sent but not taken by the kernel yet. */
gsize adit_link_get_queued (AditLink *link);
/* Asks for one on_drained when the queue became shorter. */
void adit_link_await_drain (AditLink *link);

/* Joins the loop of the calling worker; FALSE if the kernel refuses. Leaves it again, so that another
 * worker can take it. */
gboolean adit_link_attach (AditLink *link, AditWorker *worker);
void adit_link_detach (AditLink *link);
AditWorker *adit_link_get_worker (AditLink *link);
/* "TLS1.3" and the like, NULL for a plain link. */
const char *adit_link_get_tls (AditLink *link);

/* For the kinds of link only. */
void adit_link_opened (AditLink *link);
void adit_link_readable (AditLink *link);
void adit_link_drained (AditLink *link);
/* Tells on_failed from the loop, once. */
void adit_link_fail (AditLink *link, GError *error);
/* Asks for class->flush at the end of this turn. */
void adit_link_want_flush (AditLink *link);
