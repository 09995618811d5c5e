/* SPDX-License-Identifier: MIT */
/* say: see say.h. */
#include "client/say.h"

#include "base/log.h"

#include <stdio.h>

void
adit_say (const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  if (adit_log_get_format () == ADIT_LOG_JSON)
    {
      adit_info ("%s", text);
      return;
    }
  printf ("%s\n", text);
  fflush (stdout);
}
