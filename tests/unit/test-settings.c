/* SPDX-License-Identifier: MIT */
/* test-settings: each getter, and that every message names file, line, key and remedy. */
#include "base/settings.h"

#include "base/error.h"

#include "lib/testing.h"

#include <glib/gstdio.h>
#include <string.h>

static const char *const colours[] = { "red", "green", "blue", NULL };

static AditSettings *
parse (const char *text)
{
  GError *error = NULL;
  AditSettings *settings = adit_settings_parse (text, "t.cfg", &error);

  ck_assert_msg (settings != NULL, "%s", error != NULL ? error->message : "no error");
  return settings;
}

/* Ends @settings; the errors joined by newlines must be @expected. */
static void
finish (AditSettings *settings, const char *expected)
{
  char **errors = NULL;
  gboolean good = adit_settings_finish (settings, &errors);
  char *joined = errors != NULL ? g_strjoinv ("\n", errors) : g_strdup ("");

  ck_assert_str_eq (joined, expected);
  ck_assert_int_eq (good, *expected == '\0');
  g_free (joined);
  g_strfreev (errors);
  adit_settings_free (settings);
}

START_TEST (test_values)
{
  AditSettings *settings = parse ("s = \"text\" \" goes on\"; b = true; f = false; i = 7;\n"
                                  "neg = -3; hex = 0xffffffff;\n"
                                  "big = 99999999999; digits = \"3000\"; w = \"green\";\n"
                                  "ratio = 99999999999.5; # not read as a whole number\n");
  AditGroup *root = adit_settings_root (settings);

  ck_assert_ptr_eq (root, adit_settings_root (settings));
  ck_assert_str_eq (adit_group_get_string (root, "s", NULL), "text goes on");
  ck_assert_int_eq (adit_group_get_bool (root, "b", FALSE), TRUE);
  ck_assert_int_eq (adit_group_get_bool (root, "f", TRUE), FALSE);
  ck_assert_int_eq (adit_group_get_int (root, "i", 0, 0, 10), 7);
  ck_assert_int_eq (adit_group_get_int (root, "neg", 0, -3, 10), -3);
  ck_assert_int_eq (adit_group_get_int (root, "hex", 0, 0, G_MAXINT64), 0xffffffff);
  ck_assert_int_eq (adit_group_get_int (root, "big", 0, 0, G_MAXINT64), 99999999999);
  ck_assert_int_eq (adit_group_get_int (root, "digits", 0, 0, 65535), 3000);
  ck_assert_uint_eq (adit_group_get_word (root, "w", 0, colours), 1);
  ck_assert (adit_group_has (root, "ratio"));
  finish (settings, "");
}
END_TEST

START_TEST (test_absent)
{
  AditSettings *settings = parse ("");
  AditGroup *root = adit_settings_root (settings), *nowhere = adit_group_get_group (root, "g"), *member;
  const char *name;

  ck_assert (nowhere == NULL);
  ck_assert_str_eq (adit_group_get_string (root, "s", "x"), "x");
  ck_assert (adit_group_get_string (nowhere, "s", NULL) == NULL);
  ck_assert_int_eq (adit_group_get_bool (nowhere, "b", TRUE), TRUE);
  ck_assert_int_eq (adit_group_get_int (nowhere, "i", 5, 10, 20), 5);
  ck_assert_uint_eq (adit_group_get_word (nowhere, "w", 9, colours), 9);
  ck_assert_uint_eq (adit_group_get_list (nowhere, "l"), 0);
  ck_assert (adit_group_get_element (root, "l", 0) == NULL);
  ck_assert (adit_group_get_element_string (root, "l", 0) == NULL);
  ck_assert (!adit_group_get_member (nowhere, 0, &name, &member));
  ck_assert (!adit_group_has (nowhere, "x"));
  finish (settings, "");
}
END_TEST

