/* SPDX-License-Identifier: MIT */
/* session: one client and one server over one transport: opening exchange, streams, keep-alive, going away.
 *
 * The same object at both ends; what differs is who says Hello and who opens streams. Owner: the uplink (server) or the agent
 * (client). Thread: the link's worker. It knows nothing of names, HTTP or sockets.
 *
 *   OPENING --(TLS is up)--> HELLO --(Welcome sent / received)--> LIVE --> CLOSED
 *      \________________________\_______________________________________________/        (failure, Reject, Close) */
#pragma once

#include "mux/stream.h"
#include "mux/transport.h"
#include "wire/hello.h"

#define ADIT_TYPE_SESSION (adit_session_get_type ())
G_DECLARE_FINAL_TYPE (AditSession, adit_session, ADIT, SESSION, GObject)

typedef enum
{
  ADIT_SESSION_OPENING,
  ADIT_SESSION_HELLO,
  ADIT_SESSION_LIVE,
  ADIT_SESSION_CLOSED,
} AditSessionState;

/* Of a request as it is opened. */
enum
{
  ADIT_REQUEST_UNKNOWN_LENGTH = 1, /* a body whose length is not known follows */
  ADIT_REQUEST_UPGRADE = 2,        /* the head offers an upgrade */
};

/* @on_open: say Hello now (client). @on_hello (server), @on_welcome, @on_reject (client): the opening
 * exchange. @on_request (client): a new stream; take it with adit_stream_set_listener() or free it.
 * @on_goaway: the peer opens nothing new. @on_settled: the peer read our GoAway, and what it had opened
 * before is here. @on_closed: the end, with the reason; all streams were told before; nothing is called
 * after it. */
typedef struct
{
  void (*on_open) (gpointer owner);
  void (*on_hello) (gpointer owner, AditHello *hello); /* takes it */
  void (*on_welcome) (gpointer owner, const AditWelcome *welcome);
  void (*on_reject) (gpointer owner, const AditReject *reject);
  void (*on_request) (gpointer owner, AditStream *stream, guint tunnel, guint flags, AditSpan head);
  void (*on_goaway) (gpointer owner, const AditReject *why);
  void (*on_settled) (gpointer owner);
  void (*on_closed) (gpointer owner, const GError *error);
} AditSessionListener;

/* Takes the reference to @link, which is attached to the calling worker. @secure: on_open waits for the
 * TLS hand-shake. */
AditSession *adit_session_new (AditLink *link, gboolean is_server, const AditSessionListener *listener, gpointer owner);
AditSessionState adit_session_get_state (AditSession *session);
/* In force, once live. */
AditFeatures adit_session_get_features (AditSession *session);
AditLink *adit_session_get_link (AditSession *session);
guint adit_session_get_n_streams (AditSession *session);
/* Round trip in microseconds; 0 while unknown. */
gint64 adit_session_get_rtt_us (AditSession *session);

/* Client, in on_open. */
void adit_session_say_hello (AditSession *session, const AditHello *hello);
/* Server, any time after on_hello. */
void adit_session_welcome (AditSession *session, const AditHello *hello, const AditWelcome *welcome);
/* Server: refuses and closes; on_closed is not called. */
void adit_session_reject (AditSession *session, AditRejectCode code, const char *reason);

/* Server: opens a stream. @head is preceded by ADIT_SESSION_HEAD_ROOM bytes that may be overwritten. NULL
 * if the session is not live. */
#define ADIT_SESSION_HEAD_ROOM 32u
AditStream *adit_session_open (AditSession *session, guint tunnel, guint flags, guint8 *head, gsize len,
                               const AditStreamListener *listener, gpointer owner);

/* Asks the peer for a sign of life now; without one in @ms the session ends. */
void adit_session_probe (AditSession *session, guint ms);
/* Tells the peer that nothing new is opened. TRUE: on_settled follows (or on_closed). Without the feature
 * nothing is sent. */
gboolean adit_session_go_away (AditSession *session, const char *code, const char *reason);
/* Close(0), aborts the streams and ends; on_closed is not called. Idempotent. */
void adit_session_close (AditSession *session);
