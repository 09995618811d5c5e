/* SPDX-License-Identifier: MIT */
/* test-policy: a good server.cfg, the defaults of an empty one, every complaint with its line; rights of
 * tokens; what is shown. */
#include "server/policy.h"

#include "lib/testing.h"

#include <arpa/inet.h>
#include <glib/gstdio.h>
#include <string.h>

#define SECRET "a-long-and-random-token"

static AditPolicy *
parse (const char *text)
{
  char **errors = (char **) 1;
  AditPolicy *policy = adit_policy_parse (text, "test.cfg", &errors);

  ck_assert_msg (policy != NULL, "%s", errors && errors[0] ? errors[0] : "");
  ck_assert (errors == NULL);
  return policy;
}

static AditPeer
peer_of (const char *address)
{
  AditPeer peer = { .port = 1234 };
  g_autofree char *mapped = g_strconcat (strchr (address, ':') ? "" : "::ffff:", address, NULL);

  ck_assert_int_eq (inet_pton (AF_INET6, mapped, peer.ip), 1);
  return peer;
}

/* ---- what is right ---- */

START_TEST (test_full)
{
  AditPolicy *policy
    = parse ("server = {\n"
             "  domain = \"Adit.Example.COM\"; bind = \"0.0.0.0\"; control_port = 7001; http_port = 8080;\n"
             "  https_port = 8443; cert_path = \"/c1\"; key_path = \"/k1\";\n"
             "  certificates = ( { cert_path = \"/c2\"; key_path = \"/k2\"; } );\n"
             "  tcp_ports = \"20000-60000\"; workers = 3; state_dir = \"/var/s\";\n"
             "  public_scheme = \"https\"; trusted_proxies = [ \"10.0.0.0/8\", \"::1\" ];\n"
             "};\n"
             "control = { tls = \"optional\"; };\n"
             "auth = { tokens = ( \"first-token\", { token = \"second-token\"; name = \"ci\";\n"
             "  subdomains = [ \"CI-*\", \"web\" ]; tcp_ports = \"30000-30010\";\n"
             "  allow_cidrs = [ \"10.0.0.0/8\" ]; deny_cidrs = [ \"10.1.0.0/16\" ]; } ); };\n"
             "limits = { max_clients = 5; max_concurrent_requests = 6; idle_timeout_seconds = 7;\n"
             "  drain_timeout_seconds = 0; head_timeout_seconds = 9; response_timeout_seconds = 10; };\n");
  AditToken *token = policy->tokens->pdata[1];

  ck_assert_str_eq (policy->domain, "adit.example.com");
  ck_assert_str_eq (policy->bind, "0.0.0.0");
  ck_assert_int_eq (policy->control_port, 7001);
  ck_assert_int_eq (policy->http_port, 8080);
  ck_assert_int_eq (policy->https_port, 8443);
  ck_assert_uint_eq (policy->workers, 3);
  ck_assert_str_eq (policy->state_dir, "/var/s");
  ck_assert_str_eq (policy->public_scheme, "https");
  ck_assert_uint_eq (policy->trusted_proxies->len, 2);
  ck_assert_uint_eq (policy->cert_paths->len, 2);
  ck_assert_str_eq (policy->cert_paths->pdata[0], "/c1");
  ck_assert_str_eq (policy->key_paths->pdata[1], "/k2");
  ck_assert_int_eq (policy->control_tls, ADIT_CONTROL_TLS_OPTIONAL);
  ck_assert_uint_eq (policy->tokens->len, 2);
  ck_assert_str_eq (token->token, "second-token");
  ck_assert_str_eq (token->name, "ci");
  ck_assert_str_eq (token->subdomains[0], "ci-*");
  ck_assert_str_eq (token->subdomains[1], "web");
  ck_assert (token->subdomains[2] == NULL);
  ck_assert (((AditToken *) policy->tokens->pdata[0])->subdomains == NULL);
  ck_assert_uint_eq (policy->max_clients, 5);
  ck_assert_uint_eq (policy->max_concurrent_requests, 6);
  ck_assert_uint_eq (policy->idle_timeout_ms, 7000);
  ck_assert_uint_eq (policy->drain_timeout_ms, 0);
  ck_assert_uint_eq (policy->head_timeout_ms, 9000);
  ck_assert_uint_eq (policy->response_timeout_ms, 10000);
  adit_policy_unref (adit_policy_ref (policy));
  adit_policy_unref (policy);
  adit_policy_unref (NULL);
}
END_TEST

