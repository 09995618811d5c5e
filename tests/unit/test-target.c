/* SPDX-License-Identifier: MIT */
/* test-target: the forms in which a local service and a server are named. */
#include "lib/testing.h"

#include "base/error.h"
#include "client/address.h"
#include "client/target.h"

#include <string.h>

static const struct
{
  const char *text, *host, *path, *authority, *shown;
  guint port;
  gboolean tls, loopback;
} good[] = {
  { "3000", "localhost", NULL, "localhost:3000", "127.0.0.1:3000", 3000, FALSE, TRUE },
  { "1", "localhost", NULL, "localhost:1", "127.0.0.1:1", 1, FALSE, TRUE },
  { "65535", "localhost", NULL, "localhost:65535", "127.0.0.1:65535", 65535, FALSE, TRUE },
  { "192.0.2.1:80", "192.0.2.1", NULL, "192.0.2.1", "192.0.2.1:80", 80, FALSE, FALSE },
  { "box.lan:8080", "box.lan", NULL, "box.lan:8080", "box.lan:8080", 8080, FALSE, FALSE },
  { "[::1]:3000", "::1", NULL, "[::1]:3000", "[::1]:3000", 3000, FALSE, TRUE },
  { "127.0.0.9:5", "127.0.0.9", NULL, "127.0.0.9:5", "127.0.0.9:5", 5, FALSE, TRUE },
  { "http://localhost:3000", "localhost", NULL, "localhost:3000", "http://localhost:3000", 3000, FALSE,
    TRUE },
  { "http://box/", "box", NULL, "box", "http://box", 80, FALSE, FALSE },
  { "HTTP://[2001:db8::1]:81", "2001:db8::1", NULL, "[2001:db8::1]:81", "http://[2001:db8::1]:81", 81, FALSE,
    FALSE },
  { "https://app.localhost", "app.localhost", NULL, "app.localhost", "https://app.localhost", 443, TRUE,
    TRUE },
  { "https://box:8443/", "box", NULL, "box:8443", "https://box:8443", 8443, TRUE, FALSE },
  { "unix:/run/app.sock", NULL, "/run/app.sock", "localhost", "unix:/run/app.sock", 0, FALSE, TRUE },
};

START_TEST (good_targets)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AditTarget) target = adit_target_parse (good[_i].text, &error);

  ck_assert_msg (target != NULL, "%s: %s", good[_i].text, error ? error->message : "");
  ck_assert_pstr_eq (target->host, good[_i].host);
  ck_assert_pstr_eq (target->path, good[_i].path);
  ck_assert_str_eq (target->authority, good[_i].authority);
  ck_assert_str_eq (target->text, good[_i].shown);
  ck_assert_uint_eq (target->port, good[_i].port);
  ck_assert_int_eq (target->tls, good[_i].tls);
  ck_assert_int_eq (adit_target_is_loopback (target), good[_i].loopback);
}
END_TEST

/* What is wrong, and a word that the sentence must hold. */
static const char *const bad[][2] = {
  { "", "PORT" }, { "0", "65535" }, { "65536", "65535" }, { "-1", "host" }, { "3000x", "port" },
    { "box", "port" },
  { "box:", "port" }, { "box:0", "port" }, { "box:99999", "port" }, { "a b:80", "host" }, { "[::1", "V6" },
  { "[::1]x:80", "V6" }, { "[box]:80", "V6" }, { "http://", "host" }, { "http://box/path", "path" },
  { "http://box?x", "path" }, { "http://me:pw@box", "password" }, { "h2c://box", "later version" },
  { "ftp://box", "http://" }, { "unix:app.sock", "absolute" }, { "unix:", "absolute" },
    { "/run/app.sock", "unix:" },
};

START_TEST (bad_targets)
{
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (adit_target_parse (bad[_i][0], &error));
  ck_assert (adit_error_is_usage (error));
  ck_assert_msg (strstr (error->message, bad[_i][1]) != NULL, "%s: %s", bad[_i][0], error->message);
}
END_TEST

START_TEST (path_of_a_unix_socket_has_a_limit)
{
  g_autofree char *long_enough = g_strdup_printf ("unix:/%0106d", 0);
  g_autofree char *too_long = g_strdup_printf ("unix:/%0107d", 0);
  AditTarget *target = adit_target_parse (long_enough, NULL);

  ck_assert_ptr_nonnull (target);
  ck_assert_ptr_null (adit_target_parse (too_long, NULL));
  adit_target_free (target);
}
END_TEST

static const struct
{
  const char *text, *host, *url;
  guint port;
  gboolean plain;
} servers[] = {
  { "adit.example.com", "adit.example.com", "adit.example.com:7000", 7000, FALSE },
  { "adit.example.com:443", "adit.example.com", "adit.example.com:443", 443, FALSE },
  { "tcp://192.0.2.1", "192.0.2.1", "tcp://192.0.2.1:7000", 7000, TRUE },
  { "tcp://box:1", "box", "tcp://box:1", 1, TRUE },
  { "[2001:db8::1]", "2001:db8::1", "[2001:db8::1]:7000", 7000, FALSE },
  { "[2001:db8::1]:7001", "2001:db8::1", "[2001:db8::1]:7001", 7001, FALSE },
  { "2001:db8::1", "2001:db8::1", "[2001:db8::1]:7000", 7000, FALSE },
};

START_TEST (good_servers)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AditAddress) address = adit_address_parse (servers[_i].text, &error);
  g_autoptr (AditAddress) again = NULL;
  g_autofree char *url = NULL;

  ck_assert_msg (address != NULL, "%s: %s", servers[_i].text, error ? error->message : "");
  ck_assert_str_eq (address->host, servers[_i].host);
  ck_assert_uint_eq (address->port, servers[_i].port);
  ck_assert_int_eq (address->plain, servers[_i].plain);
  url = adit_address_dup_url (address);
  ck_assert_str_eq (url, servers[_i].url);
  again = adit_address_parse (url, NULL);
  ck_assert (adit_address_equal (address, again));
}
END_TEST

static const char *const bad_servers[] = {
  "", ":7000", "http://box", "https://box:7000", "box:0", "box:70000", "box:x", "tcp://", "a/b", "box:7000/",
    "[::1", "-box",
};

START_TEST (bad_servers_are_refused)
{
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (adit_address_parse (bad_servers[_i], &error));
  ck_assert (adit_error_is_usage (error));
}
END_TEST

static Suite *
target_suite (void)
{
  Suite *suite = suite_create ("target");
  TCase *cases = tcase_create ("forms");

  tcase_add_loop_test (cases, good_targets, 0, G_N_ELEMENTS (good));
  tcase_add_loop_test (cases, bad_targets, 0, G_N_ELEMENTS (bad));
  tcase_add_test (cases, path_of_a_unix_socket_has_a_limit);
  tcase_add_loop_test (cases, good_servers, 0, G_N_ELEMENTS (servers));
  tcase_add_loop_test (cases, bad_servers_are_refused, 0, G_N_ELEMENTS (bad_servers));
  suite_add_tcase (suite, cases);
  return suite;
}

int
main (void)
{
  return testing_run (target_suite ());
}
