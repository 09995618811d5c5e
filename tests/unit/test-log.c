/* SPDX-License-Identifier: MIT */
/* test-log: what lines look like, and that no line waits, tears or gets lost uncounted. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pipe2(), F_SETPIPE_SZ */
#endif
#include "base/log.h"

#include "base/clock.h"
#include "base/log-sink.h"

#include "lib/testing.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEADLINE_MS 10000

/* ---- one line, caught ---- */

static void
keep_line (const char *line, gpointer data)
{
  char **last = data;

  g_free (*last);
  *last = g_strdup (line);
  adit_info ("what the hook logs is left out");
}

static char *caught;

static void
start_catching (void)
{
  adit_log_capture (keep_line, &caught);
  adit_log_set_level (ADIT_LOG_INFO);
}

static void
stop_catching (void)
{
  adit_log_capture (NULL, NULL);
  adit_log_stop ();
  g_clear_pointer (&caught, g_free);
}

/* The log thread runs on /dev/null only to set the format. */
static void
use_format (AditLogFormat format)
{
  int fd = open ("/dev/null", O_WRONLY | O_CLOEXEC);

  adit_log_start (fd, format, ADIT_LOG_INFO);
  adit_log_stop ();
  close (fd);
}

/* What stands behind "HH:MM:SS ". */
static const char *
human_text (const char *line)
{
  static const char form[] = "00:00:00 ";
  guint i;

  for (i = 0; form[i] != '\0'; i++)
    if (form[i] == '0' ? !g_ascii_isdigit (line[i]) : line[i] != form[i])
      ck_abort_msg ("%s", line);
  return line + i;
}

/* What stands behind the time. */
static const char *
json_text (const char *line)
{
  const char *time = "^{\"time\":\"[0-9]{4}-[01][0-9]-[0-3][0-9]T"
                     "[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9]{3}Z\",";

  ck_assert_msg (g_regex_match_simple (time, line, 0, 0), "%s", line);
  return line + strlen ("{\"time\":\"2025-01-01T00:00:00.000Z\",");
}

static const char *
skip_json_string (const char *at)
{
  ck_assert_int_eq (*at, '"');
  for (at++; *at != '"'; at++)
    {
      ck_assert_uint_ge ((guint8) *at, 0x20);
      if (*at != '\\')
        continue;
      at++;
      ck_assert (*at != '\0' && strchr ("\"\\ntu", *at) != NULL);
      if (*at == 'u')
        at += 4;
    }
  return at + 1;
}

/* @line is one flat object of strings and numbers, and UTF-8. */
static void
assert_json (const char *line)
{
  const char *at = line;

  ck_assert (g_utf8_validate (line, -1, NULL));
  ck_assert_int_eq (*at, '{');
  do
    {
      at = skip_json_string (at + 1);
      ck_assert_int_eq (*at++, ':');
      if (*at == '"')
        at = skip_json_string (at);
      else
        {
          ck_assert (strspn (at, "-.0123456789") > 0);
          at += strspn (at, "-.0123456789");
        }
    }
  while (*at == ',');
  ck_assert_str_eq (at, "}");
}

START_TEST (test_words)
{
  AditLogLevel level = ADIT_LOG_ERROR;
  AditLogFormat format = ADIT_LOG_HUMAN;

  ck_assert (adit_log_level_parse ("debug", &level) && level == ADIT_LOG_DEBUG);
  ck_assert (adit_log_level_parse ("error", &level) && level == ADIT_LOG_ERROR);
  ck_assert (!adit_log_level_parse ("Debug", &level) && level == ADIT_LOG_ERROR);
  ck_assert (!adit_log_level_parse ("", &level));
  ck_assert (!adit_log_level_parse (NULL, &level));
  ck_assert (adit_log_format_parse ("json", &format) && format == ADIT_LOG_JSON);
  ck_assert (!adit_log_format_parse ("xml", &format));
}
END_TEST

