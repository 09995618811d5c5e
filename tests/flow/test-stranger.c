/* SPDX-License-Identifier: MIT */
/* test-stranger: a session against frames made by hand: what a peer may do, what it may not, and what that
 * costs whom. */
#include "flow/stranger.h"

#include "base/error.h"
#include "wire/limits.h"

#include <string.h>

/* ---- opening ---- */

/* Who does not say Hello first gets a Reject and nothing else: no echo, no pong. */
START_TEST (test_no_hello)
{
  static const guint8 types[] = { ADIT_FRAME_PING, ADIT_FRAME_WELCOME, ADIT_FRAME_CLOSE,
                                  ADIT_FRAME_RESPONSE_END, ADIT_FRAME_PONG, ADIT_FRAME_CREDIT,
                                  ADIT_FRAME_GOAWAY };

  open_stranger (TRUE);
  say_text (types[_i], types[_i] == ADIT_FRAME_RESPONSE_END || types[_i] == ADIT_FRAME_CREDIT, "x");
  expect (ADIT_FRAME_REJECT, 0);
  ck_assert (strstr ((char *) body, "Hello") != NULL);
  expect_end (ADIT_ERROR_PROTOCOL);
  turn_until (party_worker, stranger_ended);
  expect_nothing ();
}
END_TEST

START_TEST (test_bad_hello)
{
  static const char *const hellos[] = { "", "no json", "[]", "{\"token\":5}", "{" };

  open_stranger (TRUE);
  say_text (ADIT_FRAME_HELLO, 0, hellos[_i]);
  expect (ADIT_FRAME_REJECT, 0);
  expect_end (ADIT_ERROR_PROTOCOL);
  ck_assert_uint_eq (party->n_hello, 0);
  turn_until (party_worker, stranger_ended);
}
END_TEST

/* A Hello of the largest size passes; one byte more does not, and its body is not waited for. */
START_TEST (test_hello_size)
{
  g_autofree char *padding = g_strnfill (ADIT_LIMIT_HELLO - strlen (HELLO_V1), ' ');
  g_autofree char *hello = g_strconcat (HELLO_V1, padding, NULL);

  open_stranger (TRUE);
  if (_i == 0)
    {
      say_text (ADIT_FRAME_HELLO, 0, hello);
      expect (ADIT_FRAME_WELCOME, 0);
      return;
    }
  say_header (ADIT_FRAME_HELLO, 0, ADIT_LIMIT_HELLO + 1);
  expect (ADIT_FRAME_REJECT, 0);
  expect_end (ADIT_ERROR_PROTOCOL);
}
END_TEST

START_TEST (test_bad_welcome)
{
  static const char *const welcomes[] = { "", "no json", "{\"subdomain\":[]}" };

  open_stranger (FALSE);
  expect (ADIT_FRAME_HELLO, 0);
  say_text (ADIT_FRAME_WELCOME, 0, welcomes[_i]);
  expect_end (ADIT_ERROR_PROTOCOL);
  ck_assert_uint_eq (party->n_welcome, 0);
}
END_TEST

/* ---- faults that end the session ---- */

typedef struct
{
  guint8 type;
  guint64 id;
  const char *body; /* NULL: the header alone, with @len */
  guint32 len;
} Row;

static void
commit_fault (const Row *row)
{
  if (row->body)
    say_text (row->type, row->id, row->body);
  else
    say_header (row->type, row->id, row->len);
  expect_end (ADIT_ERROR_PROTOCOL);
  do
    turn_until (party_worker, read_frame ());
  while (frame.type != ADIT_FRAME_CLOSE || frame.id != 0);
  ck_assert_uint_gt (frame.len, 0); /* it says why */
  turn_until (party_worker, stranger_ended);
}

