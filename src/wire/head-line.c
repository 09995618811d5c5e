/* SPDX-License-Identifier: MIT */
/* head-line: the first line of a head, and what all lines have in common.
 *
 * Pure. RFC 9112 2.3, 3 and 4. */
#include "wire/head-private.h"

#include <string.h>

#define ALL (ADIT_HEAD_TOKEN | ADIT_HEAD_TARGET | ADIT_HEAD_NAME)
#define PART (ADIT_HEAD_TOKEN | ADIT_HEAD_TARGET)
#define TARGET ADIT_HEAD_TARGET

const guint8 adit_head_class[256] = {
  ['!'] = PART,         ['"'] = TARGET,         ['#'] = ADIT_HEAD_TOKEN, ['$' ... '\''] = PART,
  ['(' ... ')'] = TARGET, ['*' ... '+'] = PART, [','] = TARGET,          ['-' ... '.'] = ALL,
  ['/'] = TARGET,       ['0' ... '9'] = ALL,    [':' ... '@'] = TARGET,  ['A' ... 'Z'] = ALL,
  ['[' ... ']'] = TARGET, ['^'] = PART,         ['_'] = ALL,             ['`'] = PART,
  ['a' ... 'z'] = ALL,  ['{'] = TARGET,         ['|'] = PART,            ['}'] = TARGET,
  ['~'] = PART,
};

AditHeadResult
adit_head_fail (AditHeadParser *parser, AditReason reason, const char *text)
{
  parser->fault->reason = parser->response ? ADIT_REASON_PROTOCOL : reason;
  parser->fault->text = text;
  return ADIT_HEAD_BAD;
}

AditHeadResult
adit_head_take_line_end (AditHeadParser *parser, const char *otherwise)
{
  if (parser->at == parser->end)
    return ADIT_HEAD_MORE;
  if (*parser->at == '\n')
    return adit_head_bad (parser, "a line ends with a bare LF");
  if (*parser->at != '\r')
    return adit_head_bad (parser, otherwise);
  if (parser->at + 1 == parser->end)
    return ADIT_HEAD_MORE;
  if (parser->at[1] != '\n')
    return adit_head_bad (parser, "a bare CR");
  parser->at += 2;
  return ADIT_HEAD_OK;
}

/* "HTTP/1.0" or "HTTP/1.1". */
static AditHeadResult
take_version (AditHeadParser *parser)
{
  static const char pattern[] = "HTTP/0.0"; /* 0: any digit */
  gsize room = (gsize) (parser->end - parser->at), len = sizeof pattern - 1;
  const guint8 *at = parser->at;

  for (gsize i = 0; i < MIN (len, room); i++)
    if (pattern[i] == '0' ? !g_ascii_isdigit (at[i]) : at[i] != (guint8) pattern[i])
      return adit_head_bad (parser, "the HTTP version is malformed");
  if (room < len)
    return ADIT_HEAD_MORE;
  if (at[5] != '1' || at[7] > '1')
    return adit_head_fail (parser, ADIT_REASON_VERSION, "an HTTP version other than 1.0 and 1.1");
  parser->head->minor = at[7] - '0';
  parser->at += len;
  return ADIT_HEAD_OK;
}

static AditHeadResult
take_method (AditHeadParser *parser)
{
  const guint8 *at = parser->at, *end = parser->end;
  AditHead *head = parser->head;

  if ((gsize) (end - at) > ADIT_LIMIT_METHOD)
    end = at + ADIT_LIMIT_METHOD + 1;
  at = adit_head_find_token_end (at, end);
  head->method = adit_span (parser->at, (gsize) (at - parser->at));
  if (head->method.len > ADIT_LIMIT_METHOD)
    return adit_head_bad (parser, "the method is too long");
  if (at == parser->end)
    return ADIT_HEAD_MORE;
  if (*at != ' ' || head->method.len == 0)
    return adit_head_bad (parser, "the method is malformed");
  parser->at = at + 1;
  return ADIT_HEAD_OK;
}

static gboolean
is_method (const AditHead *head, const char *word)
{
  return head->method.len == strlen (word) && memcmp (head->method.data, word, head->method.len) == 0;
}

static AditHeadResult
take_target (AditHeadParser *parser)
{
  const guint8 *at = parser->at, *end = parser->end;

  if ((gsize) (end - at) > ADIT_LIMIT_TARGET)
    end = at + ADIT_LIMIT_TARGET + 1;
  at = adit_head_find_target_end (at, end);
  parser->head->target = adit_span (parser->at, (gsize) (at - parser->at));
  if (parser->head->target.len > ADIT_LIMIT_TARGET)
    return adit_head_fail (parser, ADIT_REASON_TARGET_TOO_LONG, "the request-target is too long");
  if (at == parser->end)
    return ADIT_HEAD_MORE;
  if (*at == '\r' || *at == '\n')
    return adit_head_bad (parser, "a request line without an HTTP version");
  if (*at != ' ' || parser->head->target.len == 0)
    return adit_head_bad (parser, "the request-target is malformed");
  parser->at = at + 1;
  return ADIT_HEAD_OK;
}