START_TEST (test_defaults)
{
  AditPolicy *policy
    = parse ("server = { domain = \"a.b\"; };\nauth = { tokens = ( \"" SECRET "\" ); };\n");

  ck_assert_str_eq (policy->bind, "::");
  ck_assert_int_eq (policy->control_port, 7000);
  ck_assert_int_eq (policy->http_port, 80);
  ck_assert_int_eq (policy->https_port, 0); /* no certificate */
  ck_assert_uint_eq (policy->workers, 0);
  ck_assert_str_eq (policy->state_dir, "/var/lib/adit");
  ck_assert (policy->public_scheme == NULL);
  ck_assert_int_eq (policy->control_tls, ADIT_CONTROL_TLS_REQUIRED);
  ck_assert_uint_eq (policy->max_clients, 100);
  ck_assert_uint_eq (policy->max_concurrent_requests, 10000);
  ck_assert_uint_eq (policy->idle_timeout_ms, 300000);
  ck_assert_uint_eq (policy->drain_timeout_ms, 10000);
  ck_assert_uint_eq (policy->head_timeout_ms, 10000);
  ck_assert_uint_eq (policy->response_timeout_ms, 0);
  adit_policy_unref (policy);

  policy = parse ("server = { domain = \"a.b\"; bind = \"127.0.0.1\"; cert_path = \"/c\"; key_path = \"/k\";"
                  " state_dir = \"\"; http_port = 0; };");
  ck_assert_int_eq (policy->https_port, 443);
  ck_assert_int_eq (policy->http_port, 0);
  ck_assert (policy->state_dir == NULL);
  ck_assert_uint_eq (policy->tokens->len, 0); /* fine on loopback */
  adit_policy_unref (policy);
}
END_TEST

/* Both sides of each limit on a number. */
START_TEST (test_numbers)
{
  static const struct
  {
    const char *key;
    gint64 min, max;
  } rows[] = {
    { "control_port", 1, 65535 },
    { "http_port", 0, 65535 },
    { "https_port", 0, 65535 },
    { "workers", 0, 256 },
    { "max_clients", 1, 1000000 },
    { "max_concurrent_requests", 1, 10000000 },
    { "idle_timeout_seconds", 1, 86400 },
    { "drain_timeout_seconds", 0, 86400 },
    { "head_timeout_seconds", 1, 86400 },
    { "response_timeout_seconds", 0, 86400 },
  };

  for (guint i = 0; i < 4 * G_N_ELEMENTS (rows); i++)
    {
      gint64 values[] = { rows[i / 4].min - 1, rows[i / 4].min, rows[i / 4].max, rows[i / 4].max + 1 };
      gboolean in_limits = strchr (rows[i / 4].key, '_') && !strstr (rows[i / 4].key, "port");
      g_autofree char *text
          = g_strdup_printf ("server = { domain = \"a.b\"; bind = \"::1\"; %s%s = %" G_GINT64_FORMAT "; };",
                             in_limits ? "}; limits = { " : "",
                             rows[i / 4].key, values[i % 4]);
      char **errors;
      AditPolicy *policy = adit_policy_parse (text, "test.cfg", &errors);
      gboolean good = i % 4 == 1 || i % 4 == 2;

      ck_assert_msg ((policy != NULL) == good, "%s", text);
      ck_assert_msg (good || strstr (errors[0], rows[i / 4].key) != NULL, "%s", text);
      adit_policy_unref (policy);
      g_strfreev (errors);
    }
}
END_TEST

/* ---- what is wrong: all of it, each with its line ---- */

typedef struct
{
  const char *text;
  const char *first, *second; /* how the messages begin; NULL: no second one */
  const char *words;          /* in the first */
} Row;

#define SERVER "server = { domain = \"a.b\"; bind = \"127.0.0.1\"; };\n"

