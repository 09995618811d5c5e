/* SPDX-License-Identifier: MIT */
/* forward-private: what forward.c, local.c and reply.c share. */
#pragma once

#include "client/dialer.h"
#include "client/forward.h"
#include "client/pool.h"
#include "client/queue.h"
#include "wire/chunk.h"
#include "wire/head.h"

/* A request on its way:
 *
 *   NEW -> QUEUED -> CONNECTING -> HEAD -> BODY -> LINGERING -> ENDED
 *     \_______________^   ^_________/ \     \______^______________^
 *                          (again)     `-> RAW ____________________|
 *
 * Failure leads to ENDED from everywhere. Again: a kept connection had ended before it answered.
 * LINGERING: the answer is complete, the request's end has not come. */
typedef enum
{
  ADIT_LOCAL_NEW,
  ADIT_LOCAL_QUEUED,
  ADIT_LOCAL_CONNECTING,
  ADIT_LOCAL_HEAD,
  ADIT_LOCAL_BODY,
  ADIT_LOCAL_RAW,
  ADIT_LOCAL_LINGERING,
  ADIT_LOCAL_ENDED,
} AditLocalState;

typedef struct AditLocal AditLocal;

struct AditLocal
{
  AditForward *forward;
  AditLocal *next, *prev;
  AditLocalState state;
  AditStream *stream;
  AditFeatures features;
  AditTurn turn;
  AditDialer *dialer;
  AditConn *conn;          /* from HEAD on, until the answer is complete */
  AditTimer timer;         /* TLS hand-shake with the service; lingering */

  /* the request */
  AditBuf head;            /* for a second attempt; empty from the first byte of the answer on */
  AditBuf pending;         /* body as it goes to the service, while there is no connection */
  AditBodyKind body;       /* NONE, LENGTH, CHUNKED */
  guint64 body_left;
  gsize owed;              /* bytes of body that came and for which no credit was given back */
  gboolean upgrade, is_safe, to_head, got_end, sent_body, retried;

  /* the answer */
  gboolean answered;       /* a byte of it came */
  AditBuf partial;         /* a head that came in pieces */
  AditHeadScan scan;
  AditBodyKind reply;
  guint64 reply_left;
  AditChunkReader chunks;
  gboolean reply_keep;     /* the connection may carry another message */
  gboolean reply_ended;    /* RAW: the service ended its direction */

  /* the log */
  guint status;
  gint64 began_us;
  guint64 bytes_in, bytes_out;
  char *method, *path;
};

struct AditForward
{
  AditWorker *worker;
  AditPublish *publish;
  AditPool *pool;
  AditQueue queue;
  AditLocal ring;          /* all requests */
  guint n_running;         /* those not lingering */
  gboolean quiet, closing;
  void (*ended) (gpointer owner);
  gpointer owner;
  AditHead scratch;        /* of one call */
};

/* local.c. FALSE and the like: the request is over and @local is freed. */

/* @head was parsed from a frame. */
void adit_local_begin (AditForward *forward, AditStream *stream, AditFeatures features, guint flags,
                       const AditHead *head);
void adit_local_set_state (AditLocal *local, AditLocalState state);
/* Ends it without an answer, or in the middle of one: the stream is aborted with @reason, the connection
 * closed. Frees @local. */
void adit_local_fail (AditLocal *local, AditReason reason, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* The connection ended or failed before it answered: another attempt, or the failure. May free @local. */
void adit_local_unanswered (AditLocal *local, const char *why);
/* The answer is complete: @trailers are bare field lines. @reusable: the connection holds nothing behind
 * it. May free @local. */
void adit_local_answered (AditLocal *local, AditSpan trailers, gboolean reusable);
/* 101: both directions are raw from here on. */
void adit_local_go_raw (AditLocal *local);
/* RAW: both directions may have ended. May free @local. */
void adit_local_check_raw (AditLocal *local);

/* reply.c: what comes from the service. */

/* Reads on; may free @local. */
void adit_reply_read (AditLocal *local);
