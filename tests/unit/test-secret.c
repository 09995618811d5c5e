/* SPDX-License-Identifier: MIT */
/* test-secret: equality, hints, digests, and that random is random. */
#include "base/secret.h"

#include "lib/testing.h"

#include <string.h>

typedef struct
{
  const char *given, *expected;
  gboolean equal;
} Pair;

static const Pair pairs[] = {
  { "secret", "secret", TRUE },  { "secret", "secreT", FALSE }, { "Secret", "secret", FALSE },
  { "secret", "secre", FALSE },  { "secre", "secret", FALSE },  { "", "", TRUE },
  { "", "s", FALSE },            { "s", "", FALSE },            { NULL, "s", FALSE },
  { "s", NULL, FALSE },          { NULL, NULL, FALSE },         { "aaaa", "aa", FALSE },
  { "abab", "ab", FALSE },       { "\xff\x01", "\xff\x01", TRUE },
};

START_TEST (test_equal)
{
  ck_assert_int_eq (adit_secret_equal (pairs[_i].given, pairs[_i].expected), pairs[_i].equal);
}
END_TEST

static const char *const hints[][2] = {
  { "abcdefgh", "abc…" }, { "abcdefghijklmnop", "abc…" }, { "abcdefg", "…" },    { "", "…" },
  { NULL, "…" },          { "äöüßäöüß", "äöü…" },         { "äöüßäöü", "…" },    { "abcdefgh\xff", "…" },
};

START_TEST (test_hint)
{
  char *hint = adit_secret_hint (hints[_i][0]);

  ck_assert_str_eq (hint, hints[_i][1]);
  g_free (hint);
}
END_TEST

START_TEST (test_digest)
{
  char *digest = adit_secret_digest ("abc");

  ck_assert_str_eq (digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  g_free (digest);
  adit_secret_free (NULL);
  adit_secret_free (g_strdup ("gone"));
}
END_TEST

START_TEST (test_random)
{
  guint8 first[1000] = { 0 }, second[1000] = { 0 };

  adit_secret_random (first, sizeof first);
  adit_secret_random (second, sizeof second);
  adit_secret_random (NULL, 0);
  ck_assert (memcmp (first, second, sizeof first) != 0);
}
END_TEST

/* 36,000 characters: each of the 36 is expected 1,000 times, with a deviation of 31. */
START_TEST (test_random_name)
{
  char *name = adit_secret_random_name (36000), *other = adit_secret_random_name (12);
  char *none = adit_secret_random_name (0);
  guint counts[256] = { 0 }, i;

  ck_assert_uint_eq (strlen (name), 36000);
  ck_assert_uint_eq (strlen (other), 12);
  ck_assert_str_eq (none, "");
  for (i = 0; i < 36000; i++)
    counts[(guint8) name[i]]++;
  for (i = 0; i < 256; i++)
    if (g_ascii_islower ((char) i) || g_ascii_isdigit ((char) i))
      ck_assert_msg (counts[i] > 750 && counts[i] < 1250, "'%c' came %u times", (char) i, counts[i]);
    else
      ck_assert_uint_eq (counts[i], 0);
  g_free (name);
  g_free (other);
  g_free (none);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("secret");
  TCase *tcase = tcase_create ("secret");

  tcase_add_loop_test (tcase, test_equal, 0, G_N_ELEMENTS (pairs));
  tcase_add_loop_test (tcase, test_hint, 0, G_N_ELEMENTS (hints));
  tcase_add_test (tcase, test_digest);
  tcase_add_test (tcase, test_random);
  tcase_add_test (tcase, test_random_name);
  suite_add_tcase (suite, tcase);
  return testing_run (suite);
}
