/* SPDX-License-Identifier: MIT */
/* frame: the 13-byte header of wire v1, and the judgement of a header before its body is read.
 *
 * Pure: no allocation, no state. */
#include "wire/frame.h"
#include "wire/limits.h"

void
adit_frame_pack (guint8 out[ADIT_FRAME_HEADER], guint8 type, guint64 id, guint32 len)
{
  out[0] = type;
  for (guint i = 0; i < 8; i++)
    out[1 + i] = (guint8) (id >> (56 - 8 * i));
  for (guint i = 0; i < 4; i++)
    out[9 + i] = (guint8) (len >> (24 - 8 * i));
}

void
adit_frame_unpack (AditFrame *frame, const guint8 in[ADIT_FRAME_HEADER])
{
  guint64 id = 0;
  guint32 len = 0;

  for (guint i = 0; i < 8; i++)
    id = id << 8 | in[1 + i];
  for (guint i = 0; i < 4; i++)
    len = len << 8 | in[9 + i];
  *frame = (AditFrame){ .type = in[0], .id = id, .len = len };
}

typedef struct
{
  const char *name;
  AditFrameTaking taking;
  guint32 limit;
  gboolean of_stream; /* id 0 is a fault */
} Kind;

static const Kind kinds[] = {
  [ADIT_FRAME_HELLO] = { "Hello", ADIT_FRAME_WHOLE, ADIT_LIMIT_HELLO, FALSE },
  [ADIT_FRAME_WELCOME] = { "Welcome", ADIT_FRAME_WHOLE, ADIT_LIMIT_HELLO, FALSE },
  [ADIT_FRAME_REJECT] = { "Reject", ADIT_FRAME_WHOLE, ADIT_LIMIT_HELLO, FALSE },
  [ADIT_FRAME_PING] = { "Ping", ADIT_FRAME_WHOLE, ADIT_LIMIT_CONTROL, FALSE },
  [ADIT_FRAME_PONG] = { "Pong", ADIT_FRAME_WHOLE, ADIT_LIMIT_CONTROL, FALSE },
  [ADIT_FRAME_NEW_REQUEST] = { "NewRequest", ADIT_FRAME_WHOLE, ADIT_LIMIT_HEAD_FRAME, TRUE },
  [ADIT_FRAME_REQUEST_BODY] = { "RequestBody", ADIT_FRAME_PARTIAL, ADIT_LIMIT_FRAME, TRUE },
  [ADIT_FRAME_REQUEST_END] = { "RequestEnd", ADIT_FRAME_WHOLE, ADIT_LIMIT_TRAILERS, TRUE },
  [ADIT_FRAME_RESPONSE_START] = { "ResponseStart", ADIT_FRAME_WHOLE, ADIT_LIMIT_HEAD_FRAME, TRUE },
  [ADIT_FRAME_RESPONSE_BODY] = { "ResponseBody", ADIT_FRAME_PARTIAL, ADIT_LIMIT_FRAME, TRUE },
  [ADIT_FRAME_RESPONSE_END] = { "ResponseEnd", ADIT_FRAME_WHOLE, ADIT_LIMIT_TRAILERS, TRUE },
  [ADIT_FRAME_CLOSE] = { "Close", ADIT_FRAME_WHOLE, ADIT_LIMIT_CONTROL, FALSE },
  [ADIT_FRAME_CREDIT] = { "Credit", ADIT_FRAME_WHOLE, ADIT_LIMIT_CONTROL, TRUE },
  [ADIT_FRAME_REQUEST] = { "Request", ADIT_FRAME_WHOLE, ADIT_LIMIT_HEAD_FRAME, TRUE },
  [ADIT_FRAME_GOAWAY] = { "GoAway", ADIT_FRAME_WHOLE, ADIT_LIMIT_CONTROL, FALSE },
};

static const Kind *
find_kind (guint8 type)
{
  return type < G_N_ELEMENTS (kinds) && kinds[type].name != NULL ? &kinds[type] : NULL;
}

AditFrameTaking
adit_frame_judge (const AditFrame *frame, guint32 *limit)
{
  const Kind *kind = find_kind (frame->type);

  *limit = kind != NULL ? kind->limit : ADIT_LIMIT_FRAME;
  if (frame->len > *limit)
    return ADIT_FRAME_FAULT;
  if (kind == NULL)
    return ADIT_FRAME_DISCARD;
  if (kind->of_stream && frame->id == 0)
    return ADIT_FRAME_FAULT;
  return kind->taking;
}

#define ROW(h) \
  "0x" #h "0", "0x" #h "1", "0x" #h "2", "0x" #h "3", "0x" #h "4", "0x" #h "5", "0x" #h "6", "0x" #h "7", \
  "0x" #h "8", "0x" #h "9", "0x" #h "a", "0x" #h "b", "0x" #h "c", "0x" #h "d", "0x" #h "e", "0x" #h "f"

static const char numbers[256][5] = {
  ROW (0), ROW (1), ROW (2), ROW (3), ROW (4), ROW (5), ROW (6), ROW (7),
  ROW (8), ROW (9), ROW (a), ROW (b), ROW (c), ROW (d), ROW (e), ROW (f),
};

const char *
adit_frame_name (guint8 type)
{
  const Kind *kind = find_kind (type);

  return kind != NULL ? kind->name : numbers[type];
}
