/* SPDX-License-Identifier: MIT */
/* window: the arithmetic of credit for one direction of one stream, at the receiver.
 *
 * Pure. The window doubles while half of it is used up within two round trips, up to a limit and as long
 * as the session's budget pays for it, so that it grows to the bandwidth-delay product and no stalled
 * stream ever gets more than it had. */
#pragma once

#include <glib.h>

typedef struct
{
  guint32 initial, size; /* bytes that the peer may be ahead */
  guint64 granted;       /* bytes that it may send in all */
  guint64 received, consumed;
  gint64 grant_us;       /* when credit was last given; 0: never */
} AditWindow;

void adit_window_init (AditWindow *window, guint32 initial);
/* FALSE: the peer sent more than it may. */
gboolean adit_window_receive (AditWindow *window, gsize len);
/* @len bytes went on. Returns the credit to give now, mostly 0: it is given in halves of the window.
 * @budget is what windows of this session may still grow by. @rtt_us 0: not known, no growth. */
guint32 adit_window_consume (AditWindow *window, gsize len, gint64 now_us, gint64 rtt_us, gsize *budget);
/* Gives back what the window grew by. */
void adit_window_clear (AditWindow *window, gsize *budget);
/* Bytes received that did not go on yet. */
static inline guint64
adit_window_get_held (const AditWindow *window)
{
  return window->received - window->consumed;
}