/* Wrong roles, second greetings, lengths beyond their limits, frames that nobody announced. */
START_TEST (test_faults_at_server)
{
  static const Row rows[] = {
    { ADIT_FRAME_HELLO, 0, HELLO_OURS, 0 },
    { ADIT_FRAME_WELCOME, 0, WELCOME_OURS, 0 },
    { ADIT_FRAME_REJECT, 0, "{}", 0 },
    { ADIT_FRAME_NEW_REQUEST, 1, "GET", 0 },
    { ADIT_FRAME_REQUEST, 1, "abcdGET", 0 },
    { ADIT_FRAME_REQUEST_BODY, 1, "body", 0 },
    { ADIT_FRAME_REQUEST_BODY, 1, "", 0 },
    { ADIT_FRAME_REQUEST_END, 1, "", 0 },
    { ADIT_FRAME_RESPONSE_START, 0, "200", 0 },
    { ADIT_FRAME_RESPONSE_BODY, 0, "body", 0 },
    { ADIT_FRAME_RESPONSE_END, 0, "", 0 },
    { ADIT_FRAME_CREDIT, 0, "abcd", 0 },
    { ADIT_FRAME_CREDIT, 1, "abc", 0 },
    { ADIT_FRAME_CREDIT, 1, "abcde", 0 },
    { ADIT_FRAME_PING, 0, NULL, ADIT_LIMIT_CONTROL + 1 },
    { ADIT_FRAME_PONG, 0, NULL, ADIT_LIMIT_CONTROL + 1 },
    { ADIT_FRAME_CLOSE, 1, NULL, ADIT_LIMIT_CONTROL + 1 },
    { ADIT_FRAME_GOAWAY, 0, NULL, ADIT_LIMIT_CONTROL + 1 },
    { ADIT_FRAME_RESPONSE_START, 1, NULL, ADIT_LIMIT_HEAD_FRAME + 1 },
    { ADIT_FRAME_RESPONSE_BODY, 1, NULL, ADIT_LIMIT_FRAME + 1 },
    { ADIT_FRAME_RESPONSE_END, 1, NULL, ADIT_LIMIT_TRAILERS + 1 },
    { 0x7f, 1, NULL, ADIT_LIMIT_FRAME + 1 },
    { 0xff, 0, NULL, 0xffffffff },
  };
  Item *item;

  if (_i >= (int) G_N_ELEMENTS (rows))
    return;
  open_server (HELLO_OURS);
  item = open_item (0);
  commit_fault (&rows[_i]);
  ck_assert_uint_eq (item->n_closed, 1);
}
END_TEST

START_TEST (test_faults_at_client)
{
  static const Row rows[] = {
    { ADIT_FRAME_HELLO, 0, HELLO_OURS, 0 },
    { ADIT_FRAME_WELCOME, 0, WELCOME_OURS, 0 },
    { ADIT_FRAME_REJECT, 0, "{}", 0 },
    { ADIT_FRAME_RESPONSE_START, 1, "200", 0 },
    { ADIT_FRAME_RESPONSE_BODY, 1, "body", 0 },
    { ADIT_FRAME_RESPONSE_END, 1, "", 0 },
    { ADIT_FRAME_NEW_REQUEST, 0, "GET", 0 },
    { ADIT_FRAME_REQUEST, 0, "abcdGET", 0 },
    { ADIT_FRAME_REQUEST, 2, "abc", 0 },
    { ADIT_FRAME_REQUEST_BODY, 0, "body", 0 },
    { ADIT_FRAME_REQUEST_END, 0, "", 0 },
    { ADIT_FRAME_NEW_REQUEST, 2, NULL, ADIT_LIMIT_HEAD_FRAME + 1 },
    { ADIT_FRAME_REQUEST_BODY, 1, NULL, ADIT_LIMIT_FRAME + 1 },
    { ADIT_FRAME_REQUEST_END, 1, NULL, ADIT_LIMIT_TRAILERS + 1 },
  };

  if (_i >= (int) G_N_ELEMENTS (rows))
    return;
  open_client (WELCOME_OURS);
  say_text (ADIT_FRAME_NEW_REQUEST, 1, "GET");
  commit_fault (&rows[_i]);
}
END_TEST

/* What was not announced is not understood. */
START_TEST (test_faults_at_v1)
{
  static const Row rows[] = {
    { ADIT_FRAME_CREDIT, 1, "abcd", 0 },
    { ADIT_FRAME_GOAWAY, 0, "{}", 0 },
    { ADIT_FRAME_REQUEST, 1, "abcdGET", 0 },
  };

  if (_i == 2)
    open_client (WELCOME_V1);
  else
    open_server (HELLO_V1);
  commit_fault (&rows[_i]);
}
END_TEST

/* ---- the right side of the limits, and what is merely odd ---- */

START_TEST (test_ping)
{
  g_autofree char *text = g_strnfill (ADIT_LIMIT_CONTROL, 'p');

  open_server (_i ? HELLO_OURS : HELLO_V1);
  say_text (ADIT_FRAME_PING, 0, "");
  expect (ADIT_FRAME_PONG, 0);
  ck_assert_uint_eq (frame.len, 0);
  say_text (ADIT_FRAME_PING, 77, text); /* the id of a control frame does not count */
  expect (ADIT_FRAME_PONG, 0);
  ck_assert_str_eq ((char *) body, text);
  expect_live ();
}
END_TEST

