/* SPDX-License-Identifier: MIT */
/* test-session: a client and a server over a pair in memory, whole and with its faults: opening, features,
 * streams and their credit, going away, ends. Both in one worker that the test turns. */
#include "base/error.h"
#include "flow/party.h"
#include "wire/limits.h"

#include <string.h>

#define ALL ADIT_FEATURES_ALL

/* How the link behaves. */
enum
{
  WHOLE,
  BYTE_BY_BYTE,
  NARROW,
  N_WAYS
};

static AditLink *left, *right; /* of the server, of the client */
static Party *server, *client;

static void
link_both (int way)
{
  adit_pair_new (&left, &right);
  if (way == BYTE_BY_BYTE)
    {
      adit_pair_set_read_size (ADIT_PAIR (left), 1);
      adit_pair_set_read_size (ADIT_PAIR (right), 1);
    }
  if (way == NARROW)
    {
      adit_pair_set_capacity (ADIT_PAIR (left), 700);
      adit_pair_set_capacity (ADIT_PAIR (right), 1100);
      adit_pair_set_read_size (ADIT_PAIR (left), 331);
    }
}

static void
open_with (int way, AditFeatures hello, AditFeatures welcome)
{
  link_both (way);
  server = party_new (left, TRUE, welcome);
  client = party_new (right, FALSE, hello);
  turn_until (party_worker, client->n_welcome == 1);
}

static void
open_both (int way)
{
  open_with (way, ALL, ALL);
}

/* The stream of @item at the client. */
static Item *
other (Item *item)
{
  turn_until (party_worker, party_find (client, item->id) != NULL);
  return party_find (client, item->id);
}

static void
setup (void)
{
  party_setup ();
}

static void
teardown (void)
{
  party_free (client);
  party_free (server);
  party_teardown ();
}

/* ---- opening ---- */

START_TEST (test_welcome)
{
  link_both (_i);
  server = party_new (left, TRUE, ALL);
  server->waits = TRUE;
  ck_assert_int_eq (adit_session_get_state (server->session), ADIT_SESSION_OPENING);
  client = party_new (right, FALSE, ALL);
  ck_assert_int_eq (adit_session_get_state (client->session), ADIT_SESSION_HELLO);
  turn_until (party_worker, server->n_hello == 1);
  ck_assert_str_eq (server->hello->token, "secret");
  ck_assert_str_eq (server->hello->subdomain, "api");
  ck_assert_uint_eq (server->hello->window, ADIT_LIMIT_WINDOW);
  turn_times (party_worker, 20);
  ck_assert_uint_eq (client->n_welcome, 0);
  ck_assert (party_open (server, 0, 0, 0, 0) == NULL); /* not live yet */
  party_welcome (server, ALL);
  turn_until (party_worker, client->n_welcome == 1);
  ck_assert_str_eq (client->public_url, "https://api.example.com");
  ck_assert_int_eq (adit_session_get_state (server->session), ADIT_SESSION_LIVE);
  ck_assert_int_eq (adit_session_get_state (client->session), ADIT_SESSION_LIVE);
  ck_assert_uint_eq (adit_session_get_features (client->session), ALL);
  ck_assert (adit_session_get_link (server->session) == left);
}
END_TEST

START_TEST (test_reject)
{
  link_both (_i);
  server = party_new (left, TRUE, ALL);
  server->waits = TRUE;
  client = party_new (right, FALSE, ALL);
  turn_until (party_worker, server->n_hello == 1);
  adit_session_reject (server->session, ADIT_REJECT_NAME, "the name is taken");
  adit_session_reject (server->session, ADIT_REJECT_NAME, "twice");
  party_welcome (server, ALL);
  turn_until (party_worker, client->n_reject == 1);
  ck_assert_str_eq (client->code, "name");
  ck_assert_str_eq (client->reason, "the name is taken");
  ck_assert_int_eq (adit_session_get_state (server->session), ADIT_SESSION_CLOSED);
  turn_until (party_worker, client->n_closed == 1); /* the server hung up */
  ck_assert_uint_eq (client->n_reject, 1);
  ck_assert_uint_eq (client->n_welcome, 0);
  ck_assert_uint_eq (server->n_closed, 0);
}
END_TEST

