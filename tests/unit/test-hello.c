/* SPDX-License-Identifier: MIT */
/* test-hello: the JSON of the opening exchange read and written, strangers' JSON refused, names. */
#include "base/error.h"
#include "wire/hello.h"
#include "wire/limits.h"

#include "lib/testing.h"

#include <string.h>

#define WORDS \
  "\"credit\",\"tunnels\",\"length\",\"trailers\",\"upgrade\"," \
  "\"interim\",\"reason\",\"goaway\",\"epoch\",\"keepalive\""
#define INSTANCE "0123456789abcdef0123456789abcdef"

/* Parses a copy of exactly @len bytes, so that a read past the end is seen by a sanitizer. */
static AditHello *
parse_hello (const char *text, gsize len, GError **error)
{
  guint8 *copy = g_memdup2 (text, len + (len == 0));
  AditHello *hello = adit_hello_parse (copy, len, error);

  g_free (copy);
  return hello;
}

static AditWelcome *
parse_welcome (const char *text, GError **error)
{
  gsize len = strlen (text);
  guint8 *copy = g_memdup2 (text, len);
  AditWelcome *welcome = adit_welcome_parse (copy, len, error);

  g_free (copy);
  return welcome;
}

/* What is read is compared as we would write it. */
typedef struct
{
  const char *in, *out; /* out NULL: refused with an error that contains */
  const char *error;
} Row;

#define V1 "{\"version\":1,\"token\":\"\",\"subdomain\":\"\"}"

