/* SPDX-License-Identifier: MIT */
/* stranger: see stranger.h. */
#include "flow/stranger.h"

#include <string.h>

Party *party;
gboolean stranger_ended;
AditFrame frame;
guint8 *body;

static AditLink *link_;
static AditBuf in;

static void
on_readable (gpointer owner)
{
  static guint8 bytes[65536];
  gssize n = adit_link_read (link_, bytes, sizeof bytes);

  if (n > 0)
    adit_buf_append (&in, bytes, (gsize) n);
  if (n == ADIT_LINK_EOF)
    stranger_ended = TRUE;
}

static void
on_failed (gpointer owner, const GError *error)
{
  stranger_ended = TRUE;
}

static const AditLinkListener listener = { .on_readable = on_readable, .on_failed = on_failed };

void
say (guint8 type, guint64 id, const void *data, gsize len)
{
  guint8 header[ADIT_FRAME_HEADER];

  adit_frame_pack (header, type, id, (guint32) len);
  adit_link_send (link_, adit_span (header, sizeof header));
  adit_link_send (link_, adit_span (data, len));
}

void
say_text (guint8 type, guint64 id, const char *text)
{
  say (type, id, text, strlen (text));
}

void
say_header (guint8 type, guint64 id, guint32 len)
{
  guint8 header[ADIT_FRAME_HEADER];

  adit_frame_pack (header, type, id, len);
  adit_link_send (link_, adit_span (header, sizeof header));
}

void
say_credit (guint64 id, guint32 credit)
{
  guint32 number = GUINT32_TO_BE (credit);

  say (ADIT_FRAME_CREDIT, id, &number, sizeof number);
}

void
say_body (guint8 type, guint64 id, guint64 at, gsize len)
{
  g_autofree guint8 *bytes = g_malloc (len + 1);

  for (gsize i = 0; i < len; i++)
    bytes[i] = party_byte (id, type == ADIT_FRAME_REQUEST_BODY, at + i);
  say (type, id, bytes, len);
}

void
say_end (void)
{
  adit_link_finish (link_);
}

gboolean
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

void
expect (guint8 type, guint64 id)
{
  do
    turn_until (party_worker, read_frame ());
  while (frame.type == ADIT_FRAME_PING && type != ADIT_FRAME_PING);
  ck_assert_str_eq (adit_frame_name (frame.type), adit_frame_name (type));
  ck_assert_uint_eq (frame.id, id);
}

void
expect_nothing (void)
{
  turn_times (party_worker, 20);
  while (read_frame ())
    ck_assert_str_eq (adit_frame_name (frame.type), "Ping");
}

void
open_stranger (gboolean is_server)
{
  AditLink *other;

  adit_pair_new (&link_, &other);
  adit_link_set_listener (link_, &listener, NULL);
  ck_assert (adit_link_attach (link_, party_worker));
  party = party_new (other, is_server, ADIT_FEATURES_ALL);
}

void
open_server (const char *hello)
{
  open_stranger (TRUE);
  say_text (ADIT_FRAME_HELLO, 0, hello);
  expect (ADIT_FRAME_WELCOME, 0);
}

void
open_client (const char *welcome)
{
  open_stranger (FALSE);
  expect (ADIT_FRAME_HELLO, 0);
  say_text (ADIT_FRAME_WELCOME, 0, welcome);
  turn_until (party_worker, party->n_welcome == 1);
}

Item *
open_item (guint64 up)
{
  Item *item = party_open (party, 0, 0, up, 0);
  gboolean ours = (adit_session_get_features (party->session) & ADIT_FEATURE_TUNNELS) != 0;

  expect (ours ? ADIT_FRAME_REQUEST : ADIT_FRAME_NEW_REQUEST, item->id);
  return item;
}

void
expect_live (void)
{
  turn_times (party_worker, 20);
  ck_assert_uint_eq (party->n_closed, 0);
  ck_assert_int_eq (adit_session_get_state (party->session), ADIT_SESSION_LIVE);
}

void
expect_end (int code)
{
  turn_until (party_worker, party->n_closed == 1);
  ck_assert_int_eq (party->closed_code, code);
  ck_assert_str_ne (party->closed_text, "");
}

void
stranger_setup (void)
{
  party_setup ();
}

void
stranger_teardown (void)
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
