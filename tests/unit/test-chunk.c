/* SPDX-License-Identifier: MIT */
/* test-chunk: bodies decoded under every split, faults, and the limits from both sides. */
#include "wire/chunk.h"

#include "lib/testing.h"

#include <string.h>

typedef struct
{
  AditChunkResult result;
  GString *payload, *trailers;
  gsize used;
  const char *fault;
} Outcome;

static void
outcome_clear (Outcome *outcome)
{
  g_string_free (outcome->payload, TRUE);
  g_string_free (outcome->trailers, TRUE);
}

/* Feeds one exact-size copy of @len bytes, so that a read past the end is seen by a sanitizer. */
static void
feed (AditChunkReader *reader, const char *bytes, gsize len, Outcome *outcome)
{
  guint8 *copy = g_memdup2 (bytes, len);
  AditSpan input = adit_span (copy, len), data;

  do
    {
      outcome->result = adit_chunk_read (reader, &input, &data, &outcome->fault);
      if (outcome->result == ADIT_CHUNK_DATA)
        {
          ck_assert (data.len > 0);
          g_string_append_len (outcome->payload, (const char *) data.data, (gssize) data.len);
        }
    }
  while (outcome->result == ADIT_CHUNK_DATA);
  if (outcome->result == ADIT_CHUNK_MORE)
    ck_assert_uint_eq (input.len, 0);
  outcome->used += len - input.len;
  g_free (copy);
}

/* Feeds @bytes cut at @a and @b; with @step, in pieces of that size instead. */
static Outcome
run (const char *bytes, gsize len, gsize a, gsize b, gsize step)
{
  Outcome outcome = { ADIT_CHUNK_MORE, g_string_new (NULL), g_string_new (NULL), 0, NULL };
  AditChunkReader reader;
  AditSpan trailers;

  adit_chunk_reader_init (&reader);
  for (gsize at = 0, next; at < len && outcome.result == ADIT_CHUNK_MORE; at = next)
    {
      next = step > 0 ? MIN (at + step, len) : at < a ? a : at < b ? b : len;
      feed (&reader, bytes + at, next - at, &outcome);
    }
  trailers = adit_buf_flatten (&reader.trailers);
  g_string_append_len (outcome.trailers, (const char *) trailers.data, (gssize) trailers.len);
  adit_chunk_reader_clear (&reader);
  ck_assert_uint_eq (reader.trailers.len, 0);
  return outcome;
}

typedef struct
{
  const char *bytes, *payload, *trailers;
  gsize behind; /* bytes that are not the body's */
} Good;

static const Good goods[] = {
  { "0\r\n\r\n", "", "", 0 },
  { "000\r\n\r\n", "", "", 0 },
  { "5\r\nhello\r\n0\r\n\r\n", "hello", "", 0 },
  { "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world", "", 0 },
  { "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", "", 0 },
  { "0010\r\n0123456789abcdef\r\n0\r\n\r\n", "0123456789abcdef", "", 0 },
  { "2\r\n\r\n\r\n0\r\n\r\n", "\r\n", "", 0 },
  { "3;name=value\r\nabc\r\n0;last\r\n\r\n", "abc", "", 0 },
  { "3;q=\"x;y\tz\"\r\nabc\r\n0\r\n\r\n", "abc", "", 0 },
  { "3;\r\nabc\r\n0\r\n\r\n", "abc", "", 0 },
  { "3\r\nabc\r\n0\r\nX-Sum: 17\r\nY: z\r\n\r\n", "abc", "X-Sum: 17\r\nY: z\r\n", 0 },
  { "1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n", "a", "", 16 },
  { "0\r\n\r\n\r\n", "", "", 2 },
};

static void
check_good (const Good *row, Outcome outcome)
{
  gsize len = strlen (row->bytes);

  ck_assert_int_eq (outcome.result, ADIT_CHUNK_END);
  ck_assert_str_eq (outcome.payload->str, row->payload);
  ck_assert_str_eq (outcome.trailers->str, row->trailers);
  ck_assert_uint_eq (outcome.used, len - row->behind);
  outcome_clear (&outcome);
}

START_TEST (test_good_in_every_split)
{
  const Good *row = &goods[_i];
  gsize len = strlen (row->bytes);

  for (gsize step = 1; step <= len; step++)
    check_good (row, run (row->bytes, len, 0, 0, step));
  for (gsize a = 0; a <= len; a++)
    for (gsize b = a; b <= len; b++)
      check_good (row, run (row->bytes, len, a, b, 0));
}
END_TEST

typedef struct
{
  const char *bytes, *fault;
} Bad;