START_TEST (test_human)
{
  AditLogField field = ADIT_LOG_STR ("key", "value");

  start_catching ();
  use_format (ADIT_LOG_HUMAN);
  adit_error ("no %s", "way");
  ck_assert_str_eq (human_text (caught), "error: no way");
  adit_warning ("hm");
  ck_assert_str_eq (human_text (caught), "warning: hm");
  adit_info ("%d", 7);
  ck_assert_str_eq (human_text (caught), "7");
  adit_log_fields (ADIT_LOG_INFO, &field, 1, "with a field");
  ck_assert_str_eq (human_text (caught), "with a field");
  stop_catching ();
}
END_TEST

START_TEST (test_levels)
{
  start_catching ();
  use_format (ADIT_LOG_HUMAN);
  adit_info ("first");
  adit_debug ("second");
  ck_assert_str_eq (human_text (caught), "first");
  adit_log_set_level (ADIT_LOG_WARNING);
  adit_info ("third");
  adit_log_request (&(AditLogRequest){ .method = "GET", .path = "/" });
  ck_assert_str_eq (human_text (caught), "first");
  ck_assert (adit_log_enabled (ADIT_LOG_WARNING) && !adit_log_enabled (ADIT_LOG_INFO));
  adit_log_set_level (ADIT_LOG_DEBUG);
  adit_debug ("fourth");
  ck_assert_str_eq (human_text (caught), "fourth");
  stop_catching ();
}
END_TEST

START_TEST (test_errno)
{
  start_catching ();
  errno = ENOENT;
  adit_info ("%s", g_strerror (errno));
  ck_assert_int_eq (errno, ENOENT);
  stop_catching ();
}
END_TEST

