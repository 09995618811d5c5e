/* SPDX-License-Identifier: MIT */
/* head-fields: what the fields of a head mean for framing, routing and the connection.
 *
 * Pure. Each field is looked at once, when its line is complete, so that a fault does not depend on what
 * follows. */
#include "wire/head-private.h"

#include <string.h>

/* TRUE if @name is @lower (lower-case letters, digits, "-") of the same @len, case ignored. Setting bit 5
 * cannot make another token character equal to one of these. */
static inline gboolean
same (const guint8 *name, const char *lower, gsize len)
{
  const guint64 bits = G_GUINT64_CONSTANT (0x2020202020202020);
  guint64 a, b;
  gsize i = 0;

  for (; i + 8 <= len; i += 8)
    {
      memcpy (&a, name + i, 8);
      memcpy (&b, lower + i, 8);
      if ((a | bits) != b)
        return FALSE;
    }
  for (; i < len; i++)
    if ((name[i] | 0x20) != (guint8) lower[i])
      return FALSE;
  return TRUE;
}

#define IS(literal) same (name, literal, sizeof (literal) - 1)

AditFieldKind
adit_head_kind (const guint8 *name, gsize len)
{
  switch (len)
    {
    case 2:
      return IS ("te") ? ADIT_FIELD_TE : ADIT_FIELD_OTHER;
    case 4:
      return IS ("host") ? ADIT_FIELD_HOST : ADIT_FIELD_OTHER;
    case 6:
      return IS ("accept") ? ADIT_FIELD_ACCEPT : IS ("origin") ? ADIT_FIELD_ORIGIN
           : IS ("expect") ? ADIT_FIELD_EXPECT : ADIT_FIELD_OTHER;
    case 7:
      return IS ("referer") ? ADIT_FIELD_REFERER : IS ("upgrade") ? ADIT_FIELD_UPGRADE
           : IS ("trailer") ? ADIT_FIELD_TRAILER : ADIT_FIELD_OTHER;
    case 8:
      return IS ("location") ? ADIT_FIELD_LOCATION : ADIT_FIELD_OTHER;
    case 9:
      return IS ("forwarded") ? ADIT_FIELD_FORWARDED : ADIT_FIELD_OTHER;
    case 10:
      return IS ("connection") ? ADIT_FIELD_CONNECTION
           : IS ("keep-alive") ? ADIT_FIELD_KEEP_ALIVE : ADIT_FIELD_OTHER;
    case 13:
      return IS ("authorization") ? ADIT_FIELD_AUTHORIZATION : ADIT_FIELD_OTHER;
    case 14:
      return IS ("content-length") ? ADIT_FIELD_CONTENT_LENGTH
           : IS ("http2-settings") ? ADIT_FIELD_HTTP2_SETTINGS : ADIT_FIELD_OTHER;
    case 15:
      return IS ("x-forwarded-for") ? ADIT_FIELD_X_FORWARDED_FOR : ADIT_FIELD_OTHER;
    case 16:
      return IS ("x-forwarded-host") ? ADIT_FIELD_X_FORWARDED_HOST
           : IS ("proxy-connection") ? ADIT_FIELD_PROXY_CONNECTION : ADIT_FIELD_OTHER;
    case 17:
      return IS ("transfer-encoding") ? ADIT_FIELD_TRANSFER_ENCODING
           : IS ("x-forwarded-proto") ? ADIT_FIELD_X_FORWARDED_PROTO : ADIT_FIELD_OTHER;
    case 18:
      return IS ("proxy-authenticate") ? ADIT_FIELD_PROXY_AUTHENTICATE : ADIT_FIELD_OTHER;
    case 19:
      return IS ("proxy-authorization") ? ADIT_FIELD_PROXY_AUTHORIZATION : ADIT_FIELD_OTHER;
    default:
      return ADIT_FIELD_OTHER;
    }
}

gboolean
adit_head_bars_trailer (const AditField *field)
{
  static const char *const barred[] = {
    "content-encoding", "content-type", "content-range", "set-cookie", "cookie",
    "www-authenticate", "cache-control", "max-forwards",
  };

  if (field->kind != ADIT_FIELD_OTHER)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (barred); i++)
    if (adit_span_equal_nocase (field->name, barred[i]))
      return TRUE;
  return FALSE;
}

