/* SPDX-License-Identifier: MIT */
/* test-buf: spans; the queue against a plain array under random work; chunks across threads. */
#include "base/buf.h"

#include "lib/testing.h"

#include <pthread.h>
#include <string.h>

#define SMALL 4096u
#define LARGE 65536u

static guint8 pattern[512 * 1024];

static void
fill_pattern (void)
{
  guint32 seed = 1;
  gsize i;

  for (i = 0; i < sizeof pattern; i++)
    pattern[i] = (guint8) ((seed = seed * 1664525u + 1013904223u) >> 24);
}

/* What @buf holds is @expected, seen through every way of reading; checks that vectors are never empty. */
static void
assert_holds (const AditBuf *buf, const guint8 *expected, gsize len)
{
  struct iovec iov[256];
  guint n = adit_buf_peek (buf, iov, G_N_ELEMENTS (iov)), i;
  AditSpan front = adit_buf_front (buf);
  gsize at = 0;

  ck_assert_uint_eq (buf->len, len);
  for (i = 0; i < n; i++)
    {
      ck_assert_uint_gt (iov[i].iov_len, 0);
      ck_assert_uint_le (at + iov[i].iov_len, len);
      ck_assert_mem_eq (iov[i].iov_base, expected + at, iov[i].iov_len);
      at += iov[i].iov_len;
    }
  ck_assert_uint_eq (at, len);
  ck_assert_uint_eq (front.len, n > 0 ? iov[0].iov_len : 0);
  ck_assert (front.data != NULL);
}

static guint
count_chunks (const AditBuf *buf)
{
  struct iovec iov[256];

  return adit_buf_peek (buf, iov, G_N_ELEMENTS (iov));
}

START_TEST (test_spans)
{
  AditSpan word = ADIT_SPAN ("Host"), none = adit_span (NULL, 0);
  char *copy = adit_span_dup (adit_span ("a\0b", 3)), *nothing = adit_span_dup (none);

  ck_assert_uint_eq (word.len, 4);
  ck_assert (adit_span_equal (word, ADIT_SPAN ("Host")));
  ck_assert (!adit_span_equal (word, ADIT_SPAN ("host")));
  ck_assert (!adit_span_equal (word, ADIT_SPAN ("Hos")));
  ck_assert (adit_span_equal (none, ADIT_SPAN ("")));
  ck_assert (adit_span_equal_nocase (word, "hOsT"));
  ck_assert (!adit_span_equal_nocase (word, "hos"));
  ck_assert (!adit_span_equal_nocase (word, "hosts"));
  ck_assert (adit_span_equal_nocase (none, ""));
  ck_assert (!adit_span_equal_nocase (none, "a"));
  ck_assert (!adit_span_equal_nocase (adit_span ("a\0b", 3), "a"));
  ck_assert_mem_eq (copy, "a\0b\0", 4);
  ck_assert_str_eq (nothing, "");
  g_free (copy);
  g_free (nothing);
}
END_TEST

START_TEST (test_append_sizes)
{
  static const gsize sizes[] = { 0, 1, 4095, 4096, 4097, 65535, 65536, 65537, 200000, 512 * 1024 };
  AditBuf buf = { 0 };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      adit_buf_append (&buf, pattern, sizes[i]);
      assert_holds (&buf, pattern, sizes[i]);
      ck_assert_uint_eq (count_chunks (&buf), (sizes[i] + LARGE - 1) / LARGE);
      adit_buf_clear (&buf);
      ck_assert (buf.first == NULL && buf.last == NULL && buf.len == 0);
    }
}
END_TEST

/* A little goes into a small chunk; what grows goes on in large ones. */
START_TEST (test_chunk_choice)
{
  AditBuf buf = { 0 };
  gsize room, i;

  ck_assert (adit_buf_reserve (&buf, 1, &room) != NULL);
  ck_assert_uint_eq (room, SMALL);
  adit_buf_commit (&buf, 0);
  ck_assert (buf.first == NULL);
  ck_assert (adit_buf_reserve (&buf, SMALL + 1, &room) != NULL);
  ck_assert_uint_eq (room, LARGE);
  adit_buf_clear (&buf);
  for (i = 0; i < SMALL + LARGE; i++)
    adit_buf_append (&buf, pattern + i, 1);
  assert_holds (&buf, pattern, SMALL + LARGE);
  ck_assert_uint_eq (count_chunks (&buf), 2);
  adit_buf_clear (&buf);
}
END_TEST

