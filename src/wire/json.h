/* SPDX-License-Identifier: MIT */
/* json: strangers' JSON objects, bounded and judged before json-glib sees them; typed members; a writer.
 *
 * Pure. What json-glib takes beyond RFC 8259 (octal, comments, text behind the end, lone surrogates) never
 * reaches it. Duplicate keys: the last wins. */
#pragma once

#include <glib.h>
#include <json-glib/json-glib.h>

typedef struct
{
  JsonParser *parser;
  JsonObject *root;   /* owned by @parser */
  gboolean has_minus; /* a negative number stands somewhere: a top bit is a sign */
} AditJson;

/* FALSE with ADIT_ERROR_PROTOCOL: more than ADIT_LIMIT_HELLO bytes, nesting past ADIT_LIMIT_JSON_DEPTH, no
 * JSON, no object. With TRUE adit_json_close() is due. */
gboolean adit_json_open (AditJson *json, const guint8 *data, gsize len, GError **error);
void adit_json_close (AditJson *json);

/* Members of @object (json->root or one inside). Missing or null: TRUE, and *value stays as it is. A wrong
 * type: FALSE with ADIT_ERROR_PROTOCOL. *value of get_text is freed and replaced by a new string; a list and
 * its elements are borrowed. */
gboolean adit_json_get_text (JsonObject *object, const char *key, char **value, GError **error);
gboolean adit_json_get_number (const AditJson *json, JsonObject *object, const char *key, guint64 *value,
                               GError **error);
gboolean adit_json_get_list (JsonObject *object, const char *key, JsonArray **value, GError **error);

/* Append to an object or list that is being written: "," where needed, then "key":value. NULL is left out. */
void adit_json_put_key (GString *out, const char *key);
void adit_json_put_text (GString *out, const char *key, const char *value);
void adit_json_put_number (GString *out, const char *key, guint64 value);
/* A string alone, "," in front where needed. */
void adit_json_put_string (GString *out, const char *value);
