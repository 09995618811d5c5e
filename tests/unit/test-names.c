/* SPDX-License-Identifier: MIT */
/* test-names: who gets which name, from whom it is taken and for how long it is held; the file that
 * outlives a restart.
 *
 * Sessions are only counted here, so this file brings its own AditUplink. */
#include "server/names.h"

#include "base/log.h"
#include "lib/turning.h"
#include "server/uplink.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define NOW (100 * G_USEC_PER_SEC)
#define HOLD_MS 5000
#define SECRET_A "secret-of-a-0123456789"
#define SECRET_B "secret-of-b-0123456789"
#define INSTANCE_1 "11111111111111111111111111111111"
#define INSTANCE_2 "22222222222222222222222222222222"

struct AditUplink
{
  gint refs;
};

AditUplink *
adit_uplink_ref (AditUplink *uplink)
{
  uplink->refs++;
  return uplink;
}

void
adit_uplink_unref (AditUplink *uplink)
{
  if (uplink)
    ck_assert_int_gt (--uplink->refs, 0);
}

static AditPolicy *policy;
static const AditToken *a, *b;
static AditNames *names;
static AditUplink sessions[8];
static char *dir, *path;
static GPtrArray *lines; /* of the log */

static void
on_line (const char *line, gpointer data)
{
  g_ptr_array_add (lines, g_strdup (line));
}

static const AditToken *
token_of (const char *rights)
{
  g_autofree char *text
    = g_strdup_printf ("server = { domain = \"d.example\"; bind = \"127.0.0.1\"; };"
                       "auth = { tokens = ( \"" SECRET_B "\", { token = \"" SECRET_A "\"; %s } ); };", rights);
  char **errors;

  adit_policy_unref (policy);
  policy = adit_policy_parse (text, "test.cfg", &errors);
  ck_assert_msg (policy != NULL, "%s", errors ? errors[0] : "");
  b = adit_policy_find_token (policy, SECRET_B);
  return a = adit_policy_find_token (policy, SECRET_A);
}

static void
open_names (gint64 now_us, gint64 wait_until_us)
{
  if (names)
    adit_names_free (names);
  names = adit_names_new (dir, "https://%s.d.example", HOLD_MS, now_us, wait_until_us);
}

static void
setup (void)
{
  lines = g_ptr_array_new_with_free_func (g_free);
  adit_log_capture (on_line, NULL);
  dir = g_dir_make_tmp ("adit-test-XXXXXX", NULL);
  path = g_build_filename (dir, "names", NULL);
  for (guint i = 0; i < G_N_ELEMENTS (sessions); i++)
    sessions[i].refs = 1;
  token_of ("");
  open_names (NOW, 0);
}

static void
teardown (void)
{
  adit_names_free (names);
  adit_policy_unref (policy);
  for (guint i = 0; i < G_N_ELEMENTS (sessions); i++)
    ck_assert_int_eq (sessions[i].refs, 1);
  g_remove (path);
  g_rmdir (dir);
  g_free (dir);
  g_free (path);
  adit_log_capture (NULL, NULL);
  g_ptr_array_unref (lines);
}

/* Session @i asks; what it got is in the returned grant until the next call. */
static AditGrant *
claim (const AditToken *token, guint i, const char *instance, const char *label, guint64 epoch)
{
  static AditGrant grant;
  AditClaim asked = { .token = token, .instance = instance, .label = label, .epoch = epoch,
                      .uplink = &sessions[i], .worker = i, .index = i + 10 };

  g_clear_pointer (&grant.reason, g_free);
  adit_names_claim (names, &asked, &grant);
  if (grant.replaced)
    adit_uplink_unref (grant.replaced);
  ck_assert ((grant.tunnel == NULL) == (grant.code != ADIT_REJECT_NONE));
  ck_assert ((grant.tunnel == NULL) == (grant.reason != NULL));
  return &grant;
}