/* What is in force when one side leaves @missing out. */
static AditFeatures
without (AditFeatures missing)
{
  AditFeatures left_over = ALL & ~missing;

  if (missing & ADIT_FEATURE_TUNNELS) /* their flags live in its frames */
    left_over &= ~(AditFeatures) (ADIT_FEATURE_LENGTH | ADIT_FEATURE_UPGRADE);
  return left_over;
}

/* Each feature alone is missing, at one side or the other: never more than both announced is used. */
START_TEST (test_features)
{
  AditFeatures missing = (AditFeatures) (1 << _i / 2), expected = without (missing);
  Item *item, *mate;

  if (_i % 2)
    open_with (WHOLE, ALL & ~missing, ALL);
  else
    open_with (WHOLE, ALL, ALL & ~missing);
  ck_assert_uint_eq (adit_session_get_features (server->session), expected);
  ck_assert_uint_eq (adit_session_get_features (client->session), expected);

  item = party_open (server, 513, ADIT_REQUEST_UNKNOWN_LENGTH, 700000, 600000);
  item_feed (item);
  mate = other (item);
  turn_until (party_worker, item_is_done (item) && item_is_done (mate));
  ck_assert_uint_eq (mate->tunnel, expected & ADIT_FEATURE_TUNNELS ? 513 : 0);
  ck_assert_uint_eq (mate->flags, expected & ADIT_FEATURE_TUNNELS ? ADIT_REQUEST_UNKNOWN_LENGTH : 0);
  ck_assert_str_eq (mate->head, "up=700000 down=600000");
  ck_assert_str_eq (mate->trailers, expected & ADIT_FEATURE_TRAILERS ? "Checked: yes\r\n" : "");
  ck_assert_str_eq (item->trailers, mate->trailers);

  item = party_open (server, 0, 0, 10, 10);
  mate = other (item);
  item_free_stream (mate, ADIT_REASON_LOCAL_TIMEOUT, "it slept");
  turn_until (party_worker, item->n_closed == 1);
  ck_assert_int_eq (item->reason, expected & ADIT_FEATURE_REASON ? ADIT_REASON_LOCAL_TIMEOUT
                                                                 : ADIT_REASON_LOCAL_FAILED);
  ck_assert_str_eq (item->text, "it slept");

  ck_assert (adit_session_go_away (client->session, "leaving", "bye") == !!(expected & ADIT_FEATURE_GOAWAY));
  turn_times (party_worker, 5);
  ck_assert_uint_eq (server->n_goaway, expected & ADIT_FEATURE_GOAWAY ? 1 : 0);
  ck_assert_uint_eq (server->n_closed + client->n_closed, 0);
}
END_TEST

/* Wire v1 and nothing else. */
START_TEST (test_v1)
{
  Item *item;

  open_with (_i, ALL, NO_FEATURES);
  ck_assert_uint_eq (adit_session_get_features (client->session), 0);
  item = party_open (server, 3, 0, 30000, 20000);
  item_feed (item);
  turn_until (party_worker, item_is_done (item) && item_is_done (other (item)));
  ck_assert_uint_eq (other (item)->tunnel, 0);
  ck_assert_str_eq (item->trailers, "");
}
END_TEST

/* ---- streams ---- */

