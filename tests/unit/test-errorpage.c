/* SPDX-License-Identifier: MIT */
/* test-errorpage: an answer for every reason, as HTML or JSON by what the visitor accepts, read back with
 * our own parser. */
#include "server/errorpage.h"

#include "lib/testing.h"

#include <string.h>

static guint8 memory[4096];
static AditHead head;
static AditSpan body;

/* Writes @page and parses what came out. */
static void
write_page (const AditErrorPage *page)
{
  AditHeadWriter writer = { memory, memory + sizeof memory, FALSE };
  AditHeadFault fault;
  gsize used, len;

  adit_errorpage_write (&writer, page);
  ck_assert (!writer.overflow);
  len = (gsize) (writer.at - memory);
  ck_assert_int_eq (adit_head_parse_response (&head, memory, len, page->is_head, &used, &fault),
                    ADIT_HEAD_OK);
  body = adit_span (memory + used, len - used);
}

/* The value of the only field of that name; NULL if there is none. */
static const char *
field (const char *name)
{
  static char value[256];
  guint n = 0;

  for (guint i = 0; i < head.n_fields; i++)
    if (adit_span_equal_nocase (head.fields[i].name, name))
      {
        ck_assert_uint_eq (++n, 1);
        ck_assert_uint_lt (head.fields[i].value.len, sizeof value);
        memcpy (value, head.fields[i].value.data, head.fields[i].value.len);
        value[head.fields[i].value.len] = '\0';
      }
  return n ? value : NULL;
}

static gboolean
body_has (const char *text)
{
  return memmem (body.data, body.len, text, strlen (text)) != NULL;
}

/* ---- every reason ---- */

START_TEST (test_reasons)
{
  AditReason reason = (AditReason) (_i / 2);
  AditErrorPage page = { .reason = reason, .request_id = 0xabc, .keep_alive = TRUE, .minor = 1 };
  guint status = adit_reason_status (reason) ? adit_reason_status (reason) : 500;
  g_autofree char *start = g_strdup_printf ("{\"error\":\"%s\",\"status\":%u,\"message\":\"",
                                            adit_reason_word (reason), status);
  g_autofree char *number = g_strdup_printf ("%u ", status);

  if (_i % 2)
    page.accept = ADIT_SPAN ("application/json");
  write_page (&page);
  if (reason == ADIT_REASON_VISITOR_GONE) /* 499 is for logs: no visitor is there to read it */
    return;
  ck_assert_uint_eq (head.status, status);
  ck_assert_uint_gt (head.reason.len, 0);
  ck_assert_int_eq (head.body, ADIT_BODY_LENGTH);
  ck_assert_uint_eq (head.length, body.len);
  ck_assert_str_eq (field ("Adit-Error"), adit_reason_word (reason));
  ck_assert_str_eq (field ("Cache-Control"), "no-store");
  ck_assert (field ("Date") != NULL);
  ck_assert (field ("Server") == NULL);
  ck_assert_int_eq (field ("Retry-After") != NULL, status == 503 || status == 429);
  ck_assert (body_has (adit_reason_word (reason)));
  ck_assert (body_has ("abc"));
  ck_assert (g_utf8_validate ((const char *) body.data, (gssize) body.len, NULL));
  if (_i % 2)
    {
      ck_assert_str_eq (field ("Content-Type"), "application/json");
      ck_assert (body.len > strlen (start) && memcmp (body.data, start, strlen (start)) == 0);
      ck_assert (body.data[body.len - 2] == '}');
    }
  else
    {
      ck_assert_str_eq (field ("Content-Type"), "text/html; charset=utf-8");
      ck_assert (body_has ("<!DOCTYPE html>") && body_has (number) && body_has ("</html>"));
    }
}
END_TEST

/* RFC 9110 5.6.7. */
START_TEST (test_date)
{
  AditErrorPage page = { .reason = ADIT_REASON_OVERLOADED, .minor = 1 };
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autoptr (GRegex) form
    = g_regex_new ("^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \\d\\d [A-Z][a-z][a-z] \\d{4} \\d\\d:\\d\\d:\\d\\d GMT$", 0, 0,
                   NULL);
  g_autofree char *year = g_strdup_printf (" %d ", g_date_time_get_year (now));

  write_page (&page);
  ck_assert (g_regex_match (form, field ("Date"), 0, NULL));
  ck_assert (strstr (field ("Date"), year) != NULL || g_date_time_get_day_of_year (now) >= 365);
}
END_TEST

/* ---- HTML or JSON ---- */

