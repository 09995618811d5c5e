/* SPDX-License-Identifier: MIT */
/* party: see party.h. */
#include "flow/party.h"

#include "base/clock.h"
#include "base/error.h"
#include "wire/limits.h"

#include <stdio.h>
#include <string.h>

AditWorker *party_worker;

static gint64 now_us;

static gint64
party_clock (void)
{
  return now_us;
}

void
party_setup (void)
{
  now_us = adit_clock_us ();
  adit_clock_replace (party_clock);
  party_worker = adit_worker_new (0);
  adit_worker_turn (party_worker, FALSE);
}

void
party_teardown (void)
{
  turn_unref_last (party_worker);
  adit_clock_replace (NULL);
}

void
party_pass_time (guint ms)
{
  for (guint step; ms > 0; ms -= step)
    {
      step = MIN (ms, 100);
      now_us += (gint64) step * 1000;
      adit_worker_turn (party_worker, FALSE);
    }
}

/* ---- bodies ---- */

guint8
party_byte (guint64 id, gboolean up, guint64 at)
{
  return (guint8) (at * 31 + (at >> 8) * 7 + (at >> 16) + id * 131 + (up ? 0 : 77));
}

/* The server sends up. */
static void
check_body (const Item *item, AditSpan piece)
{
  for (gsize i = 0; i < piece.len; i++)
    if (piece.data[i] != party_byte (item->id, !item->party->is_server, item->got + i))
      ck_abort_msg ("stream %" G_GUINT64_FORMAT ": byte %" G_GUINT64_FORMAT " is wrong", item->id,
                    item->got + i);
}

void
item_feed (Item *item)
{
  static guint8 memory[ADIT_FRAME_HEADER + ADIT_LIMIT_FRAME_SEND];
  guint8 *body = memory + ADIT_FRAME_HEADER;

  while (item->stream && item->sent < item->to_send)
    {
      gsize len = adit_stream_get_room (item->stream);

      ck_assert_uint_le (len, ADIT_LIMIT_FRAME_SEND);
      len = MIN (len, item->to_send - item->sent);
      if (item->piece)
        len = MIN (len, item->piece);
      if (len == 0)
        return;
      for (gsize i = 0; i < len; i++)
        body[i] = party_byte (item->id, item->party->is_server, item->sent + i);
      adit_stream_send_body (item->stream, body, len);
      item->sent += len;
    }
  if (item->stream && !item->sent_end)
    {
      item->sent_end = TRUE;
      adit_stream_send_end (item->stream, ADIT_SPAN ("Checked: yes\r\n"));
    }
}

void
item_resume (Item *item)
{
  guint64 held = item->held;

  item->paused = FALSE;
  item->held = 0;
  if (item->stream)
    adit_stream_consume (item->stream, held);
}

void
item_free_stream (Item *item, AditReason reason, const char *text)
{
  adit_stream_free (g_steal_pointer (&item->stream), reason, text);
}

gboolean
item_is_done (const Item *item)
{
  return item->sent_end && item->sent == item->to_send && item->n_ends == 1;
}

/* ---- streams ---- */

static void
on_head (gpointer owner, AditSpan head)
{
  Item *item = owner;

  ck_assert_uint_eq (item->n_closed, 0);
  item->n_heads++;
  g_free (item->head);
  item->head = g_strndup ((const char *) head.data, head.len);
}

static void
on_body (gpointer owner, AditSpan piece)
{
  Item *item = owner;

  ck_assert_uint_eq (item->n_closed + item->n_ends, 0);
  check_body (item, piece);
  item->got += piece.len;
  item->held += piece.len;
  item->highest_held = MAX (item->highest_held, item->held);
  if (!item->paused)
    item_resume (item);
}

static void
on_end (gpointer owner, AditSpan trailers)
{
  Item *item = owner;

  ck_assert_uint_eq (item->n_closed, 0);
  ck_assert_uint_eq (++item->n_ends, 1);
  item->first_got = ((Item *) item->party->items->pdata[0])->got;
  item->trailers = g_strndup ((const char *) trailers.data, trailers.len);
}

static void
on_room (gpointer owner)
{
  Item *item = owner;

  ck_assert_uint_eq (item->n_closed, 0);
  item->n_room++;
  item_feed (item);
}

static void
on_stream_closed (gpointer owner, AditReason reason, const char *text)
{
  Item *item = owner;
  guint8 memory[ADIT_FRAME_HEADER + 8] = { 0 };

  ck_assert_uint_eq (++item->n_closed, 1);
  item->reason = reason;
  item->text = g_strdup (text);
  /* Every call does nothing now. */
  ck_assert_uint_eq (adit_stream_get_room (item->stream), 0);
  adit_stream_send_head (item->stream, ADIT_SPAN ("late"));
  adit_stream_send_body (item->stream, memory + ADIT_FRAME_HEADER, 8);
  adit_stream_send_end (item->stream, adit_span (NULL, 0));
  adit_stream_consume (item->stream, 8);
  if (item->frees)
    item_free_stream (item, ADIT_REASON_NONE, NULL);
  if (item->victim && item->victim->stream)
    item_free_stream (item->victim, ADIT_REASON_NONE, NULL);
}

static const AditStreamListener stream_listener = {
  .on_head = on_head,
  .on_body = on_body,
  .on_end = on_end,
  .on_room = on_room,
  .on_closed = on_stream_closed,
};

static Item *
add_item (Party *party)
{
  Item *item = g_new0 (Item, 1);

  item->party = party;
  g_ptr_array_add (party->items, item);
  return item;
}

static void
item_free (gpointer data)
{
  Item *item = data;

  adit_stream_free (item->stream, ADIT_REASON_NONE, NULL);
  g_free (item->head);
  g_free (item->text);
  g_free (item->trailers);
  g_free (item);
}