static inline gboolean
is_blank (guint8 byte)
{
  return byte == ' ' || byte == '\t';
}

gboolean
adit_head_list_next (AditSpan *list, AditSpan *member)
{
  const guint8 *at = list->data, *end, *stop, *comma;

  if (at == NULL)
    return FALSE;
  end = at + list->len;
  comma = list->len > 0 ? memchr (at, ',', list->len) : NULL;
  stop = comma != NULL ? comma : end;
  *list = comma != NULL ? adit_span (comma + 1, (gsize) (end - comma - 1)) : adit_span (NULL, 0);
  while (at < stop && is_blank (*at))
    at++;
  while (stop > at && is_blank (stop[-1]))
    stop--;
  *member = adit_span (at, (gsize) (stop - at));
  return TRUE;
}

gboolean
adit_head_list_has (AditSpan list, const char *word)
{
  AditSpan member;

  while (adit_head_list_next (&list, &member))
    if (adit_span_equal_nocase (member, word))
      return TRUE;
  return FALSE;
}

const AditField *
adit_head_get (const AditHead *head, AditFieldKind kind)
{
  for (guint i = 0; i < head->n_fields; i++)
    if (head->fields[i].kind == kind)
      return &head->fields[i];
  return NULL;
}

static gboolean
is_token (AditSpan span)
{
  for (gsize i = 0; i < span.len; i++)
    if (!ADIT_HEAD_IS (span.data[i], ADIT_HEAD_TOKEN))
      return FALSE;
  return span.len > 0;
}

static AditHeadResult
take_host (AditHeadParser *parser, AditSpan value)
{
  AditHeadAuthority authority;
  const char *wrong;

  if (parser->response)
    return ADIT_HEAD_OK;
  if (parser->host.data != NULL)
    return adit_head_fail (parser, ADIT_REASON_BAD_REQUEST, "more than one Host field");
  wrong = adit_head_authority_parse (&authority, value);
  if (wrong != NULL)
    return adit_head_fail (parser, ADIT_REASON_BAD_REQUEST, wrong);
  parser->host = value;
  return ADIT_HEAD_OK;
}

/* Digits only: no sign, no list, nothing that somebody else could read differently. */
static gboolean
parse_length (AditSpan value, guint64 *length)
{
  *length = 0;
  if (value.len == 0 || value.len > ADIT_LIMIT_LENGTH_DIGITS)
    return FALSE;
  for (gsize i = 0; i < value.len; i++)
    {
      if (!g_ascii_isdigit (value.data[i]))
        return FALSE;
      *length = *length * 10 + (value.data[i] - '0');
    }
  return TRUE;
}

static AditHeadResult
take_length (AditHeadParser *parser, AditField *field)
{
  guint64 length;

  if (!parse_length (field->value, &length))
    return adit_head_fail (parser, ADIT_REASON_BAD_REQUEST, "the Content-Length is malformed");
  if (parser->has_coding && !parser->response)
    return adit_head_fail (parser, ADIT_REASON_BAD_REQUEST, "both Content-Length and Transfer-Encoding");
  if (parser->has_length && !parser->response)
    return adit_head_fail (parser, ADIT_REASON_BAD_REQUEST, "more than one Content-Length field");
  if (parser->has_length && length != parser->head->length)
    return adit_head_fail (parser, ADIT_REASON_BAD_REQUEST, "Content-Length fields that differ");
  field->hop = parser->has_length; /* an equal one again: the first speaks for both */
  parser->has_length = TRUE;
  parser->head->length = length;
  return ADIT_HEAD_OK;
}

/* Exactly "chunked", once in all fields. */
static AditHeadResult
take_coding (AditHeadParser *parser, AditSpan value)
{
  gboolean unknown = FALSE;
  AditSpan member;

  if (parser->head->minor == 0)
    return adit_head_fail (parser, ADIT_REASON_BAD_REQUEST, "Transfer-Encoding in HTTP/1.0");
  if (parser->has_length && !parser->response)
    return adit_head_fail (parser, ADIT_REASON_BAD_REQUEST, "both Content-Length and Transfer-Encoding");
  while (adit_head_list_next (&value, &member))
    {
      if (parser->has_coding)
        return adit_head_fail (parser, ADIT_REASON_BAD_REQUEST, "chunked is not the last coding");
      if (!is_token (member))
        return adit_head_fail (parser, ADIT_REASON_BAD_REQUEST, "the Transfer-Encoding is malformed");
      if (adit_span_equal_nocase (member, "chunked"))
        parser->has_coding = TRUE;
      else
        unknown = TRUE;
    }
  if (unknown)
    return adit_head_fail (parser, ADIT_REASON_NOT_SUPPORTED, "a transfer coding other than chunked");
  return ADIT_HEAD_OK;
}