static const Row hellos[] = {
  /* v1 */
  { "{ \"version\": 1, \"token\": \"tk\", \"subdomain\": \"api\" }",
    "{\"version\":1,\"token\":\"tk\",\"subdomain\":\"api\"}", NULL },
  { "{\"version\":1,\"token\":\"tk\",\"subdomain\":\"api\"}",
    "{\"version\":1,\"token\":\"tk\",\"subdomain\":\"api\"}", NULL },
  { "\t\r\n {} \n", V1, NULL },
  { "{\"version\":null,\"token\":null,\"subdomain\":null,\"features\":null,\"tunnels\":null,\"window\":null}",
    V1, NULL },
  { "{\"subdomain\":\"\"}", V1, NULL },
  { "{\"version\":\"1\"}", V1, NULL },
  { "{\"version\":2}", "{\"version\":2,\"token\":\"\",\"subdomain\":\"\"}", NULL },
  { "{\"version\":\"20\"}", "{\"version\":20,\"token\":\"\",\"subdomain\":\"\"}", NULL },
  { "{\"version\":0}", "{\"version\":0,\"token\":\"\",\"subdomain\":\"\"}", NULL },
  { "{\"version\":9,\"token\":\"a\",\"version\":1,\"token\":\"b\"}",
    "{\"version\":1,\"token\":\"b\",\"subdomain\":\"\"}", NULL },
  { "{\"token\":\"a\",\"token\":null}", V1, NULL },
  { "{\"x\":[{\"y\":-1.5e+3}],\"z\":true,\"w\":false,\"v\":null,\"\":\"\\u0041\"}", V1, NULL },
  { "{\"token\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"}",
    "{\"version\":1,\"token\":\"\\\"\\\\/\\u0008\\u000c\\u000a\\u000d\\u0009\xc3\xa9\xf0\x9f\x98\x80\","
    "\"subdomain\":\"\"}", NULL },
  { "{\"token\":\"[[[[[[[[[[[[{{{{{{{{{{{{\"}",
    "{\"version\":1,\"token\":\"[[[[[[[[[[[[{{{{{{{{{{{{\",\"subdomain\":\"\"}", NULL },
  { "{\"token\":\"\\\\\",\"subdomain\":\"]}\"}",
    "{\"version\":1,\"token\":\"\\\\\",\"subdomain\":\"]}\"}", NULL },
  { "{\"subdomain\":\"Not A Name\"}", "{\"version\":1,\"token\":\"\",\"subdomain\":\"Not A Name\"}", NULL },
  /* ours */
  { "{\"version\":1,\"token\":\"t\",\"subdomain\":\"api\",\"features\":["
    WORDS "],\"window\":262144,\"instance\":\"" INSTANCE "\","
    "\"agent\":\"adit/0.1.0\","
    "\"tunnels\":[{\"type\":\"http\",\"subdomain\":\"api\",\"epoch\":7},{\"type\":\"http\"}]}",
    "{\"version\":1,\"token\":\"t\",\"subdomain\":\"api\",\"features\":["
    WORDS "],\"window\":262144,\"instance\":\"" INSTANCE "\","
    "\"agent\":\"adit/0.1.0\","
    "\"tunnels\":[{\"type\":\"http\",\"subdomain\":\"api\",\"epoch\":7},{\"type\":\"http\"}]}", NULL },
  { "{\"features\":[\"reason\",\"teleport\",\"reason\",\"Credit\",\"\"]}",
    "{\"version\":1,\"token\":\"\",\"subdomain\":\"\",\"features\":[\"reason\"]}", NULL },
  { "{\"features\":[]}", V1, NULL },
  { "{\"features\":[\"length\",\"upgrade\",\"goaway\"]}",
    "{\"version\":1,\"token\":\"\",\"subdomain\":\"\",\"features\":[\"goaway\"]}", NULL },
  { "{\"window\":5}", V1, NULL },
  { "{\"features\":[\"credit\"],\"window\":5}",
    "{\"version\":1,\"token\":\"\",\"subdomain\":\"\",\"features\":[\"credit\"],\"window\":5}", NULL },
  { "{\"features\":[\"credit\"]}",
    "{\"version\":1,\"token\":\"\",\"subdomain\":\"\",\"features\":[\"credit\"],\"window\":0}", NULL },
  { "{\"features\":[\"credit\"],\"window\":2147483647}",
    "{\"version\":1,\"token\":\"\",\"subdomain\":\"\",\"features\":[\"credit\"],\"window\":2147483647}",
    NULL },
  { "{\"subdomain\":\"x\",\"tunnels\":[{\"subdomain\":\"y\",\"public_url\":\"u\",\"code\":\"c\"},"
    "{\"type\":\"tcp\",\"subdomain\":\"\"}]}",
    "{\"version\":1,\"token\":\"\",\"subdomain\":\"y\","
    "\"tunnels\":[{\"type\":\"http\",\"subdomain\":\"y\"},{\"type\":\"tcp\"}]}", NULL },
  { "{\"subdomain\":\"x\",\"tunnels\":[{}]}",
    "{\"version\":1,\"token\":\"\",\"subdomain\":\"\",\"tunnels\":[{\"type\":\"http\"}]}", NULL },
  { "{\"tunnels\":[{\"epoch\":9223372036854775808}]}",
    "{\"version\":1,\"token\":\"\",\"subdomain\":\"\","
    "\"tunnels\":[{\"type\":\"http\",\"epoch\":9223372036854775808}]}", NULL },
  { "{\"tunnels\":[{\"epoch\":18446744073709551614}]}",
    "{\"version\":1,\"token\":\"\",\"subdomain\":\"\","
    "\"tunnels\":[{\"type\":\"http\",\"epoch\":18446744073709551614}]}", NULL },
  { "{\"instance\":\"0123456789ABCDEF0123456789abcdef\"}",
    "{\"version\":1,\"token\":\"\",\"subdomain\":\"\",\"instance\":\"" INSTANCE "\"}", NULL },
  { "{\"instance\":\"\"}", V1, NULL },
  { "{\"agent\":\"a\\u001b[31m\\nb\\u0085\"}",
    "{\"version\":1,\"token\":\"\",\"subdomain\":\"\",\"agent\":\"a[31mb\"}", NULL },
  /* wrong types */
  { "{\"version\":1.5}", NULL, "\"version\" is no whole number" },
  { "{\"version\":true}", NULL, "\"version\" is no whole number" },
  { "{\"version\":[1]}", NULL, "\"version\" is no whole number" },
  { "{\"version\":-1}", NULL, "\"version\" is no unsigned number" },
  { "{\"version\":18446744073709551615}", NULL, "\"version\" is no unsigned number" },
  { "{\"version\":99999999999999999999999}", NULL, "\"version\" is no unsigned number" },
  { "{\"version\":\"one\"}", NULL, "\"version\" is no number" },
  { "{\"version\":\"\"}", NULL, "\"version\" is no number" },
  { "{\"version\":\"-1\"}", NULL, "\"version\" is no number" },
  { "{\"token\":1}", NULL, "\"token\" is no text" },
  { "{\"token\":{}}", NULL, "\"token\" is no text" },
  { "{\"subdomain\":[]}", NULL, "\"subdomain\" is no text" },
  { "{\"features\":\"credit\"}", NULL, "\"features\" is no list" },
  { "{\"features\":[1]}", NULL, "a feature is no text" },
  { "{\"features\":[[]]}", NULL, "a feature is no text" },
  { "{\"features\":[null]}", NULL, "a feature is no text" },
  { "{\"window\":\"5\"}", NULL, "\"window\" is no whole number" },
  { "{\"window\":2147483648}", NULL, "the window is too large" },
  { "{\"instance\":\"0123\"}", NULL, "32 hexadecimal digits" },
  { "{\"instance\":\"" INSTANCE "0\"}", NULL, "32 hexadecimal digits" },
  { "{\"instance\":\"0123456789abcdeg0123456789abcdef\"}", NULL, "32 hexadecimal digits" },
  { "{\"agent\":1}", NULL, "\"agent\" is no text" },
  { "{\"tunnels\":{}}", NULL, "\"tunnels\" is no list" },
  { "{\"tunnels\":[1]}", NULL, "a tunnel is no object" },
  { "{\"tunnels\":[null]}", NULL, "a tunnel is no object" },
  { "{\"tunnels\":[{\"type\":1}]}", NULL, "\"type\" is no text" },
  { "{\"tunnels\":[{\"epoch\":\"1\"}]}", NULL, "\"epoch\" is no whole number" },
  { "{\"tunnels\":[{\"epoch\":-1}]}", NULL, "\"epoch\" is no unsigned number" },
  { "{\"tunnels\":[{\"epoch\":-2}]}", NULL, "\"epoch\" is no unsigned number" },
  { "{\"a\":-1,\"tunnels\":[{\"epoch\":9223372036854775808}]}", NULL, "\"epoch\" is no unsigned number" },
  /* no JSON */
  { "", NULL, "no UTF-8" },
  { " ", NULL, "no JSON object" },
  { "[]", NULL, "no JSON object" },
  { "\"x\"", NULL, "no JSON object" },
  { "1", NULL, "no JSON object" },
  { "null", NULL, "no JSON object" },
  { "var x = {}", NULL, "no JSON object" },
  { "\xef\xbb\xbf{}", NULL, "no JSON object" },
  { "{\"token\":\"\xff\"}", NULL, "no UTF-8" },
  { "{\"token\":\"\xed\xa0\x80\"}", NULL, "no UTF-8" },
  { "{", NULL, "no valid JSON" },
  { "{]", NULL, "no valid JSON" },
  { "{}}", NULL, "no valid JSON" },
  { "{}{}", NULL, "no valid JSON" },
  { "{} x", NULL, "no valid JSON" },
  { "{\"a\"}", NULL, "no valid JSON" },
  { "{\"a\":}", NULL, "no valid JSON" },
  { "{\"a\":1,}", NULL, "no valid JSON" },
  { "{,}", NULL, "no valid JSON" },
  { "{\"a\":[1,]}", NULL, "no valid JSON" },
  { "{\"a\" 1}", NULL, "no valid JSON" },
  { "{a:1}", NULL, "no valid JSON" },
  { "{'a':1}", NULL, "no valid JSON" },
  { "{\"a\":01}", NULL, "no valid JSON" },
  { "{\"a\":017}", NULL, "no valid JSON" },
  { "{\"a\":0x1}", NULL, "no valid JSON" },
  { "{\"a\":+1}", NULL, "no valid JSON" },
  { "{\"a\":.5}", NULL, "no valid JSON" },
  { "{\"a\":1.}", NULL, "no valid JSON" },
  { "{\"a\":1e}", NULL, "no valid JSON" },
  { "{\"a\":-}", NULL, "no valid JSON" },
  { "{\"a\":1x}", NULL, "no valid JSON" },
  { "{\"a\":truex}", NULL, "no valid JSON" },
  { "{\"a\":tru}", NULL, "no valid JSON" },
  { "{\"a\":NaN}", NULL, "no valid JSON" },
  { "{\"a\":\"\x01\"}", NULL, "no valid JSON" },
  { "{\"a\":\"\n\"}", NULL, "no valid JSON" },
  { "{\"a\":\"\\x\"}", NULL, "no valid JSON" },
  { "{\"a\":\"\\u12\"}", NULL, "no valid JSON" },
  { "{\"a\":\"\\u12g4\"}", NULL, "no valid JSON" },
  { "{\"a\":\"\\u0000\"}", NULL, "no valid JSON" },
  { "{\"a\":\"\\ud800\"}", NULL, "no valid JSON" },
  { "{\"a\":\"\\ud800x\"}", NULL, "no valid JSON" },
  { "{\"a\":\"\\ud800\\u0041\"}", NULL, "no valid JSON" },
  { "{\"a\":\"\\udc00\"}", NULL, "no valid JSON" },
  { "{\"a\":\"\\udc00\\ud800\"}", NULL, "no valid JSON" },
  { "{\"a\":\"x", NULL, "no valid JSON" },
  { "{\"a\":\"x\\", NULL, "no valid JSON" },
  { "{\"a\":\"x\\u", NULL, "no valid JSON" },
  { "{\"a\":1 /* \" */ }", NULL, "no valid JSON" },
  { "{\"a\":1 // x\n}", NULL, "no valid JSON" },
  { "{\"a\":1 # x\n}", NULL, "no valid JSON" },
};