/* The time between a ping and its own answer; what answers nothing tells nothing. */
START_TEST (test_round_trip)
{
  static const guint8 zeroes[8];
  guint8 ping[8];

  open_server (HELLO_OURS);
  expect (ADIT_FRAME_PING, 0);
  ck_assert_uint_eq (frame.len, 8);
  memcpy (ping, body, 8);
  ck_assert_int_eq (adit_session_get_rtt_us (party->session), 0);
  party_pass_time (50);
  say (ADIT_FRAME_PONG, 0, "12345678", 8);
  say (ADIT_FRAME_PONG, 0, ping, 7);
  say (ADIT_FRAME_PONG, 0, zeroes, 8);
  say (ADIT_FRAME_PONG, 0, "", 0);
  turn_times (party_worker, 5);
  ck_assert_int_eq (adit_session_get_rtt_us (party->session), 0);
  say (ADIT_FRAME_PONG, 0, ping, 8);
  turn_times (party_worker, 5);
  ck_assert_int_eq (adit_session_get_rtt_us (party->session), 50000);
  party_pass_time (50);
  say (ADIT_FRAME_PONG, 0, ping, 8);
  say (ADIT_FRAME_PONG, 0, zeroes, 8);
  turn_times (party_worker, 5);
  ck_assert_int_eq (adit_session_get_rtt_us (party->session), 50000);
  ck_assert_uint_eq (party->n_settled, 0);
}
END_TEST

START_TEST (test_unknown_type)
{
  g_autofree char *text = g_strnfill (300000, 'u');
  Item *item;

  open_server (HELLO_OURS);
  item = open_item (0);
  say_text (0x55, 0, text);
  say_text (0x43, item->id, "");
  say_text (0xff, G_MAXUINT64, text);
  say_text (ADIT_FRAME_RESPONSE_START, item->id, "200");
  turn_until (party_worker, item->n_heads == 1);
  expect_live ();
}
END_TEST

/* Frames for streams that are over, or never were, have crossed a Close: nothing happens. */
START_TEST (test_unknown_id)
{
  Item *item;

  open_server (HELLO_OURS);
  item = open_item (0);
  item_free_stream (item, ADIT_REASON_VISITOR_GONE, NULL);
  expect (ADIT_FRAME_CLOSE, item->id);
  for (guint64 id = item->id; id < item->id + 2; id++)
    {
      say_text (ADIT_FRAME_RESPONSE_START, id, "200");
      say_body (ADIT_FRAME_RESPONSE_BODY, id, 0, 500000);
      say_text (ADIT_FRAME_RESPONSE_END, id, "");
      say_credit (id, 0);
      say_credit (id, 0xffffffff);
      say_text (ADIT_FRAME_CLOSE, id, "");
    }
  expect_live ();
  expect_nothing ();
}
END_TEST

START_TEST (test_id_in_use)
{
  Item *item, *next;

  open_client (WELCOME_OURS);
  say_text (ADIT_FRAME_NEW_REQUEST, 5, "GET");
  say_text (ADIT_FRAME_NEW_REQUEST, 6, "GET");
  turn_until (party_worker, party_find (party, 6) != NULL);
  item = party_find (party, 5);
  say_text (ADIT_FRAME_NEW_REQUEST, 5, "GET");
  expect (ADIT_FRAME_CLOSE, 5);
  turn_until (party_worker, item->n_closed == 1);
  ck_assert_int_eq (item->reason, ADIT_REASON_PROTOCOL);
  expect_live ();
  next = party_find (party, 6);
  ck_assert_uint_eq (next->n_closed, 0);
  /* Ids are opaque: any number but 0, in any order. */
  say_text (ADIT_FRAME_NEW_REQUEST, G_MAXUINT64, "GET");
  say_text (ADIT_FRAME_NEW_REQUEST, 2, "GET");
  turn_until (party_worker, party_find (party, 2) && party_find (party, G_MAXUINT64));
  item_feed (party_find (party, G_MAXUINT64));
  expect (ADIT_FRAME_RESPONSE_END, G_MAXUINT64);
}
END_TEST