static const char *const escapes[][3] = {
  { "plain \"quoted\" back\\slash", "plain \"quoted\" back\\slash", "plain \\\"quoted\\\" back\\\\slash" },
  { "a\nb\tc\r", "a\\x0ab\\x09c\\x0d", "a\\nb\\tc\\u000d" },
  { "\x1b[31mred\x7f", "\\x1b[31mred\\x7f", "\\u001b[31mred\\u007f" },
  { "csi \xc2\x9b" "31m", "csi \\xc2\\x9b31m", "csi \\u009b31m" },
  { "grün € 😀", "grün € 😀", "grün € 😀" },
  { "\xe2\x80\xae" "exe.txt", "\\xe2\\x80\\xaeexe.txt", "\\u202eexe.txt" },
  { "\xe2\x81\xa6" "x\xe2\x80\xa8", "\\xe2\\x81\\xa6x\\xe2\\x80\\xa8", "\\u2066x\\u2028" },
  { "bad \xff\xfe end", "bad \\xff\\xfe end", "bad \xef\xbf\xbd\xef\xbf\xbd end" },
  { "cut \xe2\x82", "cut \\xe2\\x82", "cut \xef\xbf\xbd\xef\xbf\xbd" },
  { "long \xc0\x80", "long \\xc0\\x80", "long \xef\xbf\xbd\xef\xbf\xbd" },
  { "half \xed\xa0\x80", "half \\xed\\xa0\\x80", "half \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
  { "", "", "" },
};

START_TEST (test_escapes)
{
  char *expected = g_strdup_printf ("\"level\":\"info\",\"message\":\"%s\",\"k\":\"%s\"}",
                                    escapes[_i][2], escapes[_i][2]);
  AditLogField field = ADIT_LOG_STR ("k", escapes[_i][0]);

  start_catching ();
  use_format (ADIT_LOG_HUMAN);
  adit_info ("%s", escapes[_i][0]);
  ck_assert_str_eq (human_text (caught), escapes[_i][1]);
  use_format (ADIT_LOG_JSON);
  adit_log_fields (ADIT_LOG_INFO, &field, 1, "%s", escapes[_i][0]);
  ck_assert_str_eq (json_text (caught), expected);
  assert_json (caught);
  stop_catching ();
  g_free (expected);
}
END_TEST

START_TEST (test_json)
{
  AditLogField fields[] = { ADIT_LOG_STR ("event", "tunnel"), ADIT_LOG_INT ("least", G_MININT64),
                            ADIT_LOG_INT ("most", G_MAXINT64), ADIT_LOG_INT ("zero", 0),
                            ADIT_LOG_STR ("a\"b", "") };

  start_catching ();
  use_format (ADIT_LOG_JSON);
  ck_assert_int_eq (adit_log_get_format (), ADIT_LOG_JSON);
  adit_log_fields (ADIT_LOG_WARNING, fields, G_N_ELEMENTS (fields), "up");
  ck_assert_str_eq (json_text (caught),
                    "\"level\":\"warning\",\"message\":\"up\",\"event\":\"tunnel\","
                    "\"least\":-9223372036854775808,\"most\":9223372036854775807,\"zero\":0,"
                    "\"a\\\"b\":\"\"}");
  assert_json (caught);
  stop_catching ();
}
END_TEST

/* Whatever its length and its bytes, a line stays bounded and whole. */
START_TEST (test_long)
{
  static const char *const units[] = { "x", "\x01", "\"", "\xff", "€", "\xc2\x9b", "😀" };
  GString *text = g_string_new (NULL);
  AditLogField fields[40];
  guint i;

  while (text->len < 100000)
    g_string_append (text, units[_i]);
  for (i = 0; i < G_N_ELEMENTS (fields); i++)
    fields[i] = ADIT_LOG_STR (text->str, text->str);
  start_catching ();
  use_format (ADIT_LOG_HUMAN);
  adit_info ("%s", text->str);
  ck_assert (g_str_has_suffix (caught, "…") && strlen (caught) < 16384);
  ck_assert (g_utf8_validate (caught, -1, NULL));
  adit_log_request (&(AditLogRequest){ .method = text->str, .path = text->str, .error = text->str,
                                       .bytes_out = 1 });
  ck_assert (strstr (caught, "… - 0ms 1 B ") != NULL && strlen (caught) < 16384);
  use_format (ADIT_LOG_JSON);
  adit_log_fields (ADIT_LOG_INFO, fields, G_N_ELEMENTS (fields), "%s", text->str);
  assert_json (caught);
  ck_assert (strlen (caught) > 10000 && strlen (caught) < 16384);
  adit_log_request (&(AditLogRequest){ text->str, text->str, text->str, text->str, text->str, G_MAXUINT64,
                                       G_MAXUINT, G_MAXINT64, G_MAXUINT64, G_MAXUINT64 });
  assert_json (caught);
  ck_assert (strlen (caught) < 16384);
  stop_catching ();
  g_string_free (text, TRUE);
}
END_TEST

typedef struct
{
  guint64 bytes;
  const char *text;
} Size;

static const Size sizes[] = {
  { 0, "0 B" },
  { 118, "118 B" },
  { 1023, "1023 B" },
  { 1024, "1.00 KB" },
  { 1124, "1.09 KB" },
  { 1024 * 1024 - 1, "1023.99 KB" },
  { 1024 * 1024, "1.00 MB" },
  { 25324, "24.73 KB" },
  { G_GUINT64_CONSTANT (5368709120), "5.00 GB" },
  { G_MAXUINT64, "15.99 EB" },
};

START_TEST (test_sizes)
{
  AditLogRequest request = { .method = "GET", .path = "/", .status = 200, .bytes_out = sizes[_i].bytes };
  char *expected = g_strdup_printf ("GET / 200 0ms %s", sizes[_i].text);

  start_catching ();
  use_format (ADIT_LOG_HUMAN);
  adit_log_request (&request);
  ck_assert_str_eq (human_text (caught), expected);
  stop_catching ();
  g_free (expected);
}
END_TEST

START_TEST (test_request)
{
  AditLogRequest request = { "POST", "/a?b=\"c\"", "web", "192.0.2.1", NULL, 20001, 201, 12345, 412, 1124 };
  AditLogRequest least = { .duration_us = -5 };

  start_catching ();
  use_format (ADIT_LOG_HUMAN);
  adit_log_request (&request);
  ck_assert_str_eq (human_text (caught), "POST /a?b=\"c\" 201 12ms 1.09 KB");
  adit_log_request (&least);
  ck_assert_str_eq (human_text (caught), "- - - 0ms 0 B");
  use_format (ADIT_LOG_JSON);
  adit_log_request (&request);
  ck_assert_str_eq (json_text (caught),
                    "\"level\":\"info\",\"event\":\"request\",\"message\":\"POST /a?b=\\\"c\\\" 201\","
                    "\"method\":\"POST\",\"path\":\"/a?b=\\\"c\\\"\","
                    "\"name\":\"web\",\"peer\":\"192.0.2.1\",\"id\":20001,"
                    "\"status\":201,\"duration_ms\":12.345,\"bytes_in\":412,\"bytes_out\":1124}");
  assert_json (caught);
  request = (AditLogRequest){ .method = "GET", .path = "/", .error = "tunnel-offline", .status = 502,
                              .duration_us = 7 };
  adit_log_request (&request);
  ck_assert_str_eq (json_text (caught),
                    "\"level\":\"info\",\"event\":\"request\",\"message\":\"GET / 502\",\"method\":\"GET\","
                    "\"path\":\"/\",\"error\":\"tunnel-offline\",\"status\":502,"
                    "\"duration_ms\":0.007,\"bytes_in\":0,\"bytes_out\":0}");
  use_format (ADIT_LOG_HUMAN);
  adit_log_request (&request);
  ck_assert_str_eq (human_text (caught), "GET / 502 0ms 0 B tunnel-offline");
  stop_catching ();
}
END_TEST

/* ---- limits ---- */

static gint64 now_us;

static gint64
held_clock (void)
{
  return now_us;
}

START_TEST (test_limit)
{
  AditLogLimit limit = { 0 };
  guint suppressed = 99, i;

  now_us = 0;
  adit_clock_replace (held_clock);
  for (i = 0; i < 10; i++)
    {
      ck_assert_int_eq (adit_log_limit_pass (&limit, 3, &suppressed), i < 3);
      ck_assert_uint_eq (suppressed, 0);
    }
  now_us = 9999999;
  ck_assert (!adit_log_limit_pass (&limit, 3, &suppressed));
  now_us = 10000000;
  ck_assert (adit_log_limit_pass (&limit, 3, &suppressed));
  ck_assert_uint_eq (suppressed, 8);
  ck_assert (adit_log_limit_pass (&limit, 3, &suppressed));
  ck_assert_uint_eq (suppressed, 0);
  now_us = 30000000;
  ck_assert (adit_log_limit_pass (&limit, 3, NULL));
  ck_assert (!adit_log_limit_pass (&(AditLogLimit){ 0 }, 0, NULL));
  adit_clock_replace (NULL);
}
END_TEST

/* ---- lines on their way ---- */

typedef struct
{
  int fds[2];
  GString *text; /* what was read */
  gsize counted; /* bytes of it */
  guint64 lines, dropped;
} Pipe;

static void
pipe_open (Pipe *p, int size)
{
  ck_assert_int_eq (pipe2 (p->fds, O_CLOEXEC), 0);
  if (size > 0)
    ck_assert_int_ge (fcntl (p->fds[1], F_SETPIPE_SZ, size), 0);
  ck_assert_int_eq (fcntl (p->fds[0], F_SETFL, O_NONBLOCK), 0);
  p->text = g_string_new (NULL);
  p->counted = p->lines = p->dropped = 0;
}

static void
pipe_close (Pipe *p)
{
  close (p->fds[0]);
  close (p->fds[1]);
  g_string_free (p->text, TRUE);
}

/* Reads what is there; FALSE at the end of the file. */
static gboolean
pipe_read (Pipe *p, int wait_ms)
{
  struct pollfd set = { p->fds[0], POLLIN, 0 };
  char part[4096];
  gssize got;

  poll (&set, 1, wait_ms);
  while ((got = read (p->fds[0], part, sizeof part)) > 0)
    g_string_append_len (p->text, part, got);
  return got != 0;
}

/* Counts the whole lines that came since, and what they tell to be dropped: "HH:MM:SS warning: N log lines
 * dropped". */
static void
pipe_count (Pipe *p)
{
  const char *line = p->text->str + p->counted, *stop = p->text->str + p->text->len, *end;

  for (; (end = memchr (line, '\n', (gsize) (stop - line))) != NULL; line = end + 1)
    if (g_strstr_len (line, end - line, " log lines dropped") != NULL)
      p->dropped += g_ascii_strtoull (line + strlen ("00:00:00 warning: "), NULL, 10);
    else
      p->lines++;
  p->counted = (gsize) (line - p->text->str);
}

/* Reads until lines and dropped ones make @total. */
static void
pipe_expect (Pipe *p, guint64 total)
{
  gint64 until = g_get_monotonic_time () + (gint64) DEADLINE_MS * testing_patience () * 1000;

  for (;;)
    {
      pipe_count (p);
      if (p->lines + p->dropped >= total)
        break;
      ck_assert_msg (g_get_monotonic_time () < until,
                     "%" G_GUINT64_FORMAT " lines and %" G_GUINT64_FORMAT " dropped", p->lines, p->dropped);
      pipe_read (p, 50);
    }
  ck_assert_uint_eq (p->lines + p->dropped, total);
}

typedef struct
{
  guint number, lines;
} Work;

static void *
log_lines (void *data)
{
  const Work *work = data;
  guint i;

  for (i = 0; i < work->lines; i++)
    {
      if (i % 2 == 0)
        adit_info ("thread %u line %u end", work->number, i);
      else
        adit_log_request (&(AditLogRequest){ .method = "thread", .path = "/line", .status = work->number,
                                           .bytes_out = i });
    }
  return NULL;
}

static void
run_threads (guint n, guint lines)
{
  pthread_t threads[8];
  Work work[8];
  guint i;

  for (i = 0; i < n; i++)
    {
      work[i] = (Work){ i, lines };
      ck_assert_int_eq (pthread_create (&threads[i], NULL, log_lines, &work[i]), 0);
    }
  for (i = 0; i < n; i++)
    pthread_join (threads[i], NULL);
}

/* Every line is whole, and the lines of each thread are in their order. Cuts p->text into lines. */
static void
assert_in_order (Pipe *p)
{
  char *line = p->text->str, *stop = line + p->text->len, *end;
  guint next[8] = { 0 }, thread, number;

  for (; (end = memchr (line, '\n', (gsize) (stop - line))) != NULL; line = end + 1)
    {
      int len = 0;

      *end = '\0';
      if (sscanf (human_text (line), "thread %u line %u end%n", &thread, &number, &len) != 2)
        continue;
      if (human_text (line) + len != end || thread >= G_N_ELEMENTS (next) || number < next[thread])
        ck_abort_msg ("torn or out of order: %s", line);
      next[thread] = number + 1;
    }
  ck_assert_ptr_eq (line, stop);
}

START_TEST (test_written)
{
  Pipe p;

  pipe_open (&p, 0);
  adit_log_start (p.fds[1], ADIT_LOG_HUMAN, ADIT_LOG_INFO);
  adit_info ("one");
  adit_info ("two");
  adit_debug ("three");
  pipe_expect (&p, 2);
  adit_info ("after a rest");
  pipe_expect (&p, 3);
  ck_assert (strstr (p.text->str, "one\n") < strstr (p.text->str, "two\n"));
  ck_assert_int_eq (fcntl (p.fds[1], F_GETFL) & O_NONBLOCK, 0);
  adit_info ("last");
  adit_log_stop ();
  pipe_read (&p, 0);
  pipe_count (&p);
  ck_assert_uint_eq (p.lines, 4);
  pipe_close (&p);
}
END_TEST

/* After stop nothing of the log keeps the pipe open. */
START_TEST (test_end_of_file)
{
  Pipe p;

  pipe_open (&p, 0);
  adit_log_start (p.fds[1], ADIT_LOG_HUMAN, ADIT_LOG_INFO);
  adit_info ("one");
  adit_log_stop ();
  adit_log_stop ();
  close (p.fds[1]);
  ck_assert (!pipe_read (&p, 0));
  ck_assert (g_str_has_suffix (p.text->str, " one\n"));
  p.fds[1] = -1;
  pipe_close (&p);
}
END_TEST

/* Several threads, then ended; all of their lines come, each thread's in order. */
START_TEST (test_threads)
{
  Pipe p;

  pipe_open (&p, 1 << 20);
  adit_log_start (p.fds[1], ADIT_LOG_HUMAN, ADIT_LOG_INFO);
  run_threads (4, 1000);
  pipe_expect (&p, 4000);
  ck_assert_uint_eq (p.dropped, 0);
  assert_in_order (&p);
  adit_log_stop ();
  pipe_close (&p);
}
END_TEST

/* Nobody reads: threads go on, what does not fit is counted, and told when there is room. */
START_TEST (test_blocked)
{
  Pipe p;

  pipe_open (&p, 4096);
  adit_log_start (p.fds[1], ADIT_LOG_HUMAN, ADIT_LOG_INFO);
  run_threads (4, 8000);
  pipe_expect (&p, 32000);
  ck_assert_uint_gt (p.dropped, 1000);
  ck_assert_uint_gt (p.lines, 1000);
  assert_in_order (&p);
  adit_info ("on again");
  pipe_expect (&p, 32001);
  adit_log_stop ();
  pipe_close (&p);
}
END_TEST

/* Nobody reads, and it shall stop: it gives up in time, and the next start tells what was lost. */
START_TEST (test_stop_blocked)
{
  Pipe p, second;
  gint64 from;
  guint64 lines;

  pipe_open (&p, 4096);
  pipe_open (&second, 0);
  adit_log_start (p.fds[1], ADIT_LOG_HUMAN, ADIT_LOG_INFO);
  run_threads (1, 1000);
  from = g_get_monotonic_time ();
  adit_log_stop ();
  ck_assert_int_lt (g_get_monotonic_time () - from, 4 * G_USEC_PER_SEC * testing_patience ());

  pipe_read (&p, 0);
  pipe_count (&p);
  lines = p.lines;
  ck_assert_uint_lt (lines, 1000);
  adit_log_start (second.fds[1], ADIT_LOG_HUMAN, ADIT_LOG_INFO);
  pipe_expect (&second, 1000 - lines);
  ck_assert_uint_eq (second.lines, 0);
  adit_log_stop ();
  pipe_close (&p);
  pipe_close (&second);
}
END_TEST

/* A pipe that could not be opened once more is never asked to take more than it has room for. */
START_TEST (test_careful_sink)
{
  static char text[20000];
  AditLogSink sink;
  Pipe p;

  memset (text, 'x', sizeof text);
  pipe_open (&p, 16384);
  adit_log_sink_open (&sink, p.fds[1], FALSE);
  ck_assert_int_eq (sink.kind, ADIT_LOG_SINK_CAREFUL);
  while (adit_log_sink_write (&sink, text, sizeof text, 0) > 0)
    ;
  ck_assert_int_eq (adit_log_sink_write (&sink, text, sizeof text, 1), 0);
  pipe_read (&p, 0);
  ck_assert_uint_gt (p.text->len, 4096);
  ck_assert_int_gt (adit_log_sink_write (&sink, text, sizeof text, 0), 0);
  close (p.fds[0]);
  p.fds[0] = -1;
  signal (SIGPIPE, SIG_IGN);
  ck_assert_int_eq (adit_log_sink_write (&sink, text, 1, 0), -1);
  signal (SIGPIPE, SIG_DFL);
  adit_log_sink_close (&sink);
  pipe_close (&p);
}
END_TEST

START_TEST (test_socket)
{
  Pipe p = { { -1, -1 }, g_string_new (NULL), 0, 0, 0 };

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p.fds), 0);
  ck_assert_int_eq (fcntl (p.fds[0], F_SETFL, O_NONBLOCK), 0);
  adit_log_start (p.fds[1], ADIT_LOG_HUMAN, ADIT_LOG_INFO);
  run_threads (2, 15000);
  pipe_expect (&p, 30000);
  assert_in_order (&p);
  adit_log_stop ();
  pipe_close (&p);
}
END_TEST

