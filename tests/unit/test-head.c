/* SPDX-License-Identifier: MIT */
/* test-head: heads accepted and refused, each also byte by byte; limits from both sides; the parts alone.
 *
 * Every parse is of a copy of exactly the bytes given, so that a read past the end is seen by a sanitizer. */
#define ADIT_HEAD_PLAIN /* here the loops without SSE2; the parser has those it was built with */
#include "wire/head-find.h"
#include "wire/head.h"

#include "lib/testing.h"

#include <string.h>

#define BAD ADIT_REASON_BAD_REQUEST
#define H "Host: a.b\r\n"

typedef struct
{
  const char *bytes;
  gsize len;
  const char *dump;   /* what is parsed; NULL: refused */
  AditReason reason;
  const char *text;
} Row;

#define GOOD(bytes, dump) { bytes, sizeof (bytes) - 1, dump, ADIT_REASON_NONE, NULL }
#define FAIL(bytes, reason, text) { bytes, sizeof (bytes) - 1, NULL, reason, text }

typedef enum
{
  REQUEST,
  RESPONSE,
  TO_HEAD,
  TRAILERS,
  BARE,
} Kind;

static AditHeadResult
parse (Kind kind, AditHead *head, AditSpan in, gsize *used, AditHeadFault *fault)
{
  switch (kind)
    {
    case REQUEST:
      return adit_head_parse_request (head, in.data, in.len, used, fault);
    case RESPONSE:
    case TO_HEAD:
      return adit_head_parse_response (head, in.data, in.len, kind == TO_HEAD, used, fault);
    default:
      return adit_head_parse_trailers (head, in.data, in.len, kind == BARE, used, fault);
    }
}

static void
dump_span (GString *out, AditSpan span)
{
  g_string_append_len (out, (const char *) span.data, (gssize) span.len);
}

static void
dump_fields (GString *out, const AditHead *head)
{
  for (guint i = 0; i < head->n_fields; i++)
    {
      g_string_append (out, i == 0 ? " | " : ", ");
      g_string_append (out, head->fields[i].hop ? "-" : "");
      dump_span (out, head->fields[i].name);
      g_string_append_c (out, '=');
      dump_span (out, head->fields[i].value);
    }
}

/* "METHOD target host" or "status [reason]", then "1.minor body flags upgrade | name=value, -hop=value". */
static char *
dump (const AditHead *head, Kind kind)
{
  static const char *const bodies[] = { "none", "length", "chunked", "close", "raw" };
  GString *out = g_string_new (NULL);

  if (kind == REQUEST)
    {
      dump_span (out, head->method);
      g_string_append_c (out, ' ');
      dump_span (out, head->target);
      g_string_append_c (out, ' ');
      dump_span (out, head->host);
    }
  else if (kind <= TO_HEAD)
    {
      g_string_append_printf (out, "%u [", head->status);
      dump_span (out, head->reason);
      g_string_append_c (out, ']');
    }
  if (kind <= TO_HEAD)
    {
      g_string_append_printf (out, " 1.%u %s", head->minor, bodies[head->body]);
      if (head->body == ADIT_BODY_LENGTH)
        g_string_append_printf (out, ":%" G_GUINT64_FORMAT, head->length);
      else
        ck_assert (head->length == 0 || kind == REQUEST);
      g_string_append (out, head->keep_alive ? " k" : " ");
      g_string_append (out, head->is_head ? "h" : "");
      g_string_append (out, head->is_safe ? "s" : "");
      g_string_append (out, head->expect_continue ? "e" : "");
      g_string_append (out, head->wants_trailers ? "t" : "");
      if (head->upgrade.len > 0)
        g_string_append (out, "<"), dump_span (out, head->upgrade), g_string_append (out, ">");
    }
  dump_fields (out, head);
  return g_string_free (out, FALSE);
}

/* All of @row at once, with bytes behind it, and every prefix of it. */
static void
check_row (const Row *row, Kind kind)
{
  AditHead *head = g_new (AditHead, 1);

  for (gsize len = 0; len <= row->len + 1; len++)
    {
      guint8 *copy = g_malloc (len + (len == 0));
      gsize used = 0;
      AditHeadFault fault = { ADIT_REASON_NONE, NULL };
      AditHeadResult result;

      memcpy (copy, row->bytes, MIN (len, row->len));
      if (len > row->len)
        copy[row->len] = 'X';
      result = parse (kind, head, adit_span (copy, len), &used, &fault);
      if (result == ADIT_HEAD_BAD)
        {
          ck_assert_msg (row->dump == NULL, "%s: refused: %s", row->bytes, fault.text);
          ck_assert_msg (strcmp (fault.text, row->text) == 0, "%s: [%s]", row->bytes, fault.text);
          ck_assert_int_eq (fault.reason, row->reason);
        }
      else if (result == ADIT_HEAD_OK)
        {
          g_autofree char *got = dump (head, kind);

          ck_assert_msg (len >= row->len && row->dump != NULL, "%s: accepted: %s", row->bytes, got);
          ck_assert_msg (strcmp (got, row->dump) == 0, "[%s], not [%s]", got, row->dump);
          ck_assert_uint_eq (used, row->len);
        }
      else
        ck_assert_msg (len < row->len, "%s: not complete at %zu", row->bytes, len);
      g_free (copy);
    }
  g_free (head);
}