START_TEST (test_accept)
{
  static const struct
  {
    const char *accept;
    gboolean json;
  } rows[] = {
    { "", FALSE },
    { "*/*", FALSE },
    { "text/html", FALSE },
    { "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", FALSE },
    { "application/json", TRUE },
    { "Application/JSON", TRUE },
    { "application/json; charset=utf-8", TRUE },
    { "application/json, text/plain, */*", TRUE },
    { "text/plain , application/json", TRUE },
    { "application/json, text/html", TRUE },
    { "text/html, application/json", FALSE },
    { "text/html;q=0.5, application/json", TRUE },
    { "application/json;q=0.5, text/html", FALSE },
    { "application/json;q=0.5, text/html;q=0.25", TRUE },
    { "text/html;level=1;q=0.3, application/json;q=0.7", TRUE },
    { "application/json;q=0", FALSE },
    { "application/json;q=0.000, text/html;q=0", FALSE },
    { "application/jsonp", FALSE },
    { "xapplication/json", FALSE },
    { "image/png, application/json-patch+json", FALSE },
    { "application/json;q=", TRUE },
    { ",,;;application/json", FALSE },
    { ",, application/json ,", TRUE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      AditErrorPage page = { .reason = ADIT_REASON_UNKNOWN_NAME, .minor = 1 };
      const char *type = rows[i].json ? "application/json" : "text/html; charset=utf-8";

      page.accept = adit_span (rows[i].accept, strlen (rows[i].accept));
      write_page (&page);
      ck_assert_msg (strcmp (field ("Content-Type"), type) == 0, "%s", rows[i].accept);
    }
}
END_TEST

/* Nothing that the visitor sent comes back. */
START_TEST (test_no_echo)
{
  AditErrorPage page = { .reason = ADIT_REASON_BAD_REQUEST, .minor = 1,
                         .accept = ADIT_SPAN ("application/json;<script>alert(1)</script>\xff\x01") };

  write_page (&page);
  ck_assert (!body_has ("script"));
}
END_TEST

/* ---- what the connection needs ---- */

START_TEST (test_head)
{
  AditErrorPage page = { .reason = ADIT_REASON_TUNNEL_OFFLINE, .minor = 1, .keep_alive = TRUE };
  guint64 length;

  write_page (&page);
  length = body.len;
  page.is_head = TRUE;
  write_page (&page);
  ck_assert_uint_eq (body.len, 0);
  /* As for GET: RFC 9110 9.3.2. */
  ck_assert_uint_eq (g_ascii_strtoull (field ("Content-Length"), NULL, 10), length);
}
END_TEST

START_TEST (test_connection)
{
  AditErrorPage page = { .reason = ADIT_REASON_BAD_REQUEST, .minor = 1, .keep_alive = TRUE };

  write_page (&page);
  ck_assert (field ("Connection") == NULL);
  ck_assert (head.keep_alive);
  page.minor = 0;
  write_page (&page);
  ck_assert_str_eq (field ("Connection"), "keep-alive");
  page.keep_alive = FALSE;
  write_page (&page);
  ck_assert_str_eq (field ("Connection"), "close");
  page.minor = 1;
  write_page (&page);
  ck_assert_str_eq (field ("Connection"), "close");
  ck_assert (!head.keep_alive);
}
END_TEST

/* Too little memory is told, not overrun. */
START_TEST (test_overflow)
{
  AditErrorPage page = { .reason = ADIT_REASON_BAD_REQUEST, .minor = 1 };
  AditHeadWriter writer = { memory, memory + sizeof memory, FALSE };
  gsize len;

  adit_errorpage_write (&writer, &page);
  len = (gsize) (writer.at - memory);
  for (gsize room = 0; room <= len; room++)
    {
      g_autofree guint8 *exact = g_malloc (room + 1);

      writer = (AditHeadWriter){ exact, exact + room, FALSE };
      adit_errorpage_write (&writer, &page);
      ck_assert_int_eq (writer.overflow, room < len);
      ck_assert (writer.at <= exact + room);
    }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("errorpage");
  TCase *tcase = tcase_create ("errorpage");

  tcase_add_loop_test (tcase, test_reasons, 0, 2 * ADIT_REASON_N);
  tcase_add_test (tcase, test_date);
  tcase_add_test (tcase, test_accept);
  tcase_add_test (tcase, test_no_echo);
  tcase_add_test (tcase, test_head);
  tcase_add_test (tcase, test_connection);
  tcase_add_test (tcase, test_overflow);
  suite_add_tcase (suite, tcase);
  return testing_run (suite);
}