static const Row rows[] = {
  { "", "test.cfg:1: ", NULL, "server = { … }" },
  { "server = 5;", "test.cfg:1: server: ", "test.cfg:1: the group server", "group" },
  { "server = {\n bind = \"::1\";\n};", "test.cfg:1: server: ", NULL, "domain is missing" },
  { "server = {\n domain = \"a_b\";\n bind = \"::1\"; };", "test.cfg:2: domain: ", NULL,
    "\"a_b\" is no domain name" },
  { "server = {\n domain = \"a..b\";\n bind = \"::1\"; };", "test.cfg:2: domain: ", NULL, "no domain name" },
  { "server = {\n domain = \"\";\n bind = \"::1\"; };", "test.cfg:2: domain: ", NULL, "no domain name" },
  { "server = {\n domain = 5;\n bind = \"::1\"; };", "test.cfg:1: server: ", "test.cfg:2: domain: ",
    "missing" },
  { "server = { domain = \"a.b\";\n bind = \"localhost\"; };\nauth = { tokens = ( \"" SECRET "\" ); };",
    "test.cfg:2: bind: ", NULL,
    "no literal address" },
  { "server = { domain = \"a.b\"; bind = \"::1\";\n control_port = 0; };", "test.cfg:2: control_port: ", NULL,
    "" },
  { "server = { domain = \"a.b\"; bind = \"::1\";\n http_port = \"http\"; };", "test.cfg:2: http_port: ",
    NULL, "whole number" },
  { "server = { domain = \"a.b\"; bind = \"::1\";\n http_port = 65536; };", "test.cfg:2: http_port: ", NULL,
    "between" },
  { "server = { domain = \"a.b\"; bind = \"::1\";\n public_scheme = \"ftp\"; };",
    "test.cfg:2: public_scheme: ", NULL, "https" },
  { "server = { domain = \"a.b\"; bind = \"::1\";\n tcp_ports = \"2-1\"; };", "test.cfg:2: tcp_ports: ", NULL,
    "range of ports" },
  { "server = { domain = \"a.b\"; bind = \"::1\";\n tcp_ports = \"0-10\"; };", "test.cfg:2: tcp_ports: ",
    NULL, "range of ports" },
  { "server = { domain = \"a.b\"; bind = \"::1\";\n tcp_ports = \"1-65536\"; };", "test.cfg:2: tcp_ports: ",
    NULL, "range of ports" },
  { "server = { domain = \"a.b\"; bind = \"::1\";\n tcp_ports = \"1-2-3\"; };", "test.cfg:2: tcp_ports: ",
    NULL, "range of ports" },
  { "server = { domain = \"a.b\"; bind = \"::1\";\n trusted_proxies = [\n\"10.0.0.0/8\",\n\"10.0.0.0/33\" ]; };",
    "test.cfg:2: trusted_proxies: ", NULL, "\"10.0.0.0/33\" is no network" },
  { "server = { domain = \"a.b\"; bind = \"::1\";\n cert_path = \"/c\"; };", "test.cfg:2: cert_path: ", NULL,
    "key_path is missing" },
  { "server = { domain = \"a.b\"; bind = \"::1\";\n key_path = \"/k\"; };", "test.cfg:2: key_path: ", NULL,
    "cert_path is missing" },
  { "server = { domain = \"a.b\"; bind = \"::1\";\n certificates ="
    " ( { cert_path = \"/c\"; key_path = \"/k\"; } ); };",
    "test.cfg:2: certificates: ", NULL, "as the first" },
  { "server = { domain = \"a.b\"; bind = \"::1\"; cert_path = \"/c\"; key_path = \"/k\";\n"
    " certificates = ( \"/c\" ); };",
    "test.cfg:2: certificates: ", NULL, "groups" },
  { "server = { domain = \"a.b\"; };\n", "test.cfg:1: ", NULL, "auth.tokens is missing" },
  { "server = { domain = \"a.b\"; };\nauth = { tokens = ( ); };", "test.cfg:1: ", NULL,
    "auth.tokens is missing" },
  { SERVER "auth = {\n tokens = ( \"short\" ); };", "test.cfg:3: tokens: ", NULL, "fewer than 8" },
  { SERVER "auth = {\n tokens = ( \"" SECRET "\", \"" SECRET "\" ); };", "test.cfg:3: tokens: ", NULL,
    "twice" },
  { SERVER "auth = { tokens = (\n { name = \"x\"; } ); };", "test.cfg:3: tokens[0]: ", NULL,
    "token is missing" },
  { SERVER "auth = { tokens = (\n 5 ); };", "test.cfg:3: tokens[0]: ", NULL, "string" },
  { SERVER "auth = { tokens = ( { token = \"" SECRET "\";\n allow_cidrs = [ \"nowhere\" ]; } ); };",
    "test.cfg:3: allow_cidrs: ", NULL,
    "\"nowhere\" is no network" },
  { SERVER "auth = { tokens = ( { token = \"" SECRET "\";\n tcp_ports = \"x\"; } ); };",
    "test.cfg:3: tcp_ports: ", NULL, "range" },
  { SERVER "auth = { tokens = ( { token = \"" SECRET "\";\n subdomains = [ 5 ]; } ); };", "test.cfg:3: ",
    NULL, "string" },
  { SERVER "control = {\n tls = \"maybe\"; };", "test.cfg:3: tls: ", NULL,
    "\"required\", \"optional\" or \"off\"" },
  { SERVER "limits = {\n max_client = 5; };", "test.cfg:3: max_client: ", NULL,
    "did you mean 'max_clients'" },
  { SERVER "nonsense = 1;", "test.cfg:2: nonsense: ", NULL, "unknown key" },
  { SERVER "limits = {\n max_clients = 0;\n idle_timeout_seconds = 0; };", "test.cfg:3: max_clients: ",
    "test.cfg:4: idle_timeout_seconds: ",
    "between" },
  { SERVER "limits = {\n max_clients = ; };", "test.cfg:3: ", NULL, "" },
};