static const Row requests[] = {
  /* request lines */
  GOOD ("GET / HTTP/1.1\r\n" H "\r\n", "GET / a.b 1.1 none ks | Host=a.b"),
  GOOD ("\r\nGET / HTTP/1.1\r\n" H "\r\n", "GET / a.b 1.1 none ks | Host=a.b"),
  GOOD ("HEAD /x?y=z HTTP/1.1\r\n" H "\r\n", "HEAD /x?y=z a.b 1.1 none khs | Host=a.b"),
  GOOD ("OPTIONS * HTTP/1.1\r\n" H "\r\n", "OPTIONS * a.b 1.1 none ks | Host=a.b"),
  GOOD ("TRACE / HTTP/1.1\r\n" H "\r\n", "TRACE / a.b 1.1 none ks | Host=a.b"),
  GOOD ("POST / HTTP/1.1\r\n" H "\r\n", "POST / a.b 1.1 none k | Host=a.b"),
  GOOD ("get / HTTP/1.1\r\n" H "\r\n", "get / a.b 1.1 none k | Host=a.b"),
  GOOD ("M-SEARCH!#$%&'*+.^_`|~ / HTTP/1.1\r\n" H "\r\n",
        "M-SEARCH!#$%&'*+.^_`|~ / a.b 1.1 none k | Host=a.b"),
  GOOD ("GET //x HTTP/1.1\r\n" H "\r\n", "GET //x a.b 1.1 none ks | Host=a.b"),
  GOOD ("GET /\"<>\\^`{|}[]%zz HTTP/1.1\r\n" H "\r\n", "GET /\"<>\\^`{|}[]%zz a.b 1.1 none ks | Host=a.b"),
  GOOD ("GET /http://c/ HTTP/1.1\r\n" H "\r\n", "GET /http://c/ a.b 1.1 none ks | Host=a.b"),
  FAIL ("\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", BAD, "the method is malformed"),
  FAIL ("\nGET / HTTP/1.1\r\n" H "\r\n", BAD, "the method is malformed"),
  FAIL ("\rGET / HTTP/1.1\r\n" H "\r\n", BAD, "a bare CR"),
  FAIL (" GET / HTTP/1.1\r\n" H "\r\n", BAD, "the method is malformed"),
  FAIL ("\tGET / HTTP/1.1\r\n" H "\r\n", BAD, "the method is malformed"),
  FAIL ("GE(T / HTTP/1.1\r\n" H "\r\n", BAD, "the method is malformed"),
  FAIL ("G\0T / HTTP/1.1\r\n" H "\r\n", BAD, "the method is malformed"),
  FAIL ("G\xc3\xa9T / HTTP/1.1\r\n" H "\r\n", BAD, "the method is malformed"),
  FAIL ("GET\t/ HTTP/1.1\r\n" H "\r\n", BAD, "the method is malformed"),
  FAIL ("GET\r\n" H "\r\n", BAD, "the method is malformed"),
  FAIL ("GET  / HTTP/1.1\r\n" H "\r\n", BAD, "the request-target is malformed"),
  FAIL ("GET /\tHTTP/1.1\r\n" H "\r\n", BAD, "the request-target is malformed"),
  FAIL ("GET /\x01 HTTP/1.1\r\n" H "\r\n", BAD, "the request-target is malformed"),
  FAIL ("GET /\0 HTTP/1.1\r\n" H "\r\n", BAD, "the request-target is malformed"),
  FAIL ("GET /\x7f HTTP/1.1\r\n" H "\r\n", BAD, "the request-target is malformed"),
  FAIL ("GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", BAD, "the request-target is malformed"),
  FAIL ("GET /#frag HTTP/1.1\r\n" H "\r\n", BAD, "the request-target is malformed"),
  FAIL ("GET /\r\n\r\n", BAD, "a request line without an HTTP version"),
  FAIL ("GET /\n\n", BAD, "a request line without an HTTP version"),
  FAIL ("GET / \r\n" H "\r\n", BAD, "the HTTP version is malformed"),
  FAIL ("GET /  HTTP/1.1\r\n" H "\r\n", BAD, "the HTTP version is malformed"),
  FAIL ("GET / x HTTP/1.1\r\n" H "\r\n", BAD, "the HTTP version is malformed"),
  FAIL ("GET / HTTP/1.1 \r\n" H "\r\n", BAD, "the HTTP version is malformed"),
  FAIL ("GET / HTTP/1.10\r\n" H "\r\n", BAD, "the HTTP version is malformed"),
  FAIL ("GET / HTTP/11\r\n" H "\r\n", BAD, "the HTTP version is malformed"),
  FAIL ("GET / http/1.1\r\n" H "\r\n", BAD, "the HTTP version is malformed"),
  FAIL ("GET / HTTP/1,1\r\n" H "\r\n", BAD, "the HTTP version is malformed"),
  FAIL ("GET / HTTP/x.1\r\n" H "\r\n", BAD, "the HTTP version is malformed"),
  FAIL ("GET / HTTP/1.1\n" H "\r\n", BAD, "a line ends with a bare LF"),
  FAIL ("GET / HTTP/1.1\r" H "\r\n", BAD, "a bare CR"),
  FAIL ("GET / HTTP/1.1\r\r\n" H "\r\n", BAD, "a bare CR"),
  FAIL ("GET / HTTP/1.2\r\n" H "\r\n", ADIT_REASON_VERSION, "an HTTP version other than 1.0 and 1.1"),
  FAIL ("GET / HTTP/0.9\r\n" H "\r\n", ADIT_REASON_VERSION, "an HTTP version other than 1.0 and 1.1"),
  FAIL ("GET / HTTP/2.0\r\n" H "\r\n", ADIT_REASON_VERSION, "an HTTP version other than 1.0 and 1.1"),
  FAIL ("GET / HTTP/3.1\r\n" H "\r\n", ADIT_REASON_VERSION, "an HTTP version other than 1.0 and 1.1"),
  FAIL ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ADIT_REASON_VERSION, "an HTTP version other than 1.0 and 1.1"),
  FAIL ("CONNECT a.b:443 HTTP/1.1\r\n" H "\r\n", ADIT_REASON_NOT_SUPPORTED, "CONNECT is not served here"),
  FAIL ("CONNECT / HTTP/1.0\r\n" H "\r\n", ADIT_REASON_NOT_SUPPORTED, "CONNECT is not served here"),
  FAIL ("GET * HTTP/1.1\r\n" H "\r\n", BAD, "the request-target * without OPTIONS"),
  FAIL ("OPTIONS *x HTTP/1.1\r\n" H "\r\n", BAD, "the request-target has no form that is served here"),
  FAIL ("GET a.b HTTP/1.1\r\n" H "\r\n", BAD, "the request-target has no form that is served here"),
  FAIL ("GET a.b:80 HTTP/1.1\r\n" H "\r\n", BAD, "the request-target has no form that is served here"),
  FAIL ("GET ?x HTTP/1.1\r\n" H "\r\n", BAD, "the request-target has no form that is served here"),
  FAIL ("GET ftp://a.b/ HTTP/1.1\r\n" H "\r\n", BAD, "the request-target has no form that is served here"),
  FAIL ("GET http:/a.b/ HTTP/1.1\r\n" H "\r\n", BAD, "the request-target has no form that is served here"),
  FAIL ("\x16\x03\x01\x02", BAD, "the method is malformed"),
  /* absolute-form */
  GOOD ("GET http://a.b/x?y HTTP/1.1\r\n" H "\r\n", "GET /x?y a.b 1.1 none ks | Host=a.b"),
  GOOD ("GET HTTP://A.B:80/ HTTP/1.1\r\n" H "\r\n", "GET / A.B:80 1.1 none ks | Host=a.b"),
  GOOD ("GET https://a.b. HTTP/1.1\r\nHost: A.B:443\r\n\r\n", "GET / a.b. 1.1 none ks | Host=A.B:443"),
  GOOD ("GET http://a.b:8080//z HTTP/1.1\r\nHost: a.b:8080\r\n\r\n",
        "GET //z a.b:8080 1.1 none ks | Host=a.b:8080"),
  GOOD ("GET http://[::1]/ HTTP/1.1\r\nHost: [::1]\r\n\r\n", "GET / [::1] 1.1 none ks | Host=[::1]"),
  GOOD ("OPTIONS http://a.b HTTP/1.1\r\n" H "\r\n", "OPTIONS * a.b 1.1 none ks | Host=a.b"),
  GOOD ("OPTIONS http://a.b/ HTTP/1.1\r\n" H "\r\n", "OPTIONS / a.b 1.1 none ks | Host=a.b"),
  FAIL ("GET http://a.b?x HTTP/1.1\r\n" H "\r\n", BAD, "a query without a path in the request-target"),
  FAIL ("GET http://a.c/ HTTP/1.1\r\n" H "\r\n", BAD, "the Host field is not the host of the request-target"),
  FAIL ("GET http://a.b:81/ HTTP/1.1\r\n" H "\r\n",
        BAD, "the Host field is not the host of the request-target"),
  FAIL ("GET https://a.b:80/ HTTP/1.1\r\n" H "\r\n",
        BAD, "the Host field is not the host of the request-target"),
  FAIL ("GET http://a.b/ HTTP/1.1\r\n\r\n", BAD, "no Host field"),
  FAIL ("GET http:/// HTTP/1.1\r\n" H "\r\n", BAD, "the host is empty"),
  FAIL ("GET http:// HTTP/1.1\r\n" H "\r\n", BAD, "the host is empty"),
  FAIL ("GET http://u@a.b/ HTTP/1.1\r\n" H "\r\n", BAD, "the host is malformed"),
  FAIL ("GET http://u:p@a.b/ HTTP/1.1\r\n" H "\r\n", BAD, "the port of the host is malformed"),
  FAIL ("GET http://a.b\\@c/ HTTP/1.1\r\n" H "\r\n", BAD, "the host is malformed"),
  FAIL ("GET http://a.b:0/ HTTP/1.1\r\n" H "\r\n", BAD, "the port of the host is malformed"),
  /* Host */
  GOOD ("GET / HTTP/1.0\r\n" H "\r\n", "GET / a.b 1.0 none s | Host=a.b"),
  GOOD ("GET / HTTP/1.1\r\nhOST:a_b.-c.\r\n\r\n", "GET / a_b.-c. 1.1 none ks | hOST=a_b.-c."),
  GOOD ("GET / HTTP/1.1\r\nHost:\t 127.0.0.1:65535 \t\r\n\r\n",
        "GET / 127.0.0.1:65535 1.1 none ks | Host=127.0.0.1:65535"),
  GOOD ("GET / HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n",
        "GET / [2001:db8::1]:8080 1.1 none ks | Host=[2001:db8::1]:8080"),
  GOOD ("GET / HTTP/1.1\r\nHost: [::ffff:127.0.0.1]\r\n\r\n",
        "GET / [::ffff:127.0.0.1] 1.1 none ks | Host=[::ffff:127.0.0.1]"),
  FAIL ("GET / HTTP/1.1\r\n\r\n", BAD, "no Host field"),
  FAIL ("GET / HTTP/1.0\r\n\r\n", BAD, "no Host field"),
  FAIL ("GET / HTTP/1.1\r\nHosts: a.b\r\n\r\n", BAD, "no Host field"),
  FAIL ("GET / HTTP/1.1\r\n" H H "\r\n", BAD, "more than one Host field"),
  FAIL ("GET / HTTP/1.1\r\n" H "HOST: c\r\n\r\n", BAD, "more than one Host field"),
  FAIL ("GET / HTTP/1.1\r\nHost:\r\n\r\n", BAD, "the host is empty"),
  FAIL ("GET / HTTP/1.1\r\nHost: \t\r\n\r\n", BAD, "the host is empty"),
  FAIL ("GET / HTTP/1.1\r\nHost: :80\r\n\r\n", BAD, "the host is malformed"),
  FAIL ("GET / HTTP/1.1\r\nHost: u@a.b\r\n\r\n", BAD, "the host is malformed"),
  FAIL ("GET / HTTP/1.1\r\nHost: a.b c\r\n\r\n", BAD, "the host is malformed"),
  FAIL ("GET / HTTP/1.1\r\nHost: a.b, c\r\n\r\n", BAD, "the host is malformed"),
  FAIL ("GET / HTTP/1.1\r\nHost: a.b/c\r\n\r\n", BAD, "the host is malformed"),
  FAIL ("GET / HTTP/1.1\r\nHost: a%2eb\r\n\r\n", BAD, "the host is malformed"),
  FAIL ("GET / HTTP/1.1\r\nHost: \xc3\xa9.b\r\n\r\n", BAD, "the host is malformed"),
  FAIL ("GET / HTTP/1.1\r\nHost: a.b:\r\n\r\n", BAD, "the port of the host is malformed"),
  FAIL ("GET / HTTP/1.1\r\nHost: a.b:0\r\n\r\n", BAD, "the port of the host is malformed"),
  FAIL ("GET / HTTP/1.1\r\nHost: a.b:65536\r\n\r\n", BAD, "the port of the host is malformed"),
  FAIL ("GET / HTTP/1.1\r\nHost: a.b:080808\r\n\r\n", BAD, "the port of the host is malformed"),
  FAIL ("GET / HTTP/1.1\r\nHost: a.b:000080\r\n\r\n", BAD, "the port of the host is malformed"),
  FAIL ("GET / HTTP/1.1\r\nHost: a.b:8x\r\n\r\n", BAD, "the port of the host is malformed"),
  FAIL ("GET / HTTP/1.1\r\nHost: a.b:-1\r\n\r\n", BAD, "the port of the host is malformed"),
  FAIL ("GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", BAD, "the host is malformed"),
  FAIL ("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", BAD, "the host is malformed"),
  FAIL ("GET / HTTP/1.1\r\nHost: []\r\n\r\n", BAD, "the host is malformed"),
  FAIL ("GET / HTTP/1.1\r\nHost: [a.b]\r\n\r\n", BAD, "the host is malformed"),
  FAIL ("GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", BAD, "the host is malformed"),
  FAIL ("GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n\r\n", BAD, "the host is malformed"),
  /* field lines */
  GOOD ("GET / HTTP/1.1\r\n" H "A:b\r\nC: \t d \t \r\nE:\r\nF: \r\n\r\n",
        "GET / a.b 1.1 none ks | Host=a.b, A=b, C=d, E=, F="),
  GOOD ("GET / HTTP/1.1\r\n" H "A: b\tc\xff\x80 d:e\r\n\r\n",
        "GET / a.b 1.1 none ks | Host=a.b, A=b\tc\xff\x80 d:e"),
  GOOD ("GET / HTTP/1.1\r\n" H "A: 1234567\t90123456\t8\t\t\t\t\t\t\t\t\t\t.\r\n\r\n",
        "GET / a.b 1.1 none ks | Host=a.b, A=1234567\t90123456\t8\t\t\t\t\t\t\t\t\t\t."),
  GOOD ("GET / HTTP/1.1\r\n" H "!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n",
        "GET / a.b 1.1 none ks | Host=a.b, !#$%&'*+-.^_`|~09azAZ=x"),
  FAIL ("GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n", BAD, "a folded field line"),
  FAIL ("GET / HTTP/1.1\r\n" H "A: b\r\n\tc\r\n\r\n", BAD, "a folded field line"),
  FAIL ("GET / HTTP/1.1\r\n " H "\r\n", BAD, "a folded field line"),
  FAIL ("GET / HTTP/1.1\r\n" H " \r\n\r\n", BAD, "a folded field line"),
  FAIL ("GET / HTTP/1.1\r\n" H "A : b\r\n\r\n", BAD, "white space in front of a colon"),
  FAIL ("GET / HTTP/1.1\r\n" H "A\t: b\r\n\r\n", BAD, "white space in front of a colon"),
  FAIL ("GET / HTTP/1.1\r\n" H "A b: c\r\n\r\n", BAD, "white space in front of a colon"),
  FAIL ("GET / HTTP/1.1\r\n" H ": b\r\n\r\n", BAD, "a field without a name"),
  FAIL ("GET / HTTP/1.1\r\n" H "A\r\n\r\n", BAD, "a field line without a colon"),
  FAIL ("GET / HTTP/1.1\r\n" H "A\n\r\n", BAD, "a line ends with a bare LF"),
  FAIL ("GET / HTTP/1.1\r\n" H "A(: b\r\n\r\n", BAD, "a character that no field name may have"),
  FAIL ("GET / HTTP/1.1\r\n" H "\"A\": b\r\n\r\n", BAD, "a character that no field name may have"),
  FAIL ("GET / HTTP/1.1\r\n" H "A\0: b\r\n\r\n", BAD, "a character that no field name may have"),
  FAIL ("GET / HTTP/1.1\r\n" H "A\x0b: b\r\n\r\n", BAD, "a character that no field name may have"),
  FAIL ("GET / HTTP/1.1\r\n" H "\xc3\xa9: b\r\n\r\n", BAD, "a character that no field name may have"),
  FAIL ("GET / HTTP/1.1\r\n" H "A: b\nC: d\r\n\r\n", BAD, "a line ends with a bare LF"),
  FAIL ("GET / HTTP/1.1\r\n" H "A: b\rC: d\r\n\r\n", BAD, "a bare CR"),
  FAIL ("GET / HTTP/1.1\r\n" H "A: b\r\r\n\r\n", BAD, "a bare CR"),
  FAIL ("GET / HTTP/1.1\r\n" H "A: b\0c\r\n\r\n", BAD, "a control character in a field value"),
  FAIL ("GET / HTTP/1.1\r\n" H "A: b\x01\r\n\r\n", BAD, "a control character in a field value"),
  FAIL ("GET / HTTP/1.1\r\n" H "A: \x0b\r\n\r\n", BAD, "a control character in a field value"),
  FAIL ("GET / HTTP/1.1\r\n" H "A: 123456789\x1f\r\n\r\n", BAD, "a control character in a field value"),
  FAIL ("GET / HTTP/1.1\r\n" H "A: b\x7f" "0123456789\r\n\r\n", BAD, "a control character in a field value"),
  FAIL ("GET / HTTP/1.1\r\n" H "\n", BAD, "a line ends with a bare LF"),
  FAIL ("GET / HTTP/1.1\r\n" H "\rX", BAD, "a bare CR"),
  /* Content-Length */
  GOOD ("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n",
        "POST / a.b 1.1 length:5 k | Host=a.b, Content-Length=5"),
  GOOD ("POST / HTTP/1.1\r\n" H "CONTENT-length:0\r\n\r\n",
        "POST / a.b 1.1 length:0 k | Host=a.b, CONTENT-length=0"),
  GOOD ("POST / HTTP/1.1\r\n" H "Content-Length: 007\r\n\r\n",
        "POST / a.b 1.1 length:7 k | Host=a.b, Content-Length=007"),
  GOOD ("POST / HTTP/1.1\r\n" H "Content-Length: 999999999999999999\r\n\r\n",
        "POST / a.b 1.1 length:999999999999999999 k | Host=a.b, Content-Length=999999999999999999"),
  GOOD ("GET / HTTP/1.0\r\n" H "Content-Length: 1\r\n\r\n",
        "GET / a.b 1.0 length:1 s | Host=a.b, Content-Length=1"),
  FAIL ("POST / HTTP/1.1\r\n" H "Content-Length: 1000000000000000000\r\n\r\n",
        BAD, "the Content-Length is malformed"),
  FAIL ("POST / HTTP/1.1\r\n" H "Content-Length: 0000000000000000005\r\n\r\n",
        BAD, "the Content-Length is malformed"),
  FAIL ("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", BAD,
        "more than one Content-Length field"),
  FAIL ("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", BAD,
        "more than one Content-Length field"),
  FAIL ("POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\n", BAD, "the Content-Length is malformed"),
  FAIL ("POST / HTTP/1.1\r\n" H "Content-Length: 5,\r\n\r\n", BAD, "the Content-Length is malformed"),
  FAIL ("POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\n", BAD, "the Content-Length is malformed"),
  FAIL ("POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\n", BAD, "the Content-Length is malformed"),
  FAIL ("POST / HTTP/1.1\r\n" H "Content-Length: 5 5\r\n\r\n", BAD, "the Content-Length is malformed"),
  FAIL ("POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\n", BAD, "the Content-Length is malformed"),
  FAIL ("POST / HTTP/1.1\r\n" H "Content-Length: 5.0\r\n\r\n", BAD, "the Content-Length is malformed"),
  FAIL ("POST / HTTP/1.1\r\n" H "Content-Length: 1_0\r\n\r\n", BAD, "the Content-Length is malformed"),
  FAIL ("POST / HTTP/1.1\r\n" H "Content-Length: \"5\"\r\n\r\n", BAD, "the Content-Length is malformed"),
  FAIL ("POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", BAD, "the Content-Length is malformed"),
  FAIL ("POST / HTTP/1.1\r\n" H "Content-Length: \xd9\xa5\r\n\r\n", BAD, "the Content-Length is malformed"),
  FAIL ("POST / HTTP/1.1\r\n" H "Content-Length : 5\r\n\r\n", BAD, "white space in front of a colon"),
  /* Transfer-Encoding */
  GOOD ("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n",
        "POST / a.b 1.1 chunked k | Host=a.b, -Transfer-Encoding=chunked"),
  GOOD ("POST / HTTP/1.1\r\n" H "transfer-encoding:\tCHUNKED \r\n\r\n",
        "POST / a.b 1.1 chunked k | Host=a.b, -transfer-encoding=CHUNKED"),
  FAIL ("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", BAD,
        "both Content-Length and Transfer-Encoding"),
  FAIL ("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", BAD,
        "both Content-Length and Transfer-Encoding"),
  FAIL ("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", ADIT_REASON_NOT_SUPPORTED,
        "a transfer coding other than chunked"),
  FAIL ("POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", ADIT_REASON_NOT_SUPPORTED,
        "a transfer coding other than chunked"),
  FAIL ("POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", ADIT_REASON_NOT_SUPPORTED,
        "a transfer coding other than chunked"),
  FAIL ("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
        ADIT_REASON_NOT_SUPPORTED, "a transfer coding other than chunked"),
  FAIL ("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, gzip\r\n\r\n",
        BAD, "chunked is not the last coding"),
  FAIL ("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n",
        BAD, "chunked is not the last coding"),
  FAIL ("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", BAD,
        "chunked is not the last coding"),
  FAIL ("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", BAD,
        "chunked is not the last coding"),
  FAIL ("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked,\r\n\r\n", BAD, "chunked is not the last coding"),
  FAIL ("POST / HTTP/1.1\r\n" H "Transfer-Encoding: , chunked\r\n\r\n",
        BAD, "the Transfer-Encoding is malformed"),
  FAIL ("POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", BAD, "the Transfer-Encoding is malformed"),
  FAIL ("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked;x\r\n\r\n",
        BAD, "the Transfer-Encoding is malformed"),
  FAIL ("POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n",
        BAD, "the Transfer-Encoding is malformed"),
  FAIL ("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chun ked\r\n\r\n",
        BAD, "the Transfer-Encoding is malformed"),
  FAIL ("POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b" "chunked\r\n\r\n",
        BAD, "a control character in a field value"),
  FAIL ("POST / HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n",
        BAD, "white space in front of a colon"),
  FAIL ("POST / HTTP/1.1\r\n" H "Transfer-Encoding\r\n : chunked\r\n\r\n",
        BAD, "a field line without a colon"),
  FAIL ("POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n chunked\r\n\r\n",
        BAD, "the Transfer-Encoding is malformed"),
  FAIL ("POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n", BAD, "Transfer-Encoding in HTTP/1.0"),
  FAIL ("POST / HTTP/1.0\r\n" H "Transfer-Encoding: gzip\r\n\r\n", BAD, "Transfer-Encoding in HTTP/1.0"),
  /* Connection and what it names */
  GOOD ("GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n",
        "GET / a.b 1.1 none s | Host=a.b, -Connection=close"),
  GOOD ("GET / HTTP/1.1\r\n" H "Connection: keep-alive\r\n\r\n",
        "GET / a.b 1.1 none ks | Host=a.b, -Connection=keep-alive"),
  GOOD ("GET / HTTP/1.0\r\n" H "Connection: Keep-Alive\r\n\r\n",
        "GET / a.b 1.0 none ks | Host=a.b, -Connection=Keep-Alive"),
  GOOD ("GET / HTTP/1.0\r\n" H "Connection: keep-alive, CLOSE\r\n\r\n",
        "GET / a.b 1.0 none s | Host=a.b, -Connection=keep-alive, CLOSE"),
  GOOD ("GET / HTTP/1.1\r\n" H "A: 1\r\nConnection: a, b\r\nB: 2\r\nAB: 3\r\na: 4\r\n\r\n",
        "GET / a.b 1.1 none ks | Host=a.b, -A=1, -Connection=a, b, -B=2, AB=3, -a=4"),
  GOOD ("GET / HTTP/1.1\r\n" H "Connection: , ,x-y,\r\nConnection:\r\nX-Y: 1\r\n\r\n",
        "GET / a.b 1.1 none ks | Host=a.b, -Connection=, ,x-y,, -Connection=, -X-Y=1"),
  GOOD ("GET / HTTP/1.1\r\n" H "Connection: cookie\r\nCookie: a\r\n\r\n",
        "GET / a.b 1.1 none ks | Host=a.b, -Connection=cookie, -Cookie=a"),
  GOOD ("GET / HTTP/1.1\r\n"
        H "Keep-Alive: 1\r\nProxy-Connection: x\r\nProxy-Authenticate: x\r\nProxy-Authorization: x\r\n"
        "TE: gzip\r\nTrailer: x\r\nUpgrade: x\r\nHTTP2-Settings: x\r\n\r\n",
        "GET / a.b 1.1 none ks | Host=a.b, -Keep-Alive=1, -Proxy-Connection=x, -Proxy-Authenticate=x, "
        "-Proxy-Authorization=x, -TE=gzip, Trailer=x, -Upgrade=x, -HTTP2-Settings=x"),
  FAIL ("GET / HTTP/1.1\r\n" H "Connection: host\r\n\r\n",
        BAD, "Connection names a field of routing or framing"),
  FAIL ("GET / HTTP/1.1\r\n" H "Connection: close, Content-Length\r\n\r\n", BAD,
        "Connection names a field of routing or framing"),
  FAIL ("GET / HTTP/1.1\r\n" H "Connection: transfer-encoding\r\n\r\n", BAD,
        "Connection names a field of routing or framing"),
  FAIL ("GET / HTTP/1.1\r\n" H "Connection: a b\r\n\r\n", BAD, "the Connection field is malformed"),
  FAIL ("GET / HTTP/1.1\r\n" H "Connection: \"close\"\r\n\r\n", BAD, "the Connection field is malformed"),
  /* Upgrade, TE, Expect */
  GOOD ("GET / HTTP/1.1\r\n" H "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "GET / a.b 1.1 none ks<websocket> | Host=a.b, -Connection=keep-alive, Upgrade, -Upgrade=websocket"),
  GOOD ("GET / HTTP/1.1\r\nUpgrade: a/1, b\r\nConnection: upgrade\r\n" H "\r\n",
        "GET / a.b 1.1 none ks<a/1, b> | -Upgrade=a/1, b, -Connection=upgrade, Host=a.b"),
  GOOD ("GET / HTTP/1.1\r\n" H "Upgrade: websocket\r\n\r\n",
        "GET / a.b 1.1 none ks | Host=a.b, -Upgrade=websocket"),
  GOOD ("GET / HTTP/1.1\r\n" H "Connection: upgrade\r\n\r\n",
        "GET / a.b 1.1 none ks | Host=a.b, -Connection=upgrade"),
  GOOD ("GET / HTTP/1.0\r\n" H "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        "GET / a.b 1.0 none s | Host=a.b, -Connection=upgrade, -Upgrade=websocket"),
  GOOD ("GET / HTTP/1.1\r\n" H "Connection: upgrade\r\nUpgrade: a\r\nUpgrade: a\r\n\r\n",
        "GET / a.b 1.1 none ks | Host=a.b, -Connection=upgrade, -Upgrade=a, -Upgrade=a"),
  GOOD ("GET / HTTP/1.1\r\n"
        H "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n\r\n",
        "GET / a.b 1.1 none ks | Host=a.b, -Connection=Upgrade, HTTP2-Settings, "
        "-Upgrade=h2c, -HTTP2-Settings=AAM"),
  GOOD ("GET / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: websocket, H2C\r\n\r\n",
        "GET / a.b 1.1 none ks | Host=a.b, -Connection=Upgrade, -Upgrade=websocket, H2C"),
  GOOD ("GET / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: h2c/1\r\n\r\n",
        "GET / a.b 1.1 none ks | Host=a.b, -Connection=Upgrade, -Upgrade=h2c/1"),
  GOOD ("GET / HTTP/1.1\r\n" H "Connection: TE\r\nTE: deflate, Trailers\r\n\r\n",
        "GET / a.b 1.1 none kst | Host=a.b, -Connection=TE, -TE=deflate, Trailers"),
  GOOD ("GET / HTTP/1.1\r\n" H "TE: trailers2\r\n\r\n", "GET / a.b 1.1 none ks | Host=a.b, -TE=trailers2"),
  GOOD ("PUT / HTTP/1.1\r\n" H "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n",
        "PUT / a.b 1.1 length:1 ke | Host=a.b, Expect=100-Continue, Content-Length=1"),
  GOOD ("PUT / HTTP/1.0\r\n" H "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n",
        "PUT / a.b 1.0 length:1  | Host=a.b, Expect=100-continue, Content-Length=1"),
  FAIL ("PUT / HTTP/1.1\r\n" H "Expect: 200-ok\r\n\r\n", BAD, "an expectation other than 100-continue"),
  FAIL ("PUT / HTTP/1.1\r\n" H "Expect: 100-continue, x\r\n\r\n",
        BAD, "an expectation other than 100-continue"),
  FAIL ("PUT / HTTP/1.1\r\n" H "Expect:\r\n\r\n", BAD, "an expectation other than 100-continue"),
};

#define PROTO ADIT_REASON_PROTOCOL

static const Row responses[] = {
  GOOD ("HTTP/1.1 200 OK\r\n\r\n", "200 [OK] 1.1 close "),
  GOOD ("HTTP/1.1 200 \r\n\r\n", "200 [] 1.1 close "),
  GOOD ("HTTP/1.1 200\r\n\r\n", "200 [] 1.1 close "),
  GOOD ("HTTP/1.1 404 Not\tFound \xe9\r\n\r\n", "404 [Not\tFound \xe9] 1.1 close "),
  GOOD ("HTTP/1.1 599 x\r\nContent-Length: 0\r\n\r\n", "599 [x] 1.1 length:0 k | Content-Length=0"),
  GOOD ("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", "200 [OK] 1.1 length:12 k | Content-Length=12"),
  GOOD ("HTTP/1.1 200 OK\r\nContent-Length: 12\r\nContent-Length: 012\r\n\r\n",
        "200 [OK] 1.1 length:12 k | Content-Length=12, -Content-Length=012"),
  GOOD ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "200 [OK] 1.1 chunked k | -Transfer-Encoding=chunked"),
  GOOD ("HTTP/1.1 200 OK\r\nContent-Length: 12\r\nTransfer-Encoding: chunked\r\nContent-Length: 12\r\n\r\n",
        "200 [OK] 1.1 chunked  | -Content-Length=12, -Transfer-Encoding=chunked, -Content-Length=12"),
  GOOD ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n",
        "200 [OK] 1.1 length:1  | -Connection=close, Content-Length=1"),
  GOOD ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", "200 [OK] 1.0 length:1  | Content-Length=1"),
  GOOD ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n",
        "200 [OK] 1.0 length:1 k | -Connection=keep-alive, Content-Length=1"),
  GOOD ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", "200 [OK] 1.0 close  | -Connection=keep-alive"),
  GOOD ("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", "204 [No] 1.1 none k | Content-Length=5"),
  GOOD ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        "304 [Not Modified] 1.1 none k | Content-Length=5"),
  GOOD ("HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n",
        "304 [x] 1.1 none k | -Transfer-Encoding=chunked"),
  GOOD ("HTTP/1.1 100 Continue\r\n\r\n", "100 [Continue] 1.1 none k"),
  GOOD ("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", "103 [Early Hints] 1.1 none k | Link=x"),
  GOOD ("HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "101 [S] 1.1 raw <websocket> | -Connection=Upgrade, -Upgrade=websocket"),
  GOOD ("HTTP/1.1 101 S\r\n\r\n", "101 [S] 1.1 raw "),
  GOOD ("HTTP/1.1 426 U\r\nUpgrade: x\r\nContent-Length: 0\r\n\r\n",
        "426 [U] 1.1 length:0 k | -Upgrade=x, Content-Length=0"),
  GOOD ("HTTP/1.1 200 OK\r\nHost: a, b\r\nHost: c\r\nExpect: x\r\n\r\n",
        "200 [OK] 1.1 close  | Host=a, b, Host=c, Expect=x"),
  GOOD ("HTTP/1.1 200 OK\r\nConnection: x-a\r\nX-A: 1\r\nContent-Length: 1\r\n\r\n",
        "200 [OK] 1.1 length:1 k | -Connection=x-a, -X-A=1, Content-Length=1"),
  FAIL ("\r\nHTTP/1.1 200 OK\r\n\r\n", PROTO, "the HTTP version is malformed"),
  FAIL ("ICY 200 OK\r\n\r\n", PROTO, "the HTTP version is malformed"),
  FAIL ("SSH-2.0-x\r\n", PROTO, "the HTTP version is malformed"),
  FAIL ("HTTP/2.0 200 OK\r\n\r\n", PROTO, "an HTTP version other than 1.0 and 1.1"),
  FAIL ("HTTP/1.1 99 x\r\n\r\n", PROTO, "the status is malformed"),
  FAIL ("HTTP/1.1 099 x\r\n\r\n", PROTO, "the status is out of range"),
  FAIL ("HTTP/1.1 600 x\r\n\r\n", PROTO, "the status is out of range"),
  FAIL ("HTTP/1.1 2000 x\r\n\r\n", PROTO, "the status line is malformed"),
  FAIL ("HTTP/1.1 20\r\n\r\n", PROTO, "the status is malformed"),
  FAIL ("HTTP/1.1  200 x\r\n\r\n", PROTO, "the status is malformed"),
  FAIL ("HTTP/1.1\t200 x\r\n\r\n", PROTO, "the status is malformed"),
  FAIL ("HTTP/1.1 200\tx\r\n\r\n", PROTO, "the status line is malformed"),
  FAIL ("HTTP/1.1\r\n\r\n", PROTO, "the status is malformed"),
  FAIL ("HTTP/1.1 200 a\0b\r\n\r\n", PROTO, "the status line is malformed"),
  FAIL ("HTTP/1.1 200 OK\n\n", PROTO, "a line ends with a bare LF"),
  FAIL ("HTTP/1.1 200\n\n", PROTO, "a line ends with a bare LF"),
  FAIL ("HTTP/1.1 200 a\rb\r\n\r\n", PROTO, "a bare CR"),
  FAIL ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", PROTO, "a folded field line"),
  FAIL ("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", PROTO, "white space in front of a colon"),
  FAIL ("HTTP/1.1 200 OK\r\nA: \x01\r\n\r\n", PROTO, "a control character in a field value"),
  FAIL ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        PROTO, "Content-Length fields that differ"),
  FAIL ("HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n", PROTO, "the Content-Length is malformed"),
  FAIL ("HTTP/1.1 304 x\r\nContent-Length: x\r\n\r\n", PROTO, "the Content-Length is malformed"),
  FAIL ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: -1\r\n\r\n", PROTO,
        "the Content-Length is malformed"),
  FAIL ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        PROTO, "a transfer coding other than chunked"),
  FAIL ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        PROTO, "chunked is not the last coding"),
  FAIL ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", PROTO, "Transfer-Encoding in HTTP/1.0"),
  FAIL ("HTTP/1.1 200 OK\r\nConnection: content-length\r\nContent-Length: 1\r\n\r\n", PROTO,
        "Connection names a field of routing or framing"),
};