static const Bad bads[] = {
  { "\r\n", "a chunk size is missing" },
  { "\n", "a chunk size is missing" },
  { ";x\r\n", "a chunk size is missing" },
  { " 5\r\n", "a chunk size is missing" },
  { "-5\r\n", "a chunk size is missing" },
  { "+5\r\n", "a chunk size is missing" },
  { "g\r\n", "a chunk size is missing" },
  { "5 \r\n", "a chunk size is not hexadecimal" },
  { "5\t\r\n", "a chunk size is not hexadecimal" },
  { "5 ;x\r\n", "a chunk size is not hexadecimal" },
  { "5g\r\n", "a chunk size is not hexadecimal" },
  { "0x5\r\nhello\r\n", "a chunk size is not hexadecimal" },
  { "5,5\r\n", "a chunk size is not hexadecimal" },
  { "5_0\r\n", "a chunk size is not hexadecimal" },
  { "5\nhello\n", "a chunk size line ends with a bare LF" },
  { "5;x\nhello\r\n", "a chunk size line ends with a bare LF" },
  { "5\rhello", "a bare CR in a chunk size line" },
  { "5\r\r\n", "a bare CR in a chunk size line" },
  { "5;a\rb\r\n", "a bare CR in a chunk size line" },
  { "5;a\x01\r\n", "a control character in a chunk extension" },
  { "5;a\x7f\r\n", "a control character in a chunk extension" },
  { "0\n\r\n", "a chunk size line ends with a bare LF" },
  { "5\r\nhello0\r\n\r\n", "a chunk does not end with CR LF" },
  { "5\r\nhello\n0\r\n\r\n", "a chunk does not end with CR LF" },
  { "5\r\nhello\r0\r\n\r\n", "a chunk does not end with CR LF" },
  { "5\r\nhello\r\n\r\n", "a chunk size is missing" },
  { "0\r\n\n", "a trailer line ends with a bare LF" },
  { "0\r\nA: b\n\r\n", "a trailer line ends with a bare LF" },
  { "0\r\nA: b\rc\r\n\r\n", "a bare CR in the trailers" },
  { "0\r\n\rX", "a chunk does not end with CR LF" },
  { "0000000000000000\r\n", "a chunk size has too many digits" },
  { "ffffffffffffffff\r\n", "a chunk size has too many digits" },
};

START_TEST (test_bad_in_every_split)
{
  gsize len = strlen (bads[_i].bytes);

  for (gsize step = 1; step <= len; step++)
    {
      Outcome outcome = run (bads[_i].bytes, len, 0, 0, step);

      ck_assert_int_eq (outcome.result, ADIT_CHUNK_BAD);
      ck_assert_str_eq (outcome.fault, bads[_i].fault);
      outcome_clear (&outcome);
    }
}
END_TEST

START_TEST (test_bad_stays_bad)
{
  AditChunkReader reader;
  AditSpan input = ADIT_SPAN ("x0\r\n\r\n"), data;
  const char *fault = NULL;

  adit_chunk_reader_init (&reader);
  ck_assert_int_eq (adit_chunk_read (&reader, &input, &data, &fault), ADIT_CHUNK_BAD);
  input = ADIT_SPAN ("0\r\n\r\n");
  ck_assert_int_eq (adit_chunk_read (&reader, &input, &data, &fault), ADIT_CHUNK_BAD);
  ck_assert_ptr_nonnull (fault);
  adit_chunk_reader_clear (&reader);
}
END_TEST

START_TEST (test_end_stays_end)
{
  AditChunkReader reader;
  AditSpan input = ADIT_SPAN ("0\r\n\r\nrest"), data;
  const char *fault = NULL;

  adit_chunk_reader_init (&reader);
  for (guint i = 0; i < 3; i++)
    {
      ck_assert_int_eq (adit_chunk_read (&reader, &input, &data, &fault), ADIT_CHUNK_END);
      ck_assert_uint_eq (input.len, 4);
    }
  adit_chunk_reader_clear (&reader);
}
END_TEST

/* One text with a part of @n bytes: accepted at the limit, refused one past it. */
static void
check_limit (const char *before, char filler, gsize n, const char *after, AditChunkResult expected)
{
  GString *bytes = g_string_new (before);
  Outcome outcome;

  for (gsize i = 0; i < n; i++)
    g_string_append_c (bytes, filler);
  g_string_append (bytes, after);
  for (gsize step = 1; step <= bytes->len; step += bytes->len - 1)
    {
      outcome = run (bytes->str, bytes->len, 0, 0, step);
      ck_assert_int_eq (outcome.result, expected);
      outcome_clear (&outcome);
    }
  g_string_free (bytes, TRUE);
}

