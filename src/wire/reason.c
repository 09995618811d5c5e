/* SPDX-License-Identifier: MIT */
/* reason: the words of closes and refusals, and what follows from them.
 *
 * Pure: constant tables only. */
#include "wire/reason.h"

#include <string.h>

typedef struct
{
  const char *word;
  guint status;
} Entry;

static const Entry entries[ADIT_REASON_N] = {
  [ADIT_REASON_NONE] = { "none", 0 },
  [ADIT_REASON_UNKNOWN_NAME] = { "unknown-name", 404 },
  [ADIT_REASON_TUNNEL_OFFLINE] = { "tunnel-offline", 502 },
  [ADIT_REASON_LOCAL_REFUSED] = { "local-refused", 502 },
  [ADIT_REASON_LOCAL_FAILED] = { "local-failed", 502 },
  [ADIT_REASON_LOCAL_TIMEOUT] = { "local-timeout", 504 },
  [ADIT_REASON_OVERLOADED] = { "overloaded", 503 },
  [ADIT_REASON_RATE_LIMITED] = { "rate-limited", 429 },
  [ADIT_REASON_BAD_REQUEST] = { "bad-request", 400 },
  [ADIT_REASON_WRONG_HOST] = { "wrong-host", 421 },
  [ADIT_REASON_HEAD_TOO_LARGE] = { "head-too-large", 431 },
  [ADIT_REASON_TARGET_TOO_LONG] = { "target-too-long", 414 },
  [ADIT_REASON_BODY_TOO_LARGE] = { "body-too-large", 413 },
  [ADIT_REASON_LENGTH_REQUIRED] = { "length-required", 411 },
  [ADIT_REASON_HEAD_TIMEOUT] = { "head-timeout", 408 },
  [ADIT_REASON_NOT_SUPPORTED] = { "not-supported", 501 },
  [ADIT_REASON_VERSION] = { "http-version", 505 },
  [ADIT_REASON_VISITOR_GONE] = { "visitor-gone", 499 },
  [ADIT_REASON_TOO_SLOW] = { "too-slow", 502 },
  [ADIT_REASON_PROTOCOL] = { "protocol", 502 },
  [ADIT_REASON_INTERNAL] = { "internal", 500 },
};

const char *
adit_reason_word (AditReason reason)
{
  return (guint) reason < ADIT_REASON_N ? entries[reason].word : entries[ADIT_REASON_INTERNAL].word;
}

guint
adit_reason_status (AditReason reason)
{
  return (guint) reason < ADIT_REASON_N ? entries[reason].status : entries[ADIT_REASON_INTERNAL].status;
}

AditReason
adit_reason_parse (const char *word, gsize len)
{
  const char *colon = len > 0 ? memchr (word, ':', len) : NULL;

  if (len == 0)
    return ADIT_REASON_NONE;
  if (colon != NULL)
    len = (gsize) (colon - word);
  for (guint i = 0; i < ADIT_REASON_N; i++)
    if (strlen (entries[i].word) == len && memcmp (entries[i].word, word, len) == 0)
      return (AditReason) i;
  return ADIT_REASON_LOCAL_FAILED;
}

static const char *const reject_words[] = {
  [ADIT_REJECT_NONE] = "",
  [ADIT_REJECT_TOKEN] = "token",
  [ADIT_REJECT_NAME] = "name",
  [ADIT_REJECT_VERSION] = "version",
  [ADIT_REJECT_PORT] = "port",
  [ADIT_REJECT_FORBIDDEN] = "forbidden",
  [ADIT_REJECT_REPLACED] = "replaced",
  [ADIT_REJECT_FULL] = "full",
  [ADIT_REJECT_DRAINING] = "draining",
};

const char *
adit_reject_word (AditRejectCode code)
{
  return (guint) code < G_N_ELEMENTS (reject_words) ? reject_words[code] : "";
}

AditRejectCode
adit_reject_parse (const char *word)
{
  for (guint i = 1; word != NULL && i < G_N_ELEMENTS (reject_words); i++)
    if (strcmp (reject_words[i], word) == 0)
      return (AditRejectCode) i;
  return ADIT_REJECT_NONE;
}

/* A Reject without a code can only be judged by what its sentence speaks of. */
static gboolean
speaks_of_identity (const char *text)
{
  static const char *const words[] = { "token", "name", "subdomain", "version" };
  g_autofree char *lower = g_ascii_strdown (text, -1);

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (strstr (lower, words[i]) != NULL)
      return TRUE;
  return FALSE;
}

gboolean
adit_reject_is_final (AditRejectCode code, gboolean welcomed, const char *text)
{
  switch (code)
    {
    case ADIT_REJECT_TOKEN:
    case ADIT_REJECT_NAME:
    case ADIT_REJECT_VERSION:
    case ADIT_REJECT_PORT:
    case ADIT_REJECT_FORBIDDEN:
    case ADIT_REJECT_REPLACED:
      return TRUE;
    case ADIT_REJECT_FULL:
      return !welcomed;
    case ADIT_REJECT_DRAINING:
      return FALSE;
    case ADIT_REJECT_NONE:
    default:
      return !welcomed || (text != NULL && speaks_of_identity (text));
    }
}