static void
assert_given (const AditGrant *grant, const char *label, guint64 epoch)
{
  g_autofree char *url = g_strdup_printf ("https://%s.d.example", label);

  ck_assert_msg (grant->tunnel != NULL, "%s", grant->reason);
  ck_assert_str_eq (grant->tunnel->label, label);
  ck_assert_str_eq (grant->tunnel->public_url, url);
  ck_assert_uint_eq (grant->epoch, epoch);
}

static void
assert_refused (const AditGrant *grant, AditRejectCode code, const char *words)
{
  ck_assert (grant->tunnel == NULL);
  ck_assert_int_eq (grant->code, code);
  ck_assert_msg (strstr (grant->reason, words) != NULL, "%s", grant->reason);
  ck_assert (grant->replaced == NULL);
}

/* What visitors find; NULL if there is no such name. */
static AditTunnel *
look_up (const char *label)
{
  static GHashTable *table;

  g_clear_pointer (&table, g_hash_table_unref);
  if (label == NULL)
    return NULL;
  table = adit_names_snapshot (names);
  return g_hash_table_lookup (table, label);
}

/* ---- new names ---- */

START_TEST (test_random)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < 200; i++)
    {
      AditGrant *grant = claim (_i ? a : NULL, 0, NULL, NULL, 0);
      const char *label = grant->tunnel->label;

      ck_assert_uint_ge (strlen (label), 6);
      ck_assert_uint_eq (strspn (label, "abcdefghijklmnopqrstuvwxyz0123456789"), strlen (label));
      ck_assert (g_hash_table_add (seen, g_strdup (label)));
      assert_given (grant, label, 1);
    }
}
END_TEST

START_TEST (test_requested)
{
  AditGrant *grant;

  ck_assert (!adit_names_take_dirty (names));
  grant = claim (a, 2, INSTANCE_1, "Web-1", 0);
  assert_given (grant, "web-1", 1);
  ck_assert (grant->tunnel->uplink == &sessions[2]);
  ck_assert_uint_eq (grant->tunnel->worker, 2);
  ck_assert_uint_eq (grant->tunnel->index, 12);
  ck_assert_int_eq (grant->tunnel->wait_until_us, 0);
  ck_assert (adit_names_take_dirty (names));
  ck_assert (!adit_names_take_dirty (names));
  ck_assert (look_up ("web-1") != NULL);
  ck_assert (look_up ("web-2") == NULL);
  look_up (NULL);
}
END_TEST

START_TEST (test_no_name)
{
  static const char *const labels[] = { "-a", "a-", "a.b", "a_b", "a b", "\xc3\xa4", "a/b",
                                        "a123456789012345678901234567890123456789012345678901234567890123" };

  for (guint i = 0; i < G_N_ELEMENTS (labels); i++)
    assert_refused (claim (a, 0, NULL, labels[i], 0), ADIT_REJECT_NAME, labels[i]);
  ck_assert (!adit_names_take_dirty (names));
}
END_TEST

/* ---- patterns ---- */

START_TEST (test_patterns)
{
  token_of ("subdomains = [ \"ci-*\", \"web\" ];");
  assert_refused (claim (a, 0, NULL, "other", 0), ADIT_REJECT_FORBIDDEN, "other");
  assert_refused (claim (a, 0, NULL, "web2", 0), ADIT_REJECT_FORBIDDEN, "web2");
  assert_refused (claim (a, 0, NULL, "xci-1", 0), ADIT_REJECT_FORBIDDEN, "xci-1");
  assert_given (claim (a, 0, NULL, "web", 0), "web", 1);
  assert_given (claim (a, 0, NULL, "CI-7", 0), "ci-7", 1);
  assert_given (claim (b, 1, NULL, "other", 0), "other", 1);
}
END_TEST

