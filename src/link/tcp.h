/* SPDX-License-Identifier: MIT */
/* tcp: a link over a connected stream socket (TCP or unix).
 *
 * Owns its descriptor. Never blocks. The TLS link derives from it and puts records between the queue and
 * the socket. */
#pragma once

#include "link/link.h"

#define ADIT_TYPE_TCP (adit_tcp_get_type ())
G_DECLARE_DERIVABLE_TYPE (AditTcp, adit_tcp, ADIT, TCP, AditLink)

struct _AditTcpClass
{
  AditLinkClass parent_class;

  void (*ready) (AditTcp *tcp); /* the socket, or what is pending, can be read */
};

/* Takes @fd, which must be non-blocking. */
AditLink *adit_tcp_new (int fd);
int adit_tcp_get_fd (AditTcp *tcp);
/* TCP_NODELAY; @session adds TCP_USER_TIMEOUT and a small unsent backlog, so that a control frame never
 * waits behind much data. */
void adit_tcp_tune (int fd, gboolean session);

/* FALSE if the peer of a connection on which nothing is expected has ended it or sent something: looks
 * without taking. */
gboolean adit_tcp_is_quiet (AditTcp *tcp);

/* For kinds of link over a socket. */
void adit_tcp_set_fd (AditTcp *tcp, int fd);
/* Raw bytes of the socket. */
gssize adit_tcp_recv (AditTcp *tcp, guint8 *data, gsize len);
/* Appends to what leaves for the socket. */
void adit_tcp_push (AditTcp *tcp, const void *data, gsize len);
gsize adit_tcp_get_pushed (AditTcp *tcp);
/* Writes what was pushed, as far as the socket takes it. */
void adit_tcp_write (AditTcp *tcp);
/* The kind holds bytes that were received but not read: on_readable is due although the socket has
 * nothing. */
void adit_tcp_set_pending (AditTcp *tcp, gboolean pending);
