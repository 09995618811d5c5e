/* SPDX-License-Identifier: MIT */
/* reason: why something was closed or refused: one machine-readable word each, and what a visitor gets for
 * it.
 *
 * On the wire the body of Close is "word: sentence" towards a peer with feature "reason", the sentence
 * alone else. */
#pragma once

#include <glib.h>

typedef enum
{
  ADIT_REASON_NONE,            /* "none": a clean end */
  /* what a visitor may get (Adit-Error), interface.md */
  ADIT_REASON_UNKNOWN_NAME,    /* "unknown-name" 404 */
  ADIT_REASON_TUNNEL_OFFLINE,  /* "tunnel-offline" 502 */
  ADIT_REASON_LOCAL_REFUSED,   /* "local-refused" 502 */
  ADIT_REASON_LOCAL_FAILED,    /* "local-failed" 502: closed or answered nonsense before a head */
  ADIT_REASON_LOCAL_TIMEOUT,   /* "local-timeout" 504 */
  ADIT_REASON_OVERLOADED,      /* "overloaded" 503 */
  ADIT_REASON_RATE_LIMITED,    /* "rate-limited" 429 */
  ADIT_REASON_BAD_REQUEST,     /* "bad-request" 400 */
  ADIT_REASON_WRONG_HOST,      /* "wrong-host" 421 */
  ADIT_REASON_HEAD_TOO_LARGE,  /* "head-too-large" 431 */
  ADIT_REASON_TARGET_TOO_LONG, /* "target-too-long" 414 */
  ADIT_REASON_BODY_TOO_LARGE,  /* "body-too-large" 413 */
  ADIT_REASON_LENGTH_REQUIRED, /* "length-required" 411 */
  ADIT_REASON_HEAD_TIMEOUT,    /* "head-timeout" 408 */
  ADIT_REASON_NOT_SUPPORTED,   /* "not-supported" 501 (unknown transfer coding, CONNECT) */
  ADIT_REASON_VERSION,         /* "http-version" 505 */
  /* between the two ends only */
  ADIT_REASON_VISITOR_GONE,    /* "visitor-gone" 499 in logs */
  ADIT_REASON_TOO_SLOW,        /* "too-slow": a stream without credit that did not drain */
  ADIT_REASON_PROTOCOL,        /* "protocol" 502 */
  ADIT_REASON_INTERNAL,        /* "internal" 500 */
  ADIT_REASON_N
} AditReason;

const char *adit_reason_word (AditReason reason);
/* The HTTP status a visitor gets; 0 for ADIT_REASON_NONE. */
guint adit_reason_status (AditReason reason);
/* ADIT_REASON_INTERNAL is never returned for unknown words: they give ADIT_REASON_LOCAL_FAILED. */
AditReason adit_reason_parse (const char *word, gsize len);

/* Codes of a Reject (wire-v1 item 20), and whether the client goes on trying. */
typedef enum
{
  ADIT_REJECT_NONE, /* a Reject without a code */
  ADIT_REJECT_TOKEN,
  ADIT_REJECT_NAME,
  ADIT_REJECT_VERSION,
  ADIT_REJECT_PORT,
  ADIT_REJECT_FORBIDDEN,
  ADIT_REJECT_REPLACED,
  ADIT_REJECT_FULL,
  ADIT_REJECT_DRAINING,
} AditRejectCode;

const char *adit_reject_word (AditRejectCode code); /* "token", …; "" for NONE */
AditRejectCode adit_reject_parse (const char *word);
/* TRUE: the client ends with status 3; FALSE: it tries again. @welcomed: there was a Welcome before.
 * @text: the reason, looked at only when there is no code. */
gboolean adit_reject_is_final (AditRejectCode code, gboolean welcomed, const char *text);