START_TEST (test_stream)
{
  Item *item, *mate;

  open_both (_i);
  item = party_open (server, 7, 0, 20000, 30000);
  mate = other (item);
  ck_assert_uint_eq (mate->tunnel, 7);
  item_feed (item);
  turn_until (party_worker, item_is_done (item) && item_is_done (mate));
  ck_assert_uint_eq (item->got, 30000);
  ck_assert_uint_eq (mate->got, 20000);
  ck_assert_str_eq (item->head, "200");
  ck_assert_uint_eq (item->n_heads, 1);
  ck_assert_uint_eq (adit_session_get_n_streams (server->session), 1);
  ck_assert_uint_eq (adit_stream_get_room (item->stream), 0);
  item_free_stream (item, ADIT_REASON_NONE, NULL);
  item_free_stream (mate, ADIT_REASON_NONE, NULL);
  ck_assert_uint_eq (adit_session_get_n_streams (server->session), 0);
  turn_times (party_worker, 10);
  ck_assert_uint_eq (item->n_closed + mate->n_closed, 0); /* it was complete: no Close */
  adit_stream_free (NULL, ADIT_REASON_NONE, NULL);
}
END_TEST

START_TEST (test_empty)
{
  Item *item;

  open_both (_i);
  item = party_open (server, 0, 0, 0, 0);
  item_feed (item);
  turn_until (party_worker, item_is_done (item) && item_is_done (other (item)));
  ck_assert_uint_eq (item->got, 0);
}
END_TEST

/* Bodies of many streams at once, in frames of odd sizes: each byte comes to its own. */
START_TEST (test_interleaved)
{
  enum { N = 20 };
  guint64 size = _i == WHOLE ? 1000000 : 15000;
  Item *items[N];

  open_both (_i);
  for (guint i = 0; i < N; i++)
    {
      items[i] = party_open (server, i, 0, size + i, size - i);
      items[i]->piece = 100 + 997 * i;
      other (items[i])->piece = 20000 - 500 * i;
    }
  for (guint i = 0; i < N; i++)
    item_feed (items[i]);
  for (guint i = 0; i < N; i++)
    {
      turn_until (party_worker, item_is_done (items[i]) && item_is_done (other (items[i])));
      ck_assert_uint_eq (items[i]->got, size - i);
      ck_assert_uint_eq (other (items[i])->got, size + i);
    }
}
END_TEST

START_TEST (test_large)
{
  Item *item;

  open_both (WHOLE);
  item = party_open (server, 0, 0, 8 * 1024 * 1024, 8 * 1024 * 1024);
  item_feed (item);
  turn_until (party_worker, item_is_done (item) && item_is_done (other (item)));
}
END_TEST

/* The client does not want it, or the server no longer. */
START_TEST (test_aborts)
{
  Item *item, *mate;

  open_both (_i);
  client->refuses = TRUE;
  item = party_open (server, 0, 0, 1000, 1000);
  item_feed (item);
  turn_until (party_worker, item->n_closed == 1);
  ck_assert_int_eq (item->reason, ADIT_REASON_OVERLOADED);
  ck_assert_str_eq (item->text, "too much to do");
  client->refuses = FALSE;

  item = party_open (server, 0, 0, 1000, 1000);
  mate = other (item);
  item_free_stream (item, ADIT_REASON_VISITOR_GONE, "the visitor left");
  turn_until (party_worker, mate->n_closed == 1);
  ck_assert_int_eq (mate->reason, ADIT_REASON_VISITOR_GONE);
  ck_assert_uint_eq (adit_session_get_n_streams (server->session), 0);
  ck_assert_uint_eq (adit_session_get_n_streams (client->session), 0);
  ck_assert_uint_eq (server->n_closed + client->n_closed, 0);
}
END_TEST

/* ---- credit ---- */

/* A reader that stopped: the sender goes to zero and waits; others are not held up; little memory is used;
 * then it goes on. */