static void
check_hello (const Row *row)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AditHello) hello = parse_hello (row->in, strlen (row->in), &error);

  if (row->out != NULL)
    {
      g_autofree char *out = NULL;

      ck_assert_msg (hello != NULL, "%s: %s", row->in, error != NULL ? error->message : "");
      out = adit_hello_write (hello);
      ck_assert_str_eq (out, row->out);
      return;
    }
  ck_assert_msg (hello == NULL, "%s was accepted", row->in);
  ck_assert (g_error_matches (error, ADIT_ERROR, ADIT_ERROR_PROTOCOL));
  ck_assert_msg (strstr (error->message, row->error) != NULL, "%s: %s", row->in, error->message);
}

START_TEST (test_hellos)
{
  for (guint i = 0; i < G_N_ELEMENTS (hellos); i++)
    check_hello (&hellos[i]);
}
END_TEST

/* No prefix of an object is one. */
START_TEST (test_hello_prefixes)
{
  for (guint i = 0; i < G_N_ELEMENTS (hellos); i++)
    {
      gsize len = strlen (hellos[i].in);

      while (len > 0 && g_ascii_isspace (hellos[i].in[len - 1]))
        len--;
      for (gsize n = 0; hellos[i].out != NULL && n < len; n++)
        ck_assert_ptr_null (parse_hello (hellos[i].in, n, NULL));
    }
}
END_TEST