START_TEST (test_errors)
{
  const Row *row = &rows[_i];
  char **errors = NULL;
  AditPolicy *policy = adit_policy_parse (row->text, "test.cfg", &errors);
  guint n = errors ? g_strv_length (errors) : 0;
  g_autofree char *all = errors ? g_strjoinv ("\n", errors) : NULL;

  ck_assert_msg (policy == NULL, "%s", row->text);
  ck_assert_msg (n == (row->second ? 2 : 1), "%s", all);
  ck_assert_msg (strstr (all, SECRET) == NULL, "%s", all);
  for (guint i = 0; i < n; i++)
    {
      const char *start = i ? row->second : row->first;

      ck_assert_msg (g_str_has_prefix (errors[i], start), "%s\ninstead of %s", all, start);
    }
  ck_assert_msg (strstr (errors[0], row->words) != NULL, "%s", all);
  g_strfreev (errors);
}
END_TEST

START_TEST (test_long_token)
{
  for (guint len = 256; len <= 257; len++)
    {
      g_autofree char *token = g_strnfill (len, 't');
      g_autofree char *text = g_strdup_printf (SERVER "auth = { tokens = ( \"%s\" ); };", token);
      char **errors;
      AditPolicy *policy = adit_policy_parse (text, "test.cfg", &errors);

      ck_assert ((policy != NULL) == (len == 256));
      if (errors)
        ck_assert (strstr (errors[0], "more than 256") != NULL && strstr (errors[0], token) == NULL);
      adit_policy_unref (policy);
      g_strfreev (errors);
    }
}
END_TEST