START_TEST (test_reserve)
{
  AditBuf buf = { 0 };
  guint8 *to, *again;
  gsize room;

  adit_buf_append (&buf, pattern, 10);
  to = adit_buf_reserve (&buf, SMALL - 10, &room);
  ck_assert_uint_eq (room, SMALL - 10);
  memcpy (to, pattern + 10, 90);
  adit_buf_commit (&buf, 90);
  assert_holds (&buf, pattern, 100);

  /* A reservation that does not fit behind comes in a new chunk; unused, it leaves nothing behind. */
  to = adit_buf_reserve (&buf, LARGE, &room);
  ck_assert_uint_eq (room, LARGE);
  assert_holds (&buf, pattern, 100);
  again = adit_buf_reserve (&buf, 100, &room);
  ck_assert_ptr_eq (to, again);
  adit_buf_commit (&buf, 0);
  assert_holds (&buf, pattern, 100);
  again = adit_buf_reserve (&buf, 0, &room);
  ck_assert_uint_eq (room, SMALL - 100);

  adit_buf_reserve (&buf, LARGE, &room);
  adit_buf_append (&buf, pattern + 100, 100);
  assert_holds (&buf, pattern, 200);
  adit_buf_consume (&buf, 200);
  ck_assert (buf.first == NULL);
}
END_TEST

START_TEST (test_bad_calls)
{
  AditBuf buf = { 0 };
  gsize room = 1;

  testing_expect_log (G_LOG_LEVEL_CRITICAL, "*min <= *");
  ck_assert (adit_buf_reserve (&buf, LARGE + 1, &room) == NULL);
  testing_expect_done ();
  ck_assert_uint_eq (room, 0);
  testing_expect_log (G_LOG_LEVEL_CRITICAL, "*len <= *");
  adit_buf_commit (&buf, 1);
  testing_expect_done ();
  adit_buf_append (&buf, "ab", 2);
  testing_expect_log (G_LOG_LEVEL_CRITICAL, "*len <= buf->len*");
  adit_buf_consume (&buf, 3);
  testing_expect_done ();
  assert_holds (&buf, (const guint8 *) "ab", 2);
  adit_buf_clear (&buf);
}
END_TEST

START_TEST (test_peek_max)
{
  AditBuf buf = { 0 };
  struct iovec iov[2];

  ck_assert_uint_eq (adit_buf_peek (&buf, iov, 2), 0);
  adit_buf_append (&buf, pattern, 3 * LARGE);
  ck_assert_uint_eq (adit_buf_peek (&buf, iov, 2), 2);
  ck_assert_uint_eq (adit_buf_peek (&buf, iov, 0), 0);
  adit_buf_consume (&buf, LARGE - 1);
  ck_assert_uint_eq (adit_buf_peek (&buf, iov, 2), 2);
  ck_assert_uint_eq (iov[0].iov_len, 1);
  adit_buf_consume (&buf, 1);
  assert_holds (&buf, pattern + LARGE, 2 * LARGE);
  adit_buf_clear (&buf);
}
END_TEST

START_TEST (test_flatten)
{
  static const gsize sizes[] = { 0, 1, SMALL, SMALL + 1, LARGE, LARGE + 1, 5 * LARGE };
  AditSpan span;
  gsize room;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      AditBuf buf = { 0 };
      gsize first = MIN (sizes[i], 100);

      adit_buf_append (&buf, pattern, first);
      adit_buf_append (&buf, pattern + first, sizes[i] - first);
      adit_buf_reserve (&buf, LARGE, &room);
      span = adit_buf_flatten (&buf);
      ck_assert_uint_eq (span.len, sizes[i]);
      ck_assert_mem_eq (span.data, pattern, sizes[i]);
      assert_holds (&buf, pattern, sizes[i]);
      ck_assert_uint_le (count_chunks (&buf), 1);
      adit_buf_append (&buf, pattern + sizes[i], 1000);
      assert_holds (&buf, pattern, sizes[i] + 1000);
      adit_buf_clear (&buf);
    }
}
END_TEST

START_TEST (test_move)
{
  AditBuf to = { 0 }, from = { 0 };
  gsize room, i;

  adit_buf_move (&to, &from);
  ck_assert (to.first == NULL);
  adit_buf_append (&from, pattern, 5000);
  adit_buf_reserve (&to, 1, &room);
  adit_buf_move (&to, &from);
  assert_holds (&to, pattern, 5000);
  ck_assert (from.first == NULL && from.len == 0);
  adit_buf_append (&from, pattern + 5000, 3 * LARGE);
  adit_buf_reserve (&from, LARGE, &room);
  adit_buf_move (&to, &from);
  assert_holds (&to, pattern, 5000 + 3 * LARGE);
  adit_buf_move (&to, &to);
  assert_holds (&to, pattern, 5000 + 3 * LARGE);
  adit_buf_clear (&to);

  /* Many little ones do not hold a chunk each. */
  for (i = 0; i < 1000; i++)
    {
      adit_buf_append (&from, pattern + 10 * i, 10);
      adit_buf_move (&to, &from);
    }
  assert_holds (&to, pattern, 10000);
  ck_assert_uint_le (count_chunks (&to), 3);
  adit_buf_clear (&to);
}
END_TEST

