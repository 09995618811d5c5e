/* SPDX-License-Identifier: MIT */
/* log-line: makes one finished line, human or JSON, in a buffer of the calling thread.
 *
 * Owner: the logging thread, one line at a time. Thread: that one. Never allocates and never writes. Whatever
 * comes in, a human line holds no control character but its newline, and a JSON line is one valid object:
 * long texts end in "…", bytes that are no UTF-8 become \xNN (human) or U+FFFD (JSON), fields beyond the room
 * are left out. */
#pragma once

#include "base/log.h"

#define ADIT_LOG_LINE_MAX 16384u

typedef struct
{
  gint64 time_us; /* CLOCK_REALTIME of the line */
  gsize len;      /* bytes in @data, newline included */
  struct
  {
    gint64 second; /* what @text shows, so that it is formatted once a second; -1 is none */
    char text[20];
  } human, json;
  char data[ADIT_LOG_LINE_MAX];
} AditLogLine;

typedef struct
{
  AditLogLevel level;
  const char *text;
  const AditLogField *fields;
  guint n_fields;
} AditLogEntry;

void adit_log_line_init (AditLogLine *line);
void adit_log_line_entry (AditLogLine *line, AditLogFormat format, const AditLogEntry *entry);
void adit_log_line_request (AditLogLine *line, AditLogFormat format, const AditLogRequest *request);