START_TEST (test_files)
{
  g_autofree char *dir = g_dir_make_tmp ("adit-test-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "server.cfg", NULL);
  char **errors;
  AditPolicy *policy;

  ck_assert (adit_policy_load (path, &errors) == NULL);
  ck_assert_uint_eq (g_strv_length (errors), 1);
  ck_assert (g_str_has_prefix (errors[0], path));
  g_strfreev (errors);
  ck_assert (g_file_set_contents (path, SERVER, -1, NULL));
  policy = adit_policy_load (path, &errors);
  ck_assert (policy != NULL && errors == NULL);
  adit_policy_unref (policy);
  g_remove (path);
  g_rmdir (dir);
}
END_TEST

/* ---- tokens ---- */

START_TEST (test_find)
{
  AditPolicy *policy = parse (SERVER "auth = { tokens = ( \"token-one\", { token = \"token-two\"; } ); };");
  const AditToken *one = policy->tokens->pdata[0], *two = policy->tokens->pdata[1];

  ck_assert (adit_policy_find_token (policy, "token-one") == one);
  ck_assert (adit_policy_find_token (policy, "token-two") == two);
  ck_assert (adit_policy_find_token (policy, "token-on") == NULL);
  ck_assert (adit_policy_find_token (policy, "token-one ") == NULL);
  ck_assert (adit_policy_find_token (policy, "TOKEN-ONE") == NULL);
  ck_assert (adit_policy_find_token (policy, "") == NULL);
  ck_assert_str_ne (one->digest, two->digest);
  ck_assert_uint_eq (strlen (one->digest), 64);
  ck_assert (adit_policy_find_digest (policy, two->digest) == two);
  ck_assert (adit_policy_find_digest (policy, "token-two") == NULL);
  ck_assert (adit_policy_find_digest (policy, NULL) == NULL);
  adit_policy_unref (policy);
}
END_TEST

START_TEST (test_names_of_token)
{
  static const struct
  {
    const char *name;
    gboolean allowed;
  } names[] = {
    { "ci-1", TRUE }, { "ci-", TRUE }, { "ci", FALSE }, { "xci-1", FALSE }, { "web", TRUE }, { "web1", FALSE },
    { "pre-x-post", TRUE }, { "pre--post", TRUE }, { "pre-post", FALSE }, { "pre-x-postx", FALSE },
    { "", FALSE },
  };
  AditPolicy *policy = parse (SERVER "auth = { tokens = ( \"anything\", { token = \"restricted\";"
                                     " subdomains = [ \"ci-*\", \"web\", \"pre-*-post\" ]; } ); };");

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      ck_assert_msg (adit_token_allows_name (policy->tokens->pdata[1], names[i].name) == names[i].allowed,
                     "%s", names[i].name);
      ck_assert (adit_token_allows_name (policy->tokens->pdata[0], names[i].name));
    }
  adit_policy_unref (policy);
}
END_TEST

START_TEST (test_networks)
{
  static const struct
  {
    const char *address;
    gboolean allowed, trusted;
  } peers[] = {
    { "10.0.0.1", TRUE, FALSE },
    { "10.1.0.1", FALSE, FALSE },
    { "10.2.255.255", TRUE, FALSE },
    { "11.0.0.1", FALSE, FALSE },
    { "192.0.2.7", TRUE, FALSE },
    { "192.0.2.8", FALSE, FALSE },
    { "2001:db8::1", TRUE, TRUE },
    { "2001:db9::1", FALSE, FALSE },
    { "2001:db8:ffff::1", TRUE, TRUE },
    { "127.0.0.1", FALSE, TRUE },
    { "::1", FALSE, FALSE },
  };
  AditPolicy *policy
    = parse ("server = { domain = \"a.b\"; bind = \"::1\"; trusted_proxies = [ \"127.0.0.0/8\", \"2001:db8::/32\" ]; };"
             "auth = { tokens = ( \"anywhere\", { token = \"restricted\";"
             " allow_cidrs = [ \"10.0.0.0/8\", \"192.0.2.7\", \"2001:db8::/32\" ]; deny_cidrs = [ \"10.1.0.0/16\" ]; },"
             " { token = \"elsewhere\"; deny_cidrs = [ \"10.0.0.0/8\" ]; } ); };");
  AditPeer local = { .is_local = TRUE };

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    {
      AditPeer peer = peer_of (peers[i].address);

      ck_assert (adit_token_allows_peer (policy->tokens->pdata[0], &peer));
      ck_assert_msg (adit_token_allows_peer (policy->tokens->pdata[1], &peer) == peers[i].allowed, "%s",
                     peers[i].address);
      ck_assert_int_eq (adit_token_allows_peer (policy->tokens->pdata[2], &peer),
                        !g_str_has_prefix (peers[i].address, "10."));
      ck_assert_msg (adit_masks_contain (policy->trusted_proxies, &peer) == peers[i].trusted, "%s",
                     peers[i].address);
    }
  ck_assert (adit_token_allows_peer (policy->tokens->pdata[0], &local));
  ck_assert (!adit_token_allows_peer (policy->tokens->pdata[1], &local));
  adit_policy_unref (policy);
}
END_TEST

/* ---- what is shown ---- */

