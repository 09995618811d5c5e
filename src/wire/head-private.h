/* SPDX-License-Identifier: MIT */
/* head-private: what the files of the head parser share; nobody else includes it. */
#pragma once

#include "wire/head.h"
#include "wire/head-find.h"

/* Sets of kinds. */
#define ADIT_HEAD_KIND(kind) (1u << ADIT_FIELD_##kind)
#define ADIT_HEAD_KIND_IN(kind, set) (((set) >> (kind) & 1u) != 0)
/* RFC 9110 7.6.1. Trailer is not among them: it goes with the trailers. */
#define ADIT_HEAD_KINDS_HOP \
  (ADIT_HEAD_KIND (TRANSFER_ENCODING) | ADIT_HEAD_KIND (CONNECTION) | ADIT_HEAD_KIND (KEEP_ALIVE) \
   | ADIT_HEAD_KIND (PROXY_CONNECTION) | ADIT_HEAD_KIND (PROXY_AUTHENTICATE) \
   | ADIT_HEAD_KIND (PROXY_AUTHORIZATION) | ADIT_HEAD_KIND (TE) | ADIT_HEAD_KIND (UPGRADE) \
   | ADIT_HEAD_KIND (HTTP2_SETTINGS))
/* What adit_head_take_field() wants to see. */
#define ADIT_HEAD_KINDS_THAT_MATTER \
  (ADIT_HEAD_KIND (HOST) | ADIT_HEAD_KIND (CONTENT_LENGTH) | ADIT_HEAD_KIND (TRANSFER_ENCODING) \
   | ADIT_HEAD_KIND (CONNECTION) | ADIT_HEAD_KIND (TE) | ADIT_HEAD_KIND (UPGRADE) | ADIT_HEAD_KIND (EXPECT))

/* One parse: what is known of a head so far. Small, for it is cleared for every head. */
typedef struct
{
  AditHead *head;
  AditHeadFault *fault;
  const guint8 *at, *end;
  AditSpan absolute;               /* authority of an absolute-form target; no data: another form */
  AditSpan host;                   /* value of the Host field; no data: none yet */
  AditSpan upgrade;                /* value of the first Upgrade field */
  guint16 n_upgrades, n_options;
  guint response : 1, trailers : 1;
  guint absolute_https : 1;     /* with @absolute */
  guint has_length : 1, has_coding : 1;
  guint says_close : 1, says_keep_alive : 1, says_upgrade : 1;
  guint names_fields : 1;       /* Connection names fields that are not hop-by-hop by kind */
} AditHeadParser;

/* Sets the fault (PROTOCOL in a response) and returns ADIT_HEAD_BAD. */
AditHeadResult adit_head_fail (AditHeadParser *parser, AditReason reason, const char *text);

static inline AditHeadResult
adit_head_bad (AditHeadParser *parser, const char *text)
{
  return adit_head_fail (parser, ADIT_REASON_BAD_REQUEST, text);
}

/* These take from parser->at on; with MORE or BAD it stands somewhere within. */
AditHeadResult adit_head_take_request_line (AditHeadParser *parser);
AditHeadResult adit_head_take_status_line (AditHeadParser *parser);
/* CR LF; @otherwise: the fault if another byte than CR or LF stands there. */
AditHeadResult adit_head_take_line_end (AditHeadParser *parser, const char *otherwise);

/* The kind of a field name. */
AditFieldKind adit_head_kind (const guint8 *name, gsize len);
/* Takes in a field whose kind matters to framing or routing. */
AditHeadResult adit_head_take_field (AditHeadParser *parser, AditField *field);
/* Marks the fields that Connection names. */
void adit_head_mark_named (AditHead *head);
/* TRUE if a field may not come as a trailer (RFC 9110 6.5.1). */
gboolean adit_head_bars_trailer (const AditField *field);

/* Takes the next member from the front of *list, without white space around it or empty; FALSE at the end. */
gboolean adit_head_list_next (AditSpan *list, AditSpan *member);

/* ASCII case is ignored. */
static inline gboolean
adit_head_same (AditSpan a, AditSpan b)
{
  return a.len == b.len && g_ascii_strncasecmp ((const char *) a.data, (const char *) b.data, a.len) == 0;
}

/* host [ ":" port ] */
typedef struct
{
  AditSpan name; /* with the brackets of an IPv6 literal */
  guint port;    /* 0: none given */
} AditHeadAuthority;

/* NULL, or what is wrong with @text. */
const char *adit_head_authority_parse (AditHeadAuthority *authority, AditSpan text);
/* Case, one trailing dot, and a port that equals @default_port do not matter. Both are valid. */
gboolean adit_head_authority_equal (AditSpan a, AditSpan b, guint default_port);