Item *
party_find (Party *party, guint64 id)
{
  for (guint i = party->items->len; i > 0; i--)
    if (((Item *) party->items->pdata[i - 1])->id == id)
      return party->items->pdata[i - 1];
  return NULL;
}

Item *
party_open (Party *party, guint tunnel, guint flags, guint64 up, guint64 down)
{
  guint8 memory[ADIT_SESSION_HEAD_ROOM + 64];
  int len = g_snprintf ((char *) memory + ADIT_SESSION_HEAD_ROOM, 64,
                        "up=%" G_GUINT64_FORMAT " down=%" G_GUINT64_FORMAT, up, down);
  Item *item = add_item (party);

  item->to_send = up;
  item->stream = adit_session_open (party->session, tunnel, flags, memory + ADIT_SESSION_HEAD_ROOM,
                                    (gsize) len,
                                    &stream_listener, item);
  if (item->stream == NULL)
    {
      g_ptr_array_remove (party->items, item);
      return NULL;
    }
  item->id = adit_stream_get_id (item->stream);
  return item;
}

/* ---- the session ---- */

static void
on_request (gpointer owner, AditStream *stream, guint tunnel, guint flags, AditSpan head)
{
  Party *party = owner;
  Item *item;

  ck_assert_uint_eq (party->n_closed, 0);
  if (party->refuses)
    {
      adit_stream_free (stream, ADIT_REASON_OVERLOADED, "too much to do");
      return;
    }
  item = add_item (party);
  item->stream = stream;
  item->id = adit_stream_get_id (stream);
  item->tunnel = tunnel;
  item->flags = flags;
  item->head = g_strndup ((const char *) head.data, head.len);
  adit_stream_set_listener (stream, &stream_listener, item);
  if (sscanf (item->head, "up=%*u down=%" G_GUINT64_FORMAT, &item->to_send) != 1)
    return; /* a stranger's: the test does the rest */
  adit_stream_send_head (stream, ADIT_SPAN ("200"));
  item_feed (item);
}

static void
on_hello (gpointer owner, AditHello *hello)
{
  Party *party = owner;

  party->n_hello++;
  adit_hello_free (party->hello);
  party->hello = hello;
  if (!party->waits)
    party_welcome (party, party->offers);
}

static void
on_welcome (gpointer owner, const AditWelcome *welcome)
{
  Party *party = owner;

  party->n_welcome++;
  party->public_url = g_strdup (welcome->public_url);
}

static void
take_words (Party *party, const AditReject *why)
{
  g_free (party->code);
  g_free (party->reason);
  party->code = g_strdup (why->code);
  party->reason = g_strdup (why->reason);
}

static void
on_reject (gpointer owner, const AditReject *reject)
{
  Party *party = owner;

  party->n_reject++;
  take_words (party, reject);
}

static void
on_goaway (gpointer owner, const AditReject *why)
{
  Party *party = owner;

  party->n_goaway++;
  take_words (party, why);
}

static void
on_settled (gpointer owner)
{
  ((Party *) owner)->n_settled++;
}

static void
on_closed (gpointer owner, const GError *error)
{
  Party *party = owner;

  ck_assert_uint_eq (++party->n_closed, 1);
  ck_assert (error->domain == ADIT_ERROR);
  party->closed_code = error->code;
  party->closed_text = g_strdup (error->message);
  ck_assert_uint_eq (adit_session_get_n_streams (party->session), 0);
}

static const AditSessionListener session_listener = {
  .on_hello = on_hello,
  .on_welcome = on_welcome,
  .on_reject = on_reject,
  .on_request = on_request,
  .on_goaway = on_goaway,
  .on_settled = on_settled,
  .on_closed = on_closed,
};

AditHello *
party_hello (AditFeatures features)
{
  AditHello *hello = adit_hello_new ();

  g_free (hello->token);
  hello->token = g_strdup ("secret");
  hello->subdomain = g_strdup ("api");
  hello->features = features;
  hello->window = features & ADIT_FEATURE_CREDIT ? ADIT_LIMIT_WINDOW : 0;
  return hello;
}

void
party_welcome (Party *party, AditFeatures features)
{
  g_autoptr (AditWelcome) welcome = adit_welcome_new ();

  welcome->subdomain = g_strdup ("api");
  welcome->public_url = g_strdup ("https://api.example.com");
  welcome->features = features;
  welcome->window = features & ADIT_FEATURE_CREDIT ? ADIT_LIMIT_WINDOW : 0;
  adit_session_welcome (party->session, party->hello, welcome);
}

Party *
party_new (AditLink *link, gboolean is_server, AditFeatures features)
{
  Party *party = g_new0 (Party, 1);
  g_autoptr (AditHello) hello = party_hello (features);

  party->is_server = is_server;
  party->offers = features;
  party->items = g_ptr_array_new_with_free_func (item_free);
  party->link = link;
  g_object_add_weak_pointer (party->link, &party->link);
  ck_assert (adit_link_attach (link, party_worker));
  party->session = adit_session_new (link, is_server, &session_listener, party);
  if (!is_server)
    adit_session_say_hello (party->session, hello);
  return party;
}

void
party_free (Party *party)
{
  if (party == NULL)
    return;
  adit_session_close (party->session);
  adit_session_close (party->session);
  g_ptr_array_unref (party->items);
  turn_unref_last (party->session);
  /* What was sent last may leave for a while, not for ever. */
  party_pass_time (ADIT_LIMIT_LINGER_MS + 100);
  ck_assert (party->link == NULL);
  adit_hello_free (party->hello);
  g_free (party->public_url);
  g_free (party->code);
  g_free (party->reason);
  g_free (party->closed_text);
  g_free (party);
}