START_TEST (test_describe)
{
  AditPolicy *policy
    = parse ("server = { domain = \"a.b\"; https_port = 8443; cert_path = \"/c1\"; key_path = \"/k1\";"
             " public_scheme = \"https\"; };\n"
             "auth = { tokens = ( \"" SECRET "\", { token = \"tinytiny\"; name = \"ci\"; subdomains = [ \"ci-*\" ]; } ); };");
  g_autofree char *text = adit_policy_describe (policy);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  ck_assert (strstr (text, SECRET) == NULL);
  ck_assert (strstr (text, "tinytiny") == NULL);
  ck_assert (strstr (text, ((AditToken *) policy->tokens->pdata[0])->digest) == NULL);
  ck_assert (g_strv_contains ((const char *const *) lines, "server.domain = a.b"));
  ck_assert (g_strv_contains ((const char *const *) lines, "server.control_port = 7000"));
  ck_assert (g_strv_contains ((const char *const *) lines, "server.https_port = 8443"));
  ck_assert (g_strv_contains ((const char *const *) lines, "server.public_scheme = https"));
  ck_assert (g_strv_contains ((const char *const *) lines, "control.tls = required"));
  ck_assert (g_strv_contains ((const char *const *) lines, "limits.max_clients = 100"));
  ck_assert (g_strv_contains ((const char *const *) lines, "limits.idle_timeout_seconds = 300"));
  ck_assert (strstr (text, "ci-*") != NULL);
  ck_assert (strstr (text, "/c1") != NULL && strstr (text, "/k1") != NULL);
  for (guint i = 0; lines[i] && *lines[i]; i++)
    ck_assert_msg (strstr (lines[i], " = ") != NULL, "%s", lines[i]);
  adit_policy_unref (policy);
}
END_TEST

START_TEST (test_diff)
{
  static const struct
  {
    const char *text, *keys;
  } changes[] = {
    { "server = { domain = \"a.b\"; bind = \"127.0.0.1\"; };", NULL },
    { "server = { domain = \"A.B\"; bind = \"127.0.0.1\"; };", NULL },
    { "server = { domain = \"c.d\"; bind = \"127.0.0.1\"; };", "server.domain" },
    { "server = { domain = \"a.b\"; bind = \"::1\"; };", "server.bind" },
    { "server = { domain = \"a.b\"; bind = \"127.0.0.1\"; control_port = 7001; };", "server.control_port" },
    { "server = { domain = \"a.b\"; bind = \"127.0.0.1\"; http_port = 0; workers = 2; };",
      "server.http_port, server.workers" },
    { "server = { domain = \"a.b\"; bind = \"127.0.0.1\"; cert_path = \"/c\"; key_path = \"/k\"; };",
      "server.https_port" },
    { "server = { domain = \"a.b\"; bind = \"127.0.0.1\"; state_dir = \"\"; };", "server.state_dir" },
    { "server = { domain = \"a.b\"; bind = \"127.0.0.1\"; };"
      "auth = { tokens = ( \"another-token\" ); }; limits = { max_clients = 1; };"
      "control = { tls = \"off\"; };", NULL },
  };
  AditPolicy *old = parse (SERVER), *new_policy = parse (changes[_i].text);
  g_autofree char *keys = adit_policy_diff_listeners (old, new_policy);

  ck_assert_msg (g_strcmp0 (keys, changes[_i].keys) == 0, "%s", keys);
  adit_policy_unref (old);
  adit_policy_unref (new_policy);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("policy");
  TCase *tcase = tcase_create ("policy");

  tcase_add_test (tcase, test_full);
  tcase_add_test (tcase, test_defaults);
  tcase_add_test (tcase, test_numbers);
  tcase_add_loop_test (tcase, test_errors, 0, (int) G_N_ELEMENTS (rows));
  tcase_add_test (tcase, test_long_token);
  tcase_add_test (tcase, test_files);
  tcase_add_test (tcase, test_find);
  tcase_add_test (tcase, test_names_of_token);
  tcase_add_test (tcase, test_networks);
  tcase_add_test (tcase, test_describe);
  tcase_add_loop_test (tcase, test_diff, 0, 9);
  suite_add_tcase (suite, tcase);
  return testing_run (suite);
}