/* A name by chance is one that the token may have, by whichever of its patterns. */
START_TEST (test_random_patterns)
{
  static const char *const rows[] = { "\"ci-*\"", "\"*-ci\"", "\"ci-*-x\"", "\"*\"", "\"web\", \"ci-*\"",
                                      "\"ci-*-*\"", "\"*web\", \"web\"" };
  g_autofree char *rights = g_strdup_printf ("subdomains = [ %s ];", rows[_i]);

  token_of (rights);
  for (guint i = 0; i < 30; i++)
    {
      AditGrant *grant = claim (a, 0, NULL, NULL, 0);

      ck_assert_msg (grant->tunnel != NULL, "%s", grant->reason);
      ck_assert (adit_token_allows_name (a, grant->tunnel->label));
    }
}
END_TEST

START_TEST (test_random_fixed)
{
  token_of ("subdomains = [ \"web\", \"api\" ];");
  ck_assert (claim (a, 0, NULL, NULL, 0)->tunnel != NULL);
  ck_assert (claim (a, 0, NULL, NULL, 0)->tunnel != NULL);
  assert_refused (claim (a, 0, NULL, NULL, 0), ADIT_REJECT_NAME, "random");
  ck_assert (look_up ("web") && look_up ("api"));
  look_up (NULL);
}
END_TEST

/* ---- names that are taken ---- */

START_TEST (test_other_token)
{
  assert_given (claim (a, 0, INSTANCE_1, "web", 0), "web", 1);
  assert_refused (claim (b, 1, INSTANCE_2, "web", 0), ADIT_REJECT_NAME, "web");
  assert_refused (claim (b, 1, INSTANCE_1, "web", 1), ADIT_REJECT_NAME, "another token");
  assert_refused (claim (NULL, 1, INSTANCE_1, "WEB", 1), ADIT_REJECT_NAME, "web");
  ck_assert (look_up ("web")->uplink == &sessions[0]);
  look_up (NULL);
  /* Also while it is only held. */
  adit_names_release (names, &sessions[0], NOW);
  assert_refused (claim (b, 1, INSTANCE_2, "web", 0), ADIT_REJECT_NAME, "web");
}
END_TEST

START_TEST (test_newest_wins)
{
  AditGrant *grant;

  assert_given (claim (a, 0, INSTANCE_1, "web", 0), "web", 1);
  grant = claim (a, 1, INSTANCE_2, "web", 0);
  assert_given (grant, "web", 2);
  ck_assert (grant->replaced == &sessions[0]);
  ck_assert (grant->by_other);
  /* The old one's end changes nothing any more. */
  adit_names_release (names, &sessions[0], NOW);
  ck_assert (look_up ("web")->uplink == &sessions[1]);
  look_up (NULL);

  grant = claim (a, 2, INSTANCE_2, "web", 2);
  assert_given (grant, "web", 3);
  ck_assert (grant->replaced == &sessions[1]);
  ck_assert (!grant->by_other); /* itself, after a broken connection */

  grant = claim (a, 2, INSTANCE_2, "web", 3);
  ck_assert (grant->replaced == NULL); /* the same session again */
}
END_TEST

/* Two clients with one token do not take a name from each other for ever: who lost it is told so. */
START_TEST (test_epochs)
{
  assert_given (claim (a, 0, INSTANCE_1, "web", 0), "web", 1);
  assert_given (claim (a, 1, INSTANCE_2, "web", 0), "web", 2);
  assert_refused (claim (a, 2, INSTANCE_1, "web", 1), ADIT_REJECT_REPLACED, "web");
  assert_refused (claim (a, 2, INSTANCE_1, "web", 99), ADIT_REJECT_REPLACED, "newer client");
  ck_assert (look_up ("web")->uplink == &sessions[1]);
  look_up (NULL);
  /* The holder regains it, whatever it remembers; a new process that never held it takes it. */
  assert_given (claim (a, 3, INSTANCE_2, "web", 1), "web", 3);
  assert_given (claim (a, 4, INSTANCE_1, "web", 0), "web", 4);
  assert_refused (claim (a, 5, INSTANCE_2, "web", 3), ADIT_REJECT_REPLACED, "web");
  /* Also when the holder is gone: the name is held for it. */
  adit_names_release (names, &sessions[4], NOW);
  assert_refused (claim (a, 5, INSTANCE_2, "web", 3), ADIT_REJECT_REPLACED, "web");
  assert_given (claim (a, 5, INSTANCE_1, "web", 4), "web", 5);
}
END_TEST

