/* SPDX-License-Identifier: MIT */
/* hello: the JSON of the opening exchange, its features, and names.
 *
 * Pure; strangers' JSON is bounded in length and depth before a parser sees it. doc/protocol.md section 3. */
#pragma once

#include <glib.h>

/* Both sides announce these in Hello and Welcome; a feature is in force when both announced it. */
typedef enum
{
  ADIT_FEATURE_CREDIT = 1 << 0,     /* "credit": Credit frames, a window for each stream and direction */
  ADIT_FEATURE_TUNNELS = 1 << 1,    /* "tunnels": several tunnels on a session; Request frames */
  ADIT_FEATURE_LENGTH = 1 << 2,     /* "length": request bodies of unknown length */
  ADIT_FEATURE_TRAILERS = 1 << 3,   /* "trailers": trailer fields in RequestEnd and ResponseEnd */
  ADIT_FEATURE_UPGRADE = 1 << 4,    /* "upgrade": 101 and raw bytes behind it */
  ADIT_FEATURE_INTERIM = 1 << 5,    /* "interim": several ResponseStart, 1xx before the last; Expect passes */
  ADIT_FEATURE_REASON = 1 << 6,     /* "reason": Close bodies begin with a word */
  ADIT_FEATURE_GOAWAY = 1 << 7,     /* "goaway": the drain notice */
  ADIT_FEATURE_EPOCH = 1 << 8,      /* "epoch": instance ids and epochs of names */
  ADIT_FEATURE_KEEPALIVE = 1 << 9,  /* "keepalive": ping after 3 s of silence, dead after 9 s */
} AditFeatures;

#define ADIT_FEATURES_ALL ((AditFeatures) 0x3ff)

/* One tunnel as the client asks for it and as the server answers. */
typedef struct
{
  char *type;       /* "http" */
  char *subdomain;  /* NULL: a random one; in an answer: the one given */
  char *public_url; /* answer only */
  guint64 epoch;    /* 0: none */
  char *code;       /* answer only: a Reject code if this tunnel was refused, else NULL */
  char *reason;     /* answer only: the sentence that goes with it */
} AditHelloTunnel;

typedef struct
{
  guint64 version;      /* 1 */
  char *token;          /* never NULL; may be "" */
  char *subdomain;      /* NULL: a random one. Equals the first tunnel's */
  AditFeatures features;
  guint32 window;       /* bytes of credit each stream starts with towards this side; 0 without "credit" */
  char *instance;       /* NULL, or 32 hexadecimal digits of this client process */
  char *agent;          /* NULL, or program and version, for logs */
  GPtrArray *tunnels;   /* AditHelloTunnel; empty for a v1 client */
} AditHello;

typedef struct
{
  char *subdomain;
  char *public_url;
  AditFeatures features;
  guint32 window;
  char *agent;
  GPtrArray *tunnels;   /* in the order of Hello; empty from a v1 server */
} AditWelcome;

typedef struct
{
  char *reason;  /* never NULL */
  char *code;    /* NULL without one */
} AditReject;

AditHelloTunnel *adit_hello_tunnel_new (void);
void adit_hello_tunnel_free (AditHelloTunnel *tunnel);

AditHello *adit_hello_new (void);
void adit_hello_free (AditHello *hello);
/* NULL with ADIT_ERROR_PROTOCOL and a sentence fit for a Reject: no JSON, no object, wrong types, too many
 * tunnels, a bad instance. A version other than 1 parses (the caller refuses it); "1" as text is 1; a
 * missing one is 1. */
AditHello *adit_hello_parse (const guint8 *data, gsize len, GError **error);
char *adit_hello_write (const AditHello *hello);

AditWelcome *adit_welcome_new (void);
void adit_welcome_free (AditWelcome *welcome);
AditWelcome *adit_welcome_parse (const guint8 *data, gsize len, GError **error);
char *adit_welcome_write (const AditWelcome *welcome);

/* Never fails: what is no JSON object is the reason as plain text (made valid UTF-8, control characters
 * dropped). */
AditReject *adit_reject_read (const guint8 *data, gsize len);
void adit_reject_free (AditReject *reject);
char *adit_reject_write (const char *reason, const char *code);

/* wire-v1 item 15, after lower-casing in place: 1 to 63 of a-z 0-9 hyphen, none at an end, no dot. */
gboolean adit_name_normalise (char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AditHello, adit_hello_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AditWelcome, adit_welcome_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AditReject, adit_reject_free)
