/* SPDX-License-Identifier: MIT */
/* json: strangers' JSON objects, bounded before a parser sees them.
 *
 * Pure. A small lexer of our own knows strings, numbers and words, counts nesting and finds the end of the
 * object; the grammar in between is json-glib's. */
#include "wire/json.h"
#include "base/error.h"
#include "wire/limits.h"

#include <string.h>

typedef struct
{
  const guint8 *at, *end;
  guint depth;
  gboolean has_minus;
} Lexer;

static gboolean
take_hex4 (Lexer *lexer, guint *unit)
{
  *unit = 0;
  for (guint i = 0; i < 4; i++)
    {
      int digit = lexer->at < lexer->end ? g_ascii_xdigit_value ((char) *lexer->at++) : -1;

      if (digit < 0)
        return FALSE;
      *unit = *unit << 4 | (guint) digit;
    }
  return TRUE;
}

/* Behind "\u": not NUL, and surrogates only as a pair. */
static gboolean
take_unicode_escape (Lexer *lexer)
{
  guint unit, low;

  if (!take_hex4 (lexer, &unit) || unit == 0 || (unit >= 0xdc00 && unit <= 0xdfff))
    return FALSE;
  if (unit < 0xd800 || unit > 0xdbff)
    return TRUE;
  if (lexer->end - lexer->at < 2 || lexer->at[0] != '\\' || lexer->at[1] != 'u')
    return FALSE;
  lexer->at += 2;
  return take_hex4 (lexer, &low) && low >= 0xdc00 && low <= 0xdfff;
}

/* Behind the opening quote. */
static gboolean
take_string (Lexer *lexer)
{
  while (lexer->at < lexer->end)
    {
      guint8 byte = *lexer->at++;

      if (byte == '"')
        return TRUE;
      if (byte < 0x20)
        return FALSE;
      if (byte != '\\')
        continue;
      if (lexer->at == lexer->end || strchr ("\"\\/bfnrtu", *lexer->at) == NULL || *lexer->at == '\0')
        return FALSE;
      if (*lexer->at++ == 'u' && !take_unicode_escape (lexer))
        return FALSE;
    }
  return FALSE;
}

static gboolean
take_digits (Lexer *lexer)
{
  const guint8 *from = lexer->at;

  while (lexer->at < lexer->end && g_ascii_isdigit (*lexer->at))
    lexer->at++;
  return lexer->at > from;
}

static gboolean
take_one_of (Lexer *lexer, const char *set)
{
  if (lexer->at == lexer->end || *lexer->at == '\0' || strchr (set, *lexer->at) == NULL)
    return FALSE;
  lexer->at++;
  return TRUE;
}

static gboolean
take_number (Lexer *lexer)
{
  if (take_one_of (lexer, "-"))
    lexer->has_minus = TRUE;
  if (!take_one_of (lexer, "0") && !take_digits (lexer))
    return FALSE;
  if (take_one_of (lexer, ".") && !take_digits (lexer))
    return FALSE;
  if (take_one_of (lexer, "eE"))
    {
      take_one_of (lexer, "+-");
      if (!take_digits (lexer))
        return FALSE;
    }
  return lexer->at == lexer->end || strchr (",]} \t\r\n", *lexer->at) != NULL;
}

static gboolean
take_word (Lexer *lexer)
{
  static const char *const words[] = { "true", "false", "null" };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    {
      gsize len = strlen (words[i]);

      if ((gsize) (lexer->end - lexer->at) >= len && memcmp (lexer->at, words[i], len) == 0)
        {
          lexer->at += len;
          return TRUE;
        }
    }
  return FALSE;
}

/* One token; FALSE if it is none, or nests too deep. */
static gboolean
take_token (Lexer *lexer)
{
  switch (*lexer->at)
    {
    case '{':
    case '[':
      lexer->at++;
      return ++lexer->depth <= ADIT_LIMIT_JSON_DEPTH;
    case '}':
    case ']':
      lexer->at++;
      return lexer->depth-- > 0;
    case ',':
    case ':':
      lexer->at++;
      return lexer->depth > 0;
    case '"':
      lexer->at++;
      return take_string (lexer);
    default:
      return g_ascii_isdigit (*lexer->at) || *lexer->at == '-' ? take_number (lexer) : take_word (lexer);
    }
}

static void
skip_blanks (Lexer *lexer)
{
  while (take_one_of (lexer, " \t\r\n"))
    ;
}