static const Row to_head[] = {
  GOOD ("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", "200 [OK] 1.1 none k | Content-Length=12"),
  GOOD ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "200 [OK] 1.1 none k | -Transfer-Encoding=chunked"),
  GOOD ("HTTP/1.1 200 OK\r\n\r\n", "200 [OK] 1.1 none k"),
  GOOD ("HTTP/1.0 200 OK\r\n\r\n", "200 [OK] 1.0 none "),
  GOOD ("HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        "101 [S] 1.1 raw <x> | -Connection=upgrade, -Upgrade=x"),
};

static const Row trailers[] = {
  GOOD ("\r\n", ""),
  GOOD ("A: b\r\n\r\n", " | A=b"),
  GOOD ("A: b\r\nGrpc-Status: 0\r\n\r\n", " | A=b, Grpc-Status=0"),
  GOOD ("Content-Length: x\r\nTransfer-Encoding: gzip\r\nHost: ,\r\nA:\r\n\r\n",
        " | -Content-Length=x, -Transfer-Encoding=gzip, -Host=,, A="),
  GOOD ("Authorization: x\r\nForwarded: x\r\nX-Forwarded-For: x\r\n"
        "Set-Cookie: x\r\nCONNECTION: a\r\nA: b\r\n\r\n",
        " | -Authorization=x, -Forwarded=x, -X-Forwarded-For=x, -Set-Cookie=x, -CONNECTION=a, A=b"),
  GOOD ("Trailer: x\r\nCookie: x\r\nContent-Type: x\r\nContent-Encoding: x\r\nContent-MD5: x\r\n\r\n",
        " | -Trailer=x, -Cookie=x, -Content-Type=x, -Content-Encoding=x, Content-MD5=x"),
  FAIL ("A: b\n\r\n", BAD, "a line ends with a bare LF"),
  FAIL ("A: b\r\n c\r\n\r\n", BAD, "a folded field line"),
  FAIL ("A b\r\n\r\n", BAD, "white space in front of a colon"),
  FAIL ("\n", BAD, "a line ends with a bare LF"),
  FAIL ("\rA", BAD, "a bare CR"),
};

