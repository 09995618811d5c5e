/* SPDX-License-Identifier: MIT */
/* head-private: what the files of the head parser share; nobody else includes it. */
#pragma once

#include "wire/head.h"

#include <string.h>

/* Classes of bytes. */
enum
{
  ADIT_HEAD_TOKEN = 1 << 0,  /* tchar, RFC 9110 5.6.2 */
  ADIT_HEAD_TARGET = 1 << 1, /* what a request-target may hold: visible ASCII without "#" */
  ADIT_HEAD_NAME = 1 << 2,   /* what a host name may hold here: letters, digits, "-", ".", "_" */
};

extern const guint8 adit_head_class[256];

#define ADIT_HEAD_IS(byte, of) ((adit_head_class[byte] & (of)) != 0)

/* One parse: what is known of a head so far. */
typedef struct
{
  AditHead *head;
  AditHeadFault *fault;
  const guint8 *at, *end;
  gboolean response, trailers;
  gboolean absolute_https;    /* with @absolute */
  AditSpan absolute;          /* authority of an absolute-form target; no data: another form */
  AditSpan host;              /* value of the Host field; no data: none yet */
  AditSpan upgrade;           /* value of the first Upgrade field */
  guint n_upgrades, n_options;
  gboolean has_length, has_coding;
  gboolean says_close, says_keep_alive, says_upgrade;
  gboolean names_fields;      /* Connection names fields that are not hop-by-hop by kind */
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
/* TRUE for the kinds that take_field wants to see. */
gboolean adit_head_kind_matters (AditFieldKind kind);
gboolean adit_head_kind_is_hop (AditFieldKind kind);
/* TRUE if a field may not come as a trailer (RFC 9110 6.5.1). */
gboolean adit_head_bars_trailer (const AditField *field);

/* Takes the next member from the front of *list, without white space around it; FALSE at the end. Members may be empty. */
gboolean adit_head_list_next (AditSpan *list, AditSpan *member);

/* How many of the eight bytes at @at come before the first control character (HTAB counts as one). */
static inline guint
adit_head_clean_bytes (const guint8 *at)
{
  const guint64 ones = G_GUINT64_CONSTANT (0x0101010101010101);
  guint64 word, below, del;

  memcpy (&word, at, sizeof word);
  word = GUINT64_FROM_LE (word);
  below = (word - ones * 0x20) & ~word;
  del = ((word ^ ones * 0x7f) - ones) & ~(word ^ ones * 0x7f);
  word = (below | del) & ones * 0x80; /* its lowest bit is exact, those above it may be borrowed */
  return word != 0 ? (guint) __builtin_ctzll (word) / 8 : 8;
}

/* The first byte from @at on that may not stand in a field value: a control character other than HTAB; or @end. */
static inline const guint8 *
adit_head_find_control (const guint8 *at, const guint8 *end)
{
  while (at < end)
    {
      guint clean = end - at >= 8 ? adit_head_clean_bytes (at) : 0;

      at += clean;
      if (clean == 8)
        continue;
      if ((*at < 0x20 && *at != '\t') || *at == 0x7f)
        return at;
      at++;
    }
  return end;
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
