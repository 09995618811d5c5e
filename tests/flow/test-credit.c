/* SPDX-License-Identifier: MIT */
/* test-credit: a session against frames made by hand: never more than was allowed in either direction;
 * what happens to who sends more; and a peer of wire v1, which knows no credit and must not freeze the
 * others. */
#include "flow/stranger.h"

#include "base/error.h"
#include "wire/limits.h"

#include <string.h>

/* ---- with credit ---- */

/* As much as was allowed, to the byte, however little it is; at zero it stops, and goes on with the next
 * credit. */
START_TEST (test_sender)
{
  Item *item;
  guint64 allowed = 1000, got = 0;
  guint64 seed = 4;

  open_server (HELLO_OURS);
  item = open_item (50000);
  item_feed (item);
  while (got < 50000)
    {
      turn_times (party_worker, 3);
      while (got < MIN (allowed, 50000))
        {
          expect (ADIT_FRAME_REQUEST_BODY, item->id);
          for (guint i = 0; i < frame.len; i++)
            ck_assert_uint_eq (body[i], party_byte (item->id, TRUE, got + i));
          got += frame.len;
        }
      ck_assert_uint_eq (got, MIN (allowed, 50000));
      if (got == 50000)
        break;
      expect_nothing ();
      ck_assert_uint_eq (adit_stream_get_room (item->stream), 0);
      ck_assert_uint_eq (item->n_ends, 0);
      allowed += seed = 1 + turn_random (&seed, 3000);
      say_credit (item->id, (guint32) seed);
    }
  expect (ADIT_FRAME_REQUEST_END, item->id);
  ck_assert_str_eq ((char *) body, "Checked: yes\r\n");
}
END_TEST

/* 2^31 - 1 is the most; 0 and more than that break the stream, and it alone. */
START_TEST (test_credit_range)
{
  Item *item, *next;

  open_server (HELLO_OURS);
  item = open_item (0);
  next = open_item (0);
  say_credit (item->id, 0x7fffffff - 1000);
  turn_times (party_worker, 5);
  ck_assert_uint_eq (item->n_closed, 0);
  if (_i == 0)
    say_credit (item->id, 1);
  else if (_i == 1)
    say_credit (item->id, 0);
  else
    say_credit (item->id, 0xffffffff);
  expect (ADIT_FRAME_CLOSE, item->id);
  ck_assert (g_str_has_prefix ((char *) body, "protocol: "));
  ck_assert_uint_eq (item->n_closed, 1);
  ck_assert_int_eq (item->reason, ADIT_REASON_PROTOCOL);
  expect_live ();
  ck_assert_uint_eq (next->n_closed, 0);
}
END_TEST

/* More than it may: the stream is closed, the others are not. */
START_TEST (test_too_much)
{
  Item *item, *next;

  open_server (HELLO_OURS);
  item = open_item (0);
  next = open_item (0);
  item->paused = TRUE;
  say_body (ADIT_FRAME_RESPONSE_BODY, item->id, 0, ADIT_LIMIT_WINDOW);
  turn_times (party_worker, 5);
  ck_assert_uint_eq (item->held, ADIT_LIMIT_WINDOW);
  ck_assert_uint_eq (item->n_closed, 0);
  say_body (ADIT_FRAME_RESPONSE_BODY, item->id, ADIT_LIMIT_WINDOW, 1);
  expect (ADIT_FRAME_CLOSE, item->id);
  ck_assert (g_str_has_prefix ((char *) body, "protocol: "));
  ck_assert_int_eq (item->reason, ADIT_REASON_PROTOCOL);
  ck_assert_uint_eq (item->got, ADIT_LIMIT_WINDOW);
  say_body (ADIT_FRAME_RESPONSE_BODY, item->id, 0, 100000); /* it was on its way */
  say_body (ADIT_FRAME_RESPONSE_BODY, next->id, 0, 100000);
  say_text (ADIT_FRAME_RESPONSE_END, next->id, "");
  turn_until (party_worker, next->n_ends == 1);
  ck_assert_uint_eq (next->got, 100000);
  expect_live ();
}
END_TEST