START_TEST (test_requests)
{
  for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
    check_row (&requests[i], REQUEST);
}
END_TEST

START_TEST (test_responses)
{
  for (guint i = 0; i < G_N_ELEMENTS (responses); i++)
    check_row (&responses[i], RESPONSE);
}
END_TEST

START_TEST (test_to_head)
{
  check_row (&to_head[_i], TO_HEAD);
}
END_TEST

START_TEST (test_trailers)
{
  check_row (&trailers[_i], TRAILERS);
}
END_TEST

typedef struct
{
  const char *bytes, *dump;
} BareRow;

static const BareRow bare[] = {
  { "", "" },
  { "A: b\r\n", " | A=b" },
  { "A: b\r\nHost: c\r\n", " | A=b, -Host=c" },
  { "A: b", NULL },
  { "A: b\r", NULL },
  { "A", NULL },
  { "A: b\r\n\r\n", NULL },
  { "\r\n", NULL },
  { "A: b\r\n c\r\n", NULL },
  { "A: b\nC: d\r\n", NULL },
};

START_TEST (test_bare_trailers)
{
  gsize len = strlen (bare[_i].bytes), used = 99;
  guint8 *copy = len > 0 ? g_memdup2 (bare[_i].bytes, len) : NULL;
  g_autofree AditHead *head = g_new (AditHead, 1);
  AditHeadFault fault;
  AditHeadResult result = parse (BARE, head, adit_span (copy, len), &used, &fault);

  ck_assert_int_eq (result, bare[_i].dump != NULL ? ADIT_HEAD_OK : ADIT_HEAD_BAD);
  if (result == ADIT_HEAD_OK)
    {
      g_autofree char *got = dump (head, BARE);

      ck_assert_str_eq (got, bare[_i].dump);
      ck_assert_uint_eq (used, len);
    }
  else
    ck_assert_int_eq (fault.reason, BAD);
  g_free (copy);
}
END_TEST

