/* SPDX-License-Identifier: MIT */
/* test-clientcfg: reading the client's configuration file, its token's file, and what login changes in it. */
#include "lib/testing.h"

#include "base/error.h"
#include "client/clientcfg.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FINGERPRINT "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TUNNELS                                                                                  \
  "tunnels = {\n"                                                                                \
  "  web = { type = \"http\"; target = \"3000\"; subdomain = \"Api\"; concurrency = 7; };\n"     \
  "  shop = { target = \"https://box\"; host_header = \"preserve\"; insecure = true; };\n"       \
  "};\n"

static const char *const all[] = { NULL };
static char *folder, *path;

static void
setup (void)
{
  folder = g_dir_make_tmp ("adit-clientcfg-XXXXXX", NULL);
  path = g_build_filename (folder, "sub", "client.cfg", NULL);
}

static void
remove_tree (const char *name)
{
  g_autoptr (GDir) dir = g_dir_open (name, 0, NULL);
  const char *entry;

  while (dir && (entry = g_dir_read_name (dir)))
    {
      g_autofree char *child = g_build_filename (name, entry, NULL);

      if (g_file_test (child, G_FILE_TEST_IS_DIR) && !g_file_test (child, G_FILE_TEST_IS_SYMLINK))
        remove_tree (child);
      else
        g_unlink (child);
    }
  g_rmdir (name);
}

static void
teardown (void)
{
  remove_tree (folder);
  g_clear_pointer (&folder, g_free);
  g_clear_pointer (&path, g_free);
}

static AditClientCfg *
must_parse (const char *text, const char *const *wanted)
{
  g_auto (GStrv) errors = NULL;
  AditClientCfg *cfg = adit_clientcfg_parse (text, "client.cfg", wanted, &errors);

  ck_assert_msg (cfg != NULL, "%s", errors ? errors[0] : "");
  return cfg;
}

START_TEST (a_whole_file)
{
  g_autoptr (AditClientCfg) cfg = must_parse ("server = \"adit.example.com\";\ntoken = \"secret\";\n"
                                              "fingerprint = \"" FINGERPRINT "\";\n" TUNNELS, all);
  AditPublish *web, *shop;

  ck_assert_str_eq (cfg->server, "adit.example.com");
  ck_assert_str_eq (cfg->token, "secret");
  ck_assert_str_eq (cfg->fingerprint, FINGERPRINT);
  ck_assert_uint_eq (cfg->tunnels->len, 2);
  web = g_ptr_array_index (cfg->tunnels, 0);
  shop = g_ptr_array_index (cfg->tunnels, 1);
  ck_assert_str_eq (web->label, "web");
  ck_assert_str_eq (web->subdomain, "api");
  ck_assert_str_eq (web->host_header, "localhost:3000");
  ck_assert_uint_eq (web->concurrency, 7);
  ck_assert_ptr_null (shop->subdomain);
  ck_assert_ptr_null (shop->host_header);
  ck_assert (shop->target->tls && shop->insecure && !web->insecure);
}
END_TEST

START_TEST (tunnels_that_are_wanted)
{
  static const char *const one[] = { "shop", NULL };
  g_autoptr (AditClientCfg) none = must_parse (TUNNELS, NULL);
  g_autoptr (AditClientCfg) named = must_parse (TUNNELS, one);

  ck_assert_uint_eq (none->tunnels->len, 0);
  ck_assert_uint_eq (named->tunnels->len, 1);
}
END_TEST

/* What a later version has is an error only where it is asked for. */
START_TEST (tcp_tunnels_come_later)
{
  static const char text[] = "tunnels = { db = { type = \"tcp\"; target = \"5432\"; port = 30000; };\n"
                             "  web = { target = \"3000\"; }; };";
  static const char *const web[] = { "web", NULL };
  g_autoptr (AditClientCfg) none = NULL;
  g_autoptr (AditClientCfg) named = NULL;
  g_auto (GStrv) errors = NULL;

  none = must_parse (text, NULL);
  named = must_parse (text, web);
  ck_assert_ptr_nonnull (none);
  ck_assert_ptr_nonnull (named);
  ck_assert_ptr_null (adit_clientcfg_parse (text, "client.cfg", all, &errors));
  ck_assert_uint_eq (g_strv_length (errors), 1);
  ck_assert (g_str_has_prefix (errors[0], "client.cfg:1: type: "));
  ck_assert_ptr_nonnull (strstr (errors[0], "later version"));
}
END_TEST