/* Work on @buf like on the array [*start, *end) of the pattern. */
static void
random_step (GRand *rand, AditBuf *buf, gsize *start, gsize *end)
{
  gsize len = (gsize) g_rand_int_range (rand, 0, 1 << g_rand_int_range (rand, 1, 17)), room;
  AditBuf other = { 0 };
  guint8 *to;

  len = MIN (len, sizeof pattern - *end);
  switch (g_rand_int_range (rand, 0, 6))
    {
    case 0:
      adit_buf_append (buf, pattern + *end, len);
      *end += len;
      break;
    case 1:
      len = MIN (len, LARGE);
      to = adit_buf_reserve (buf, len, &room);
      ck_assert_uint_ge (room, MAX (len, 1));
      memcpy (to, pattern + *end, len);
      adit_buf_commit (buf, len);
      *end += len;
      break;
    case 2:
      adit_buf_append (&other, pattern + *end, len);
      adit_buf_move (buf, &other);
      *end += len;
      break;
    case 3:
      adit_buf_flatten (buf);
      break;
    default:
      len = MIN (len, buf->len);
      adit_buf_consume (buf, len);
      *start += len;
    }
}

START_TEST (test_random_work)
{
  GRand *rand = g_rand_new_with_seed ((guint32) _i);
  AditBuf buf = { 0 };
  gsize start = 0, end = 0;
  guint step;

  for (step = 0; step < 300 && end < sizeof pattern; step++)
    {
      random_step (rand, &buf, &start, &end);
      assert_holds (&buf, pattern + start, end - start);
      ck_assert_int_eq (buf.first == NULL, buf.len == 0);
    }
  adit_buf_clear (&buf);
  g_rand_free (rand);
}
END_TEST

/* Once warm, the same memory comes again and again. */
START_TEST (test_pool_steady)
{
  AditBuf buf = { 0 };
  AditChunk *small, *large;
  guint i;

  adit_buf_append (&buf, pattern, 100);
  small = buf.first;
  adit_buf_clear (&buf);
  adit_buf_append (&buf, pattern, LARGE);
  large = buf.first;
  adit_buf_clear (&buf);
  for (i = 0; i < 100; i++)
    {
      adit_buf_append (&buf, pattern, 100);
      ck_assert_ptr_eq (buf.first, small);
      adit_buf_consume (&buf, 100);
      adit_buf_append (&buf, pattern, LARGE);
      ck_assert_ptr_eq (buf.first, large);
      adit_buf_consume (&buf, LARGE);
    }
  adit_buf_pool_drain ();
}
END_TEST

static void *
use_and_end (void *data)
{
  AditBuf *buf = data, own = { 0 };

  adit_buf_append (&own, pattern, 300000);
  adit_buf_clear (&own);
  ck_assert_uint_eq (buf->len, 200000);
  ck_assert_mem_eq (adit_buf_flatten (buf).data, pattern, 200000);
  adit_buf_consume (buf, 100000);
  adit_buf_append (buf, pattern, 50000);
  adit_buf_pool_drain ();
  return NULL;
}

START_TEST (test_threads)
{
  AditBuf bufs[4] = { 0 };
  pthread_t threads[G_N_ELEMENTS (bufs)];
  guint i;

  for (i = 0; i < G_N_ELEMENTS (bufs); i++)
    adit_buf_append (&bufs[i], pattern, 200000);
  for (i = 0; i < G_N_ELEMENTS (bufs); i++)
    ck_assert_int_eq (pthread_create (&threads[i], NULL, use_and_end, &bufs[i]), 0);
  for (i = 0; i < G_N_ELEMENTS (bufs); i++)
    {
      pthread_join (threads[i], NULL);
      ck_assert_uint_eq (bufs[i].len, 150000);
      ck_assert_mem_eq (adit_buf_flatten (&bufs[i]).data, pattern + 100000, 100000);
      adit_buf_clear (&bufs[i]);
    }
  adit_buf_pool_drain ();
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("buf");
  TCase *tcase = tcase_create ("buf");

  fill_pattern ();
  tcase_add_test (tcase, test_spans);
  tcase_add_test (tcase, test_append_sizes);
  tcase_add_test (tcase, test_chunk_choice);
  tcase_add_test (tcase, test_reserve);
  tcase_add_test (tcase, test_bad_calls);
  tcase_add_test (tcase, test_peek_max);
  tcase_add_test (tcase, test_flatten);
  tcase_add_test (tcase, test_move);
  tcase_add_loop_test (tcase, test_random_work, 0, 50);
  tcase_add_test (tcase, test_pool_steady);
  tcase_add_test (tcase, test_threads);
  suite_add_tcase (suite, tcase);
  return testing_run (suite);
}