/* Limits */

typedef struct
{
  const char *what, *before, *unit, *after;
  gsize limit;     /* so many units are accepted, one more is not */
  AditReason reason;
  Kind kind;
} Limit;

#define LINE "GET / HTTP/1.1\r\n" H

static const Limit limits[] = {
  { "method", "", "M", " / HTTP/1.1\r\n" H "\r\n", ADIT_LIMIT_METHOD, BAD, REQUEST },
  { "target",
    "GET /", "t", " HTTP/1.1\r\n" H "\r\n", ADIT_LIMIT_TARGET - 1, ADIT_REASON_TARGET_TOO_LONG, REQUEST },
  { "absolute target", "GET http://a.b/", "t", " HTTP/1.1\r\n" H "\r\n", ADIT_LIMIT_TARGET - 11,
    ADIT_REASON_TARGET_TOO_LONG, REQUEST },
  { "fields", LINE, "A: b\r\n", "\r\n", ADIT_LIMIT_FIELDS - 1, ADIT_REASON_HEAD_TOO_LARGE, REQUEST },
  { "host", "GET / HTTP/1.1\r\nHost: ", "h", "\r\n\r\n", ADIT_LIMIT_HOST, BAD, REQUEST },
  { "options",
    LINE "Connection: x", ", y", "\r\n\r\n", ADIT_LIMIT_FIELDS - 1, ADIT_REASON_HEAD_TOO_LARGE, REQUEST },
  { "length", LINE "Content-Length: ", "9", "\r\n\r\n", ADIT_LIMIT_LENGTH_DIGITS, BAD, REQUEST },
  { "head", LINE "A: ", "v", "\r\n\r\n", ADIT_LIMIT_HEAD - (sizeof (LINE) - 1) - 7,
    ADIT_REASON_HEAD_TOO_LARGE, REQUEST },
  { "head with a line before", "\r\n" LINE "A: ", "v", "\r\n\r\n", ADIT_LIMIT_HEAD - (sizeof (LINE) - 1) - 9,
    ADIT_REASON_HEAD_TOO_LARGE, REQUEST },
  { "response head", "HTTP/1.1 200 ", "r", "\r\n\r\n", ADIT_LIMIT_HEAD - 17, PROTO, RESPONSE },
  { "response fields", "HTTP/1.1 200\r\n", "A: b\r\n", "\r\n", ADIT_LIMIT_FIELDS, PROTO, RESPONSE },
  { "response length",
    "HTTP/1.1 200\r\nContent-Length: ", "9", "\r\n\r\n", ADIT_LIMIT_LENGTH_DIGITS, PROTO, RESPONSE },
  { "trailers", "A: ", "v", "\r\n\r\n", ADIT_LIMIT_TRAILERS - 5, ADIT_REASON_HEAD_TOO_LARGE, TRAILERS },
  { "bare trailers", "A: ", "v", "\r\n", ADIT_LIMIT_TRAILERS - 5, ADIT_REASON_HEAD_TOO_LARGE, BARE },
  { "trailer fields", "", "A: b\r\n", "\r\n", ADIT_LIMIT_FIELDS, ADIT_REASON_HEAD_TOO_LARGE, TRAILERS },
};

