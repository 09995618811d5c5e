/* SPDX-License-Identifier: MIT */
/* test-reason: words, statuses, and when a client gives up. */
#include "wire/reason.h"

#include "lib/testing.h"

#include <string.h>

typedef struct
{
  AditReason reason;
  const char *word;
  guint status;
} Row;

static const Row rows[] = {
  { ADIT_REASON_NONE, "none", 0 },
  { ADIT_REASON_UNKNOWN_NAME, "unknown-name", 404 },
  { ADIT_REASON_TUNNEL_OFFLINE, "tunnel-offline", 502 },
  { ADIT_REASON_LOCAL_REFUSED, "local-refused", 502 },
  { ADIT_REASON_LOCAL_FAILED, "local-failed", 502 },
  { ADIT_REASON_LOCAL_TIMEOUT, "local-timeout", 504 },
  { ADIT_REASON_OVERLOADED, "overloaded", 503 },
  { ADIT_REASON_RATE_LIMITED, "rate-limited", 429 },
  { ADIT_REASON_BAD_REQUEST, "bad-request", 400 },
  { ADIT_REASON_WRONG_HOST, "wrong-host", 421 },
  { ADIT_REASON_HEAD_TOO_LARGE, "head-too-large", 431 },
  { ADIT_REASON_TARGET_TOO_LONG, "target-too-long", 414 },
  { ADIT_REASON_BODY_TOO_LARGE, "body-too-large", 413 },
  { ADIT_REASON_LENGTH_REQUIRED, "length-required", 411 },
  { ADIT_REASON_HEAD_TIMEOUT, "head-timeout", 408 },
  { ADIT_REASON_NOT_SUPPORTED, "not-supported", 501 },
  { ADIT_REASON_VERSION, "http-version", 505 },
  { ADIT_REASON_VISITOR_GONE, "visitor-gone", 499 },
  { ADIT_REASON_TOO_SLOW, "too-slow", 502 },
  { ADIT_REASON_PROTOCOL, "protocol", 502 },
  { ADIT_REASON_INTERNAL, "internal", 500 },
};

G_STATIC_ASSERT (G_N_ELEMENTS (rows) == ADIT_REASON_N);

START_TEST (test_words)
{
  const Row *row = &rows[_i];
  g_autofree char *body = g_strdup_printf ("%s: a sentence", row->word);
  g_autofree char *longer = g_strdup_printf ("%ss", row->word);

  ck_assert_str_eq (adit_reason_word (row->reason), row->word);
  ck_assert_uint_eq (adit_reason_status (row->reason), row->status);
  ck_assert_int_eq (adit_reason_parse (row->word, strlen (row->word)), row->reason);
  ck_assert_int_eq (adit_reason_parse (body, strlen (body)), row->reason);
  ck_assert_int_eq (adit_reason_parse (longer, strlen (longer)), ADIT_REASON_LOCAL_FAILED);
  ck_assert_int_eq (adit_reason_parse (row->word, strlen (row->word) - 1), ADIT_REASON_LOCAL_FAILED);
}
END_TEST

START_TEST (test_unknown_words)
{
  ck_assert_int_eq (adit_reason_parse (NULL, 0), ADIT_REASON_NONE);
  ck_assert_int_eq (adit_reason_parse (":", 1), ADIT_REASON_LOCAL_FAILED);
  ck_assert_int_eq (adit_reason_parse ("it broke", 8), ADIT_REASON_LOCAL_FAILED);
  ck_assert_int_eq (adit_reason_parse ("PROTOCOL", 8), ADIT_REASON_LOCAL_FAILED);
  ck_assert_str_eq (adit_reason_word ((AditReason) 999), "internal");
  ck_assert_uint_eq (adit_reason_status (ADIT_REASON_N), 500);
}
END_TEST

typedef struct
{
  const char *code;
  gboolean final_first, final_later;
} Code;

static const Code codes[] = {
  { "token", TRUE, TRUE },     { "name", TRUE, TRUE },     { "version", TRUE, TRUE }, { "port", TRUE, TRUE },
  { "forbidden",
    TRUE, TRUE }, { "replaced", TRUE, TRUE }, { "full", TRUE, FALSE },   { "draining", FALSE, FALSE },
};

START_TEST (test_codes)
{
  AditRejectCode code = adit_reject_parse (codes[_i].code);

  ck_assert_int_eq (code, ADIT_REJECT_TOKEN + _i);
  ck_assert_str_eq (adit_reject_word (code), codes[_i].code);
  ck_assert_int_eq (adit_reject_is_final (code, FALSE, "server full"), codes[_i].final_first);
  ck_assert_int_eq (adit_reject_is_final (code, TRUE, "bad token"), codes[_i].final_later);
}
END_TEST

START_TEST (test_no_code)
{
  ck_assert_int_eq (adit_reject_parse (NULL), ADIT_REJECT_NONE);
  ck_assert_int_eq (adit_reject_parse (""), ADIT_REJECT_NONE);
  ck_assert_int_eq (adit_reject_parse ("Token"), ADIT_REJECT_NONE);
  ck_assert_str_eq (adit_reject_word (ADIT_REJECT_NONE), "");
  ck_assert_str_eq (adit_reject_word ((AditRejectCode) 99), "");
  ck_assert (adit_reject_is_final (ADIT_REJECT_NONE, FALSE, "server full"));
  ck_assert (adit_reject_is_final (ADIT_REJECT_NONE, FALSE, NULL));
  ck_assert (!adit_reject_is_final (ADIT_REJECT_NONE, TRUE, "server full"));
  ck_assert (!adit_reject_is_final (ADIT_REJECT_NONE, TRUE, NULL));
  ck_assert (adit_reject_is_final (ADIT_REJECT_NONE, TRUE, "Invalid TOKEN"));
  ck_assert (adit_reject_is_final (ADIT_REJECT_NONE, TRUE, "the name is taken"));
  ck_assert (adit_reject_is_final (ADIT_REJECT_NONE, TRUE, "unsupported protocol version 2"));
  ck_assert (adit_reject_is_final (ADIT_REJECT_NONE, TRUE, "Subdomain in use"));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("reason");
  TCase *tcase = tcase_create ("reason");

  tcase_add_loop_test (tcase, test_words, 0, G_N_ELEMENTS (rows));
  tcase_add_test (tcase, test_unknown_words);
  tcase_add_loop_test (tcase, test_codes, 0, G_N_ELEMENTS (codes));
  tcase_add_test (tcase, test_no_code);
  suite_add_tcase (suite, tcase);
  return testing_run (suite);
}