START_TEST (test_wrong_types)
{
  AditSettings *settings = parse ("s = 3000;\nb = \"true\";\ni = \"12a\";\nf = 1.5;\n"
                                  "g = [ ];\nl = \"one\";\nw = \"grey\";\n"
                                  "o = 70000;\nu = \"\xff\";\nn = true;\nv = 1;\n");
  AditGroup *root = adit_settings_root (settings);

  ck_assert_str_eq (adit_group_get_string (root, "s", "x"), "x");
  ck_assert_str_eq (adit_group_get_string (root, "s", "y"), "y"); /* asked twice, told once */
  ck_assert_int_eq (adit_group_get_bool (root, "b", TRUE), TRUE);
  ck_assert_int_eq (adit_group_get_int (root, "i", 1, 0, 9), 1);
  ck_assert_int_eq (adit_group_get_int (root, "f", 2, 0, 9), 2);
  ck_assert (adit_group_get_group (root, "g") == NULL);
  ck_assert_uint_eq (adit_group_get_list (root, "l"), 0);
  ck_assert_uint_eq (adit_group_get_word (root, "w", 2, colours), 2);
  ck_assert_int_eq (adit_group_get_int (root, "o", 3, 0, 65535), 3);
  ck_assert_str_eq (adit_group_get_string (root, "u", "z"), "z");
  ck_assert_int_eq (adit_group_get_int (root, "n", 4, 0, 9), 4);
  ck_assert_uint_eq (adit_group_get_word (root, "v", 1, colours), 1);
  finish (settings, "t.cfg:1: s: must be a string in \"quotes\", not a number\n"
                    "t.cfg:2: b: must be true or false, without quotes, not a string\n"
                    "t.cfg:3: i: must be a whole number\n"
                    "t.cfg:4: f: must be a whole number\n"
                    "t.cfg:5: g: must be a group { … }, not a list\n"
                    "t.cfg:6: l: must be a list ( … ), not a string\n"
                    "t.cfg:7: w: must be \"red\", \"green\" or \"blue\", not \"grey\"\n"
                    "t.cfg:8: o: must be between 0 and 65535, not 70000\n"
                    "t.cfg:9: u: must be valid UTF-8\n"
                    "t.cfg:10: n: must be a whole number, not true or false\n"
                    "t.cfg:11: v: must be a string in \"quotes\", not a number");
}
END_TEST

START_TEST (test_bounds)
{
  AditSettings *settings = parse ("a = 1; b = 2; c = 3; d = 4;");
  AditGroup *root = adit_settings_root (settings);

  ck_assert_int_eq (adit_group_get_int (root, "a", 9, 2, 3), 9);
  ck_assert_int_eq (adit_group_get_int (root, "b", 9, 2, 3), 2);
  ck_assert_int_eq (adit_group_get_int (root, "c", 9, 2, 3), 3);
  ck_assert_int_eq (adit_group_get_int (root, "d", 9, 2, 3), 9);
  finish (settings, "t.cfg:1: a: must be between 2 and 3, not 1\nt.cfg:1: d: must be between 2 and 3, not 4");
}
END_TEST

START_TEST (test_lists)
{
  AditSettings *settings = parse ("tokens = (\n  \"one\",\n  { token = \"two\";\n"
                                  "    nme = \"ci\"; },\n  7,\n  \"la\"\n  \"st\"\n);\n"
                                  "words = [\n  \"x\",\n  \"y\"\n];\n");
  AditGroup *root = adit_settings_root (settings), *element;

  ck_assert_uint_eq (adit_group_get_list (root, "tokens"), 4);
  ck_assert_str_eq (adit_group_get_element_string (root, "tokens", 0), "one");
  ck_assert (adit_group_get_element (root, "tokens", 0) == NULL);
  element = adit_group_get_element (root, "tokens", 1);
  ck_assert (element != NULL);
  ck_assert (adit_group_get_element_string (root, "tokens", 1) == NULL);
  ck_assert_str_eq (adit_group_get_string (element, "token", NULL), "two");
  ck_assert (adit_group_get_string (element, "name", NULL) == NULL);
  ck_assert (adit_group_get_element (root, "tokens", 2) == NULL);
  ck_assert (adit_group_get_element_string (root, "tokens", 2) == NULL);
  ck_assert_str_eq (adit_group_get_element_string (root, "tokens", 3), "last");
  ck_assert (adit_group_get_element_string (root, "tokens", 4) == NULL);
  ck_assert_uint_eq (adit_group_get_list (root, "words"), 2);
  ck_assert_str_eq (adit_group_get_element_string (root, "words", 1), "y");
  adit_group_add_error (element, NULL, "no name");
  finish (settings, "t.cfg:3: tokens[1]: no name\n"
                    "t.cfg:4: nme: unknown key, did you mean 'name'?\n"
                    "t.cfg:5: tokens[2]: must be a string in \"quotes\" or a group { … }, not a number");
}
END_TEST

