/* SPDX-License-Identifier: MIT */
/* frame: the 13-byte header of wire v1 and the types that follow it.
 *
 * Pure: bytes in, bytes out; no thread, no descriptor, no allocation. doc/protocol.md section 2. */
#pragma once

#include <glib.h>

#define ADIT_FRAME_HEADER 13u

typedef enum
{
  ADIT_FRAME_HELLO = 0x00,
  ADIT_FRAME_WELCOME = 0x01,
  ADIT_FRAME_REJECT = 0x02,
  ADIT_FRAME_PING = 0x03,
  ADIT_FRAME_PONG = 0x04,
  ADIT_FRAME_NEW_REQUEST = 0x10,
  ADIT_FRAME_REQUEST_BODY = 0x11,
  ADIT_FRAME_REQUEST_END = 0x12,
  ADIT_FRAME_RESPONSE_START = 0x20,
  ADIT_FRAME_RESPONSE_BODY = 0x21,
  ADIT_FRAME_RESPONSE_END = 0x22,
  ADIT_FRAME_CLOSE = 0x30,
  /* extensions, sent only to a peer that announced their feature */
  ADIT_FRAME_CREDIT = 0x40,  /* feature "credit" */
  ADIT_FRAME_REQUEST = 0x41, /* feature "tunnels" */
  ADIT_FRAME_GOAWAY = 0x42,  /* feature "goaway" */
} AditFrameType;

typedef struct
{
  guint8 type;  /* AditFrameType, or a number that we do not know */
  guint64 id;   /* 0 for control frames */
  guint32 len;  /* bytes of the body */
} AditFrame;

void adit_frame_pack (guint8 out[ADIT_FRAME_HEADER], guint8 type, guint64 id, guint32 len);
void adit_frame_unpack (AditFrame *frame, const guint8 in[ADIT_FRAME_HEADER]);

/* How the body of a frame is to be taken. */
typedef enum
{
  ADIT_FRAME_WHOLE,    /* collect the body (at most *limit bytes), then handle it */
  ADIT_FRAME_PARTIAL,  /* pass pieces of the body on as they come */
  ADIT_FRAME_DISCARD,  /* an unknown type: read and drop the body */
  ADIT_FRAME_FAULT,    /* a protocol error: a length over its limit, or a request frame with id 0 */
} AditFrameTaking;

/* Judges a header before a byte of the body is read. *limit is the cap of a WHOLE body. */
AditFrameTaking adit_frame_judge (const AditFrame *frame, guint32 *limit);

/* "Hello", …, or "0x55" in a static-free buffer: for logs; never NULL. */
const char *adit_frame_name (guint8 type);
