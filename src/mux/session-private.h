/* SPDX-License-Identifier: MIT */
/* session-private: what session.c, dispatch.c and stream.c share. */
#pragma once

#include "mux/session.h"
#include "mux/window.h"

struct AditStream
{
  AditSession *session; /* NULL once closed by the peer or with the session */
  guint64 id;
  const AditStreamListener *listener;
  gpointer owner;
  guint64 credit;       /* bytes that may still be sent */
  AditWindow window;
  AditStream *next, *prev; /* of those that wait for room */
  gboolean waiting;
  gboolean sent_end, got_end, got_head;
};

struct _AditSession
{
  GObject parent;

  AditTransport *transport;
  AditWorker *worker;
  gboolean is_server;
  AditSessionState state;
  const AditSessionListener *listener;
  gpointer owner;

  AditFeatures offers;    /* that we announced */
  AditFeatures features;  /* in force: that both did */
  guint32 peer_window;    /* credit of a new stream towards the peer */

  AditStream **table;     /* open addressing by id */
  guint mask, n_streams;
  guint64 last_id;

  AditStream waiting;     /* head of the ring of streams that wait for room */
  guint n_waiting;
  AditDefer pump;         /* on_room for those that got credit */

  AditTimer keepalive;
  gint64 pinged_us;       /* when an unanswered ping left; 0: none */
  gint64 rtt_us;
  gint64 settle_us;       /* the ping behind our GoAway; 0: none */
  guint probe_ms;         /* a shorter deadline than the usual one; 0: none */

  AditTimer stall;        /* a peer without credit overfills a stream */
  gboolean stalled;
  gsize budget;           /* windows may grow by so much */
};

/* session.c */
void adit_session_set_state (AditSession *session, AditSessionState state);
/* Ends a session whose peer is at fault or gone: streams, then on_closed. Takes @error. */
void adit_session_fail (AditSession *session, GError *error);
void adit_session_start (AditSession *session, AditFeatures theirs, guint32 window);
void adit_session_overfull (AditSession *session);

/* dispatch.c */
void adit_session_dispatch (AditSession *session, const AditFrame *frame, AditSpan body);
void adit_session_dispatch_piece (AditSession *session, const AditFrame *frame, AditSpan piece, guint32 left);

/* stream.c */
AditStream *adit_stream_new (AditSession *session, guint64 id);
AditStream *adit_session_find (AditSession *session, guint64 id);
/* Unlinks and tells the owner. */
void adit_stream_abort (AditStream *stream, AditReason reason, const char *text);
void adit_stream_send_close (AditSession *session, guint64 id, AditReason reason, const char *text);
/* Every stream, whatever the callbacks do. */
void adit_session_abort_streams (AditSession *session, AditReason reason, const char *text);
/* on_room for waiting streams while there is room. */
void adit_session_pump (AditSession *session);
void adit_stream_got_body (AditStream *stream, AditSpan piece);
void adit_stream_got_end (AditStream *stream, AditSpan trailers);
void adit_stream_got_credit (AditStream *stream, guint32 credit);
