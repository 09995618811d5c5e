/* SPDX-License-Identifier: MIT */
/* log-sink: a descriptor that is written without ever waiting longer than asked.
 *
 * The flags of standard error are shared with the shell and other programs, so O_NONBLOCK is never set on it:
 * a pipe or a terminal is opened once more, a socket is asked for each send, and what allows neither is
 * written in small pieces. Owner: whoever embeds it. Thread: one at a time. Never logs. */
#pragma once

#include <glib.h>

typedef enum
{
  ADIT_LOG_SINK_FILE,    /* a write does not wait for anybody */
  ADIT_LOG_SINK_PRIVATE, /* a non-blocking description of our own */
  ADIT_LOG_SINK_SOCKET,
  ADIT_LOG_SINK_CAREFUL, /* may block: small pieces, and only after poll() said that there is room */
} AditLogSinkKind;

typedef struct
{
  int fd;
  gboolean owned;
  AditLogSinkKind kind;
} AditLogSink;

/* @fd stays the caller's and must live as long as the sink. @private_copy: open a pipe or terminal once more.
 * */
void adit_log_sink_open (AditLogSink *sink, int fd, gboolean private_copy);
void adit_log_sink_close (AditLogSink *sink);
/* Waits at most @wait_ms for room, then writes what goes. The number of bytes; 0 if there was no room; -1 if
 * the descriptor is of no use now (closed, disk full). */
gssize adit_log_sink_write (AditLogSink *sink, const char *data, gsize len, int wait_ms);
