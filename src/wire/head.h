/* SPDX-License-Identifier: MIT */
/* head: the strict, bounded parser and writer of HTTP/1 heads.
 *
 * Pure; spans point into the caller's bytes. One AditHead per worker is enough: what outlives the call is
 * copied out. RFC 9112 (syntax, framing), RFC 9110 5-7 (fields, hop-by-hop). Nothing is repaired: what is
 * ambiguous is refused. */
#pragma once

#include "base/buf.h"
#include "wire/limits.h"
#include "wire/reason.h"

typedef enum
{
  ADIT_FIELD_OTHER,
  ADIT_FIELD_HOST,
  ADIT_FIELD_CONTENT_LENGTH,
  ADIT_FIELD_TRANSFER_ENCODING,
  ADIT_FIELD_CONNECTION,
  ADIT_FIELD_KEEP_ALIVE,
  ADIT_FIELD_PROXY_CONNECTION,
  ADIT_FIELD_PROXY_AUTHENTICATE,
  ADIT_FIELD_PROXY_AUTHORIZATION,
  ADIT_FIELD_TE,
  ADIT_FIELD_TRAILER,
  ADIT_FIELD_UPGRADE,
  ADIT_FIELD_HTTP2_SETTINGS,
  ADIT_FIELD_EXPECT,
  ADIT_FIELD_ACCEPT,
  ADIT_FIELD_AUTHORIZATION,
  ADIT_FIELD_ORIGIN,
  ADIT_FIELD_REFERER,
  ADIT_FIELD_FORWARDED,
  ADIT_FIELD_X_FORWARDED_FOR,
  ADIT_FIELD_X_FORWARDED_PROTO,
  ADIT_FIELD_X_FORWARDED_HOST,
  ADIT_FIELD_LOCATION,
  ADIT_FIELD_N
} AditFieldKind;

typedef struct
{
  AditSpan name, value; /* value without the white space around it */
  AditFieldKind kind;
  gboolean hop;         /* hop-by-hop: by its kind, or named by Connection; never to be passed on */
} AditField;

typedef enum
{
  ADIT_BODY_NONE,
  ADIT_BODY_LENGTH,  /* head->length bytes (0 possible only where the field said so) */
  ADIT_BODY_CHUNKED,
  ADIT_BODY_CLOSE,   /* responses: until the connection ends */
  ADIT_BODY_RAW,     /* 101: both directions are raw from here on */
} AditBodyKind;

typedef struct
{
  AditSpan method;      /* request */
  AditSpan target;      /* request: origin-form or "*"; the path of an absolute-form (if it had
                         * none "/", for OPTIONS "*") */
  AditSpan host;        /* request: the authority that names the tunnel, as written (absolute-form wins over Host) */
  AditSpan reason;      /* response */
  AditSpan upgrade;     /* value of the single Upgrade field if Connection names it, else empty */
  guint status;         /* response */
  guint minor;          /* HTTP/1.minor: 0 or 1 */
  AditBodyKind body;
  guint64 length;       /* ADIT_BODY_LENGTH; for a response to HEAD or a 304 the announced length stays in the fields */
  gboolean keep_alive;  /* the connection may carry another message */
  gboolean is_head;     /* request: the method is HEAD */
  gboolean is_safe;     /* request: GET, HEAD, OPTIONS, TRACE */
  gboolean expect_continue;
  gboolean wants_trailers; /* TE names trailers */
  guint n_fields;
  AditField fields[ADIT_LIMIT_FIELDS];
} AditHead;

typedef enum
{
  ADIT_HEAD_MORE, /* not complete */
  ADIT_HEAD_OK,
  ADIT_HEAD_BAD,
} AditHeadResult;

/* What is wrong, fit for an answer and a log. */
typedef struct
{
  AditReason reason; /* BAD_REQUEST, HEAD_TOO_LARGE, TARGET_TOO_LONG, NOT_SUPPORTED, VERSION; PROTOCOL for responses */
  const char *text;  /* static, English */
} AditHeadFault;

/* Where the search for the end of a head stopped, so that a head that comes byte by byte costs linear
 * time. */
typedef struct
{
  gsize seen;
} AditHeadScan;

/* Finds the empty line: the length of the head with it, 0 if there is none yet. Also ends at a bare-LF
 * empty line, which the parser then refuses. @scan starts zeroed and is valid for the same growing bytes. */
gsize adit_head_scan (AditHeadScan *scan, const guint8 *data, gsize len);

/* Parses one request head at the start of @data. Up to one CRLF before the request line is skipped (RFC
 * 9112 2.2). With OK *used is the length of the head. MORE past ADIT_LIMIT_HEAD is BAD. @head is undefined
 * unless OK. */
AditHeadResult adit_head_parse_request (AditHead *head, const guint8 *data, gsize len, gsize *used, AditHeadFault *fault);

/* The same for a response; @to_head: it answers HEAD. Of 1xx only 101 has a body kind (RAW). */
AditHeadResult adit_head_parse_response (AditHead *head, const guint8 *data, gsize len, gboolean to_head, gsize *used,
                                         AditHeadFault *fault);

/* Trailer section (field lines and the empty line) or the field lines that an End frame carries (@bare:
 * without the empty line). Fields that may not be trailers (framing, routing, Host, authentication) are
 * marked hop. */
AditHeadResult adit_head_parse_trailers (AditHead *head, const guint8 *data, gsize len, gboolean bare, gsize *used,
                                         AditHeadFault *fault);

/* The first field of @kind, or NULL. */
const AditField *adit_head_get (const AditHead *head, AditFieldKind kind);
/* TRUE if the comma-separated @list has @word (case ignored). */
gboolean adit_head_list_has (AditSpan list, const char *word);

/* The tunnel's label of @host under @domain: FALSE if @host is not directly under it. Case, one trailing
 * dot and the port do not matter. @label has room for ADIT_LIMIT_LABEL + 1. *apex is TRUE if @host is the
 * domain itself (returns FALSE). */
gboolean adit_head_host_label (AditSpan host, const char *domain, char *label, gboolean *apex);

/* A bounded writer into memory of the caller: past the end it only sets @overflow. */
typedef struct
{
  guint8 *at, *end;
  gboolean overflow;
} AditHeadWriter;

void adit_head_put (AditHeadWriter *writer, AditSpan bytes);
void adit_head_put_number (AditHeadWriter *writer, guint64 number);
/* "Name: value\r\n"; @name is written as given. */
void adit_head_put_field (AditHeadWriter *writer, AditSpan name, AditSpan value);