/* Ids that fall on each other in any table: found, and gone when they are gone. */
START_TEST (test_far_ids)
{
  enum { N = 500 };
  guint64 seed = 9, ids[N];

  open_client (WELCOME_OURS);
  for (guint i = 0; i < N; i++)
    {
      ids[i] = ((guint64) i + 1) << (turn_random (&seed, 6) * 10);
      if (party_find (party, ids[i]))
        ids[i] = ~ids[i];
      say_text (ADIT_FRAME_NEW_REQUEST, ids[i], "GET");
      turn_until (party_worker, party_find (party, ids[i]) != NULL);
    }
  ck_assert_uint_eq (adit_session_get_n_streams (party->session), N);
  for (guint i = 0; i < N; i++)
    {
      guint j = i + turn_random (&seed, N - i);
      guint64 id = ids[j];

      ids[j] = ids[i];
      say_text (ADIT_FRAME_CLOSE, id, "");
      turn_until (party_worker, party_find (party, id)->n_closed == 1);
      ck_assert_uint_eq (adit_session_get_n_streams (party->session), N - 1 - i);
    }
}
END_TEST

START_TEST (test_close_words)
{
  static const struct
  {
    const char *hello, *body, *text;
    AditReason reason;
  } rows[] = {
    { HELLO_OURS, "local-refused: nobody listens", "nobody listens", ADIT_REASON_LOCAL_REFUSED },
    { HELLO_OURS, "local-timeout", "local-timeout", ADIT_REASON_LOCAL_TIMEOUT },
    { HELLO_OURS, "local-timeout:", "", ADIT_REASON_LOCAL_TIMEOUT },
    { HELLO_OURS, "overloaded: a: b", "a: b", ADIT_REASON_OVERLOADED },
    { HELLO_OURS, "news: of tomorrow", "of tomorrow", ADIT_REASON_LOCAL_FAILED },
    { HELLO_OURS, "internal: trap", "trap", ADIT_REASON_INTERNAL },
    { HELLO_OURS, "", "", ADIT_REASON_NONE },
    { HELLO_V1, "local-refused: nobody listens", "local-refused: nobody listens", ADIT_REASON_LOCAL_FAILED },
    { HELLO_V1, "", "", ADIT_REASON_LOCAL_FAILED },
  };
  Item *item;

  open_server (rows[_i].hello);
  item = open_item (0);
  say_text (ADIT_FRAME_CLOSE, item->id, rows[_i].body);
  turn_until (party_worker, item->n_closed == 1);
  ck_assert_int_eq (item->reason, rows[_i].reason);
  ck_assert_str_eq (item->text, rows[_i].text);
  expect_live ();
}
END_TEST

/* Bytes that are no text do no harm. */
START_TEST (test_close_garbage)
{
  Item *item;

  open_server (HELLO_OURS);
  item = open_item (0);
  say (ADIT_FRAME_CLOSE, item->id, "\xff\0\xfe: \x01", 6);
  turn_until (party_worker, item->n_closed == 1);
  ck_assert (g_utf8_validate (item->text, -1, NULL));
}
END_TEST

START_TEST (test_peer_leaves)
{
  Item *item;

  open_server (HELLO_OURS);
  item = open_item (0);
  if (_i == 0)
    say_text (ADIT_FRAME_CLOSE, 0, "good night");
  else if (_i == 1)
    say_end ();
  else
    {
      say_header (ADIT_FRAME_RESPONSE_START, item->id, 100); /* and in the middle of it */
      say_end ();
    }
  expect_end (ADIT_ERROR_CLOSED);
  ck_assert_uint_eq (item->n_closed, 1);
  if (_i == 0)
    ck_assert (strstr (party->closed_text, "good night") != NULL);
  if (_i == 2)
    ck_assert (strstr (party->closed_text, "inside a frame") != NULL);
}
END_TEST

/* ---- keep-alive ---- */

/* Asks after so long, gives up after so long; a sign of life starts it again. */
START_TEST (test_silence)
{
  static const struct
  {
    gboolean is_server;
    const char *words;
    guint ask_ms, dead_ms;
  } rows[] = {
    { TRUE, HELLO_OURS, 3000, 9000 },
    { FALSE, WELCOME_OURS, 3000, 9000 },
    { TRUE, HELLO_V1, 30000, 45000 },
    { FALSE, WELCOME_V1, 15000, 45000 },
  };

  if (rows[_i].is_server)
    open_server (rows[_i].words);
  else
    open_client (rows[_i].words);
  expect_nothing ();
  for (guint i = 0; i < 3; i++)
    {
      party_pass_time (rows[_i].ask_ms - 100);
      ck_assert (!read_frame ());
      party_pass_time (200);
      ck_assert (read_frame ());
      ck_assert_uint_eq (frame.type, ADIT_FRAME_PING);
      if (i == 1)
        say_text (0x66, 0, ""); /* any frame is one */
      else
        say (ADIT_FRAME_PONG, 0, body, frame.len);
      turn_times (party_worker, 3);
    }
  party_pass_time (rows[_i].dead_ms - 200);
  ck_assert_uint_eq (party->n_closed, 0);
  party_pass_time (300);
  expect_end (ADIT_ERROR_TIMEOUT);
}
END_TEST