static AditHeadResult
take_option (AditHeadParser *parser, AditSpan option)
{
  AditFieldKind kind = adit_head_kind (option.data, option.len);

  if (!is_token (option))
    return adit_head_fail (parser, ADIT_REASON_BAD_REQUEST, "the Connection field is malformed");
  if (++parser->n_options > ADIT_LIMIT_FIELDS)
    return adit_head_fail (parser, ADIT_REASON_HEAD_TOO_LARGE, "too many connection options");
  if (kind == ADIT_FIELD_HOST || kind == ADIT_FIELD_CONTENT_LENGTH || kind == ADIT_FIELD_TRANSFER_ENCODING)
    return adit_head_fail (parser, ADIT_REASON_BAD_REQUEST, "Connection names a field of routing or framing");
  if (kind == ADIT_FIELD_KEEP_ALIVE)
    parser->says_keep_alive = TRUE;
  else if (kind == ADIT_FIELD_UPGRADE)
    parser->says_upgrade = TRUE;
  else if (adit_span_equal_nocase (option, "close"))
    parser->says_close = TRUE;
  else if (!ADIT_HEAD_KIND_IN (kind, ADIT_HEAD_KINDS_HOP))
    parser->names_fields = TRUE;
  return ADIT_HEAD_OK;
}

static AditHeadResult
take_connection (AditHeadParser *parser, AditSpan value)
{
  AditSpan option;

  while (adit_head_list_next (&value, &option))
    {
      AditHeadResult result = option.len > 0 ? take_option (parser, option) : ADIT_HEAD_OK;

      if (result != ADIT_HEAD_OK)
        return result;
    }
  return ADIT_HEAD_OK;
}

static AditHeadResult
take_expect (AditHeadParser *parser, AditSpan value)
{
  if (parser->response)
    return ADIT_HEAD_OK;
  if (!adit_span_equal_nocase (value, "100-continue"))
    return adit_head_fail (parser, ADIT_REASON_BAD_REQUEST, "an expectation other than 100-continue");
  parser->head->expect_continue = parser->head->minor > 0; /* RFC 9110 10.1.1 */
  return ADIT_HEAD_OK;
}

AditHeadResult
adit_head_take_field (AditHeadParser *parser, AditField *field)
{
  switch (field->kind)
    {
    case ADIT_FIELD_HOST:
      return take_host (parser, field->value);
    case ADIT_FIELD_CONTENT_LENGTH:
      return take_length (parser, field);
    case ADIT_FIELD_TRANSFER_ENCODING:
      return take_coding (parser, field->value);
    case ADIT_FIELD_CONNECTION:
      return take_connection (parser, field->value);
    case ADIT_FIELD_EXPECT:
      return take_expect (parser, field->value);
    case ADIT_FIELD_TE:
      parser->head->wants_trailers |= adit_head_list_has (field->value, "trailers");
      return ADIT_HEAD_OK;
    case ADIT_FIELD_UPGRADE:
      if (parser->n_upgrades++ == 0)
        parser->upgrade = field->value;
      return ADIT_HEAD_OK;
    default:
      return ADIT_HEAD_OK;
    }
}

static void
mark_named (AditHead *head, AditSpan option)
{
  for (guint i = 0; i < head->n_fields; i++)
    if (adit_head_same (head->fields[i].name, option))
      head->fields[i].hop = TRUE;
}

/* Bounded: at most ADIT_LIMIT_FIELDS options and as many fields. */
void
adit_head_mark_named (AditHead *head)
{
  for (guint i = 0; i < head->n_fields; i++)
    {
      AditSpan list = head->fields[i].value, option;

      if (head->fields[i].kind != ADIT_FIELD_CONNECTION)
        continue;
      while (adit_head_list_next (&list, &option))
        if (option.len > 0)
          mark_named (head, option);
    }
}
