/* SPDX-License-Identifier: MIT */
/* exchange-private: what exchange.c (the request), exchange-head.c (its head) and exchange-answer.c share. */
#pragma once

#include "server/exchange.h"
#include "wire/chunk.h"

/* How the answer's body leaves for the visitor. */
typedef enum
{
  ADIT_ANSWER_NONE,    /* no final head yet */
  ADIT_ANSWER_EMPTY,   /* no body */
  ADIT_ANSWER_LENGTH,  /* answer_left bytes */
  ADIT_ANSWER_CHUNKED,
  ADIT_ANSWER_CLOSE,   /* HTTP/1.0: ends with the connection */
  ADIT_ANSWER_RAW,     /* upgraded */
} AditAnswer;

struct AditExchange
{
  AditVisitor *visitor;
  AditDesk *desk;
  AditLink *link;        /* the visitor's */
  AditTunnel *tunnel;
  AditStream *stream;    /* NULL while spooling */
  AditTimer timer;       /* of the answer's head */

  AditChunkReader *chunks; /* of a chunked request body */
  AditBuf spool, kept_head;
  guint64 body_left, answer_left;
  gsize owed;            /* of the answer: not yet given back as credit */

  gint64 since_us, bytes_in, bytes_out;
  guint64 id;
  char *path;            /* NULL: short_path */
  char short_path[64];
  char method[ADIT_LIMIT_METHOD + 1];
  guint16 status;
  guint8 body;           /* AditBodyKind; RAW: an upgrade is offered */
  guint8 answer;         /* AditAnswer */
  guint8 minor;
  gboolean spooling, request_done, answer_done, expects;
  gboolean is_head, keep_alive, wants_json;
};

/* exchange.c */
void adit_exchange_open (AditExchange *ex, const AditHead *head);
/* Answers with a page of ours; @ex is gone afterwards. */
void adit_exchange_refuse (AditExchange *ex, AditReason reason, const char *text);
/* Ends an answer that began; @ex is gone afterwards. */
void adit_exchange_cut (AditExchange *ex, AditReason reason);
/* The answer is complete; @ex may be gone afterwards. */
void adit_exchange_answered (AditExchange *ex);

/* exchange-head.c: the head for the client. Returns the flags of the request. */
guint adit_exchange_write_request (AditExchange *ex, const AditHead *head, AditFeatures features, AditHeadWriter *writer);

/* exchange-answer.c. @ex may be gone after the first three. */
void adit_exchange_answer_head (AditExchange *ex, AditSpan bytes);
void adit_exchange_answer_body (AditExchange *ex, AditSpan piece);
void adit_exchange_answer_end (AditExchange *ex, AditSpan trailers);
/* Gives credit for what left the visitor's queue. */
void adit_exchange_settle (AditExchange *ex);