START_TEST (test_stalled_stream)
{
  Item *slow, *slow_mate, *fast;

  open_both (WHOLE);
  slow = party_open (server, 0, 0, 8 * 1024 * 1024, 0);
  slow_mate = other (slow);
  slow_mate->paused = TRUE;
  item_feed (slow);
  turn_times (party_worker, 10);
  ck_assert_uint_eq (slow->sent, ADIT_LIMIT_WINDOW);
  ck_assert_uint_eq (adit_stream_get_room (slow->stream), 0);

  for (guint i = 0; i < 5; i++)
    {
      fast = party_open (server, 0, 0, 2 * 1024 * 1024, 2 * 1024 * 1024);
      item_feed (fast);
      turn_until (party_worker, item_is_done (fast) && item_is_done (other (fast)));
    }
  ck_assert_uint_eq (slow->sent, ADIT_LIMIT_WINDOW);
  ck_assert_uint_eq (slow_mate->held, ADIT_LIMIT_WINDOW);
  ck_assert_uint_eq (slow_mate->highest_held, ADIT_LIMIT_WINDOW);

  item_resume (slow_mate);
  turn_until (party_worker, item_is_done (slow) && item_is_done (slow_mate));
  ck_assert_uint_gt (slow->n_room, 0);
}
END_TEST

/* The same towards the server: a visitor that does not read. */
START_TEST (test_stalled_visitor)
{
  Item *slow, *fast;

  open_both (WHOLE);
  slow = party_open (server, 0, 0, 0, 8 * 1024 * 1024);
  slow->paused = TRUE;
  item_feed (slow);
  turn_until (party_worker, slow->held == ADIT_LIMIT_WINDOW);
  fast = party_open (server, 0, 0, 2 * 1024 * 1024, 2 * 1024 * 1024);
  item_feed (fast);
  turn_until (party_worker, item_is_done (fast));
  ck_assert_uint_eq (slow->held, ADIT_LIMIT_WINDOW);
  ck_assert_uint_eq (other (slow)->sent, ADIT_LIMIT_WINDOW);
  /* A little at a time: never more than the window ahead. */
  for (guint i = 0; i < 50; i++)
    {
      slow->held -= 5000;
      adit_stream_consume (slow->stream, 5000);
      turn_times (party_worker, 2);
      ck_assert_uint_le (slow->held, ADIT_LIMIT_WINDOW);
    }
  item_resume (slow);
  turn_until (party_worker, item_is_done (slow));
}
END_TEST

/* The peer of the whole session stops reading: what waits for it stays small, and all of it goes on
 * afterwards. */
START_TEST (test_stalled_link)
{
  Item *items[10];

  open_both (WHOLE);
  for (guint i = 0; i < 10; i++)
    {
      items[i] = party_open (server, 0, 0, 4 * 1024 * 1024, 0);
      other (items[i]);
    }
  adit_pair_set_stalled (ADIT_PAIR (left), TRUE);
  for (guint i = 0; i < 10; i++)
    item_feed (items[i]);
  turn_times (party_worker, 10);
  ck_assert_uint_le (adit_link_get_queued (left), 2 * ADIT_LIMIT_FRAME_SEND + 10 * ADIT_FRAME_HEADER);
  ck_assert_uint_eq (adit_stream_get_room (items[9]->stream), 0);
  adit_pair_set_stalled (ADIT_PAIR (left), FALSE);
  for (guint i = 0; i < 10; i++)
    turn_until (party_worker, item_is_done (items[i]) && item_is_done (other (items[i])));
}
END_TEST

/* A small one that starts while a large one flows does not wait for its end. */
START_TEST (test_fair)
{
  Item *large, *small;

  open_both (NARROW);
  large = party_open (server, 0, 0, 30 * 1024 * 1024, 0);
  item_feed (large);
  small = party_open (server, 0, 0, 200000, 1000);
  item_feed (small);
  turn_until (party_worker, item_is_done (small) && item_is_done (other (small)));
  ck_assert_uint_gt (other (small)->first_got, 0);
  ck_assert_uint_lt (other (small)->first_got, 4 * 1024 * 1024);
}
END_TEST

/* ---- going away ---- */