START_TEST (test_hello_nul)
{
  static const char text[] = "{\"token\":\"a\0b\"}";

  ck_assert_ptr_null (parse_hello (text, sizeof text - 1, NULL));
  ck_assert_ptr_null (parse_hello ("{}\0", 3, NULL));
}
END_TEST

/* Random damage: never a warning of json-glib, and what is accepted can be written and read again. */
START_TEST (test_damaged)
{
  static const char poison[] = "{}[]:,\"\\u0d8-+.e1tn /\x80\xff\x01";
  GRand *random = g_rand_new_with_seed (7);

  for (guint i = 0; i < 3000; i++)
    {
      g_autofree char *text = g_strdup (hellos[g_rand_int_range (random, 0, G_N_ELEMENTS (hellos))].in);
      gsize len = strlen (text);
      g_autoptr (AditHello) hello = NULL, back = NULL;
      g_autofree char *out = NULL;

      for (gint n = len > 0 ? g_rand_int_range (random, 1, 4) : 0; n > 0; n--)
        text[g_rand_int_range (random, 0, (gint32) len)]
          = poison[g_rand_int_range (random, 0, sizeof poison - 1)];
      hello = parse_hello (text, len, NULL);
      if (hello == NULL)
        continue;
      out = adit_hello_write (hello);
      back = parse_hello (out, strlen (out), NULL);
      ck_assert_msg (back != NULL, "%s", out);
    }
  g_rand_free (random);
}
END_TEST

/* Limits: {"a":[[…]]}, a long text, many tunnels. */

static gboolean
accepts (const char *text)
{
  g_autoptr (AditHello) hello = parse_hello (text, strlen (text), NULL);

  return hello != NULL;
}

static char *
nested (guint depth)
{
  GString *out = g_string_new ("{\"a\":");

  for (guint i = 1; i < depth; i++)
    g_string_append_c (out, '[');
  for (guint i = 1; i < depth; i++)
    g_string_append_c (out, ']');
  g_string_append (out, depth == 1 ? "1}" : "}");
  return g_string_free (out, FALSE);
}

