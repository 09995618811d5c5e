/* SPDX-License-Identifier: MIT */
/* head: the single pass over a head: first line, field lines, and what they add up to.
 *
 * Pure. A fault is found at its byte, so a prefix of a head gives MORE or the fault of the whole, never OK.
 * What arrives is best parsed at once; adit_head_scan() is for heads that the first parse called MORE. */
#include "wire/head-private.h"

#include <string.h>

gsize
adit_head_scan (AditHeadScan *scan, const guint8 *data, gsize len)
{
  while (scan->seen < len)
    {
      const guint8 *lf = memchr (data + scan->seen, '\n', len - scan->seen);
      gsize at = lf != NULL ? (gsize) (lf - data) : len;

      if (lf == NULL)
        {
          scan->seen = len;
          return 0;
        }
      scan->seen = at + 1;
      if (at >= 1 && (data[at - 1] == '\n' || (at >= 2 && data[at - 1] == '\r' && data[at - 2] == '\n')))
        return at + 1;
    }
  return 0;
}

static AditHeadResult
bad_name (AditHeadParser *parser, const guint8 *at)
{
  gboolean empty = at == parser->at;

  if (*at == ' ' || *at == '\t')
    return adit_head_bad (parser, empty ? "a folded field line" : "white space in front of a colon");
  if (*at == '\n')
    return adit_head_bad (parser, "a line ends with a bare LF");
  if (*at == '\r')
    return adit_head_bad (parser, "a field line without a colon");
  if (*at == ':')
    return adit_head_bad (parser, "a field without a name");
  return adit_head_bad (parser, "a character that no field name may have");
}

static inline gboolean
is_blank (guint8 byte)
{
  return byte == ' ' || byte == '\t';
}

/* What a complete line says, if it matters. */
static AditHeadResult
take_field (AditHeadParser *parser, AditField *field)
{
  field->kind = adit_head_kind (field->name.data, field->name.len);
  if (parser->trailers)
    {
      field->hop = adit_head_bars_trailer (field);
      return ADIT_HEAD_OK;
    }
  field->hop = ADIT_HEAD_KIND_IN (field->kind, ADIT_HEAD_KINDS_HOP);
  if (!ADIT_HEAD_KIND_IN (field->kind, ADIT_HEAD_KINDS_THAT_MATTER))
    return ADIT_HEAD_OK;
  return adit_head_take_field (parser, field);
}

static AditHeadResult
take_field_line (AditHeadParser *parser)
{
  const guint8 *name = parser->at, *end = parser->end, *colon, *from, *stop;
  AditField *field = &parser->head->fields[parser->head->n_fields];

  if (parser->head->n_fields == ADIT_LIMIT_FIELDS)
    return adit_head_fail (parser, ADIT_REASON_HEAD_TOO_LARGE, "too many fields");
  colon = adit_head_find_token_end (name, end);
  if (colon == end)
    return ADIT_HEAD_MORE;
  if (*colon != ':' || colon == name)
    return bad_name (parser, colon);
  for (from = colon + 1; from < end && is_blank (*from); from++)
    ;
  stop = adit_head_find_control (from, end);
  if (end - stop < 2 || stop[0] != '\r' || stop[1] != '\n')
    {
      parser->at = stop;
      return adit_head_take_line_end (parser, "a control character in a field value");
    }
  parser->at = stop + 2;
  while (stop > from && is_blank (stop[-1]))
    stop--;
  field->name = adit_span (name, (gsize) (colon - name));
  field->value = adit_span (from, (gsize) (stop - from));
  parser->head->n_fields++;
  return take_field (parser, field);
}

/* All field lines and the empty line. */
static AditHeadResult
take_fields (AditHeadParser *parser)
{
  AditHeadResult result = ADIT_HEAD_OK;

  while (parser->at < parser->end && *parser->at != '\r' && result == ADIT_HEAD_OK)
    result = take_field_line (parser);
  return result == ADIT_HEAD_OK ? adit_head_take_line_end (parser, NULL) : result;
}

/* "h2c" is never upgraded to: it would carry requests past everything that is judged here. */
static gboolean
offers_h2c (AditSpan list)
{
  AditSpan member;

  while (adit_head_list_next (&list, &member))
    {
      const guint8 *slash = member.len > 0 ? memchr (member.data, '/', member.len) : NULL;

      if (slash != NULL)
        member.len = (gsize) (slash - member.data);
      if (adit_span_equal_nocase (member, "h2c"))
        return TRUE;
    }
  return FALSE;
}

static void
settle_connection (AditHeadParser *parser)
{
  AditHead *head = parser->head;

  if (parser->names_fields)
    adit_head_mark_named (head);
  head->keep_alive = !parser->says_close && (head->minor > 0 || parser->says_keep_alive);
  if (parser->says_upgrade && parser->n_upgrades == 1 && head->minor > 0 && !offers_h2c (parser->upgrade))
    head->upgrade = parser->upgrade;
}