START_TEST (test_goaway)
{
  Party *from, *to;
  Item *item;

  open_both (_i / 2 ? BYTE_BY_BYTE : WHOLE);
  from = _i % 2 ? client : server;
  to = _i % 2 ? server : client;
  item = party_open (server, 0, 0, 1000, 1000);
  ck_assert (adit_session_go_away (from->session, "draining", "it is late"));
  turn_until (party_worker, to->n_goaway == 1);
  ck_assert_str_eq (to->code, "draining");
  ck_assert_str_eq (to->reason, "it is late");
  turn_until (party_worker, from->n_settled == 1);
  item_feed (item); /* what runs is finished */
  turn_until (party_worker, item_is_done (item) && item_is_done (other (item)));
  ck_assert_uint_eq (to->n_settled + from->n_goaway, 0);
  adit_session_close (from->session);
  turn_until (party_worker, to->n_closed == 1);
  ck_assert (!adit_session_go_away (from->session, "draining", "again"));
}
END_TEST

/* ---- ends ---- */

enum
{
  CUT,
  CLIENT_CLOSES,
  SERVER_CLOSES,
  CLIENT_DIES,
  N_ENDS
};

static void
end_session (int how)
{
  switch (how)
    {
    case CUT:
      adit_pair_cut (ADIT_PAIR (left));
      break;
    case CLIENT_CLOSES:
      adit_session_close (client->session);
      break;
    case SERVER_CLOSES:
      adit_session_close (server->session);
      break;
    default:
      adit_link_close (right, FALSE);
    }
}

/* Streams in all states; some free themselves or each other as they are told. */
START_TEST (test_end)
{
  enum { N = 200 };
  Item *items[N];

  open_both (WHOLE);
  for (guint i = 0; i < N; i++)
    {
      items[i] = party_open (server, 0, 0, i % 3 ? 500000 : 0, i % 5 ? 400000 : 0);
      other (items[i])->paused = i % 2;
      items[i]->paused = i % 7 == 0;
      items[i]->frees = i % 4 == 0;
      other (items[i])->frees = i % 4 == 1;
      items[i]->victim = i % 11 == 0 ? items[i / 2] : NULL;
      if (i % 6)
        item_feed (items[i]);
    }
  items[3]->victim = items[N - 1];
  turn_times (party_worker, 5);
  end_session (_i);
  turn_until (party_worker, adit_session_get_state (server->session) == ADIT_SESSION_CLOSED);
  if (_i != CLIENT_DIES)
    turn_until (party_worker, adit_session_get_state (client->session) == ADIT_SESSION_CLOSED);
  ck_assert_uint_eq (server->n_closed, _i == SERVER_CLOSES ? 0 : 1);
  ck_assert_uint_eq (client->n_closed, _i == CLIENT_CLOSES || _i == CLIENT_DIES ? 0 : 1);
  for (guint i = 0; i < N; i++)
    {
      ck_assert (items[i]->n_closed == 1 || items[i]->stream == NULL);
      if (items[i]->n_closed)
        ck_assert_int_eq (items[i]->reason, ADIT_REASON_TUNNEL_OFFLINE);
    }
  ck_assert_uint_eq (adit_session_get_n_streams (server->session), 0);
  ck_assert (party_open (server, 0, 0, 0, 0) == NULL);
  if (_i == CUT)
    ck_assert_int_eq (server->closed_code, ADIT_ERROR_CLOSED);
}
END_TEST

/* ---- keep-alive ---- */

/* Two that have nothing to say stay together, for as long as it takes. */
START_TEST (test_idle)
{
  open_with (WHOLE, _i ? ALL : NO_FEATURES, ALL);
  party_pass_time (10 * 60 * 1000);
  ck_assert_uint_eq (server->n_closed + client->n_closed, 0);
}
END_TEST