START_TEST (test_depth)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *deep = nested (ADIT_LIMIT_JSON_DEPTH + 1);
  g_autofree char *bomb = nested (8000);

  for (guint depth = 1; depth <= ADIT_LIMIT_JSON_DEPTH; depth++)
    {
      g_autofree char *text = nested (depth);

      ck_assert (accepts (text));
    }
  ck_assert_ptr_null (parse_hello (deep, strlen (deep), &error));
  ck_assert_ptr_nonnull (strstr (error->message, "nested too deep"));
  ck_assert (!accepts (bomb));
}
END_TEST

START_TEST (test_length)
{
  for (gsize over = 0; over < 2; over++)
    {
      gsize len = ADIT_LIMIT_HELLO + over;
      g_autofree char *text = g_strnfill (len, ' ');

      memcpy (text, "{}", 2);
      ck_assert_int_eq (accepts (text), over == 0);
    }
}
END_TEST

START_TEST (test_token_length)
{
  for (gsize over = 0; over < 2; over++)
    {
      g_autofree char *token = g_strnfill (ADIT_LIMIT_TOKEN + over, 't');
      g_autofree char *text = g_strdup_printf ("{\"token\":\"%s\"}", token);

      ck_assert_int_eq (accepts (text), over == 0);
    }
}
END_TEST

START_TEST (test_agent_length)
{
  g_autofree char *agent = g_strnfill (ADIT_LIMIT_AGENT - 1, 'a');
  g_autofree char *text = g_strdup_printf ("{\"agent\":\"%s\xc3\xa9z\"}", agent);
  g_autoptr (AditHello) hello = parse_hello (text, strlen (text), NULL);

  ck_assert_ptr_nonnull (hello);
  ck_assert_str_eq (hello->agent, agent); /* cut in front of the letter that does not fit */
}
END_TEST

START_TEST (test_tunnel_count)
{
  for (guint over = 0; over < 2; over++)
    {
      GString *text = g_string_new ("{\"tunnels\":[");

      for (guint i = 0; i < ADIT_LIMIT_TUNNELS + over; i++)
        g_string_append (text, i == 0 ? "{}" : ",{}");
      g_string_append (text, "]}");
      ck_assert_int_eq (accepts (text->str), over == 0);
      g_string_free (text, TRUE);
    }
}
END_TEST

/* Welcome */

static const Row welcomes[] = {
  { "{ \"subdomain\": \"api\", \"public_url\": \"https://api.adit.example.com\" }",
    "{\"subdomain\":\"api\",\"public_url\":\"https://api.adit.example.com\"}", NULL },
  { "{\"public_url\":\"tcp://d:30000\",\"motd\":[1]}",
    "{\"subdomain\":\"\",\"public_url\":\"tcp://d:30000\"}", NULL },
  { "{\"public_url\":\"a\\u001b]0;x\\u0007b\"}", "{\"subdomain\":\"\",\"public_url\":\"a]0;xb\"}", NULL },
  { "{\"subdomain\":\"api\",\"public_url\":\"https://api.d\",\"features\":["
    WORDS "],\"window\":262144,\"agent\":\"adit-server/0.1.0\","
    "\"tunnels\":[{\"type\":\"http\",\"subdomain\":\"api\",\"public_url\":\"https://api.d\",\"epoch\":8},"
    "{\"type\":\"http\",\"code\":\"name\",\"reason\":\"taken\"}]}",
    "{\"subdomain\":\"api\",\"public_url\":\"https://api.d\",\"features\":["
    WORDS "],\"window\":262144,\"agent\":\"adit-server/0.1.0\","
    "\"tunnels\":[{\"type\":\"http\",\"subdomain\":\"api\",\"public_url\":\"https://api.d\",\"epoch\":8},"
    "{\"type\":\"http\",\"code\":\"name\",\"reason\":\"taken\"}]}", NULL },
  { "{}", NULL, "\"public_url\" is missing" },
  { "{\"public_url\":\"\"}", NULL, "\"public_url\" is missing" },
  { "{\"public_url\":\"\\n\"}", NULL, "\"public_url\" is missing" },
  { "{\"public_url\":1}", NULL, "\"public_url\" is no text" },
  { "{\"public_url\":\"u\",\"subdomain\":1}", NULL, "\"subdomain\" is no text" },
  { "{\"public_url\":\"u\",\"features\":{}}", NULL, "\"features\" is no list" },
  { "{\"public_url\":\"u\",\"window\":-1}", NULL, "\"window\" is no unsigned number" },
  { "{\"public_url\":\"u\",\"tunnels\":[{\"code\":1}]}", NULL, "\"code\" is no text" },
  { "{\"public_url\":\"u\",\"tunnels\":[{\"reason\":1}]}", NULL, "\"reason\" is no text" },
  { "hello", NULL, "no JSON object" },
};

