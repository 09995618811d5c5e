/* SPDX-License-Identifier: MIT */
/* test-stranger: a session against frames made by hand: what a peer may do, what it may not, and what that costs whom.
 *
 * The session is a server unless a test says otherwise; the stranger at the other end of the pair is this file. */
#include "base/error.h"
#include "flow/party.h"
#include "wire/limits.h"

#include <string.h>

#define HELLO_V1 "{\"version\":1,\"token\":\"secret\",\"subdomain\":\"api\"}"
#define EVERYTHING "\"features\":[\"credit\",\"tunnels\",\"length\",\"trailers\",\"upgrade\",\"interim\",\"reason\",\"goaway\",\"epoch\",\"keepalive\"]"
#define HELLO_OURS "{\"version\":1,\"token\":\"secret\",\"window\":1000," EVERYTHING "}"
#define WELCOME_OURS "{\"subdomain\":\"api\",\"public_url\":\"https://a\",\"window\":1000," EVERYTHING "}"
#define WELCOME_V1 "{\"subdomain\":\"api\",\"public_url\":\"https://a\"}"

static Party *party;

/* The stranger. */
static AditLink *link_;
static AditBuf in;
static gboolean ended, failed;

/* The frame that read_frame() found. */
static AditFrame frame;
static guint8 *body;

static void
on_readable (gpointer owner)
{
  static guint8 bytes[65536];
  gssize n = adit_link_read (link_, bytes, sizeof bytes);

  if (n > 0)
    adit_buf_append (&in, bytes, (gsize) n);
  if (n == ADIT_LINK_EOF)
    ended = TRUE;
}

static void
on_failed (gpointer owner, const GError *error)
{
  failed = TRUE;
}

static const AditLinkListener listener = { .on_readable = on_readable, .on_failed = on_failed };

static void
say (guint8 type, guint64 id, const void *data, gsize len)
{
  guint8 header[ADIT_FRAME_HEADER];

  adit_frame_pack (header, type, id, (guint32) len);
  adit_link_send (link_, adit_span (header, sizeof header));
  adit_link_send (link_, adit_span (data, len));
}

static void
say_text (guint8 type, guint64 id, const char *text)
{
  say (type, id, text, strlen (text));
}

/* A header that promises more than follows. */
static void
say_header (guint8 type, guint64 id, guint32 len)
{
  guint8 header[ADIT_FRAME_HEADER];

  adit_frame_pack (header, type, id, len);
  adit_link_send (link_, adit_span (header, sizeof header));
}

static void
say_credit (guint64 id, guint32 credit)
{
  guint32 number = GUINT32_TO_BE (credit);

  say (ADIT_FRAME_CREDIT, id, &number, sizeof number);
}

/* @len bytes of the body of a stream of the session, from @at on. */
static void
say_body (guint8 type, guint64 id, guint64 at, gsize len)
{
  g_autofree guint8 *bytes = g_malloc (len + 1);

  for (gsize i = 0; i < len; i++)
    bytes[i] = party_byte (id, type == ADIT_FRAME_REQUEST_BODY, at + i);
  say (type, id, bytes, len);
}

static gboolean
read_frame (void)
{
  AditSpan all = adit_buf_flatten (&in);

  if (all.len < ADIT_FRAME_HEADER)
    return FALSE;
  adit_frame_unpack (&frame, all.data);
  if (all.len < ADIT_FRAME_HEADER + frame.len)
    return FALSE;
  g_free (body);
  body = g_malloc (frame.len + 1u);
  memcpy (body, all.data + ADIT_FRAME_HEADER, frame.len);
  body[frame.len] = '\0';
  adit_buf_consume (&in, ADIT_FRAME_HEADER + frame.len);
  return TRUE;
}

/* The next frame that is no Ping is of @type, for @id. */
static void
expect (guint8 type, guint64 id)
{
  do
    turn_until (party_worker, read_frame ());
  while (frame.type == ADIT_FRAME_PING && type != ADIT_FRAME_PING);
  ck_assert_str_eq (adit_frame_name (frame.type), adit_frame_name (type));
  ck_assert_uint_eq (frame.id, id);
}

static void
expect_nothing (void)
{
  turn_times (party_worker, 20);
  while (read_frame ())
    ck_assert_str_eq (adit_frame_name (frame.type), "Ping");
}

static void
open_stranger (gboolean is_server)
{
  AditLink *other;

  adit_pair_new (&link_, &other);
  adit_link_set_listener (link_, &listener, NULL);
  ck_assert (adit_link_attach (link_, party_worker));
  party = party_new (other, is_server, ADIT_FEATURES_ALL);
}

