/* SPDX-License-Identifier: MIT */
/* limits: every limit on strangers' bytes, with the attack that it stops. Numbers stand here only. */
#pragma once

/* Frames (wire v1). */
#define ADIT_LIMIT_FRAME (16u * 1024 * 1024)     /* largest body accepted; beyond: a length field as a memory bomb */
#define ADIT_LIMIT_FRAME_SEND_V1 (64u * 1024)    /* largest body sent to a v1 peer; one body must not hold the socket */
#define ADIT_LIMIT_FRAME_SEND (256u * 1024)      /* the same to our own peers, when a stream is alone */
#define ADIT_LIMIT_HELLO (16u * 1024)            /* Hello, Welcome, Reject; before authentication: memory for strangers */
#define ADIT_LIMIT_JSON_DEPTH 8u                 /* nesting of that JSON: a parser's stack */
#define ADIT_LIMIT_CONTROL 4096u                 /* Ping, Pong, Close, Credit, GoAway: amplification by echo */
#define ADIT_LIMIT_HEAD_FRAME (68u * 1024)       /* a framed head: ADIT_LIMIT_HEAD and what the server adds */
#define ADIT_LIMIT_TUNNELS 64u                   /* tunnels of one session */
#define ADIT_LIMIT_TOKEN 256u
#define ADIT_LIMIT_AGENT 128u                    /* a peer's program and version: lines of our log */
#define ADIT_LIMIT_LABEL 63u                     /* RFC 1035 2.3.4 */

/* HTTP/1 heads. */
#define ADIT_LIMIT_HEAD (64u * 1024)             /* a head: memory held by a visitor that never ends it (431) */
#define ADIT_LIMIT_TARGET (16u * 1024)           /* request-target (414) */
#define ADIT_LIMIT_METHOD 32u
#define ADIT_LIMIT_FIELDS 128u                   /* field lines: quadratic work in whoever reads them (431) */
#define ADIT_LIMIT_HOST 255u
#define ADIT_LIMIT_LENGTH_DIGITS 18u             /* digits of a Content-Length: integer overflow */

/* Chunked coding. */
#define ADIT_LIMIT_CHUNK_LINE 256u               /* size and extensions: an endless extension is an endless body of no bytes */
#define ADIT_LIMIT_CHUNK_DIGITS 15u              /* hexadecimal digits of a size: integer overflow */
#define ADIT_LIMIT_TRAILERS (8u * 1024)

/* Flow control. */
#define ADIT_LIMIT_WINDOW (256u * 1024)          /* credit given to each stream and direction at its start */
#define ADIT_LIMIT_WINDOW_MAX (16u * 1024 * 1024)
#define ADIT_LIMIT_WINDOW_BUDGET (64u * 1024 * 1024) /* grown credit of one session: many stalled visitors */
#define ADIT_LIMIT_V1_QUEUE (4u * 1024 * 1024)   /* queued for a stream of a peer without credit */
#define ADIT_LIMIT_SPOOL (1024u * 1024)           /* a body of unknown length, held to give it one for a v1 client; beyond: 411 */
#define ADIT_LIMIT_STREAMS 65536u                /* streams of one session */

/* Time, in milliseconds. */
#define ADIT_LIMIT_HANDSHAKE_MS 5000u            /* TLS, Hello, Welcome together: silent connections */
#define ADIT_LIMIT_LINGER_MS 2000u               /* reading on after a refusal, so that it is not lost to a reset */
#define ADIT_LIMIT_LINGER (2u * 1024 * 1024)
#define ADIT_LIMIT_STALL_MS 1000u                /* how long a full v1 stream may hold up the session before it is closed */