/* A file and the place and key of its error. */
static const char *const bad[][2] = {
  { "server = \"http://box\";", "client.cfg:1: server: " },
  { "\nserver = 7;", "client.cfg:2: server: " },
  { "token = \"\";", "client.cfg:1: token: " },
  { "token = \"a\";\ntoken_file = \"b\";", "client.cfg:2: token_file: " },
  { "fingerprint = \"sha256:12\";", "client.cfg:1: fingerprint: " },
  { "insecure = \"yes\";", "client.cfg:1: insecure: " },
  { "sever = \"box\";", "client.cfg:1: sever: unknown key" },
  { "tunnels = { web = { }; };", "client.cfg:1: target: " },
  { "tunnels = {\nweb = { target = \"x\"; }; };", "client.cfg:2: target: " },
  { "tunnels = { web = { target = \"1\"; subdomain = \"a.b\"; }; };", "client.cfg:1: subdomain: " },
  { "tunnels = { web = { target = \"1\"; type = \"ftp\"; }; };", "client.cfg:1: type: " },
  { "tunnels = { web = { target = \"1\"; hostname = \"x.test\"; }; };", "client.cfg:1: hostname: " },
  { "tunnels = { web = { target = \"1\"; port = 5; }; };", "client.cfg:1: port: " },
  { "tunnels = { web = { target = \"1\"; concurrency = 0; }; };", "client.cfg:1: concurrency: " },
  { "tunnels = { web = { target = \"1\"; tagret = \"2\"; }; };", "client.cfg:1: tagret: unknown key" },
  { "tunnels = 5;", "client.cfg:1: tunnels: " },
  { "server = ", "client.cfg:1: " },
};

START_TEST (bad_files)
{
  g_auto (GStrv) errors = NULL;

  ck_assert_ptr_null (adit_clientcfg_parse (bad[_i][0], "client.cfg", all, &errors));
  ck_assert_msg (g_str_has_prefix (errors[0], bad[_i][1]), "%s", errors[0]);
}
END_TEST

START_TEST (an_unknown_name)
{
  static const char *const other[] = { "other", NULL };
  g_auto (GStrv) errors = NULL;

  ck_assert_ptr_null (adit_clientcfg_parse (TUNNELS, "client.cfg", other, &errors));
  ck_assert_ptr_nonnull (strstr (errors[0], "\"other\""));
  ck_assert_ptr_nonnull (strstr (errors[0], "web, shop"));
}
END_TEST

static char *
token_of (guint mode, const char *content, GError **error)
{
  g_autofree char *file = g_build_filename (folder, "token", NULL);
  g_autofree char *config = g_build_filename (folder, "client.cfg", NULL);
  g_autoptr (AditClientCfg) cfg = adit_clientcfg_new (config);

  g_file_set_contents (file, content, -1, NULL);
  g_chmod (file, (int) mode);
  cfg->token_file = g_strdup ("token");
  return adit_clientcfg_dup_token (cfg, error);
}

START_TEST (a_token_of_its_own_file)
{
  g_autofree char *token = token_of (0600, "  secret-token\n", NULL);
  g_autoptr (GError) error = NULL;

  ck_assert_str_eq (token, "secret-token");
  ck_assert_ptr_null (token_of (0640, "secret", &error));
  ck_assert (adit_error_is_usage (error));
  ck_assert_ptr_nonnull (strstr (error->message, "chmod 600 "));
  g_clear_error (&error);
  ck_assert_ptr_null (token_of (0600, "\n", &error));
  ck_assert (adit_error_is_usage (error));
}
END_TEST

/* ---- login ---- */

static char *
store (const char *server, const char *token, const char *fingerprint, gboolean insecure)
{
  g_autoptr (AditClientCfg) login = adit_clientcfg_new (path);
  g_autoptr (GError) error = NULL;
  char *text = NULL;
  struct stat info;

  login->server = g_strdup (server);
  login->token = g_strdup (token);
  login->fingerprint = g_strdup (fingerprint);
  login->insecure = insecure;
  ck_assert_msg (adit_clientcfg_store (path, login, &error), "%s", error ? error->message : "");
  ck_assert (g_file_get_contents (path, &text, NULL, NULL));
  ck_assert_int_eq (g_stat (path, &info), 0);
  ck_assert_uint_eq (info.st_mode & 0777, 0600);
  return text;
}

