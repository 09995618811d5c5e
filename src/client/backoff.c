/* SPDX-License-Identifier: MIT */
/* backoff: see backoff.h. */
#include "client/backoff.h"

#define STABLE_US (60 * G_USEC_PER_SEC)
#define DOUBLINGS 6 /* 250 ms << 6 is above the most */

void
adit_backoff_succeed (AditBackoff *backoff, gint64 now_us)
{
  backoff->since_us = now_us;
}

guint
adit_backoff_fail (AditBackoff *backoff, gint64 now_us, guint32 random)
{
  guint wait;

  if (backoff->since_us > 0 && now_us - backoff->since_us >= STABLE_US)
    backoff->failures = 0;
  backoff->since_us = 0;
  wait = MIN (ADIT_BACKOFF_FIRST_MS << MIN (backoff->failures, DOUBLINGS), ADIT_BACKOFF_MOST_MS);
  backoff->failures++;
  /* So that the clients of a server that was restarted do not come back all at once. */
  random %= wait * 3 / 10;
  return wait < ADIT_BACKOFF_MOST_MS ? MIN (wait + random, ADIT_BACKOFF_MOST_MS) : wait - random;
}

void
adit_backoff_reset (AditBackoff *backoff)
{
  backoff->failures = 0;
}
