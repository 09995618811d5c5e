/* SPDX-License-Identifier: MIT */
/* errorpage: see errorpage.h. */
#include "server/errorpage.h"

#include <string.h>

#define BODY_MAX 1024

/* What a person should know and do, by status. */
static const struct
{
  guint status;
  const char *title, *text;
} pages[] = {
  { 400, "Bad Request", "The request is malformed or ambiguous, so it was not passed on." },
  { 404, "Not Found", "There is no tunnel of this name. Check the address." },
  { 408, "Request Timeout", "The request did not arrive in time." },
  { 411, "Length Required", "This tunnel needs to know the length of the body beforehand." },
  { 413, "Content Too Large", "The body is larger than allowed." },
  { 414, "URI Too Long", "The address is longer than allowed." },
  { 421, "Misdirected Request", "This host name is not served here." },
  { 429, "Too Many Requests", "Slow down and try again later." },
  { 431, "Request Header Fields Too Large", "The head of the request is larger than allowed." },
  { 500, "Internal Server Error", "The tunnel failed." },
  { 501, "Not Implemented", "The tunnel does not support this kind of request." },
  { 502, "Bad Gateway", "The service behind this address cannot be reached at the moment." },
  { 503, "Service Unavailable", "Too many requests are running. Try again in a moment." },
  { 504, "Gateway Timeout", "The service behind this address did not answer in time." },
  { 505, "HTTP Version Not Supported", "Only HTTP/1.0 and HTTP/1.1 are spoken here." },
};

static guint
page_of (guint status)
{
  for (guint i = 0; i < G_N_ELEMENTS (pages); i++)
    if (pages[i].status == status)
      return i;
  return page_of (500);
}

/* Splits @rest at @mark; the part in front of it without the white space around it. */
static AditSpan
next_part (AditSpan *rest, char mark)
{
  const guint8 *end = memchr (rest->data, mark, rest->len);
  AditSpan part = adit_span (rest->data, end ? (gsize) (end - rest->data) : rest->len);
  gsize used = end ? part.len + 1 : part.len;

  *rest = adit_span (rest->data + used, rest->len - used);
  while (part.len > 0 && g_ascii_isspace ((char) part.data[0]))
    part = adit_span (part.data + 1, part.len - 1);
  while (part.len > 0 && g_ascii_isspace ((char) part.data[part.len - 1]))
    part.len--;
  return part;
}

/* RFC 9110 12.4.2, in thousandths. */
static guint
weight_of (AditSpan params)
{
  guint weight = 0;

  while (params.len > 0)
    {
      AditSpan param = next_part (&params, ';');

      if (param.len < 3 || (param.data[0] | 0x20) != 'q' || param.data[1] != '=' || param.data[2] != '0')
        continue;
      for (gsize i = 4, unit = 100; i < param.len && g_ascii_isdigit ((char) param.data[i]); i++, unit /= 10)
        weight += (guint) (param.data[i] - '0') * (guint) unit;
      return weight;
    }
  return 1000;
}

/* JSON where Accept names it and does not name HTML with a higher weight, or with the same before it. */
static gboolean
prefers_json (AditSpan accept)
{
  guint json = 0, html = 0;

  while (accept.len > 0)
    {
      AditSpan params = next_part (&accept, ',');
      AditSpan type = next_part (&params, ';');

      if (adit_span_equal_nocase (type, "application/json"))
        json = 2 * weight_of (params) + (html == 0);
      else if (adit_span_equal_nocase (type, "text/html"))
        html = 2 * weight_of (params) + (json == 0);
    }
  return json > 1 && json > html;
}

static guint
write_body (char *body, const AditErrorPage *page, guint i, gboolean json)
{
  const char *word = adit_reason_word (page->reason);

  if (json)
    return (guint) g_snprintf (body, BODY_MAX, "{\"error\":\"%s\",\"status\":%u,\"message\":\"%s\",\"request_id\":\"%" G_GINT64_MODIFIER
                               "x\"}\n", word, pages[i].status, pages[i].text, page->request_id);
  return (guint) g_snprintf (body, BODY_MAX,
                             "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
                             "content=\"width=device-width\"><title>%u %s</title></head>\n<body><h1>%u %s</h1>\n<p>%s</p>\n"
                             "<p><small>%s, request %" G_GINT64_MODIFIER "x</small></p></body></html>\n",
                             pages[i].status, pages[i].title, pages[i].status, pages[i].title, pages[i].text, word,
                             page->request_id);
}

static void
put (AditHeadWriter *writer, const char *text)
{
  adit_head_put (writer, adit_span (text, strlen (text)));
}

static void
put_date (AditHeadWriter *writer)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  static const char *const days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
  static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
  char text[64];

  g_snprintf (text, sizeof text, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", days[g_date_time_get_day_of_week (now) - 1],
              g_date_time_get_day_of_month (now), months[g_date_time_get_month (now) - 1], g_date_time_get_year (now),
              g_date_time_get_hour (now), g_date_time_get_minute (now), g_date_time_get_second (now));
  put (writer, text);
}

void
adit_errorpage_write (AditHeadWriter *writer, const AditErrorPage *page)
{
  guint i = page_of (adit_reason_status (page->reason));
  gboolean json = prefers_json (page->accept);
  char body[BODY_MAX];
  guint len = write_body (body, page, i, json);

  put (writer, "HTTP/1.1 ");
  adit_head_put_number (writer, pages[i].status);
  put (writer, " ");
  put (writer, pages[i].title);
  put (writer, "\r\n");
  put_date (writer);
  put (writer, json ? "Content-Type: application/json\r\n" : "Content-Type: text/html; charset=utf-8\r\n");
  put (writer, "Cache-Control: no-store\r\nAdit-Error: ");
  put (writer, adit_reason_word (page->reason));
  put (writer, "\r\n");
  if (pages[i].status == 503 || pages[i].status == 429)
    put (writer, "Retry-After: 1\r\n");
  if (!page->keep_alive)
    put (writer, "Connection: close\r\n");
  else if (page->minor == 0)
    put (writer, "Connection: keep-alive\r\n");
  put (writer, "Content-Length: ");
  adit_head_put_number (writer, len);
  put (writer, "\r\n\r\n");
  if (!page->is_head)
    adit_head_put (writer, adit_span (body, len));
}
