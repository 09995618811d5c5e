/* SPDX-License-Identifier: MIT */
/* listener: a bound, listening socket of one worker, and the addresses of its peers.
 *
 * Accepts without ever waiting for a peer; at the descriptor limit it pauses and tries again. Owner: the
 * server, one for each worker and port. Thread: that worker's, once attached. */
#pragma once

#include "loop/worker.h"

/* An address in short form: 16 bytes (IPv4 mapped), and the port. */
typedef struct
{
  guint8 ip[16];
  guint16 port;
  gboolean is_local; /* a unix socket */
} AditPeer;

#define ADIT_PEER_TEXT 64

void adit_peer_from_fd (AditPeer *peer, int fd);
/* "192.0.2.1" or "2001:db8::1", without port. Returns @text. */
const char *adit_peer_ip (const AditPeer *peer, char text[ADIT_PEER_TEXT]);
/* With port: "192.0.2.1:80", "[2001:db8::1]:80". Returns @text. */
const char *adit_peer_text (const AditPeer *peer, char text[ADIT_PEER_TEXT]);
gboolean adit_peer_is_loopback (const AditPeer *peer);

typedef struct AditListener AditListener;
/* Takes @fd (non-blocking, close-on-exec, TCP_NODELAY). */
typedef void (*AditAcceptFunc) (gpointer owner, int fd, const AditPeer *peer);

/* Binds @address (a literal; "::" listens on both families) and @port (0: any). @share: several workers
 * bind the same port (SO_REUSEPORT). NULL with ADIT_ERROR_USAGE that names address, port and what to do. */
AditListener *adit_listener_new (const char *address, guint16 port, gboolean share, GError **error);
guint16 adit_listener_get_port (AditListener *listener);
void adit_listener_attach (AditListener *listener, AditWorker *worker, AditAcceptFunc func, gpointer owner);
/* Accepts what is still queued, then closes. The worker's thread if attached. */
void adit_listener_close (AditListener *listener);
/* TRUE if every address that @address stands for is a loopback one. */
gboolean adit_listener_is_loopback (const char *address);
