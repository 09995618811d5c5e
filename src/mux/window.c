/* SPDX-License-Identifier: MIT */
/* window: see window.h. */
#include "mux/window.h"

#include "wire/limits.h"

#include <string.h>

void
adit_window_init (AditWindow *window, guint32 initial)
{
  memset (window, 0, sizeof *window);
  window->initial = window->size = initial;
  window->granted = initial;
}

gboolean
adit_window_receive (AditWindow *window, gsize len)
{
  window->received += len;
  return window->received <= window->granted;
}

static void
grow (AditWindow *window, gint64 now_us, gint64 rtt_us, gsize *budget)
{
  if (rtt_us <= 0 || window->grant_us == 0 || now_us - window->grant_us > 2 * rtt_us)
    return;
  if (window->size > ADIT_LIMIT_WINDOW_MAX / 2 || *budget < window->size)
    return;
  *budget -= window->size;
  window->size *= 2;
}

guint32
adit_window_consume (AditWindow *window, gsize len, gint64 now_us, gint64 rtt_us, gsize *budget)
{
  guint64 ahead, credit;

  window->consumed += len;
  ahead = window->granted - window->consumed;
  if (ahead > window->size / 2)
    return 0;
  grow (window, now_us, rtt_us, budget);
  credit = window->size - ahead;
  window->granted += credit;
  window->grant_us = now_us;
  return (guint32) credit;
}

void
adit_window_clear (AditWindow *window, gsize *budget)
{
  *budget += window->size - window->initial;
  window->size = window->initial;
}