static GString *
repeat (const Limit *limit, gsize n)
{
  GString *out = g_string_new (limit->before);

  for (gsize i = 0; i < n; i++)
    g_string_append (out, limit->unit);
  g_string_append (out, limit->after);
  return out;
}

/* Some prefixes: the first and last hundred bytes and a few between. */
static void
check_prefixes (const Limit *limit, const GString *bytes, AditHead *head, AditHeadResult whole)
{
  gsize len = 0, used;

  while (len < bytes->len)
    {
      guint8 *copy = g_memdup2 (bytes->str, len + (len == 0));
      AditHeadFault fault;
      AditHeadResult result = parse (limit->kind, head, adit_span (copy, len), &used, &fault);

      ck_assert_msg (result != ADIT_HEAD_OK, "%s: accepted early", limit->what);
      if (result == ADIT_HEAD_BAD)
        ck_assert_msg (whole == ADIT_HEAD_BAD && fault.reason == limit->reason, "%s: %s", limit->what,
                       fault.text);
      g_free (copy);
      len += len < 100 || len + 100 > bytes->len ? 1 : MIN (997, bytes->len - len - 99);
    }
}

START_TEST (test_limits)
{
  const Limit *limit = &limits[_i];
  g_autofree AditHead *head = g_new (AditHead, 1);

  for (gsize over = 0; over < 2; over++)
    {
      GString *bytes = repeat (limit, limit->limit + over);
      guint8 *copy = g_memdup2 (bytes->str, bytes->len);
      gsize used = 0;
      AditHeadFault fault = { ADIT_REASON_NONE, "" };
      AditHeadResult result = parse (limit->kind, head, adit_span (copy, bytes->len), &used, &fault);

      ck_assert_msg (result == (over ? ADIT_HEAD_BAD : ADIT_HEAD_OK), "%s: %s", limit->what, fault.text);
      if (over)
        ck_assert_msg (fault.reason == limit->reason, "%s: %s", limit->what, fault.text);
      else
        ck_assert_uint_eq (used, bytes->len);
      if (limit->kind != BARE)
        check_prefixes (limit, bytes, head, result);
      g_free (copy);
      g_string_free (bytes, TRUE);
    }
}
END_TEST

START_TEST (test_never_ending_head)
{
  g_autofree guint8 *bytes = g_malloc (ADIT_LIMIT_HEAD);
  g_autofree AditHead *head = g_new (AditHead, 1);
  AditHeadFault fault;
  gsize used, n = sizeof (LINE) - 1;
  AditSpan all = adit_span (bytes, ADIT_LIMIT_HEAD), less = adit_span (bytes, ADIT_LIMIT_HEAD - 1);

  memset (bytes, 'v', ADIT_LIMIT_HEAD);
  memcpy (bytes, LINE "A:", n + 2);
  ck_assert_int_eq (parse (REQUEST, head, less, &used, &fault), ADIT_HEAD_MORE);
  ck_assert_int_eq (parse (REQUEST, head, all, &used, &fault), ADIT_HEAD_BAD);
  ck_assert_int_eq (fault.reason, ADIT_REASON_HEAD_TOO_LARGE);
}
END_TEST

/* Scan */

typedef struct
{
  const char *bytes;
  gsize end; /* 0: none */
} ScanRow;