/* The lines of strings in lists, which libconfig gets wrong: the last one before a bracket on its own line.
 * */
START_TEST (test_list_lines)
{
  AditSettings *settings = parse ("l = ( /* \" */ \"a\", # \"\n \"b\\\"\"\n // \"\n ,\n"
                                  " [ \"\xff\"\n ], \"\xfe\"\n\n);");
  AditGroup *root = adit_settings_root (settings);

  ck_assert_uint_eq (adit_group_get_list (root, "l"), 4);
  ck_assert_str_eq (adit_group_get_element_string (root, "l", 1), "b\"");
  ck_assert (adit_group_get_element_string (root, "l", 2) == NULL);
  ck_assert (adit_group_get_element_string (root, "l", 3) == NULL);
  finish (settings, "t.cfg:5: l[2]: must be a string in \"quotes\" or a group { … }, not a list\n"
                    "t.cfg:6: l[3]: must be valid UTF-8");
}
END_TEST

START_TEST (test_members)
{
  AditSettings *settings = parse ("tunnels = {\n  web = { target = \"1\"; };\n"
                                  "  bad = \"3000\";\n  db = { };\n};\n");
  AditGroup *tunnels = adit_group_get_group (adit_settings_root (settings), "tunnels"), *member;
  const char *name;

  ck_assert (adit_group_get_member (tunnels, 0, &name, &member));
  ck_assert_str_eq (name, "web");
  ck_assert_str_eq (adit_group_get_string (member, "target", NULL), "1");
  ck_assert (adit_group_get_member (tunnels, 1, &name, &member));
  ck_assert_str_eq (name, "db");
  adit_group_add_error (member, "target", "is missing; write target = \"%d\"", 3000);
  ck_assert (!adit_group_get_member (tunnels, 2, &name, &member));
  finish (settings, "t.cfg:3: bad: must be a group { … }, not a string\n"
                    "t.cfg:4: target: is missing; write target = \"3000\"");
}
END_TEST

START_TEST (test_unknown)
{
  AditSettings *settings = parse ("zzz = 1;\nserver = {\n  http_prot = 1;\n"
                                  "  x = { y = 1; };\n  domian = 2;\n};\nsever = { a = 1; };\n");
  AditGroup *root = adit_settings_root (settings), *server = adit_group_get_group (root, "server");

  adit_group_get_int (server, "http_port", 80, 0, 65535);
  adit_group_get_int (server, "https_port", 443, 0, 65535);
  adit_group_get_string (server, "domain", NULL);
  finish (settings, "t.cfg:1: zzz: unknown key\n"
                    "t.cfg:3: http_prot: unknown key, did you mean 'http_port'?\n"
                    "t.cfg:4: x: unknown key\n"
                    "t.cfg:5: domian: unknown key, did you mean 'domain'?\n"
                    "t.cfg:7: sever: unknown key, did you mean 'server'?");
}
END_TEST