static AditHeadResult
settle_request (AditHeadParser *parser)
{
  AditHead *head = parser->head;

  if (parser->host.data == NULL)
    return adit_head_bad (parser, "no Host field");
  head->host = parser->host;
  if (parser->absolute.data != NULL)
    {
      if (!adit_head_authority_equal (parser->absolute, parser->host, parser->absolute_https ? 443 : 80))
        return adit_head_bad (parser, "the Host field is not the host of the request-target");
      head->host = parser->absolute;
    }
  settle_connection (parser);
  if (parser->has_coding)
    head->body = ADIT_BODY_CHUNKED;
  else if (parser->has_length)
    head->body = ADIT_BODY_LENGTH;
  return ADIT_HEAD_OK;
}

/* RFC 9112 6.3. */
static AditHeadResult
settle_response (AditHeadParser *parser, gboolean to_head)
{
  AditHead *head = parser->head;
  guint status = head->status;

  settle_connection (parser);
  if (parser->has_coding && parser->has_length)
    {
      head->keep_alive = FALSE; /* a service that says both is not trusted with another message */
      for (guint i = 0; i < head->n_fields; i++)
        head->fields[i].hop |= head->fields[i].kind == ADIT_FIELD_CONTENT_LENGTH;
    }
  if (status == 101)
    head->body = ADIT_BODY_RAW;
  else if (status < 200 || status == 204 || status == 304 || to_head)
    head->body = ADIT_BODY_NONE;
  else if (parser->has_coding)
    head->body = ADIT_BODY_CHUNKED;
  else
    head->body = parser->has_length ? ADIT_BODY_LENGTH : ADIT_BODY_CLOSE;
  if (head->body != ADIT_BODY_LENGTH)
    head->length = 0;
  if (head->body == ADIT_BODY_CLOSE || head->body == ADIT_BODY_RAW)
    head->keep_alive = FALSE;
  return ADIT_HEAD_OK;
}

/* Everything but the fields, which are many and written before they are read. One by one: a memset of this
 * size becomes "rep stos", which takes longer than all the rest of a small head. */
static void
clear (AditHead *head)
{
  head->method = head->target = head->host = head->reason = head->upgrade = (AditSpan){ NULL, 0 };
  head->status = head->minor = 0;
  head->body = ADIT_BODY_NONE;
  head->length = 0;
  head->keep_alive = head->is_head = head->is_safe = FALSE;
  head->expect_continue = head->wants_trailers = FALSE;
  head->n_fields = 0;
}

static void
start (AditHeadParser *parser, const guint8 *data, gsize len, gsize limit)
{
  clear (parser->head);
  parser->at = data;
  parser->end = len > 0 ? data + MIN (len, limit) : data;
}

/* Closes a parse: MORE at the limit is too much. */
static AditHeadResult
finish (AditHeadParser *parser, AditHeadResult result, const guint8 *data, gsize limit, gsize *used)
{
  if (result == ADIT_HEAD_MORE && (gsize) (parser->end - data) >= limit)
    return adit_head_fail (parser, ADIT_REASON_HEAD_TOO_LARGE, "the head is too large");
  if (result == ADIT_HEAD_OK)
    *used = (gsize) (parser->at - data);
  return result;
}

AditHeadResult
adit_head_parse_request (AditHead *head, const guint8 *data, gsize len, gsize *used, AditHeadFault *fault)
{
  AditHeadParser parser = { .head = head, .fault = fault };
  AditHeadResult result;

  start (&parser, data, len, ADIT_LIMIT_HEAD);
  result = adit_head_take_request_line (&parser);
  if (result == ADIT_HEAD_OK)
    result = take_fields (&parser);
  if (result == ADIT_HEAD_OK)
    result = settle_request (&parser);
  return finish (&parser, result, data, ADIT_LIMIT_HEAD, used);
}

AditHeadResult
adit_head_parse_response (AditHead *head, const guint8 *data, gsize len, gboolean to_head, gsize *used,
                          AditHeadFault *fault)
{
  AditHeadParser parser = { .head = head, .fault = fault, .response = TRUE };
  AditHeadResult result;

  start (&parser, data, len, ADIT_LIMIT_HEAD);
  result = adit_head_take_status_line (&parser);
  if (result == ADIT_HEAD_OK)
    result = take_fields (&parser);
  if (result == ADIT_HEAD_OK)
    result = settle_response (&parser, to_head);
  return finish (&parser, result, data, ADIT_LIMIT_HEAD, used);
}

/* The field lines of a frame: all of them are there, and no empty line. */
static AditHeadResult
take_bare_fields (AditHeadParser *parser)
{
  AditHeadResult result = ADIT_HEAD_OK;

  while (parser->at < parser->end && result == ADIT_HEAD_OK)
    result = take_field_line (parser);
  return result == ADIT_HEAD_MORE ? adit_head_bad (parser, "the trailers end within a line") : result;
}

AditHeadResult
adit_head_parse_trailers (AditHead *head, const guint8 *data, gsize len, gboolean bare, gsize *used,
                          AditHeadFault *fault)
{
  AditHeadParser parser = { .head = head, .fault = fault, .trailers = TRUE };
  AditHeadResult result;

  if (bare && len > ADIT_LIMIT_TRAILERS)
    return adit_head_fail (&parser, ADIT_REASON_HEAD_TOO_LARGE, "the trailers are too large");
  start (&parser, data, len, ADIT_LIMIT_TRAILERS + 2);
  result = bare ? take_bare_fields (&parser) : take_fields (&parser);
  return finish (&parser, result, data, ADIT_LIMIT_TRAILERS + 2, used);
}