/* Nothing passes any more, and nobody says so: both ends find out. */
START_TEST (test_dead)
{
  guint dead_ms = _i ? 9000 : 45000;
  Item *item;

  open_with (WHOLE, _i ? ALL : NO_FEATURES, ALL);
  item = party_open (server, 0, 0, 0, 0);
  other (item);
  party_pass_time (1000);
  adit_pair_set_stalled (ADIT_PAIR (left), TRUE);
  adit_pair_set_stalled (ADIT_PAIR (right), TRUE);
  party_pass_time (dead_ms - 1200);
  ck_assert_uint_eq (server->n_closed + client->n_closed, 0);
  party_pass_time (4500);
  ck_assert_uint_eq (server->n_closed, 1);
  ck_assert_uint_eq (client->n_closed, 1);
  ck_assert_int_eq (server->closed_code, ADIT_ERROR_TIMEOUT);
  ck_assert_int_eq (client->closed_code, ADIT_ERROR_TIMEOUT);
  ck_assert_uint_eq (item->n_closed, 1);
}
END_TEST

START_TEST (test_probe)
{
  open_both (WHOLE);
  for (guint i = 0; i < 3; i++)
    {
      party_pass_time (2500);
      adit_session_probe (client->session, 1000);
      party_pass_time (3000);
      ck_assert_uint_eq (client->n_closed, 0);
    }
  party_pass_time (60000);
  ck_assert_uint_eq (client->n_closed, 0);

  adit_pair_set_stalled (ADIT_PAIR (left), TRUE);
  party_pass_time (100);
  adit_session_probe (client->session, 1000);
  adit_session_probe (client->session, 50000);
  party_pass_time (800);
  ck_assert_uint_eq (client->n_closed, 0);
  party_pass_time (400);
  ck_assert_uint_eq (client->n_closed, 1);
  ck_assert_int_eq (client->closed_code, ADIT_ERROR_TIMEOUT);
}
END_TEST

/* ---- many ---- */

/* One step of random work; what the model expects of each stream is in its two items. */
static void
random_step (guint64 *seed, GPtrArray *open)
{
  Item *item = open->len ? open->pdata[turn_random (seed, open->len)] : NULL;
  Item *mate = item ? party_find (client, item->id) : NULL;

  switch (turn_random (seed, 12))
    {
    case 0:
      if (item && item->stream && turn_random (seed, 3) == 0)
        item_free_stream (item, ADIT_REASON_VISITOR_GONE, NULL);
      break;
    case 1:
      if (mate && mate->stream && turn_random (seed, 3) == 0)
        item_free_stream (mate, ADIT_REASON_LOCAL_FAILED, "model");
      break;
    case 2:
      if (item)
        item->paused = TRUE;
      break;
    case 3:
      if (mate)
        mate->paused = TRUE;
      break;
    case 4:
      if (item)
        item_resume (item);
      break;
    case 5:
      if (mate)
        item_resume (mate);
      break;
    case 6:
      party_pass_time (turn_random (seed, 40));
      break;
    default:
      if (open->len < 1000)
        {
          guint32 most = turn_random (seed, 20) ? 3000 : 400000;

          item = party_open (server, 0, 0, turn_random (seed, most), turn_random (seed, most));
          item_feed (item);
          g_ptr_array_add (open, item);
        }
    }
}

/* A stream is over when both ends have all of it, or when both know that it was aborted. */
static gboolean
is_over (Item *item)
{
  Item *mate = party_find (client, item->id);

  if (item->stream == NULL && mate == NULL)
    return TRUE;
  if (mate == NULL)
    return FALSE;
  if (item_is_done (item) && item_is_done (mate))
    return item->got == mate->to_send && mate->got == item->to_send;
  return (item->stream == NULL || item->n_closed) && (mate->stream == NULL || mate->n_closed);
}