/* The server forgot: the client's memory counts. */
START_TEST (test_forgotten_epoch)
{
  assert_given (claim (a, 0, INSTANCE_1, "web", 7), "web", 8);
  assert_given (claim (a, 0, INSTANCE_1, "web", 20), "web", 21);
}
END_TEST

START_TEST (test_v1)
{
  AditGrant *grant;

  assert_given (claim (a, 0, NULL, "web", 0), "web", 1);
  grant = claim (a, 1, NULL, "web", 0);
  assert_given (grant, "web", 2);
  ck_assert (grant->replaced == &sessions[0]);
  /* Ours and theirs with one token: the newest wins, and ours knows when it lost. */
  assert_given (claim (a, 2, INSTANCE_1, "web", 0), "web", 3);
  assert_given (claim (a, 3, NULL, "web", 0), "web", 4);
  assert_refused (claim (a, 4, INSTANCE_1, "web", 3), ADIT_REJECT_REPLACED, "web");
  assert_refused (claim (a, 4, NULL, "web", 3), ADIT_REJECT_REPLACED, "web");
}
END_TEST

/* ---- held names ---- */

START_TEST (test_hold)
{
  claim (a, 0, INSTANCE_1, "web", 0);
  claim (a, 0, INSTANCE_1, "api", 0);
  claim (a, 1, INSTANCE_2, "other", 0);
  adit_names_take_dirty (names);
  adit_names_release (names, &sessions[0], NOW);
  ck_assert (adit_names_take_dirty (names));
  ck_assert_int_eq (sessions[0].refs, 1);
  ck_assert (look_up ("web")->uplink == NULL);
  ck_assert (look_up ("api")->uplink == NULL);
  ck_assert (look_up ("other")->uplink == &sessions[1]);

  adit_names_expire (names, NOW + HOLD_MS * 1000);
  ck_assert (look_up ("web") != NULL);
  ck_assert (!adit_names_take_dirty (names));
  assert_given (claim (a, 2, INSTANCE_1, "api", 1), "api", 2);
  adit_names_take_dirty (names);
  adit_names_expire (names, NOW + HOLD_MS * 1000 + 1);
  ck_assert (adit_names_take_dirty (names));
  ck_assert (look_up ("web") == NULL);
  ck_assert (look_up ("api") != NULL);
  ck_assert (look_up ("other") != NULL); /* a live one is held as long as it lives */
  adit_names_expire (names, NOW + G_GINT64_CONSTANT (1000) * HOLD_MS * 1000);
  ck_assert (look_up ("other") != NULL);
  look_up (NULL);
  assert_given (claim (b, 3, NULL, "web", 0), "web", 1);
}
END_TEST

START_TEST (test_set_hold)
{
  claim (a, 0, INSTANCE_1, "web", 0);
  adit_names_release (names, &sessions[0], NOW);
  adit_names_set_hold (names, 2 * HOLD_MS);
  adit_names_expire (names, NOW + HOLD_MS * 1000 + 1);
  ck_assert (look_up ("web") != NULL);
  adit_names_set_hold (names, 1);
  adit_names_expire (names, NOW + HOLD_MS * 1000 + 1);
  ck_assert (look_up ("web") == NULL);
  look_up (NULL);
}
END_TEST