/* NULL, or what is wrong with the tokens of @data: one object and nothing behind it. */
static const char *
judge (const guint8 *data, gsize len, gboolean *has_minus)
{
  Lexer lexer = { .at = data, .end = data + len };

  skip_blanks (&lexer);
  if (lexer.at == lexer.end || *lexer.at != '{')
    return "it is no JSON object";
  do
    {
      if (!take_token (&lexer))
        return lexer.depth > ADIT_LIMIT_JSON_DEPTH ? "its JSON is nested too deep" : "it is no valid JSON";
      skip_blanks (&lexer);
    }
  while (lexer.depth > 0 && lexer.at < lexer.end);
  if (lexer.depth > 0 || lexer.at < lexer.end)
    return "it is no valid JSON";
  *has_minus = lexer.has_minus;
  return NULL;
}

gboolean
adit_json_open (AditJson *json, const guint8 *data, gsize len, GError **error)
{
  const char *wrong = NULL;

  *json = (AditJson){ 0 };
  if (len > ADIT_LIMIT_HELLO)
    wrong = "it is too long";
  else if (len == 0 || !g_utf8_validate ((const char *) data, (gssize) len, NULL))
    wrong = "it is no UTF-8 text";
  else
    wrong = judge (data, len, &json->has_minus);
  if (wrong == NULL)
    {
      json->parser = json_parser_new ();
      if (!json_parser_load_from_data (json->parser, (const char *) data, (gssize) len, NULL)
          || !JSON_NODE_HOLDS_OBJECT (json_parser_get_root (json->parser)))
        wrong = "it is no valid JSON";
    }
  if (wrong != NULL)
    {
      g_set_error (error, ADIT_ERROR, ADIT_ERROR_PROTOCOL, "the message was not understood: %s", wrong);
      adit_json_close (json);
      return FALSE;
    }
  json->root = json_node_get_object (json_parser_get_root (json->parser));
  return TRUE;
}

void
adit_json_close (AditJson *json)
{
  g_clear_object (&json->parser);
  json->root = NULL;
}

static gboolean
wrong_type (const char *key, const char *expected, GError **error)
{
  g_set_error (error, ADIT_ERROR, ADIT_ERROR_PROTOCOL, "the message was not understood: \"%s\" is no %s", key,
               expected);
  return FALSE;
}

static JsonNode *
find (JsonObject *object, const char *key)
{
  JsonNode *node = json_object_get_member (object, key);

  return node != NULL && !JSON_NODE_HOLDS_NULL (node) ? node : NULL;
}

gboolean
adit_json_get_text (JsonObject *object, const char *key, char **value, GError **error)
{
  JsonNode *node = find (object, key);

  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return wrong_type (key, "text", error);
  g_free (*value);
  *value = json_node_dup_string (node);
  return TRUE;
}

gboolean
adit_json_get_number (const AditJson *json, JsonObject *object, const char *key, guint64 *value,
                      GError **error)
{
  JsonNode *node = find (object, key);
  gint64 number;

  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64)
    return wrong_type (key, "whole number", error);
  number = json_node_get_int (node);
  /* -1: the largest number, which is also what json-glib makes of all beyond it */
  if (number == -1 || (number < 0 && json->has_minus))
    return wrong_type (key, "unsigned number", error);
  *value = (guint64) number;
  return TRUE;
}

gboolean
adit_json_get_list (JsonObject *object, const char *key, JsonArray **value, GError **error)
{
  JsonNode *node = find (object, key);

  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_ARRAY (node))
    return wrong_type (key, "list", error);
  *value = json_node_get_array (node);
  return TRUE;
}

static void
put_quoted (GString *out, const char *value)
{
  g_autofree char *valid = g_utf8_make_valid (value, -1);

  g_string_append_c (out, '"');
  for (const char *at = valid; *at != '\0'; at++)
    if (*at == '"' || *at == '\\')
      g_string_append_printf (out, "\\%c", *at);
    else if ((guint8) *at < 0x20 || *at == 0x7f)
      g_string_append_printf (out, "\\u%04x", (guint) *at);
    else
      g_string_append_c (out, *at);
  g_string_append_c (out, '"');
}

static void
put_comma (GString *out)
{
  if (out->len > 0 && strchr ("{[:", out->str[out->len - 1]) == NULL)
    g_string_append_c (out, ',');
}

void
adit_json_put_key (GString *out, const char *key)
{
  put_comma (out);
  put_quoted (out, key);
  g_string_append_c (out, ':');
}

void
adit_json_put_text (GString *out, const char *key, const char *value)
{
  if (value == NULL)
    return;
  adit_json_put_key (out, key);
  put_quoted (out, value);
}

void
adit_json_put_number (GString *out, const char *key, guint64 value)
{
  adit_json_put_key (out, key);
  g_string_append_printf (out, "%" G_GUINT64_FORMAT, value);
}

void
adit_json_put_string (GString *out, const char *value)
{
  put_comma (out);
  put_quoted (out, value);
}