/* A reader that left and a full disk cost lines, not the program; and they are told once it goes on. */
START_TEST (test_useless_descriptor)
{
  int full = open ("/dev/full", O_WRONLY | O_CLOEXEC);
  Pipe p, second;

  pipe_open (&p, 0);
  close (p.fds[0]);
  adit_log_start (p.fds[1], ADIT_LOG_HUMAN, ADIT_LOG_INFO);
  run_threads (1, 10);
  adit_log_stop ();
  p.fds[0] = full;
  adit_log_start (full, ADIT_LOG_HUMAN, ADIT_LOG_INFO);
  run_threads (1, 5);
  adit_log_stop ();
  adit_log_start (-1, ADIT_LOG_HUMAN, ADIT_LOG_INFO);
  run_threads (1, 2);
  adit_log_stop ();
  pipe_open (&second, 0);
  adit_log_start (second.fds[1], ADIT_LOG_HUMAN, ADIT_LOG_INFO);
  pipe_expect (&second, 17);
  ck_assert_uint_eq (second.dropped, 17);
  adit_log_stop ();
  pipe_close (&p);
  pipe_close (&second);
}
END_TEST

/* ---- stopping and starting under load; direct lines ---- */

static void *
read_all (void *data)
{
  while (pipe_read (data, 50))
    ;
  return NULL;
}