/* Distance 2 is told, 3 is not; one letter of a key must be right; nobody asked for the root at all. */
START_TEST (test_nearness)
{
  AditSettings *settings = parse ("abcdxx = 1; abcxxx = 1; q = 1; pt = 1;");
  AditGroup *root = adit_settings_root (settings);

  adit_group_has (root, "abcdef");
  adit_group_has (root, "po");
  finish (settings, "t.cfg:1: abcdxx: unknown key, did you mean 'abcdef'?\nt.cfg:1: abcxxx: unknown key\n"
                    "t.cfg:1: pt: unknown key, did you mean 'po'?\nt.cfg:1: q: unknown key");
  finish (parse ("a = 1;"), "t.cfg:1: a: unknown key");
}
END_TEST

START_TEST (test_finish_twice)
{
  AditSettings *settings = parse ("a = 1;");

  ck_assert (!adit_settings_finish (settings, NULL));
  finish (settings, "t.cfg:1: a: unknown key");
}
END_TEST

START_TEST (test_add_error)
{
  AditSettings *settings = parse ("\n\na = 1;\n");
  AditGroup *root = adit_settings_root (settings);

  adit_group_has (root, "a");
  adit_group_add_error (root, "a", "is %s", "odd");
  adit_group_add_error (root, "b", "is missing");
  adit_group_add_error (root, NULL, "is empty");
  finish (settings, "t.cfg:1: b: is missing\nt.cfg:1: is empty\nt.cfg:3: a: is odd");
}
END_TEST

static const char *const broken[][2] = {
  { "a = 1\nb = ;\n", "t.cfg:2: syntax error; look here*" },
  { "a = abc;\n", "t.cfg:1: syntax error; *\"quotes\"*" },
  { "a = 1;\na = 2;\n", "t.cfg:2: duplicate setting name; this key was given before*" },
  { "a = [ 1,\n \"x\" ];\n", "t.cfg:2: *array*; * holds values of one type*" },
  { "\na = \"abc;\nb = 2;\n", "t.cfg:2: the string that begins here is never closed*" },
  { "a = 1;\n/* abc\n\n", "t.cfg:2: the comment that begins here is never closed*" },
  { "a = \"\\\"", "t.cfg:1: the string*" },
  { "a = \"\\", "t.cfg:1: the string*" },
  { "\n@include \"/etc\"\n", "t.cfg:2: @include is not supported*" },
  { "a = 1;\n@", "t.cfg:2: @*" },
  { "a = \n99999999999999999999;", "t.cfg:2: this number is too large" },
  { "a = 0x1ffffffffffffffff;", "t.cfg:1: this number is too large" },
  { "((((((((((((((((((((((((((((((((((((", "t.cfg:1: too many brackets*" },
  { ")", "t.cfg:1: syntax error*" },
};

START_TEST (test_broken)
{
  GError *error = NULL;

  ck_assert (adit_settings_parse (broken[_i][0], "t.cfg", &error) == NULL);
  ck_assert (adit_error_is_usage (error));
  ck_assert_msg (g_pattern_match_simple (broken[_i][1], error->message), "%s", error->message);
  g_error_free (error);
}
END_TEST

/* What looks like trouble but is none. */
START_TEST (test_harmless)
{
  AditSettings *settings = parse ("\xef\xbb\xbf# @include \"x\" (((\r\n// 99999999999999999999\r\n"
                                  "/* @ \" */ a1 = \"@include\";\r\nb = 1e3; c = 12L;");
  AditGroup *root = adit_settings_root (settings);

  ck_assert_str_eq (adit_group_get_string (root, "a1", NULL), "@include");
  ck_assert (adit_group_has (root, "b"));
  ck_assert_int_eq (adit_group_get_int (root, "c", 0, 0, 100), 12);
  finish (settings, "");
}
END_TEST

static void
assert_load_fails (const char *path, const char *pattern)
{
  GError *error = NULL;

  ck_assert (adit_settings_load (path, &error) == NULL);
  ck_assert (adit_error_is_usage (error));
  ck_assert_msg (g_pattern_match_simple (pattern, error->message), "%s", error->message);
  g_error_free (error);
}