/* Splits "http://authority/path?query"; head->target becomes what follows the authority. */
static AditHeadResult
split_absolute (AditHeadParser *parser)
{
  AditSpan *target = &parser->head->target;
  AditHeadAuthority authority;
  const char *wrong;
  gsize from, to;

  if (target->len >= 7 && g_ascii_strncasecmp ((const char *) target->data, "http://", 7) == 0)
    from = 7;
  else if (target->len >= 8 && g_ascii_strncasecmp ((const char *) target->data, "https://", 8) == 0)
    from = 8;
  else
    return adit_head_bad (parser, "the request-target has no form that is served here");
  for (to = from; to < target->len && target->data[to] != '/' && target->data[to] != '?'; to++)
    ;
  parser->absolute = adit_span (target->data + from, to - from);
  parser->absolute_https = from == 8;
  wrong = adit_head_authority_parse (&authority, parser->absolute);
  if (wrong != NULL)
    return adit_head_bad (parser, wrong);
  if (to < target->len && target->data[to] == '?')
    return adit_head_bad (parser, "a query without a path in the request-target");
  if (to < target->len)
    *target = adit_span (target->data + to, target->len - to);
  else /* RFC 9112 3.2.4 */
    *target = is_method (parser->head, "OPTIONS") ? ADIT_SPAN ("*") : ADIT_SPAN ("/");
  return ADIT_HEAD_OK;
}

/* The forms of RFC 9112 3.2, judged behind the version so that "PRI * HTTP/2.0" is a matter of version. */
static AditHeadResult
judge_target (AditHeadParser *parser)
{
  AditHead *head = parser->head;

  if (is_method (head, "CONNECT"))
    return adit_head_fail (parser, ADIT_REASON_NOT_SUPPORTED, "CONNECT is not served here");
  head->is_head = is_method (head, "HEAD");
  head->is_safe
    = head->is_head || is_method (head, "GET") || is_method (head, "OPTIONS") || is_method (head, "TRACE");
  if (head->target.data[0] == '/')
    return ADIT_HEAD_OK;
  if (head->target.len > 1 || head->target.data[0] != '*')
    return split_absolute (parser);
  if (is_method (head, "OPTIONS"))
    return ADIT_HEAD_OK;
  return adit_head_bad (parser, "the request-target * without OPTIONS");
}

AditHeadResult
adit_head_take_request_line (AditHeadParser *parser)
{
  AditHeadResult result;

  if (parser->at < parser->end && *parser->at == '\r')
    {
      result = adit_head_take_line_end (parser, NULL);
      if (result != ADIT_HEAD_OK)
        return result;
    }
  result = take_method (parser);
  if (result == ADIT_HEAD_OK)
    result = take_target (parser);
  if (result == ADIT_HEAD_OK)
    result = take_version (parser);
  if (result == ADIT_HEAD_OK)
    result = adit_head_take_line_end (parser, "the HTTP version is malformed");
  return result == ADIT_HEAD_OK ? judge_target (parser) : result;
}

/* Three digits, 100 to 599, and what follows them is no fourth. */
static AditHeadResult
take_status (AditHeadParser *parser)
{
  gsize room = (gsize) (parser->end - parser->at);
  guint status = 0;

  for (gsize i = 0; i < MIN (room, 4); i++)
    {
      if (i == 0 ? parser->at[i] != ' ' : !g_ascii_isdigit (parser->at[i]))
        return adit_head_bad (parser, "the status is malformed");
      status = i == 0 ? 0 : status * 10 + (parser->at[i] - '0');
    }
  if (room < 4)
    return ADIT_HEAD_MORE;
  if (status < 100 || status > 599)
    return adit_head_bad (parser, "the status is out of range");
  parser->head->status = status;
  parser->at += 4;
  return ADIT_HEAD_OK;
}

AditHeadResult
adit_head_take_status_line (AditHeadParser *parser)
{
  AditHeadResult result = take_version (parser);
  const guint8 *from;

  if (result == ADIT_HEAD_OK)
    result = take_status (parser);
  if (result != ADIT_HEAD_OK)
    return result;
  parser->head->reason = adit_span (parser->at, 0);
  if (parser->at < parser->end && *parser->at == ' ')
    {
      from = parser->at + 1;
      parser->at = adit_head_find_control (from, parser->end);
      parser->head->reason = adit_span (from, (gsize) (parser->at - from));
    }
  return adit_head_take_line_end (parser, "the status line is malformed");
}