START_TEST (test_leave)
{
  claim (a, 0, INSTANCE_1, "web", 0);
  adit_names_take_dirty (names);
  adit_names_leave (names, &sessions[0], NOW + 5);
  ck_assert (adit_names_take_dirty (names));
  ck_assert (look_up ("web")->uplink == &sessions[0]); /* what runs on it is finished */
  ck_assert_uint_eq (look_up ("web")->index, 10);
  ck_assert_int_eq (look_up ("web")->wait_until_us, NOW + 5);
  adit_names_release (names, &sessions[0], NOW);
  ck_assert (look_up ("web")->uplink == NULL);
  ck_assert_int_eq (look_up ("web")->wait_until_us, NOW + 5);
  claim (a, 1, INSTANCE_1, "web", 1);
  ck_assert_int_eq (look_up ("web")->wait_until_us, 0);
  look_up (NULL);
}
END_TEST

START_TEST (test_forget_token)
{
  claim (a, 0, INSTANCE_1, "web", 0);
  claim (b, 1, INSTANCE_2, "other", 0);
  adit_names_take_dirty (names);
  adit_names_forget_token (names, "0000");
  ck_assert (!adit_names_take_dirty (names));
  adit_names_forget_token (names, a->digest);
  ck_assert (adit_names_take_dirty (names));
  ck_assert (look_up ("web") == NULL);
  ck_assert (look_up ("other") != NULL);
  look_up (NULL);
  adit_names_release (names, &sessions[0], NOW);
  assert_given (claim (b, 1, INSTANCE_2, "web", 0), "web", 1);
}
END_TEST

/* Who still reads an old table keeps what is in it. */
START_TEST (test_snapshot)
{
  GHashTable *table;

  claim (a, 0, INSTANCE_1, "web", 0);
  table = adit_names_snapshot (names);
  claim (a, 1, INSTANCE_1, "web", 1);
  adit_names_forget_token (names, a->digest);
  ck_assert (((AditTunnel *) g_hash_table_lookup (table, "web"))->uplink == &sessions[0]);
  ck_assert_int_eq (sessions[0].refs, 2);
  g_hash_table_unref (table);
}
END_TEST

/* ---- over a restart ---- */

START_TEST (test_restart)
{
  g_autofree char *text = NULL;
  struct stat info;

  claim (a, 0, INSTANCE_1, "web", 0);
  claim (a, 0, INSTANCE_1, "web", 1);
  claim (b, 1, NULL, "old", 0);
  claim (NULL, 2, INSTANCE_2, "free", 0);
  adit_names_save (names);
  ck_assert_int_eq (g_stat (path, &info), 0);
  ck_assert_uint_eq (info.st_mode & 0777, 0600);
  ck_assert (g_file_get_contents (path, &text, NULL, NULL));
  ck_assert (strstr (text, SECRET_A) == NULL && strstr (text, SECRET_B) == NULL);

  open_names (2 * NOW, 2 * NOW + 5);
  ck_assert_uint_eq (lines->len, 0);
  ck_assert (look_up ("web")->uplink == NULL);
  ck_assert_int_eq (look_up ("web")->wait_until_us, 2 * NOW + 5);
  ck_assert_str_eq (look_up ("web")->public_url, "https://web.d.example");
  assert_refused (claim (b, 0, INSTANCE_1, "web", 2), ADIT_REJECT_NAME, "web");
  assert_refused (claim (a, 0, INSTANCE_2, "web", 1), ADIT_REJECT_REPLACED, "web");
  assert_given (claim (a, 0, INSTANCE_1, "web", 2), "web", 3);
  assert_given (claim (b, 1, NULL, "old", 0), "old", 2);
  assert_given (claim (NULL, 2, INSTANCE_2, "free", 1), "free", 2);
  look_up (NULL);

  adit_names_save (names);
  open_names (3 * NOW, 0);
  adit_names_expire (names, 3 * NOW + HOLD_MS * 1000);
  ck_assert (look_up ("web") != NULL); /* from the start of this process on */
  adit_names_expire (names, 3 * NOW + HOLD_MS * 1000 + 1);
  ck_assert (look_up ("web") == NULL);
  look_up (NULL);
}
END_TEST