/* What is read is allowed again, and no more than that. */
START_TEST (test_credit_given)
{
  Item *item;
  guint64 sent = ADIT_LIMIT_WINDOW, allowed = ADIT_LIMIT_WINDOW;
  guint32 credit;

  open_server (HELLO_OURS);
  item = open_item (0);
  say_body (ADIT_FRAME_RESPONSE_BODY, item->id, 0, ADIT_LIMIT_WINDOW);
  while (allowed < 4 * 1024 * 1024)
    {
      while (allowed == sent)
        {
          expect (ADIT_FRAME_CREDIT, item->id);
          ck_assert_uint_eq (frame.len, 4);
          memcpy (&credit, body, 4);
          allowed += GUINT32_FROM_BE (credit);
          /* No round trip is known, so it does not grow. */
          ck_assert_uint_le (allowed - sent, ADIT_LIMIT_WINDOW);
        }
      turn_times (party_worker, 3);
      while (read_frame ())
        if (frame.type == ADIT_FRAME_CREDIT)
          {
            memcpy (&credit, body, 4);
            allowed += GUINT32_FROM_BE (credit);
          }
      say_body (ADIT_FRAME_RESPONSE_BODY, item->id, sent, allowed - sent);
      sent = allowed;
      turn_times (party_worker, 3);
      ck_assert_uint_eq (item->got, sent);
    }
  expect_live ();
}
END_TEST

START_TEST (test_body_behind_end)
{
  Item *item;

  open_server (_i ? HELLO_OURS : HELLO_V1);
  item = open_item (0);
  say_text (ADIT_FRAME_RESPONSE_END, item->id, "");
  say_text (ADIT_FRAME_RESPONSE_END, item->id, ""); /* a second one is nothing */
  turn_until (party_worker, item->n_ends == 1);
  turn_times (party_worker, 5);
  say_body (ADIT_FRAME_RESPONSE_BODY, item->id, 0, 10);
  expect (ADIT_FRAME_CLOSE, item->id);
  turn_until (party_worker, item->n_closed == 1);
  ck_assert_int_eq (item->reason, ADIT_REASON_PROTOCOL);
  expect_live ();
}
END_TEST

/* ---- a peer without credit ---- */

/* Its frames are not read while one stream is over its share, and who is then still over it is closed:
 * TOO_SLOW. */
START_TEST (test_v1_too_slow)
{
  Item *slow, *fast;

  open_server (HELLO_V1);
  slow = open_item (0);
  fast = open_item (0);
  slow->paused = TRUE;
  say_body (ADIT_FRAME_RESPONSE_BODY, slow->id, 0, ADIT_LIMIT_V1_QUEUE);
  turn_until (party_worker, slow->held == ADIT_LIMIT_V1_QUEUE);
  say_body (ADIT_FRAME_RESPONSE_BODY, fast->id, 0, 1000);
  turn_until (party_worker, fast->got == 1000); /* full, but not more than that: nobody waits */
  party_pass_time (3 * ADIT_LIMIT_STALL_MS);
  ck_assert_uint_eq (slow->n_closed, 0);

  say_body (ADIT_FRAME_RESPONSE_BODY, slow->id, ADIT_LIMIT_V1_QUEUE, 2 * 1024 * 1024);
  say_body (ADIT_FRAME_RESPONSE_BODY, fast->id, 1000, 1000);
  turn_times (party_worker, 5);
  party_pass_time (ADIT_LIMIT_STALL_MS - 100);
  ck_assert_uint_eq (slow->n_closed, 0);
  ck_assert_uint_le (slow->held, ADIT_LIMIT_V1_QUEUE + ADIT_SCRATCH_SIZE); /* what one read brought */
  ck_assert_uint_eq (fast->got, 1000);
  party_pass_time (200);
  ck_assert_uint_eq (slow->n_closed, 1);
  ck_assert_int_eq (slow->reason, ADIT_REASON_TOO_SLOW);
  expect (ADIT_FRAME_CLOSE, slow->id);
  ck_assert_uint_gt (frame.len, 0);
  turn_until (party_worker, fast->got == 2000);
  ck_assert_uint_eq (fast->n_closed, 0);
  expect_live ();
}
END_TEST