START_TEST (test_welcomes)
{
  const Row *row = &welcomes[_i];
  g_autoptr (GError) error = NULL;
  g_autoptr (AditWelcome) welcome = parse_welcome (row->in, &error);

  if (row->out != NULL)
    {
      g_autofree char *out = NULL;

      ck_assert_msg (welcome != NULL, "%s: %s", row->in, error != NULL ? error->message : "");
      out = adit_welcome_write (welcome);
      ck_assert_str_eq (out, row->out);
      return;
    }
  ck_assert_msg (welcome == NULL, "%s was accepted", row->in);
  ck_assert (g_error_matches (error, ADIT_ERROR, ADIT_ERROR_PROTOCOL));
  ck_assert_msg (strstr (error->message, row->error) != NULL, "%s: %s", row->in, error->message);
}
END_TEST

/* Everything that a program may set comes back. */
START_TEST (test_round_trip)
{
  g_autoptr (AditHello) hello = adit_hello_new ();
  g_autoptr (AditHello) back = NULL;
  g_autofree char *text = NULL;
  AditHelloTunnel *tunnel = adit_hello_tunnel_new ();

  hello->features = ADIT_FEATURES_ALL;
  hello->window = ADIT_LIMIT_WINDOW;
  g_free (hello->token);
  hello->token = g_strdup ("quo\"te\\\n\x7f");
  tunnel->subdomain = g_strdup ("api");
  tunnel->epoch = G_MAXINT64;
  g_ptr_array_add (hello->tunnels, tunnel);
  text = adit_hello_write (hello);
  back = parse_hello (text, strlen (text), NULL);
  ck_assert_ptr_nonnull (back);
  ck_assert_int_eq (back->features, ADIT_FEATURES_ALL);
  ck_assert_uint_eq (back->window, ADIT_LIMIT_WINDOW);
  ck_assert_str_eq (back->token, hello->token);
  ck_assert_str_eq (back->subdomain, "api");
  ck_assert_uint_eq (back->tunnels->len, 1);
  tunnel = g_ptr_array_index (back->tunnels, 0);
  ck_assert (tunnel->epoch == G_MAXINT64);
  ck_assert_str_eq (tunnel->type, "http");
}
END_TEST

/* A full Hello of ours with long names fits into what is accepted. */
START_TEST (test_full_hello_fits)
{
  g_autoptr (AditHello) hello = adit_hello_new ();
  g_autofree char *text = NULL;

  hello->features = ADIT_FEATURES_ALL;
  hello->instance = g_strdup (INSTANCE);
  for (guint i = 0; i < ADIT_LIMIT_TUNNELS; i++)
    {
      AditHelloTunnel *tunnel = adit_hello_tunnel_new ();

      tunnel->subdomain = g_strnfill (ADIT_LIMIT_LABEL, 'x');
      tunnel->epoch = G_MAXINT64;
      g_ptr_array_add (hello->tunnels, tunnel);
    }
  text = adit_hello_write (hello);
  ck_assert (accepts (text));
}
END_TEST

/* Reject */

typedef struct
{
  const char *in, *reason, *code;
} RejectRow;

static const RejectRow rejects[] = {
  { "{\"reason\":\"bad token\",\"code\":\"token\"}", "bad token", "token" },
  { "{\"reason\":\"server full\"}", "server full", NULL },
  { "{ \"code\" : \"full\", \"x\" : 1 }", "", "full" },
  { "{\"reason\":1,\"code\":[]}", "", NULL },
  { "{\"reason\":null,\"code\":\"\"}", "", NULL },
  { "{\"reason\":\"a\\nb\\u001b[0m\"}", "ab[0m", NULL },
  { "bad token", "bad token", NULL },
  { "bad\ttoken\r\n", "badtoken", NULL },
  { "caf\xe9", "caf\xef\xbf\xbd", NULL },
  { "\"text\"", "\"text\"", NULL },
  { "{\"reason\":", "{\"reason\":", NULL },
  { "", "", NULL },
};