START_TEST (test_load)
{
  char *dir = g_dir_make_tmp ("adit-XXXXXX", NULL), *path = g_build_filename (dir, "a.cfg", NULL), *message;
  AditSettings *settings;
  char **errors;

  assert_load_fails (path, "*a.cfg: cannot read *: No such file*; create it*--config");
  assert_load_fails (dir, "*: cannot read *: Is a directory; *--config");
  assert_load_fails ("/dev/zero", "/dev/zero: cannot read *: File too large; *--config");
  ck_assert (g_file_set_contents (path, "a\0b", 3, NULL));
  assert_load_fails (path, "*a.cfg: this is no text file*");
  ck_assert (g_file_set_contents (path, "a = 1;\nb = (;\n", -1, NULL));
  assert_load_fails (path, "*a.cfg:2: syntax error*");

  ck_assert (g_file_set_contents (path, "a = 1;\nb = 2;\n", -1, NULL));
  settings = adit_settings_load (path, NULL);
  ck_assert (settings != NULL);
  ck_assert_int_eq (adit_group_get_int (adit_settings_root (settings), "a", 0, 0, 9), 1);
  ck_assert (!adit_settings_finish (settings, &errors));
  message = g_strdup_printf ("%s:2: b: unknown key", path);
  ck_assert_str_eq (errors[0], message);
  ck_assert (errors[1] == NULL);
  g_free (message);
  g_strfreev (errors);
  adit_settings_free (settings);
  adit_settings_free (NULL);
  g_unlink (path);
  g_rmdir (dir);
  g_free (path);
  g_free (dir);
}
END_TEST

/* Every beginning of a good text, and bytes out of place, either parse or fail with a message; nothing ends
 * the program. */
START_TEST (test_mutilated)
{
  static const char whole[] = "server = {\n  domain = \"a.b\"; # c\n"
                              "  ports = [ 1, 2 ];\n  big = 0xfffffffffL; f = -1.5e3;\n};\n"
                              "auth = { tokens = ( \"x\" \"y\", { a = true; } ); }; /* end */\n";
  static const char bytes[] = "\"\\{}()[]@#/*=;,.0L\n\xff";
  GRand *rand = g_rand_new_with_seed (7);
  guint i, parsed = 0;

  for (i = 0; i < 4000; i++)
    {
      char *text = i < sizeof whole ? g_strndup (whole, i) : g_strdup (whole);
      GError *error = NULL;
      AditSettings *settings;

      if (i >= sizeof whole)
        text[g_rand_int_range (rand, 0, sizeof whole - 1)]
            = bytes[g_rand_int_range (rand, 0, sizeof bytes - 1)];
      settings = adit_settings_parse (text, "t.cfg", &error);
      ck_assert ((settings == NULL) == (error != NULL && g_str_has_prefix (error->message, "t.cfg:")));
      parsed += settings != NULL;
      if (settings != NULL)
        adit_settings_finish (settings, NULL);
      adit_settings_free (settings);
      g_clear_error (&error);
      g_free (text);
    }
  ck_assert_uint_gt (parsed, 100);
  ck_assert_uint_lt (parsed, 3900);
  g_rand_free (rand);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("settings");
  TCase *tcase = tcase_create ("settings");

  tcase_add_test (tcase, test_values);
  tcase_add_test (tcase, test_absent);
  tcase_add_test (tcase, test_wrong_types);
  tcase_add_test (tcase, test_bounds);
  tcase_add_test (tcase, test_lists);
  tcase_add_test (tcase, test_list_lines);
  tcase_add_test (tcase, test_members);
  tcase_add_test (tcase, test_unknown);
  tcase_add_test (tcase, test_nearness);
  tcase_add_test (tcase, test_finish_twice);
  tcase_add_test (tcase, test_add_error);
  tcase_add_loop_test (tcase, test_broken, 0, G_N_ELEMENTS (broken));
  tcase_add_test (tcase, test_harmless);
  tcase_add_test (tcase, test_load);
  tcase_add_test (tcase, test_mutilated);
  suite_add_tcase (suite, tcase);
  return testing_run (suite);
}