/* Any damage costs at most the names that are damaged, and never more than a line of the log. */
START_TEST (test_damaged_file)
{
  static const char digest[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  static const struct
  {
    const char *text;
    guint n_names, n_lines;
  } rows[] = {
    { "", 0, 0 },
    { "no key file at all", 0, 1 },
    { "[web\ntoken=", 0, 1 },
    { "\x01\x02\xff\xfe", 0, 1 },
    { "[web]\ntoken=DIGEST\nepoch=5\n", 1, 0 },
    { "[web]\nepoch=5\n[api]\ntoken=DIGEST\n", 1, 0 },
    { "[web]\ntoken=short\n[api]\ntoken=DIGEST\nepoch=-9\ninstance=\n", 1, 0 },
    { "[Web]\ntoken=DIGEST\n[web]\ntoken=DIGEST\nepoch=2\n", 1, 0 },
    { "[web]\ntoken=DIGEST\n[WEB]\ntoken=DIGEST\n[wEb]\ntoken=DIGEST\n", 1, 0 },
    { "[a.b]\ntoken=DIGEST\n[-]\ntoken=DIGEST\n[web]\ntoken=DIGEST\nepoch=99999999999999999999999\n", 1, 0 },
  };
  g_auto (GStrv) parts = g_strsplit (rows[_i].text, "DIGEST", -1);
  g_autofree char *text = g_strjoinv (digest, parts);
  g_autoptr (GHashTable) table = NULL;

  ck_assert (g_file_set_contents (path, text, -1, NULL));
  open_names (NOW, 0);
  ck_assert_uint_eq (lines->len, rows[_i].n_lines);
  table = adit_names_snapshot (names);
  ck_assert_uint_eq (g_hash_table_size (table), rows[_i].n_names);
  assert_given (claim (a, 0, NULL, "new", 0), "new", 1);
  adit_names_save (names);
  adit_names_expire (names, NOW + HOLD_MS * 1000 + 1);
  g_clear_pointer (&table, g_hash_table_unref);
  table = adit_names_snapshot (names);
  ck_assert_uint_eq (g_hash_table_size (table), 1);
}
END_TEST

START_TEST (test_no_file)
{
  g_autofree char *nowhere = g_build_filename (dir, "nowhere", NULL);

  adit_names_free (names);
  names = adit_names_new (nowhere, "%s", HOLD_MS, NOW, 0);
  ck_assert_uint_eq (lines->len, 0); /* the first start */
  claim (a, 0, NULL, "web", 0);
  adit_names_save (names);
  ck_assert_uint_eq (lines->len, 1);
  ck_assert (strstr (lines->pdata[0], nowhere) != NULL);

  adit_names_free (names);
  names = adit_names_new (NULL, "%s", HOLD_MS, NOW, 0);
  claim (a, 0, NULL, "web", 0);
  adit_names_save (names);
  ck_assert_uint_eq (lines->len, 1);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("names");
  TCase *tcase = tcase_create ("names");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_loop_test (tcase, test_random, 0, 2);
  tcase_add_test (tcase, test_requested);
  tcase_add_test (tcase, test_no_name);
  tcase_add_test (tcase, test_patterns);
  tcase_add_loop_test (tcase, test_random_patterns, 0, 7);
  tcase_add_test (tcase, test_random_fixed);
  tcase_add_test (tcase, test_other_token);
  tcase_add_test (tcase, test_newest_wins);
  tcase_add_test (tcase, test_epochs);
  tcase_add_test (tcase, test_forgotten_epoch);
  tcase_add_test (tcase, test_v1);
  tcase_add_test (tcase, test_hold);
  tcase_add_test (tcase, test_set_hold);
  tcase_add_test (tcase, test_leave);
  tcase_add_test (tcase, test_forget_token);
  tcase_add_test (tcase, test_snapshot);
  tcase_add_test (tcase, test_restart);
  tcase_add_loop_test (tcase, test_damaged_file, 0, 10);
  tcase_add_test (tcase, test_no_file);
  suite_add_tcase (suite, tcase);
  return testing_run (suite);
}
