/* SPDX-License-Identifier: MIT */
/* gate: see gate.h. */
#include "server/gate.h"

#include "link/tls.h"
#include "server/uplink.h"
#include "wire/frame.h"
#include "wire/hello.h"
#include "wire/limits.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TLS_HANDSHAKE 0x16

struct AditGate
{
  AditDesk *desk;
  AditWatch watch;
  AditTimer deadline;
  AditPeer peer;
  gint64 since_us;
  GList link;
};

/* Leaves the desk; the descriptor goes on to the caller. */
static int
gate_take (AditGate *gate)
{
  int fd = gate->watch.fd;

  adit_watch_remove (&gate->watch);
  adit_timer_stop (&gate->deadline);
  g_queue_unlink (&gate->desk->gates, &gate->link);
  g_free (gate);
  return fd;
}

void
adit_gate_close (AditGate *gate)
{
  close (gate_take (gate));
}

static void
on_deadline (AditTimer *timer)
{
  adit_gate_close ((AditGate *) ((char *) timer - offsetof (AditGate, deadline)));
}

/* Short, so the fresh socket's buffer takes it whole; FIN, not RST, follows unless the peer sent more. */
static void
answer (AditGate *gate, const void *bytes, gsize len)
{
  guint8 drop[1024];
  int fd = gate->watch.fd;

  if (send (fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
    shutdown (fd, SHUT_WR);
  while (recv (fd, drop, sizeof drop, MSG_DONTWAIT) > 0)
    ;
  adit_gate_close (gate);
}

static void
answer_http (AditGate *gate)
{
  static const char body[] = "This is the control port of Adit: connect with the adit command.\n";
  g_autofree char *text = g_strdup_printf ("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n"
                                           "Adit-Error: bad-request\r\nContent-Length: %zu\r\n\r\n%s", sizeof body - 1, body);

  answer (gate, text, strlen (text));
}

static void
answer_reject (AditGate *gate, AditRejectCode code, const char *reason)
{
  g_autofree char *json = adit_reject_write (reason, adit_reject_word (code));
  g_autofree guint8 *frame = g_malloc (ADIT_FRAME_HEADER + strlen (json));

  adit_frame_pack (frame, ADIT_FRAME_REJECT, 0, (guint32) strlen (json));
  memcpy (frame + ADIT_FRAME_HEADER, json, strlen (json));
  answer (gate, frame, ADIT_FRAME_HEADER + strlen (json));
}

static void
enter (AditGate *gate, gboolean tls)
{
  AditDesk *desk = gate->desk;
  AditPeer peer = gate->peer;
  gint64 since_us = gate->since_us;
  int fd = gate_take (gate);

  adit_tcp_tune (fd, TRUE);
  adit_uplink_new (desk, tls ? adit_tls_new_server (fd, ADIT_TLS_CONTROL, desk->rules->control) : adit_tcp_new (fd), &peer,
                   since_us);
}

static void
on_ready (AditWatch *watch)
{
  AditGate *gate = (AditGate *) ((char *) watch - offsetof (AditGate, watch));
  AditControlTls tls = gate->desk->rules->policy->control_tls;
  guint8 first;
  gssize n = recv (watch->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);

  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
    adit_watch_drained (watch, ADIT_READY_IN);
  else if (n <= 0)
    adit_gate_close (gate);
  else if (first == TLS_HANDSHAKE && tls != ADIT_CONTROL_TLS_OFF)
    enter (gate, TRUE);
  else if (first == ADIT_FRAME_HELLO && tls != ADIT_CONTROL_TLS_REQUIRED)
    enter (gate, FALSE);
  else if (first == ADIT_FRAME_HELLO)
    answer_reject (gate, ADIT_REJECT_FORBIDDEN, "this server wants TLS on its control port: leave out tcp://");
  else if (g_ascii_isalpha ((char) first))
    answer_http (gate);
  else if (tls == ADIT_CONTROL_TLS_REQUIRED || first == TLS_HANDSHAKE)
    adit_gate_close (gate);
  else
    answer_reject (gate, ADIT_REJECT_VERSION, "this is neither TLS nor wire v1: the first frame must be Hello");
}

void
adit_gate_new (AditDesk *desk, int fd, const AditPeer *peer)
{
  AditGate *gate = g_new0 (AditGate, 1);

  gate->desk = desk;
  gate->peer = *peer;
  gate->since_us = adit_worker_now_us (desk->worker);
  gate->link.data = gate;
  g_queue_push_tail_link (&desk->gates, &gate->link);
  adit_timer_init (&gate->deadline, on_deadline);
  adit_worker_set_timer (desk->worker, &gate->deadline, ADIT_LIMIT_HANDSHAKE_MS);
  adit_watch_init (&gate->watch, fd, on_ready);
  gate->watch.want = ADIT_READY_IN;
  if (!adit_watch_add (&gate->watch, adit_worker_get_poller (desk->worker), ADIT_READY_IN))
    adit_gate_close (gate);
}
