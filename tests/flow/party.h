/* SPDX-License-Identifier: MIT */
/* party: one end of a session as the flow tests play it: it notes all that happens to it, and moves bodies
 * whose every byte can be checked.
 *
 * A request says in its head what it wants: "up=N down=M": so many bytes follow, so many are to come back.
 * Time stands still but for party_pass_time(). Thread: the test's. */
#pragma once

#include "lib/turning.h"
#include "link/pair.h"
#include "mux/session.h"

#define NO_FEATURES ((AditFeatures) 0)

typedef struct Party Party;

/* One stream at one end. */
typedef struct Item Item;
struct Item
{
  Party *party;
  AditStream *stream;  /* NULL once freed */
  guint64 id;
  guint tunnel, flags;
  char *head;          /* the last one */
  guint n_heads, n_ends, n_closed, n_room;
  AditReason reason;
  char *text, *trailers;
  guint64 got, held, highest_held;
  gboolean paused;     /* keeps what comes: no credit is given back */
  guint64 sent, to_send;
  gboolean sent_end;
  gsize piece;         /* at most so much in one frame; 0: as much as there is room */
  gboolean frees;      /* its stream, as soon as it is closed */
  Item *victim;        /* this one's too */
  guint64 first_got;   /* what the first stream of this end had got when this one's end came */
};

struct Party
{
  AditSession *session;
  gpointer link;       /* weak */
  gboolean is_server;
  AditHello *hello;    /* as it came */
  AditFeatures offers; /* in the Welcome */
  gboolean waits;      /* does not answer a Hello by itself */
  gboolean refuses;    /* requests */
  guint n_hello, n_welcome, n_reject, n_goaway, n_settled, n_closed;
  char *public_url;
  char *code, *reason; /* of Reject or GoAway */
  int closed_code;     /* AditError */
  char *closed_text;
  GPtrArray *items;
};

extern AditWorker *party_worker;

void party_setup (void);
void party_teardown (void);
/* The clock moves on, and what is due happens; in steps of at most 100 ms. */
void party_pass_time (guint ms);

/* Takes @link. Without @is_server it says Hello with @features; 0 is wire v1. */
Party *party_new (AditLink *link, gboolean is_server, AditFeatures features);
AditHello *party_hello (AditFeatures features);
/* Server: answers the Hello. */
void party_welcome (Party *party, AditFeatures features);
/* Closes, frees, and makes sure that nothing stays behind. NULL is fine. */
void party_free (Party *party);

/* Server: opens a request. NULL if the session refuses. */
Item *party_open (Party *party, guint tunnel, guint flags, guint64 up, guint64 down);
Item *party_find (Party *party, guint64 id);
/* Sends what is to be sent, as far as there is room, and the end behind it. */
void item_feed (Item *item);
/* Gives back the credit of what it kept, and goes on so. */
void item_resume (Item *item);
void item_free_stream (Item *item, AditReason reason, const char *text);
/* Both directions are complete, byte for byte. */
gboolean item_is_done (const Item *item);
/* Byte @at of what a stream carries up (towards the client) or down. */
guint8 party_byte (guint64 id, gboolean up, guint64 at);
