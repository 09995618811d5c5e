/* SPDX-License-Identifier: MIT */
/* dialer: one attempt to reach a host and port, or a unix socket: names resolved anew, families raced (RFC
 * 8305).
 *
 * Names are resolved by getaddrinfo() in a thread of their own; literals and localhost are not. Owner:
 * whoever made it. Thread: the worker. Callbacks come from the loop, never from within adit_dialer_new(). */
#pragma once

#include "loop/worker.h"

typedef struct AditDialer AditDialer;

/* One of the two is called, once; then adit_dialer_free() is all that is left to do, also from within.
 * @on_connected: takes @fd (non-blocking, close-on-exec). @on_failed: ADIT_ERROR_TIMEOUT,
 * ADIT_ERROR_CLOSED (refused, no route) or ADIT_ERROR_FAILED (no such name). */
typedef struct
{
  void (*on_connected) (gpointer owner, int fd);
  void (*on_failed) (gpointer owner, const GError *error);
} AditDialerListener;

/* @host NULL: @path is a unix socket. */
typedef struct
{
  const char *host;
  guint16 port;
  const char *path;
} AditDialTo;

AditDialer *adit_dialer_new (AditWorker *worker, const AditDialTo *to, const AditDialerListener *listener,
                             gpointer owner);
/* Gives up what is still under way. */
void adit_dialer_free (AditDialer *dialer);