static void
open_server (const char *hello)
{
  open_stranger (TRUE);
  say_text (ADIT_FRAME_HELLO, 0, hello);
  expect (ADIT_FRAME_WELCOME, 0);
}

static void
open_client (const char *welcome)
{
  open_stranger (FALSE);
  expect (ADIT_FRAME_HELLO, 0);
  say_text (ADIT_FRAME_WELCOME, 0, welcome);
  turn_until (party_worker, party->n_welcome == 1);
}

/* Server: a stream that the stranger has seen. */
static Item *
open_item (guint64 up)
{
  Item *item = party_open (party, 0, 0, up, 0);

  expect (adit_session_get_features (party->session) & ADIT_FEATURE_TUNNELS ? ADIT_FRAME_REQUEST : ADIT_FRAME_NEW_REQUEST,
          item->id);
  return item;
}

static void
expect_live (void)
{
  turn_times (party_worker, 20);
  ck_assert_uint_eq (party->n_closed, 0);
  ck_assert_int_eq (adit_session_get_state (party->session), ADIT_SESSION_LIVE);
}

/* The session ends with @code; its owner learns why. */
static void
expect_end (int code)
{
  turn_until (party_worker, party->n_closed == 1);
  ck_assert_int_eq (party->closed_code, code);
  ck_assert_str_ne (party->closed_text, "");
}

static void
setup (void)
{
  party_setup ();
}

static void
teardown (void)
{
  if (link_)
    adit_link_close (link_, FALSE);
  party_free (party);
  if (link_)
    turn_unref_last (link_);
  adit_buf_clear (&in);
  g_free (body);
  party_teardown ();
}

/* ---- opening ---- */

/* Who does not say Hello first gets a Reject and nothing else: no echo, no pong. */
START_TEST (test_no_hello)
{
  static const guint8 types[] = { ADIT_FRAME_PING, ADIT_FRAME_WELCOME, ADIT_FRAME_CLOSE, ADIT_FRAME_RESPONSE_END, ADIT_FRAME_PONG,
                                  ADIT_FRAME_CREDIT, ADIT_FRAME_GOAWAY };

  open_stranger (TRUE);
  say_text (types[_i], types[_i] == ADIT_FRAME_RESPONSE_END || types[_i] == ADIT_FRAME_CREDIT, "x");
  expect (ADIT_FRAME_REJECT, 0);
  ck_assert (strstr ((char *) body, "Hello") != NULL);
  expect_end (ADIT_ERROR_PROTOCOL);
  turn_until (party_worker, ended);
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
  turn_until (party_worker, ended);
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
  turn_until (party_worker, ended);
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
    adit_link_finish (link_);
  else
    {
      say_header (ADIT_FRAME_RESPONSE_START, item->id, 100); /* and in the middle of it */
      adit_link_finish (link_);
    }
  expect_end (ADIT_ERROR_CLOSED);
  ck_assert_uint_eq (item->n_closed, 1);
  if (_i == 0)
    ck_assert (strstr (party->closed_text, "good night") != NULL);
  if (_i == 2)
    ck_assert (strstr (party->closed_text, "inside a frame") != NULL);
}
END_TEST

/* ---- credit ---- */

/* As much as was allowed, to the byte, however little it is; at zero it stops, and goes on with the next credit. */
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
          ck_assert_uint_le (allowed - sent, ADIT_LIMIT_WINDOW); /* no round trip is known, so it does not grow */
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

/* Its frames are not read while one stream is over its share, and who is then still over it is closed: TOO_SLOW. */
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
  turn_until (party_worker, ended);
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

  tcase_add_checked_fixture (tcase, setup, teardown);
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
  tcase_add_test (tcase, test_sender);
  tcase_add_loop_test (tcase, test_credit_range, 0, 3);
  tcase_add_test (tcase, test_too_much);
  tcase_add_test (tcase, test_credit_given);
  tcase_add_loop_test (tcase, test_body_behind_end, 0, 2);
  tcase_add_test (tcase, test_v1_too_slow);
  tcase_add_test (tcase, test_v1_recovers);
  tcase_add_loop_test (tcase, test_v1_slow_leaves, 0, 2);
  tcase_add_test (tcase, test_v1_stalled_is_alive);
  tcase_add_loop_test (tcase, test_silence, 0, 4);
  tcase_add_loop_test (tcase, test_goaway_words, 0, 3);
  tcase_add_test (tcase, test_lingering);
  tcase_add_test (tcase, test_byte_by_byte);
  suite_add_tcase (suite, tcase);
  return testing_run (suite);
}