/* It read on in time: nothing is lost and nobody closed. */
START_TEST (test_v1_recovers)
{
  Item *slow, *fast;
  gsize size = ADIT_LIMIT_V1_QUEUE + 1024 * 1024;

  open_server (HELLO_V1);
  slow = open_item (0);
  fast = open_item (0);
  slow->paused = TRUE;
  say_body (ADIT_FRAME_RESPONSE_BODY, slow->id, 0, size);
  say_text (ADIT_FRAME_RESPONSE_END, slow->id, "");
  say_body (ADIT_FRAME_RESPONSE_BODY, fast->id, 0, 1000);
  party_pass_time (ADIT_LIMIT_STALL_MS / 2);
  ck_assert_uint_eq (fast->got, 0);
  item_resume (slow);
  turn_until (party_worker, slow->n_ends == 1 && fast->got == 1000);
  ck_assert_uint_eq (slow->got, size);
  party_pass_time (2 * ADIT_LIMIT_STALL_MS);
  ck_assert_uint_eq (slow->n_closed + party->n_closed, 0);
}
END_TEST

/* The slow visitor leaves by itself: the others go on at once, not after the stall. */
START_TEST (test_v1_slow_leaves)
{
  Item *slow, *fast;

  open_server (HELLO_V1);
  slow = open_item (0);
  fast = open_item (0);
  slow->paused = TRUE;
  say_body (ADIT_FRAME_RESPONSE_BODY, slow->id, 0, ADIT_LIMIT_V1_QUEUE + 1024 * 1024);
  say_body (ADIT_FRAME_RESPONSE_BODY, fast->id, 0, 1000);
  turn_times (party_worker, 5);
  ck_assert_uint_eq (fast->got, 0);
  item_free_stream (slow, ADIT_REASON_VISITOR_GONE, NULL);
  if (_i)
    party_pass_time (2 * ADIT_LIMIT_STALL_MS);
  turn_until (party_worker, fast->got == 1000);
  expect_live ();
}
END_TEST

/* A peer that is held back is not taken for dead. */
START_TEST (test_v1_stalled_is_alive)
{
  Item *slow;

  open_server (HELLO_V1);
  slow = open_item (0);
  slow->paused = TRUE;
  party_pass_time (44500);
  ck_assert_uint_eq (party->n_closed, 0);
  say_body (ADIT_FRAME_RESPONSE_BODY, slow->id, 0, ADIT_LIMIT_V1_QUEUE + 1024 * 1024);
  party_pass_time (900);
  ck_assert_uint_eq (party->n_closed, 0);
  party_pass_time (500);
  ck_assert_uint_eq (party->n_closed, 0);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("credit");
  TCase *tcase = tcase_create ("credit");

  tcase_add_checked_fixture (tcase, stranger_setup, stranger_teardown);
  tcase_set_timeout (tcase, 30);
  tcase_add_test (tcase, test_sender);
  tcase_add_loop_test (tcase, test_credit_range, 0, 3);
  tcase_add_test (tcase, test_too_much);
  tcase_add_test (tcase, test_credit_given);
  tcase_add_loop_test (tcase, test_body_behind_end, 0, 2);
  tcase_add_test (tcase, test_v1_too_slow);
  tcase_add_test (tcase, test_v1_recovers);
  tcase_add_loop_test (tcase, test_v1_slow_leaves, 0, 2);
  tcase_add_test (tcase, test_v1_stalled_is_alive);
  suite_add_tcase (suite, tcase);
  return testing_run (suite);
}
