/* SPDX-License-Identifier: MIT */
/* log: lines for people and for machines, written by a thread of their own.
 *
 * A thread that logs appends a finished line to a bounded ring of its own; one log thread writes them to the
 * descriptor. A full ring drops the line and counts it; the count is logged when there is room again. So a
 * blocked standard error never stops a worker. Thread: any. Never logs a secret: callers pass
 * adit_secret_hint().
 *
 * Human lines are "HH:MM:SS message" (warnings and errors: "HH:MM:SS warning: message"); JSON lines are one
 * object with "time" (RFC 3339 with milliseconds, UTC), "level", "message" and the fields. Control characters
 * in messages and fields are escaped in both. */
#pragma once

#include <glib.h>

typedef enum
{
  ADIT_LOG_ERROR,
  ADIT_LOG_WARNING,
  ADIT_LOG_INFO,
  ADIT_LOG_DEBUG,
} AditLogLevel;

typedef enum
{
  ADIT_LOG_HUMAN,
  ADIT_LOG_JSON,
} AditLogFormat;

/* One key with a string or an integer. @text NULL means @number. Human lines leave fields out. */
typedef struct
{
  const char *key;
  const char *text;
  gint64 number;
} AditLogField;

#define ADIT_LOG_STR(k, v) ((AditLogField){ (k), (v), 0 })
#define ADIT_LOG_INT(k, v) ((AditLogField){ (k), NULL, (v) })

/* What a finished request looks like; spans are borrowed for the call. Human:
 * "GET /path 200 12ms 1.09 KB" (bytes_out; sizes as in wire-v1 item 67: 1,024-based, two decimals,
 * truncated); the Adit-Error code follows if there is one, and "-" stands for status 0. */
typedef struct
{
  const char *method;
  const char *path;
  const char *name;    /* tunnel */
  const char *peer;    /* visitor's address, or NULL */
  const char *error;   /* Adit-Error code, or NULL */
  guint64 id;          /* request id, or 0 */
  guint status;        /* 0: no answer was given */
  gint64 duration_us;
  guint64 bytes_in, bytes_out;
} AditLogRequest;

/* "error", "warning", "info", "debug"; FALSE if @word is none of them. */
gboolean adit_log_level_parse (const char *word, AditLogLevel *level);
/* "human", "json". */
gboolean adit_log_format_parse (const char *word, AditLogFormat *format);

/* Starts the log thread that writes to @fd, which stays the caller's until adit_log_stop(). Before this, and
 * after adit_log_stop(), lines are written directly to standard error. */
void adit_log_start (int fd, AditLogFormat format, AditLogLevel level);
void adit_log_set_level (AditLogLevel level);
AditLogFormat adit_log_get_format (void);
gboolean adit_log_enabled (AditLogLevel level);
/* Writes what is queued (waits at most 1 s for a blocked descriptor) and ends the thread. */
void adit_log_stop (void);

void adit_log (AditLogLevel level, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* With @n_fields fields for the JSON line. */
void adit_log_fields (AditLogLevel level, const AditLogField *fields, guint n_fields, const char *format, ...)
  G_GNUC_PRINTF (4, 5);
/* At info level; JSON has "event":"request" and the keys of interface.md ("duration_ms" with 3 decimals). No
 * allocation. */
void adit_log_request (const AditLogRequest *request);

/* At most @burst lines per 10 s for one kind of peers' faults; the rest is counted and told once. TRUE: log
 * it. Each caller owns a static-free AditLogLimit inside its own object. */
typedef struct
{
  gint64 since_us;
  guint seen;
} AditLogLimit;

gboolean adit_log_limit_pass (AditLogLimit *limit, guint burst, guint *suppressed);

#define adit_error(...) adit_log (ADIT_LOG_ERROR, __VA_ARGS__)
#define adit_warning(...) adit_log (ADIT_LOG_WARNING, __VA_ARGS__)
#define adit_info(...) adit_log (ADIT_LOG_INFO, __VA_ARGS__)
#define adit_debug(...)                         \
  G_STMT_START                                  \
  {                                             \
    if (adit_log_enabled (ADIT_LOG_DEBUG))      \
      adit_log (ADIT_LOG_DEBUG, __VA_ARGS__);   \
  }                                             \
  G_STMT_END

/* Test hook: called at once, in the thread that logs, instead of writing, with the finished line (no
 * newline); what it logs itself is left out; NULL restores. */
void adit_log_capture (void (*func) (const char *line, gpointer data), gpointer data);