/* Standard error is a pipe, too: each line comes through the log thread or directly, none twice, none never.
 * */
START_TEST (test_restart_under_load)
{
  Work work[3];
  pthread_t threads[G_N_ELEMENTS (work)], reader;
  int saved = dup (STDERR_FILENO);
  guint i;
  Pipe p;

  pipe_open (&p, 1 << 20);
  ck_assert_int_ge (dup2 (p.fds[1], STDERR_FILENO), 0);
  ck_assert_int_eq (pthread_create (&reader, NULL, read_all, &p), 0);
  for (i = 0; i < G_N_ELEMENTS (work); i++)
    {
      work[i] = (Work){ i, 2000 };
      ck_assert_int_eq (pthread_create (&threads[i], NULL, log_lines, &work[i]), 0);
    }
  for (i = 0; i < 20; i++)
    {
      adit_log_start (p.fds[1], ADIT_LOG_HUMAN, ADIT_LOG_INFO);
      adit_info ("round %u", i);
      adit_log_stop ();
    }
  for (i = 0; i < G_N_ELEMENTS (work); i++)
    pthread_join (threads[i], NULL);
  adit_log_start (p.fds[1], ADIT_LOG_HUMAN, ADIT_LOG_INFO);
  adit_log_stop ();
  adit_info ("direct");
  dup2 (saved, STDERR_FILENO);
  close (saved);
  close (p.fds[1]);
  pthread_join (reader, NULL);
  pipe_count (&p);
  ck_assert_uint_eq (p.lines + p.dropped, 3 * 2000 + 20 + 1);
  ck_assert (g_str_has_suffix (p.text->str, " direct\n"));
  p.fds[1] = -1;
  pipe_close (&p);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("log");
  TCase *lines = tcase_create ("lines"), *ways = tcase_create ("ways");

  tcase_add_test (lines, test_words);
  tcase_add_test (lines, test_human);
  tcase_add_test (lines, test_levels);
  tcase_add_test (lines, test_errno);
  tcase_add_loop_test (lines, test_escapes, 0, G_N_ELEMENTS (escapes));
  tcase_add_test (lines, test_json);
  tcase_add_loop_test (lines, test_long, 0, 7);
  tcase_add_loop_test (lines, test_sizes, 0, G_N_ELEMENTS (sizes));
  tcase_add_test (lines, test_request);
  tcase_add_test (lines, test_limit);
  suite_add_tcase (suite, lines);
  tcase_set_timeout (ways, 30);
  tcase_add_test (ways, test_written);
  tcase_add_test (ways, test_end_of_file);
  tcase_add_test (ways, test_threads);
  tcase_add_test (ways, test_blocked);
  tcase_add_test (ways, test_stop_blocked);
  tcase_add_test (ways, test_careful_sink);
  tcase_add_test (ways, test_socket);
  tcase_add_test (ways, test_useless_descriptor);
  tcase_add_test (ways, test_restart_under_load);
  suite_add_tcase (suite, ways);
  return testing_run (suite);
}
