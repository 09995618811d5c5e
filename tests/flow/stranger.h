/* SPDX-License-Identifier: MIT */
/* stranger: the other end of a session under test, which writes its frames by hand: it may say anything.
 *
 * One session (party) and one stranger in a test. Thread: the test's. */
#pragma once

#include "flow/party.h"

#define HELLO_V1 "{\"version\":1,\"token\":\"secret\",\"subdomain\":\"api\"}"
#define EVERYTHING                                                                                   \
  "\"features\":[\"credit\",\"tunnels\",\"length\",\"trailers\",\"upgrade\",\"interim\",\"reason\",\"goaway\"," \
  "\"epoch\",\"keepalive\"]"
#define HELLO_OURS "{\"version\":1,\"token\":\"secret\",\"window\":1000," EVERYTHING "}"
#define WELCOME_OURS "{\"subdomain\":\"api\",\"public_url\":\"https://a\",\"window\":1000," EVERYTHING "}"
#define WELCOME_V1 "{\"subdomain\":\"api\",\"public_url\":\"https://a\"}"

/* The session under test. */
extern Party *party;
/* The stranger heard its end. */
extern gboolean stranger_ended;
/* The frame that read_frame() and expect() found, its body with a NUL behind. */
extern AditFrame frame;
extern guint8 *body;

void stranger_setup (void);
void stranger_teardown (void);

/* The session is a server, or a client. */
void open_stranger (gboolean is_server);
/* And has said Welcome to @hello, or got @welcome. */
void open_server (const char *hello);
void open_client (const char *welcome);
/* Server: a stream that the stranger has seen. */
Item *open_item (guint64 up);

void say (guint8 type, guint64 id, const void *data, gsize len);
void say_text (guint8 type, guint64 id, const char *text);
/* A header that promises more than follows. */
void say_header (guint8 type, guint64 id, guint32 len);
void say_credit (guint64 id, guint32 credit);
/* @len bytes of the body of a stream of the session, from @at on. */
void say_body (guint8 type, guint64 id, guint64 at, gsize len);
/* Nothing more follows. */
void say_end (void);

/* FALSE if no whole frame has come. */
gboolean read_frame (void);
/* The next frame that is no Ping is of @type, for @id. */
void expect (guint8 type, guint64 id);
/* Nothing but Pings comes. */
void expect_nothing (void);
/* The session goes on. */
void expect_live (void);
/* The session ends with @code, and its owner learns why. */
void expect_end (int code);