static const ScanRow scans[] = {
  { "", 0 },
  { "GET / HTTP/1.1\r\n", 0 },
  { "GET / HTTP/1.1\r\nA: b\r\n\r", 0 },
  { "GET / HTTP/1.1\r\nA: b\r\n\r\nrest\r\n\r\n", 24 },
  { "\r\nGET / HTTP/1.1\r\n\r\n", 20 },
  { "\r\n\r\n", 4 },
  { "GET /\n\nrest", 7 },
  { "GET /\r\n\nrest", 8 },
  { "GET /\n\r\nrest", 8 },
  { "a\r\rb\r\n\r\n", 8 },
};

START_TEST (test_scan)
{
  gsize len = strlen (scans[_i].bytes);
  AditHeadScan step = { 0 };

  for (gsize n = 0; n <= len; n++)
    {
      AditHeadScan fresh = { 0 };
      guint8 *copy = g_memdup2 (scans[_i].bytes, n + (n == 0));
      gsize expected = scans[_i].end > 0 && n >= scans[_i].end ? scans[_i].end : 0;

      ck_assert_uint_eq (adit_head_scan (&fresh, copy, n), expected);
      ck_assert_uint_eq (adit_head_scan (&step, copy, n), expected);
      ck_assert (step.seen <= n);
      g_free (copy);
      if (expected > 0)
        break;
    }
}
END_TEST

/* What the scanner calls a head the parser calls neither MORE nor a shorter one. */
START_TEST (test_scan_agrees_with_parser)
{
  g_autofree AditHead *head = g_new (AditHead, 1);

  for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      const guint8 *bytes = (const guint8 *) requests[i].bytes;
      AditHeadScan scan = { 0 };
      gsize end = adit_head_scan (&scan, bytes, requests[i].len), used;
      AditHeadFault fault;

      if (requests[i].dump != NULL)
        ck_assert_uint_eq (end, requests[i].len);
      if (end > 0)
        ck_assert_int_ne (adit_head_parse_request (head, bytes, end, &used, &fault), ADIT_HEAD_MORE);
    }
}
END_TEST

/* Random damage: whatever comes of it, prefixes and the whole agree, and spans lie within the bytes. */
static void
damage (GRand *random, GString *bytes)
{
  static const char poison[] = "\r\n\t :,\0\x7f\xff/Aa0;\"";
  guint n = (guint) g_rand_int_range (random, 1, 4);

  for (guint i = 0; i < n && bytes->len > 1; i++)
    {
      gsize at = (gsize) g_rand_int_range (random, 0, (gint32) bytes->len);
      char byte = poison[g_rand_int_range (random, 0, sizeof poison - 1)];

      switch (g_rand_int_range (random, 0, 3))
        {
        case 0:
          bytes->str[at] = byte;
          break;
        case 1:
          g_string_insert_len (bytes, (gssize) at, &byte, 1);
          break;
        default:
          g_string_erase (bytes, (gssize) at, 1);
          break;
        }
    }
}

static void
check_damaged (Kind kind, const GString *bytes, AditHead *head)
{
  AditHeadResult result, last = ADIT_HEAD_MORE;
  AditHeadFault fault, first = { ADIT_REASON_NONE, NULL };
  gsize used = 0, first_used = 0;

  for (gsize len = 1; len <= bytes->len; len++)
    {
      guint8 *copy = g_memdup2 (bytes->str, len);

      result = parse (kind, head, adit_span (copy, len), &used, &fault);
      if (last == ADIT_HEAD_OK)
        ck_assert (result == ADIT_HEAD_OK && used == first_used);
      else if (last == ADIT_HEAD_BAD)
        ck_assert (result == ADIT_HEAD_BAD && fault.text == first.text);
      else if (result == ADIT_HEAD_OK)
        {
          ck_assert_uint_eq (used, len);
          for (guint i = 0; i < head->n_fields; i++)
            {
              ck_assert (head->fields[i].name.data >= copy);
              ck_assert (head->fields[i].value.data + head->fields[i].value.len <= copy + len);
            }
          first_used = used;
        }
      else if (result == ADIT_HEAD_BAD)
        first = fault;
      last = result;
      g_free (copy);
    }
}

START_TEST (test_damaged)
{
  GRand *random = g_rand_new_with_seed ((guint32) _i + 1);
  g_autofree AditHead *head = g_new (AditHead, 1);

  for (guint i = 0; i < 40; i++)
    {
      gboolean request = g_rand_boolean (random);
      const Row *row = request ? &requests[g_rand_int_range (random, 0, G_N_ELEMENTS (requests))]
                               : &responses[g_rand_int_range (random, 0, G_N_ELEMENTS (responses))];
      GString *bytes = g_string_new_len (row->bytes, (gssize) row->len);

      damage (random, bytes);
      check_damaged (request ? REQUEST : RESPONSE, bytes, head);
      g_string_free (bytes, TRUE);
    }
  g_rand_free (random);
}
END_TEST

/* Classes of bytes: each byte at each place of a run, against the words of RFC 9110 and 9112. */

static gboolean
is_token_char (guint byte)
{
  return g_ascii_isalnum (byte) || (byte > 0 && strchr ("!#$%&'*+-.^_`|~", (int) byte) != NULL);
}

static gboolean
is_target_char (guint byte)
{
  return byte > 0x20 && byte < 0x7f && byte != '#';
}

static gboolean
is_value_char (guint byte)
{
  return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
}

#define RUN 35u

START_TEST (test_plain_loops)
{
  for (guint i = 0; i < 256 * RUN; i++)
    {
      guint8 *run = g_malloc (RUN);
      guint at = i % RUN, byte = i / RUN;

      memset (run, 'a', RUN);
      run[at] = (guint8) byte;
      ck_assert_ptr_eq (adit_head_find_token_end (run, run + RUN), run + (is_token_char (byte) ? RUN : at));
      ck_assert_ptr_eq (adit_head_find_target_end (run, run + RUN), run + (is_target_char (byte) ? RUN : at));
      ck_assert_ptr_eq (adit_head_find_control (run, run + RUN), run + (is_value_char (byte) ? RUN : at));
      memset (run, byte, RUN);
      ck_assert_ptr_eq (adit_head_find_control (run, run + RUN), is_value_char (byte) ? run + RUN : run);
      g_free (run);
    }
}
END_TEST

/* TRUE if a head with @byte at place @at of a run between @before and @after is accepted. */
static gboolean
accepts (const char *before, const char *after, guint at, guint8 byte, AditHead *head)
{
  gsize n = strlen (before), m = strlen (after), used;
  guint8 *copy = g_malloc (n + RUN + m);
  AditHeadFault fault;
  gboolean good;

  memcpy (copy, before, n);
  memset (copy + n, 'a', RUN);
  copy[n + at] = byte;
  memcpy (copy + n + RUN, after, m);
  good = adit_head_parse_request (head, copy, n + RUN + m, &used, &fault) == ADIT_HEAD_OK;
  g_free (copy);
  return good;
}

START_TEST (test_built_loops)
{
  g_autofree AditHead *head = g_new (AditHead, 1);

  for (guint i = 0; i < 256 * RUN; i++)
    {
      guint8 byte = (guint8) (i / RUN);
      guint at = i % RUN;

      ck_assert_int_eq (accepts (LINE, ": b\r\n\r\n", at, byte, head),
                        is_token_char (byte) || (byte == ':' && at > 0));
      ck_assert_int_eq (accepts (LINE "A:", "\r\n\r\n", at, byte, head), is_value_char (byte));
      ck_assert_int_eq (accepts ("GET /", " HTTP/1.1\r\n" H "\r\n", at, byte, head), is_target_char (byte));
    }
}
END_TEST

/* Kinds, lists, hosts, writer */

typedef struct
{
  const char *name;
  AditFieldKind kind;
} KindRow;

static const KindRow kinds[] = {
  { "Host", ADIT_FIELD_HOST },
  { "Keep-Alive", ADIT_FIELD_KEEP_ALIVE },
  { "Proxy-Connection", ADIT_FIELD_PROXY_CONNECTION },
  { "Proxy-Authenticate", ADIT_FIELD_PROXY_AUTHENTICATE },
  { "Proxy-Authorization", ADIT_FIELD_PROXY_AUTHORIZATION },
  { "TE", ADIT_FIELD_TE },
  { "Trailer", ADIT_FIELD_TRAILER },
  { "Upgrade", ADIT_FIELD_UPGRADE },
  { "HTTP2-Settings", ADIT_FIELD_HTTP2_SETTINGS },
  { "Accept", ADIT_FIELD_ACCEPT },
  { "Authorization", ADIT_FIELD_AUTHORIZATION },
  { "Origin", ADIT_FIELD_ORIGIN },
  { "Referer", ADIT_FIELD_REFERER },
  { "Forwarded", ADIT_FIELD_FORWARDED },
  { "X-Forwarded-For", ADIT_FIELD_X_FORWARDED_FOR },
  { "X-Forwarded-Proto", ADIT_FIELD_X_FORWARDED_PROTO },
  { "X-Forwarded-Host", ADIT_FIELD_X_FORWARDED_HOST },
  { "Location", ADIT_FIELD_LOCATION },
};

