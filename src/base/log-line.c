/* SPDX-License-Identifier: MIT */
/* log-line: see the header. The put_ functions write at @p and return the end; none checks the room, for
 * every text has its own share of it, and the shares fit: */
#include "base/log-line.h"

#include <string.h>
#include <time.h>

#define MAX_START 128u    /* time and level */
#define MAX_TEXT 8192u    /* a message */
#define MAX_FIELD 2048u   /* a field's text */
#define MAX_KEY 64u
#define MAX_SHORT 256u    /* method, names, addresses */
#define MAX_PATH 4096u    /* a request's path */
#define MAX_NUMBERS 512u  /* the numbers of a request and all its keys */

G_STATIC_ASSERT (MAX_START + MAX_TEXT + MAX_KEY + MAX_FIELD + 64 < ADIT_LOG_LINE_MAX);
G_STATIC_ASSERT (MAX_START + 2 * MAX_PATH + 5 * MAX_SHORT + MAX_NUMBERS < ADIT_LOG_LINE_MAX);

#define ELLIPSIS "…"
#define LONGEST_UNIT 16u /* what one character can become, and the ellipsis behind it */

#define put_literal(p, literal) put_bytes ((p), (literal), sizeof (literal) - 1)

typedef char *(*PutText) (char *p, const char *text, gsize max);

static const char *const level_words[] = { "error", "warning", "info", "debug" };

/* ---- numbers ---- */

static inline char *
put_bytes (char *p, const void *bytes, gsize len)
{
  memcpy (p, bytes, len);
  return p + len;
}

static char *
put_u64 (char *p, guint64 number)
{
  char digits[20];
  guint i = sizeof digits;

  do
    digits[--i] = (char) ('0' + number % 10);
  while ((number /= 10) != 0);
  return put_bytes (p, digits + i, sizeof digits - i);
}

static char *
put_i64 (char *p, gint64 number)
{
  if (number >= 0)
    return put_u64 (p, (guint64) number);
  *p++ = '-';
  return put_u64 (p, (guint64) 0 - (guint64) number);
}

/* @number in exactly @width digits. */
static char *
put_digits (char *p, guint number, guint width)
{
  guint i;

  for (i = width; i > 0; number /= 10)
    p[--i] = (char) ('0' + number % 10);
  return p + width;
}

/* 1,024-based, two decimals, truncated, "B" below 1 KB. */
static char *
put_size (char *p, guint64 bytes)
{
  static const char *const units[] = { " KB", " MB", " GB", " TB", " PB", " EB" };
  guint64 whole = bytes, part = 0;
  guint unit;

  if (bytes < 1024)
    return put_literal (put_u64 (p, bytes), " B");
  for (unit = 0; whole >= 1024; unit++)
    {
      part = whole % 1024;
      whole /= 1024;
    }
  p = put_u64 (p, whole);
  *p++ = '.';
  p = put_digits (p, (guint) (part * 100 / 1024), 2);
  return put_bytes (p, units[unit - 1], 3);
}

/* ---- texts ---- */