START_TEST (test_limits)
{
  check_limit ("", '0', ADIT_LIMIT_CHUNK_DIGITS, "\r\n\r\n", ADIT_CHUNK_END);
  check_limit ("", '0', ADIT_LIMIT_CHUNK_DIGITS + 1, "\r\n\r\n", ADIT_CHUNK_BAD);
  check_limit ("", 'f', ADIT_LIMIT_CHUNK_DIGITS, "\r\n", ADIT_CHUNK_MORE);
  check_limit ("", 'f', ADIT_LIMIT_CHUNK_DIGITS + 1, "\r\n", ADIT_CHUNK_BAD);
  check_limit ("0;", 'x', ADIT_LIMIT_CHUNK_LINE - 2, "\r\n\r\n", ADIT_CHUNK_END);
  check_limit ("0;", 'x', ADIT_LIMIT_CHUNK_LINE - 1, "\r\n\r\n", ADIT_CHUNK_BAD);
  check_limit ("0\r\nA: ", 'x', ADIT_LIMIT_TRAILERS - 5, "\r\n\r\n", ADIT_CHUNK_END);
  check_limit ("0\r\nA: ", 'x', ADIT_LIMIT_TRAILERS - 4, "\r\n\r\n", ADIT_CHUNK_BAD);
}
END_TEST

/* A line limit is a limit of each line. */
START_TEST (test_line_count_starts_again)
{
  GString *bytes = g_string_new (NULL);
  g_autofree char *extension = g_strnfill (ADIT_LIMIT_CHUNK_LINE - 2, 'x');
  Outcome outcome;

  for (guint i = 0; i < 4; i++)
    g_string_append_printf (bytes, "1;%s\r\na\r\n", extension);
  g_string_append (bytes, "0\r\n\r\n");
  outcome = run (bytes->str, bytes->len, 0, 0, 7);
  ck_assert_int_eq (outcome.result, ADIT_CHUNK_END);
  ck_assert_str_eq (outcome.payload->str, "aaaa");
  outcome_clear (&outcome);
  g_string_free (bytes, TRUE);
}
END_TEST

typedef struct
{
  gsize len;
  const char *prefix;
} Prefix;

static const Prefix prefixes[] = {
  { 0, "0\r\n" }, { 1, "1\r\n" }, { 15, "f\r\n" }, { 16, "10\r\n" }, { 4096, "1000\r\n" }, { 65535,
    "ffff\r\n" },
  { 0x12345678, "12345678\r\n" }, { G_MAXSIZE, "ffffffffffffffff\r\n" },
};

START_TEST (test_prefix)
{
  guint8 out[ADIT_CHUNK_PREFIX_MAX];
  guint len = adit_chunk_prefix (out, prefixes[_i].len);

  ck_assert_uint_eq (len, strlen (prefixes[_i].prefix));
  ck_assert_mem_eq (out, prefixes[_i].prefix, len);
}
END_TEST

/* Random bodies in random chunks and random pieces come back as they were. */
START_TEST (test_round_trip)
{
  GRand *random = g_rand_new_with_seed ((guint32) _i + 1);
  GString *body = g_string_new (NULL), *bytes = g_string_new (NULL);
  guint n = (guint) g_rand_int_range (random, 0, 20);
  Outcome outcome;

  for (guint i = 0; i < n; i++)
    {
      guint len = (guint) g_rand_int_range (random, 1, 600);
      guint8 prefix[ADIT_CHUNK_PREFIX_MAX];

      g_string_append_len (bytes, (const char *) prefix, adit_chunk_prefix (prefix, len));
      for (guint j = 0; j < len; j++)
        {
          g_string_append_c (body, (char) g_rand_int_range (random, 1, 128));
          g_string_append_c (bytes, body->str[body->len - 1]);
        }
      g_string_append (bytes, "\r\n");
    }
  g_string_append (bytes, "0\r\n\r\n");
  outcome = run (bytes->str, bytes->len, 0, 0, (gsize) g_rand_int_range (random, 1, 300));
  ck_assert_int_eq (outcome.result, ADIT_CHUNK_END);
  ck_assert_uint_eq (outcome.used, bytes->len);
  ck_assert_str_eq (outcome.payload->str, body->str);
  outcome_clear (&outcome);
  g_string_free (body, TRUE);
  g_string_free (bytes, TRUE);
  g_rand_free (random);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("chunk");
  TCase *tcase = tcase_create ("chunk");

  tcase_add_loop_test (tcase, test_good_in_every_split, 0, G_N_ELEMENTS (goods));
  tcase_add_loop_test (tcase, test_bad_in_every_split, 0, G_N_ELEMENTS (bads));
  tcase_add_test (tcase, test_bad_stays_bad);
  tcase_add_test (tcase, test_end_stays_end);
  tcase_add_test (tcase, test_limits);
  tcase_add_test (tcase, test_line_count_starts_again);
  tcase_add_loop_test (tcase, test_prefix, 0, G_N_ELEMENTS (prefixes));
  tcase_add_loop_test (tcase, test_round_trip, 0, 50);
  suite_add_tcase (suite, tcase);
  return testing_run (suite);
}