static void
put (const char *text)
{
  g_autofree char *dir = g_path_get_dirname (path);

  g_mkdir_with_parents (dir, 0700);
  ck_assert (g_file_set_contents (path, text, -1, NULL));
  g_chmod (path, 0644);
}

START_TEST (login_makes_a_file)
{
  g_autofree char *text = store ("box:7000", "a \"quoted\\ one", FINGERPRINT, FALSE);
  g_auto (GStrv) errors = NULL;
  g_autoptr (AditClientCfg) cfg = adit_clientcfg_load (path, all, &errors);

  ck_assert_ptr_nonnull (text);
  ck_assert_ptr_nonnull (cfg);
  ck_assert_str_eq (cfg->server, "box:7000");
  ck_assert_str_eq (cfg->token, "a \"quoted\\ one");
  ck_assert_str_eq (cfg->fingerprint, FINGERPRINT);
  ck_assert (!cfg->exposed && !cfg->insecure);
}
END_TEST

START_TEST (login_keeps_the_rest)
{
  g_autofree char *text = NULL;

  put ("# mine\nserver = \"old:1\";   # why\ntoken_file = \"/x\"\nfingerprint : \"" FINGERPRINT "\",\n"
       "/* server = \"no\"; */\n" TUNNELS "insecure = true\n# the end\n");
  text = store ("tcp://new:2", "fresh", NULL, FALSE);
  ck_assert_str_eq (text, "# mine\nserver = \"tcp://new:2\";\ntoken = \"fresh\";\n   # why\n"
                          "/* server = \"no\"; */\n" TUNNELS "# the end\n");
  g_free (text);
  text = store ("new:3", "fresher", NULL, TRUE);
  ck_assert_str_eq (text, "# mine\nserver = \"new:3\";\ntoken = \"fresher\";\ninsecure = true;\n   # why\n"
                          "/* server = \"no\"; */\n" TUNNELS "# the end\n");
}
END_TEST

START_TEST (login_does_not_touch_a_broken_file)
{
  g_autoptr (AditClientCfg) login = adit_clientcfg_new (path);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  put ("tunnels = { web = { target = 3000");
  login->server = g_strdup ("box");
  login->token = g_strdup ("secret");
  ck_assert (!adit_clientcfg_store (path, login, &error));
  ck_assert (adit_error_is_usage (error));
  ck_assert (g_file_get_contents (path, &text, NULL, NULL));
  ck_assert_str_eq (text, "tunnels = { web = { target = 3000");
}
END_TEST

START_TEST (login_follows_a_link)
{
  g_autofree char *real = g_build_filename (folder, "real.cfg", NULL);
  g_autofree char *dir = g_path_get_dirname (path);
  g_autofree char *text = NULL;

  g_mkdir_with_parents (dir, 0700);
  g_file_set_contents (real, TUNNELS, -1, NULL);
  ck_assert_int_eq (symlink (real, path), 0);
  text = store ("box:7000", "secret", NULL, FALSE);
  ck_assert (g_file_test (path, G_FILE_TEST_IS_SYMLINK));
  ck_assert_ptr_nonnull (strstr (text, "tunnels"));
}
END_TEST

START_TEST (a_file_that_others_can_read_is_noticed)
{
  g_auto (GStrv) errors = NULL;
  g_autoptr (AditClientCfg) cfg = NULL;

  put ("token = \"secret\";");
  cfg = adit_clientcfg_load (path, NULL, &errors);
  ck_assert (cfg->exposed);
}
END_TEST

static Suite *
clientcfg_suite (void)
{
  Suite *suite = suite_create ("clientcfg");
  TCase *cases = tcase_create ("files");

  tcase_add_checked_fixture (cases, setup, teardown);
  tcase_add_test (cases, a_whole_file);
  tcase_add_test (cases, tunnels_that_are_wanted);
  tcase_add_test (cases, tcp_tunnels_come_later);
  tcase_add_loop_test (cases, bad_files, 0, G_N_ELEMENTS (bad));
  tcase_add_test (cases, an_unknown_name);
  tcase_add_test (cases, a_token_of_its_own_file);
  tcase_add_test (cases, login_makes_a_file);
  tcase_add_test (cases, login_keeps_the_rest);
  tcase_add_test (cases, login_does_not_touch_a_broken_file);
  tcase_add_test (cases, login_follows_a_link);
  tcase_add_test (cases, a_file_that_others_can_read_is_noticed);
  suite_add_tcase (suite, cases);
  return suite;
}

int
main (void)
{
  return testing_run (clientcfg_suite ());
}
