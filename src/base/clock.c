/* SPDX-License-Identifier: MIT */
/* clock: see the header. The replacement is the only file-scope variable; only tests write it. */
#include "base/clock.h"

#include <errno.h>
#include <time.h>

static gint64 (*replacement) (void);

static gint64
read_us (clockid_t id)
{
  struct timespec now;

  if (clock_gettime (id, &now) != 0)
    g_error ("clock_gettime: %s", g_strerror (errno));
  return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

gint64
adit_clock_us (void)
{
  return G_UNLIKELY (replacement != NULL) ? replacement () : read_us (CLOCK_MONOTONIC);
}

gint64
adit_clock_boot_us (void)
{
  return read_us (CLOCK_BOOTTIME);
}

void
adit_clock_replace (gint64 (*clock_us) (void))
{
  replacement = clock_us;
}