START_TEST (test_kinds)
{
  const KindRow *row = &kinds[_i];
  g_autofree AditHead *head = g_new (AditHead, 1);

  for (guint form = 0; form < 4; form++)
    {
      g_autofree char *name = form == 1 ? g_ascii_strup (row->name, -1) : g_ascii_strdown (row->name, -1);
      g_autofree char *bytes = NULL;
      AditHeadFault fault;
      gsize used;

      if (form == 2)
        name[0] ^= 0x01; /* another letter */
      else if (form == 3)
        name[strlen (name) - 1] = '\'';
      bytes = g_strdup_printf ("GET / HTTP/1.1\r\n%s%s: a.b\r\n\r\n",
                               row->kind == ADIT_FIELD_HOST && form < 2 ? "" : H, name);
      ck_assert_int_eq (parse (REQUEST, head, adit_span (bytes, strlen (bytes)), &used, &fault),
                        ADIT_HEAD_OK);
      ck_assert_int_eq (head->fields[head->n_fields - 1].kind, form < 2 ? row->kind : ADIT_FIELD_OTHER);
      ck_assert ((adit_head_get (head, row->kind) != NULL) == (form < 2 || row->kind == ADIT_FIELD_HOST));
    }
}
END_TEST

START_TEST (test_get_is_the_first)
{
  static const char bytes[] = "GET / HTTP/1.1\r\nAccept: 1\r\n" H "accept: 2\r\n\r\n";
  g_autofree AditHead *head = g_new (AditHead, 1);
  AditHeadFault fault;
  gsize used;

  ck_assert_int_eq (parse (REQUEST, head, adit_span (bytes, sizeof bytes - 1), &used, &fault), ADIT_HEAD_OK);
  ck_assert_ptr_eq (adit_head_get (head, ADIT_FIELD_ACCEPT), &head->fields[0]);
  ck_assert_ptr_null (adit_head_get (head, ADIT_FIELD_REFERER));
}
END_TEST

START_TEST (test_lists)
{
  ck_assert (adit_head_list_has (ADIT_SPAN ("close"), "close"));
  ck_assert (adit_head_list_has (ADIT_SPAN ("a,\tCLOSE ,b"), "close"));
  ck_assert (adit_head_list_has (ADIT_SPAN (",, close"), "close"));
  ck_assert (!adit_head_list_has (ADIT_SPAN ("closed, xclose, clos"), "close"));
  ck_assert (!adit_head_list_has (ADIT_SPAN ("clo,se"), "close"));
  ck_assert (!adit_head_list_has (ADIT_SPAN (""), "close"));
  ck_assert (!adit_head_list_has (adit_span (NULL, 0), "close"));
  ck_assert (!adit_head_list_has (ADIT_SPAN ("close;q=1"), "close"));
}
END_TEST

typedef struct
{
  const char *host, *label; /* NULL: no label */
  gboolean apex;
} LabelRow;

static const LabelRow labels[] = {
  { "api.adit.example.com", "api", FALSE },
  { "API.Adit.Example.COM", "api", FALSE },
  { "api.adit.example.com.", "api", FALSE },
  { "api.adit.example.com:8080", "api", FALSE },
  { "api.adit.example.com.:8080", "api", FALSE },
  { "a-1_x.adit.example.com", "a-1_x", FALSE },
  { "adit.example.com", NULL, TRUE },
  { "ADIT.example.com.:443", NULL, TRUE },
  { "a.b.adit.example.com", NULL, FALSE },
  { ".adit.example.com", NULL, FALSE },
  { "apiadit.example.com", NULL, FALSE },
  { "api.adit.example.com..", NULL, FALSE },
  { "api.adit.example.org", NULL, FALSE },
  { "example.com", NULL, FALSE },
  { "com", NULL, FALSE },
  { "", NULL, FALSE },
  { ".", NULL, FALSE },
  { ":80", NULL, FALSE },
  { "127.0.0.1", NULL, FALSE },
  { "[::1]", NULL, FALSE },
  { "[2001:db8::1]:80", NULL, FALSE },
  { "[api].adit.example.com", NULL, FALSE },
  { "u@api.adit.example.com", NULL, FALSE },
  { "api.adit.example.com:", NULL, FALSE },
};

START_TEST (test_labels)
{
  const LabelRow *row = &labels[_i];
  gsize len = strlen (row->host);
  guint8 *copy = g_memdup2 (row->host, len + (len == 0));
  char label[ADIT_LIMIT_LABEL + 1];
  gboolean apex, found = adit_head_host_label (adit_span (copy, len), "adit.example.com", label, &apex);

  ck_assert_int_eq (found, row->label != NULL);
  ck_assert_int_eq (apex, row->apex);
  if (row->label != NULL)
    ck_assert_str_eq (label, row->label);
  g_free (copy);
}
END_TEST

START_TEST (test_label_limit)
{
  for (gsize len = ADIT_LIMIT_LABEL; len <= ADIT_LIMIT_LABEL + 1; len++)
    {
      g_autofree char *name = g_strnfill (len, 'x');
      g_autofree char *host = g_strconcat (name, ".d.localhost", NULL);
      char label[ADIT_LIMIT_LABEL + 1];
      gboolean apex, found;

      found = adit_head_host_label (adit_span (host, strlen (host)), "D.localhost.", label, &apex);
      ck_assert_int_eq (found, len == ADIT_LIMIT_LABEL);
      if (found)
        ck_assert_str_eq (label, name);
    }
}
END_TEST

START_TEST (test_writer)
{
  static const char expected[] = "GET /: 18446744073709551615\r\nContent-Length: 0\r\n10";
  gsize need = sizeof expected - 1;

  for (gsize room = 0; room <= need + 1; room++)
    {
      guint8 *memory = g_malloc (room + (room == 0));
      AditHeadWriter writer = { .at = memory, .end = memory + room };

      adit_head_put (&writer, ADIT_SPAN ("GET /: "));
      adit_head_put_number (&writer, G_MAXUINT64);
      adit_head_put (&writer, adit_span (NULL, 0));
      adit_head_put (&writer, ADIT_SPAN ("\r\n"));
      adit_head_put_field (&writer, ADIT_SPAN ("Content-Length"), ADIT_SPAN ("0"));
      adit_head_put_number (&writer, 10);
      ck_assert_int_eq (writer.overflow, room < need);
      ck_assert (writer.at <= writer.end);
      ck_assert_mem_eq (memory, expected, (gsize) (writer.at - memory));
      if (room >= need)
        ck_assert_uint_eq ((gsize) (writer.at - memory), need);
      g_free (memory);
    }
}
END_TEST

static TCase *
rows_case (void)
{
  TCase *tcase = tcase_create ("rows");

  tcase_add_test (tcase, test_requests);
  tcase_add_test (tcase, test_responses);
  tcase_add_loop_test (tcase, test_to_head, 0, G_N_ELEMENTS (to_head));
  tcase_add_loop_test (tcase, test_trailers, 0, G_N_ELEMENTS (trailers));
  tcase_add_loop_test (tcase, test_bare_trailers, 0, G_N_ELEMENTS (bare));
  tcase_add_loop_test (tcase, test_scan, 0, G_N_ELEMENTS (scans));
  tcase_add_test (tcase, test_scan_agrees_with_parser);
  return tcase;
}

static TCase *
limits_case (void)
{
  TCase *tcase = tcase_create ("limits");

  tcase_add_loop_test (tcase, test_limits, 0, G_N_ELEMENTS (limits));
  tcase_add_test (tcase, test_never_ending_head);
  tcase_add_loop_test (tcase, test_damaged, 0, 20);
  return tcase;
}

static TCase *
parts_case (void)
{
  TCase *tcase = tcase_create ("parts");

  tcase_add_test (tcase, test_plain_loops);
  tcase_add_test (tcase, test_built_loops);
  tcase_add_loop_test (tcase, test_kinds, 0, G_N_ELEMENTS (kinds));
  tcase_add_test (tcase, test_get_is_the_first);
  tcase_add_test (tcase, test_lists);
  tcase_add_loop_test (tcase, test_labels, 0, G_N_ELEMENTS (labels));
  tcase_add_test (tcase, test_label_limit);
  tcase_add_test (tcase, test_writer);
  return tcase;
}

int
main (void)
{
  Suite *suite = suite_create ("head");

  suite_add_tcase (suite, rows_case ());
  suite_add_tcase (suite, limits_case ());
  suite_add_tcase (suite, parts_case ());
  return testing_run (suite);
}