START_TEST (test_random)
{
  g_autoptr (GPtrArray) open = g_ptr_array_new ();
  guint64 seed = (guint64) _i + 1;
  guint done = 0;

  open_both (WHOLE);
  if (_i % 2)
    adit_pair_set_capacity (ADIT_PAIR (left), 100000);
  for (guint i = 0; i < 4000; i++)
    {
      random_step (&seed, open);
      if (turn_random (&seed, 20) == 0)
        adit_worker_turn (party_worker, FALSE);
    }
  turn_times (party_worker, 5);
  ck_assert_uint_eq (open->len, 1000);
  for (guint i = 0; i < open->len; i++)
    {
      Item *mate = party_find (client, ((Item *) open->pdata[i])->id);

      item_resume (open->pdata[i]);
      if (mate)
        item_resume (mate);
    }
  for (guint i = 0; i < open->len; i++)
    {
      turn_until (party_worker, is_over (open->pdata[i]));
      done += item_is_done (open->pdata[i]);
    }
  ck_assert_uint_gt (done, 500);
  ck_assert_uint_eq (server->n_closed + client->n_closed, 0);
}
END_TEST

/* As many as there may be, and one more; then the end, which costs about as much as the beginning: both
 * are linear, so whatever else the machine does weighs on both. */
START_TEST (test_most_streams)
{
  gint64 start = g_get_monotonic_time (), opening;

  open_both (WHOLE);
  for (guint i = 0; i < ADIT_LIMIT_STREAMS; i++)
    ck_assert (party_open (server, 0, 0, 0, 0) != NULL);
  ck_assert (party_open (server, 0, 0, 0, 0) == NULL);
  ck_assert_uint_eq (adit_session_get_n_streams (server->session), ADIT_LIMIT_STREAMS);
  turn_until (party_worker, adit_session_get_n_streams (client->session) == ADIT_LIMIT_STREAMS);
  item_free_stream (server->items->pdata[7], ADIT_REASON_NONE, NULL);
  ck_assert (party_open (server, 0, 0, 0, 0) != NULL);
  opening = g_get_monotonic_time () - start;
  start = g_get_monotonic_time ();
  end_session (CUT);
  turn_until (party_worker, server->n_closed && client->n_closed);
  ck_assert_int_lt (g_get_monotonic_time () - start, 8 * opening);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("session");
  TCase *tcase = tcase_create ("session");
  TCase *many = tcase_create ("many");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_set_timeout (tcase, 30);
  tcase_add_loop_test (tcase, test_welcome, 0, N_WAYS);
  tcase_add_loop_test (tcase, test_reject, 0, N_WAYS);
  tcase_add_loop_test (tcase, test_features, 0, 20);
  tcase_add_loop_test (tcase, test_v1, 0, N_WAYS);
  tcase_add_loop_test (tcase, test_stream, 0, N_WAYS);
  tcase_add_loop_test (tcase, test_empty, 0, N_WAYS);
  tcase_add_loop_test (tcase, test_interleaved, 0, N_WAYS);
  tcase_add_test (tcase, test_large);
  tcase_add_loop_test (tcase, test_aborts, 0, N_WAYS);
  tcase_add_test (tcase, test_stalled_stream);
  tcase_add_test (tcase, test_stalled_visitor);
  tcase_add_test (tcase, test_stalled_link);
  tcase_add_test (tcase, test_fair);
  tcase_add_loop_test (tcase, test_goaway, 0, 4);
  tcase_add_loop_test (tcase, test_end, 0, N_ENDS);
  tcase_add_loop_test (tcase, test_idle, 0, 2);
  tcase_add_loop_test (tcase, test_dead, 0, 2);
  tcase_add_test (tcase, test_probe);
  suite_add_tcase (suite, tcase);

  tcase_add_checked_fixture (many, setup, teardown);
  tcase_set_timeout (many, 60);
  tcase_add_loop_test (many, test_random, 0, 6);
  tcase_add_test (many, test_most_streams);
  suite_add_tcase (suite, many);
  return testing_run (suite);
}