START_TEST (test_rejects)
{
  const RejectRow *row = &rejects[_i];
  gsize len = strlen (row->in);
  guint8 *copy = len > 0 ? g_memdup2 (row->in, len) : NULL;
  g_autoptr (AditReject) reject = adit_reject_read (copy, len);

  ck_assert_str_eq (reject->reason, row->reason);
  ck_assert_pstr_eq (reject->code, row->code);
  g_free (copy);
}
END_TEST

START_TEST (test_long_reject)
{
  g_autofree char *text = g_strnfill (ADIT_LIMIT_HELLO * 2, 'r');
  g_autoptr (AditReject) reject = adit_reject_read ((const guint8 *) text, ADIT_LIMIT_HELLO * 2);

  ck_assert_uint_eq (strlen (reject->reason), ADIT_LIMIT_HELLO);
}
END_TEST

START_TEST (test_write_reject)
{
  g_autofree char *both = adit_reject_write ("the \"name\" is taken", "name");
  g_autofree char *alone = adit_reject_write ("x", NULL);
  g_autofree char *none = adit_reject_write (NULL, NULL);

  ck_assert_str_eq (both, "{\"reason\":\"the \\\"name\\\" is taken\",\"code\":\"name\"}");
  ck_assert_str_eq (alone, "{\"reason\":\"x\"}");
  ck_assert_str_eq (none, "{\"reason\":\"\"}");
}
END_TEST

/* Names */

typedef struct
{
  const char *in, *out; /* NULL: no name */
} NameRow;

static const NameRow names[] = {
  { "a", "a" },       { "api", "api" },   { "API-2", "api-2" }, { "0", "0" },       { "a--b", "a--b" }, { "",
    NULL },
  { "-", NULL },      { "-a", NULL },     { "a-", NULL },       { "a.b", NULL },    { "a_b", NULL },
       { "a b", NULL },
  { "a/", NULL },     { "\xc3\xa9", NULL }, { "a\n", NULL },    { "*", NULL },      { "a:80", NULL },
};

START_TEST (test_names)
{
  g_autofree char *name = g_strdup (names[_i].in);

  ck_assert_int_eq (adit_name_normalise (name), names[_i].out != NULL);
  if (names[_i].out != NULL)
    ck_assert_str_eq (name, names[_i].out);
}
END_TEST

START_TEST (test_name_length)
{
  for (gsize over = 0; over < 2; over++)
    {
      g_autofree char *name = g_strnfill (ADIT_LIMIT_LABEL + over, 'X');

      ck_assert_int_eq (adit_name_normalise (name), over == 0);
    }
}
END_TEST

START_TEST (test_free_null)
{
  adit_hello_free (NULL);
  adit_welcome_free (NULL);
  adit_reject_free (NULL);
  adit_hello_tunnel_free (NULL);
}
END_TEST

static TCase *
hello_case (void)
{
  TCase *tcase = tcase_create ("hello");

  tcase_add_test (tcase, test_hellos);
  tcase_add_test (tcase, test_hello_prefixes);
  tcase_add_test (tcase, test_hello_nul);
  tcase_add_test (tcase, test_damaged);
  tcase_add_test (tcase, test_depth);
  tcase_add_test (tcase, test_length);
  tcase_add_test (tcase, test_token_length);
  tcase_add_test (tcase, test_agent_length);
  tcase_add_test (tcase, test_tunnel_count);
  tcase_add_test (tcase, test_round_trip);
  tcase_add_test (tcase, test_full_hello_fits);
  return tcase;
}

static TCase *
answers_case (void)
{
  TCase *tcase = tcase_create ("answers");

  tcase_add_loop_test (tcase, test_welcomes, 0, G_N_ELEMENTS (welcomes));
  tcase_add_loop_test (tcase, test_rejects, 0, G_N_ELEMENTS (rejects));
  tcase_add_test (tcase, test_long_reject);
  tcase_add_test (tcase, test_write_reject);
  tcase_add_loop_test (tcase, test_names, 0, G_N_ELEMENTS (names));
  tcase_add_test (tcase, test_name_length);
  tcase_add_test (tcase, test_free_null);
  return tcase;
}

int
main (void)
{
  Suite *suite = suite_create ("hello");

  suite_add_tcase (suite, hello_case ());
  suite_add_tcase (suite, answers_case ());
  return testing_run (suite);
}
