/* SPDX-License-Identifier: MIT */
/* test-frame: headers byte for byte, and what is judged before a body is read. */
#include "wire/frame.h"
#include "wire/limits.h"

#include "lib/testing.h"

#include <string.h>

typedef struct
{
  AditFrame frame;
  guint8 bytes[ADIT_FRAME_HEADER];
} Packed;

static const Packed packed[] = {
  { { ADIT_FRAME_HELLO, 0, 72 }, { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x48 } },
  { { ADIT_FRAME_NEW_REQUEST, 0x4e21, 186 }, { 0x10, 0, 0, 0, 0, 0, 0, 0x4e, 0x21, 0, 0, 0, 0xba } },
  { { ADIT_FRAME_RESPONSE_BODY, 0x4e21, 1124 }, { 0x21, 0, 0, 0, 0, 0, 0, 0x4e, 0x21, 0, 0, 4, 0x64 } },
  { { ADIT_FRAME_CLOSE, G_GUINT64_CONSTANT (0x8000000000000001), 0 }, { 0x30, 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0,
    0, 0 } },
  { { 0xff, G_MAXUINT64, G_MAXUINT32 },
    { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } },
  { { 0x42, G_GUINT64_CONSTANT (0x0102030405060708), 0x090a0b0c }, { 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
    12 } },
};

START_TEST (test_pack)
{
  const Packed *row = &packed[_i];
  guint8 out[ADIT_FRAME_HEADER];
  AditFrame back;

  adit_frame_pack (out, row->frame.type, row->frame.id, row->frame.len);
  ck_assert_mem_eq (out, row->bytes, sizeof out);
  adit_frame_unpack (&back, row->bytes);
  ck_assert_uint_eq (back.type, row->frame.type);
  ck_assert (back.id == row->frame.id);
  ck_assert_uint_eq (back.len, row->frame.len);
}
END_TEST

typedef struct
{
  guint8 type;
  guint32 limit;
  AditFrameTaking taking; /* with an id, up to the limit */
  gboolean zero;          /* id 0 is accepted */
} Judged;

static const Judged judged[] = {
  { ADIT_FRAME_HELLO, ADIT_LIMIT_HELLO, ADIT_FRAME_WHOLE, TRUE },
  { ADIT_FRAME_WELCOME, ADIT_LIMIT_HELLO, ADIT_FRAME_WHOLE, TRUE },
  { ADIT_FRAME_REJECT, ADIT_LIMIT_HELLO, ADIT_FRAME_WHOLE, TRUE },
  { ADIT_FRAME_PING, ADIT_LIMIT_CONTROL, ADIT_FRAME_WHOLE, TRUE },
  { ADIT_FRAME_PONG, ADIT_LIMIT_CONTROL, ADIT_FRAME_WHOLE, TRUE },
  { ADIT_FRAME_NEW_REQUEST, ADIT_LIMIT_HEAD_FRAME, ADIT_FRAME_WHOLE, FALSE },
  { ADIT_FRAME_REQUEST_BODY, ADIT_LIMIT_FRAME, ADIT_FRAME_PARTIAL, FALSE },
  { ADIT_FRAME_REQUEST_END, ADIT_LIMIT_TRAILERS, ADIT_FRAME_WHOLE, FALSE },
  { ADIT_FRAME_RESPONSE_START, ADIT_LIMIT_HEAD_FRAME, ADIT_FRAME_WHOLE, FALSE },
  { ADIT_FRAME_RESPONSE_BODY, ADIT_LIMIT_FRAME, ADIT_FRAME_PARTIAL, FALSE },
  { ADIT_FRAME_RESPONSE_END, ADIT_LIMIT_TRAILERS, ADIT_FRAME_WHOLE, FALSE },
  { ADIT_FRAME_CLOSE, ADIT_LIMIT_CONTROL, ADIT_FRAME_WHOLE, TRUE },
  { ADIT_FRAME_CREDIT, ADIT_LIMIT_CONTROL, ADIT_FRAME_WHOLE, FALSE },
  { ADIT_FRAME_REQUEST, ADIT_LIMIT_HEAD_FRAME, ADIT_FRAME_WHOLE, FALSE },
  { ADIT_FRAME_GOAWAY, ADIT_LIMIT_CONTROL, ADIT_FRAME_WHOLE, TRUE },
  { 0x05, ADIT_LIMIT_FRAME, ADIT_FRAME_DISCARD, TRUE },
  { 0x13, ADIT_LIMIT_FRAME, ADIT_FRAME_DISCARD, TRUE },
  { 0x43, ADIT_LIMIT_FRAME, ADIT_FRAME_DISCARD, TRUE },
  { 0xff, ADIT_LIMIT_FRAME, ADIT_FRAME_DISCARD, TRUE },
};

START_TEST (test_judge)
{
  const Judged *row = &judged[_i];
  const guint32 lengths[] = { 0, 1, row->limit, row->limit + 1, G_MAXUINT32 };

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    for (guint64 id = 0; id < 2; id++)
      {
        AditFrame frame = { row->type, id, lengths[i] };
        gboolean good = lengths[i] <= row->limit && (id != 0 || row->zero);
        guint32 limit = 0;

        ck_assert_int_eq (adit_frame_judge (&frame, &limit), good ? row->taking : ADIT_FRAME_FAULT);
        ck_assert_uint_eq (limit, row->limit);
      }
}
END_TEST

START_TEST (test_names)
{
  ck_assert_str_eq (adit_frame_name (ADIT_FRAME_HELLO), "Hello");
  ck_assert_str_eq (adit_frame_name (ADIT_FRAME_RESPONSE_END), "ResponseEnd");
  ck_assert_str_eq (adit_frame_name (ADIT_FRAME_GOAWAY), "GoAway");
  ck_assert_str_eq (adit_frame_name (0x05), "0x05");
  ck_assert_str_eq (adit_frame_name (0x55), "0x55");
  for (guint i = 0; i < 256; i++)
    {
      const char *name = adit_frame_name ((guint8) i);

      ck_assert_ptr_nonnull (name);
      if (name[0] == '0')
        ck_assert_uint_eq (g_ascii_strtoull (name, NULL, 16), i);
    }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("frame");
  TCase *tcase = tcase_create ("frame");

  tcase_add_loop_test (tcase, test_pack, 0, G_N_ELEMENTS (packed));
  tcase_add_loop_test (tcase, test_judge, 0, G_N_ELEMENTS (judged));
  tcase_add_test (tcase, test_names);
  suite_add_tcase (suite, tcase);
  return testing_run (suite);
}