/* ---- going away ---- */

START_TEST (test_goaway_words)
{
  static const struct
  {
    const char *body, *code, *reason;
  } rows[] = {
    { "{\"code\":\"draining\",\"reason\":\"soon\"}", "draining", "soon" },
    { "plain words", NULL, "plain words" },
    { "", NULL, "" },
  };

  open_server (HELLO_OURS);
  say_text (ADIT_FRAME_GOAWAY, 0, rows[_i].body);
  turn_until (party_worker, party->n_goaway == 1);
  ck_assert_int_eq (g_strcmp0 (party->code, rows[_i].code), 0);
  ck_assert_str_eq (party->reason, rows[_i].reason);
  expect_live ();
}
END_TEST

/* A peer that never hangs up does not hold a closed session for ever. */
START_TEST (test_lingering)
{
  open_server (HELLO_OURS);
  adit_session_close (party->session);
  expect (ADIT_FRAME_CLOSE, 0);
  turn_until (party_worker, stranger_ended);
  g_ptr_array_set_size (party->items, 0);
  say_body (ADIT_FRAME_RESPONSE_BODY, 1, 0, 100000); /* read and dropped */
  party_pass_time (ADIT_LIMIT_LINGER_MS - 200);
  ck_assert (!adit_link_is_closed (party->link));
  party_pass_time (300);
  ck_assert (adit_link_is_closed (party->link));
}
END_TEST

/* Every byte alone: the same as together. */
START_TEST (test_byte_by_byte)
{
  Item *item;

  open_stranger (TRUE);
  adit_pair_set_read_size (party->link, 1);
  say_text (ADIT_FRAME_HELLO, 0, HELLO_OURS);
  expect (ADIT_FRAME_WELCOME, 0);
  item = open_item (0);
  say_text (0x55, 0, "unknown");
  say_text (ADIT_FRAME_RESPONSE_START, item->id, "200");
  say_body (ADIT_FRAME_RESPONSE_BODY, item->id, 0, 300);
  say_body (ADIT_FRAME_RESPONSE_BODY, item->id, 300, 0);
  say_text (ADIT_FRAME_RESPONSE_END, item->id, "A: b\r\n");
  say_text (ADIT_FRAME_PING, 0, "abc");
  expect (ADIT_FRAME_PONG, 0);
  ck_assert_str_eq (item->head, "200");
  ck_assert_uint_eq (item->got, 300);
  ck_assert_str_eq (item->trailers, "A: b\r\n");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("stranger");
  TCase *tcase = tcase_create ("stranger");

  tcase_add_checked_fixture (tcase, stranger_setup, stranger_teardown);
  tcase_set_timeout (tcase, 30);
  tcase_add_loop_test (tcase, test_no_hello, 0, 7);
  tcase_add_loop_test (tcase, test_bad_hello, 0, 5);
  tcase_add_loop_test (tcase, test_hello_size, 0, 2);
  tcase_add_loop_test (tcase, test_bad_welcome, 0, 3);
  tcase_add_loop_test (tcase, test_faults_at_server, 0, 23);
  tcase_add_loop_test (tcase, test_faults_at_client, 0, 14);
  tcase_add_loop_test (tcase, test_faults_at_v1, 0, 3);
  tcase_add_loop_test (tcase, test_ping, 0, 2);
  tcase_add_test (tcase, test_round_trip);
  tcase_add_test (tcase, test_unknown_type);
  tcase_add_test (tcase, test_unknown_id);
  tcase_add_test (tcase, test_id_in_use);
  tcase_add_test (tcase, test_far_ids);
  tcase_add_loop_test (tcase, test_close_words, 0, 9);
  tcase_add_test (tcase, test_close_garbage);
  tcase_add_loop_test (tcase, test_peer_leaves, 0, 3);
  tcase_add_loop_test (tcase, test_silence, 0, 4);
  tcase_add_loop_test (tcase, test_goaway_words, 0, 3);
  tcase_add_test (tcase, test_lingering);
  tcase_add_test (tcase, test_byte_by_byte);
  suite_add_tcase (suite, tcase);
  return testing_run (suite);
}