/* Printable ASCII that needs no escape in JSON; a backslash and a quote are plain for people. */
static inline gboolean
is_plain (guint8 c)
{
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* What moves a cursor, hides or turns text: C0, DEL, C1, line and bidi marks. */
static inline gboolean
is_control (gunichar c)
{
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* The character at @text and its length; 0 and one byte if it is no UTF-8. */
static gunichar
read_character (const char *text, gsize *len)
{
  gunichar c = (guint8) *text;

  *len = 1;
  if (c < 0x80)
    return c;
  c = g_utf8_get_char_validated (text, -1);
  if (c == (gunichar) -1 || c == (gunichar) -2)
    return 0;
  *len = (gsize) g_unichar_to_utf8 (c, NULL);
  return c;
}

static char *
put_hex (char *p, guint number, guint width)
{
  static const char digits[] = "0123456789abcdef";
  guint i;

  for (i = width; i > 0; number >>= 4)
    p[--i] = digits[number & 15];
  return p + width;
}

static char *
put_json_unit (char *p, gunichar c, const char *from, gsize len)
{
  if (c == 0)
    return put_literal (p, "\xef\xbf\xbd");
  if (c == '"' || c == '\\')
    {
      *p++ = '\\';
      *p++ = (char) c;
      return p;
    }
  if (c == '\n')
    return put_literal (p, "\\n");
  if (c == '\t')
    return put_literal (p, "\\t");
  if (is_control (c))
    return put_hex (put_literal (p, "\\u"), c, 4);
  return put_bytes (p, from, len);
}

static char *
put_human_unit (char *p, gunichar c, const char *from, gsize len)
{
  gsize i;

  if (c != 0 && !is_control (c))
    return put_bytes (p, from, len);
  for (i = 0; i < len; i++)
    p = put_hex (put_literal (p, "\\x"), (guint8) from[i], 2);
  return p;
}

static inline char *
put_escaped (char *p, const char *text, gsize max, char *(*put_unit) (char *, gunichar, const char *, gsize))
{
  const char *end = p + max - LONGEST_UNIT;

  for (;;)
    {
      gunichar c;
      gsize len;

      while (is_plain ((guint8) *text) && p < end)
        *p++ = *text++;
      if (*text == '\0')
        return p;
      if (p >= end)
        return put_literal (p, ELLIPSIS);
      c = read_character (text, &len);
      p = put_unit (p, c, text, len);
      text += len;
    }
}

static char *
put_json_text (char *p, const char *text, gsize max)
{
  return put_escaped (p, text, max, put_json_unit);
}

static char *
put_human_text (char *p, const char *text, gsize max)
{
  return put_escaped (p, text, max, put_human_unit);
}

static char *
put_json_string (char *p, const char *text, gsize max)
{
  *p++ = '"';
  p = put_json_text (p, text, max - 2);
  *p++ = '"';
  return p;
}

/* ---- the start of a line ---- */

static char *
put_human_time (AditLogLine *line, char *p, gint64 second)
{
  if (line->human.second != second)
    {
      time_t now = (time_t) second;
      struct tm tm = { 0 };
      char *to = line->human.text;

      localtime_r (&now, &tm);
      to = put_digits (to, (guint) tm.tm_hour, 2);
      *to++ = ':';
      to = put_digits (to, (guint) tm.tm_min, 2);
      *to++ = ':';
      to = put_digits (to, (guint) tm.tm_sec, 2);
      *to = ' ';
      line->human.second = second;
    }
  return put_bytes (p, line->human.text, 9);
}

static char *
put_json_time (AditLogLine *line, char *p, gint64 second)
{
  if (line->json.second != second)
    {
      time_t now = (time_t) second;
      struct tm tm = { 0 };
      char *to = line->json.text;

      gmtime_r (&now, &tm);
      to = put_digits (to, (guint) tm.tm_year + 1900, 4);
      *to++ = '-';
      to = put_digits (to, (guint) tm.tm_mon + 1, 2);
      *to++ = '-';
      to = put_digits (to, (guint) tm.tm_mday, 2);
      *to++ = 'T';
      to = put_digits (to, (guint) tm.tm_hour, 2);
      *to++ = ':';
      to = put_digits (to, (guint) tm.tm_min, 2);
      *to++ = ':';
      put_digits (to, (guint) tm.tm_sec, 2);
      line->json.second = second;
    }
  return put_bytes (p, line->json.text, 19);
}

static char *
put_start (AditLogLine *line, AditLogFormat format, AditLogLevel level)
{
  struct timespec now;
  char *p = line->data;

  clock_gettime (CLOCK_REALTIME, &now);
  line->time_us = (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
  if (format == ADIT_LOG_HUMAN)
    {
      p = put_human_time (line, p, now.tv_sec);
      if (level == ADIT_LOG_ERROR)
        p = put_literal (p, "error: ");
      else if (level == ADIT_LOG_WARNING)
        p = put_literal (p, "warning: ");
      return p;
    }
  p = put_json_time (line, put_literal (p, "{\"time\":\""), now.tv_sec);
  *p++ = '.';
  p = put_digits (p, (guint) (now.tv_nsec / 1000000), 3);
  p = put_literal (p, "Z\",\"level\":\"");
  p = put_bytes (p, level_words[level], strlen (level_words[level]));
  return put_literal (p, "\",");
}

static void
finish (AditLogLine *line, char *p)
{
  *p++ = '\n';
  line->len = (gsize) (p - line->data);
}

/* ---- lines ---- */

void
adit_log_line_init (AditLogLine *line)
{
  line->human.second = line->json.second = -1;
  line->len = 0;
  line->time_us = 0;
}

static char *
put_field (char *p, const AditLogField *field)
{
  *p++ = ',';
  p = put_json_string (p, field->key, MAX_KEY);
  *p++ = ':';
  if (field->text == NULL)
    return put_i64 (p, field->number);
  return put_json_string (p, field->text, MAX_FIELD);
}

void
adit_log_line_entry (AditLogLine *line, AditLogFormat format, const AditLogEntry *entry)
{
  const char *last = line->data + sizeof line->data - MAX_KEY - MAX_FIELD - 64;
  char *p = put_start (line, format, entry->level);
  guint i;

  if (format == ADIT_LOG_HUMAN)
    {
      finish (line, put_human_text (p, entry->text, MAX_TEXT));
      return;
    }
  p = put_literal (p, "\"message\":");
  p = put_json_string (p, entry->text, MAX_TEXT);
  for (i = 0; i < entry->n_fields && p < last; i++)
    p = put_field (p, &entry->fields[i]);
  *p++ = '}';
  finish (line, p);
}

/* "GET /path 200", with @put for the texts. */
static char *
put_summary (char *p, const AditLogRequest *request, PutText put)
{
  p = put (p, request->method != NULL ? request->method : "-", MAX_SHORT);
  *p++ = ' ';
  p = put (p, request->path != NULL ? request->path : "-", MAX_PATH);
  *p++ = ' ';
  if (request->status == 0)
    *p++ = '-';
  else
    p = put_u64 (p, request->status);
  return p;
}

static char *
put_human_request (char *p, const AditLogRequest *request, gint64 duration_us)
{
  p = put_summary (p, request, put_human_text);
  *p++ = ' ';
  p = put_i64 (p, duration_us / 1000);
  p = put_literal (p, "ms ");
  p = put_size (p, request->bytes_out);
  if (request->error == NULL)
    return p;
  *p++ = ' ';
  return put_human_text (p, request->error, MAX_SHORT);
}

static char *
put_json_request (char *p, const AditLogRequest *request, gint64 duration_us)
{
  p = put_literal (p, "\"event\":\"request\",\"message\":\"");
  p = put_summary (p, request, put_json_text);
  p = put_literal (p, "\",\"method\":");
  p = put_json_string (p, request->method != NULL ? request->method : "", MAX_SHORT);
  p = put_literal (p, ",\"path\":");
  p = put_json_string (p, request->path != NULL ? request->path : "", MAX_PATH);
  if (request->name != NULL)
    p = put_json_string (put_literal (p, ",\"name\":"), request->name, MAX_SHORT);
  if (request->peer != NULL)
    p = put_json_string (put_literal (p, ",\"peer\":"), request->peer, MAX_SHORT);
  if (request->error != NULL)
    p = put_json_string (put_literal (p, ",\"error\":"), request->error, MAX_SHORT);
  if (request->id != 0)
    p = put_u64 (put_literal (p, ",\"id\":"), request->id);
  p = put_u64 (put_literal (p, ",\"status\":"), request->status);
  p = put_i64 (put_literal (p, ",\"duration_ms\":"), duration_us / 1000);
  *p++ = '.';
  p = put_digits (p, (guint) (duration_us % 1000), 3);
  p = put_u64 (put_literal (p, ",\"bytes_in\":"), request->bytes_in);
  p = put_u64 (put_literal (p, ",\"bytes_out\":"), request->bytes_out);
  *p++ = '}';
  return p;
}

void
adit_log_line_request (AditLogLine *line, AditLogFormat format, const AditLogRequest *request)
{
  gint64 duration_us = MAX (request->duration_us, 0);
  char *p = put_start (line, format, ADIT_LOG_INFO);

  if (format == ADIT_LOG_HUMAN)
    p = put_human_request (p, request, duration_us);
  else
    p = put_json_request (p, request, duration_us);
  finish (line, p);
}
