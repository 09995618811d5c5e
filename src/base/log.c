/* SPDX-License-Identifier: MIT */
/* log: the threads that log, the thread that writes, and how the one wakes the other.
 *
 *   producer                                  log thread
 *   line -> its ring (no lock)                AWAKE: rings -> batch, oldest line first -> descriptor
 *   sleeper IDLE, or NAPPING and the          NAPPING: 5 ms, when there was something to write
 *   ring half full: AWAKE, futex wake         IDLE: until woken, when there was nothing
 *
 * A busy worker finds the sleeper AWAKE or NAPPING and makes no system call. No line is left behind: a
 * producer publishes its line and then looks at the sleeper, the log thread becomes IDLE and then looks at
 * the rings, all in one order (sequentially consistent). Stopping is the same: a producer whose ring was read
 * for the last time sees that the log does not run, and writes the line itself.
 *
 * The one mutex guards the list of producers, the writer and direct writes; no producer takes it for a line
 * while the log runs. POSIX primitives, not GLib's, for ThreadSanitizer understands them. */
#include "base/log.h"

#include "base/clock.h"
#include "base/log-line.h"
#include "base/log-ring.h"
#include "base/log-sink.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BATCH_BYTES (64u * 1024)
#define MESSAGE_BYTES 4096u
#define NAP_US 5000
#define TELL_US 1000000       /* lost lines are told at most once in this time */
#define BLOCKED_POLL_MS 200   /* how often a blocked log thread looks whether it shall stop */
#define STOP_US 1000000
#define STOP_GRACE_US 250000  /* then a thread that hangs in write() is left behind */
#define DIRECT_WAIT_MS 1000
#define LIMIT_US 10000000

enum
{
  AWAKE,
  IDLE,
  NAPPING
};

typedef struct Producer Producer;

struct Producer
{
  Producer *next;
  gboolean ended;     /* its thread is gone; guarded by the mutex */
  gboolean capturing; /* within the test hook */
  AditLogLine line;
  AditLogRing ring;
};

typedef struct
{
  pthread_t thread;
  AditLogSink sink;
  gint64 stop_us;   /* atomic; 0, or when to give up */
  gboolean ended;   /* these two are guarded by the mutex */
  gboolean left;    /* nobody waits for the thread: it frees the writer */
  gboolean blocked; /* gave up in the middle of a batch */
  guint64 untold;   /* lost lines that nobody was told of */
  guint64 telling;  /* the number that the last line of the batch tells, or 0 */
  gint64 told_us;
  AditLogLine line; /* the thread's own */
  gsize len;
  char batch[BATCH_BYTES];
} Writer;

static struct
{
  pthread_once_t once;
  pthread_mutex_t mutex;
  pthread_cond_t ended;
  pthread_key_t key;
  Producer *producers;
  Writer *writer;
  gboolean direct_stuck; /* the last direct write found no room: do not wait again */
  /* the rest is atomic */
  gboolean running;
  guint32 sleeper;
  int level, format;
  guint64 lost; /* lines lost outside the rings */
  void (*capture) (const char *line, gpointer data);
  gpointer capture_data;
} shared = { .once = PTHREAD_ONCE_INIT, .mutex = PTHREAD_MUTEX_INITIALIZER, .level = ADIT_LOG_INFO };

static __thread Producer *own;

#define LOAD(field) __atomic_load_n (&(field), __ATOMIC_SEQ_CST)
#define STORE(field, value) __atomic_store_n (&(field), (value), __ATOMIC_SEQ_CST)

/* ---- words ---- */

static gboolean
parse_word (const char *word, const char *const *words, int *index)
{
  int i;

  for (i = 0; words[i] != NULL; i++)
    if (g_strcmp0 (word, words[i]) == 0)
      {
        *index = i;
        return TRUE;
      }
  return FALSE;
}

gboolean
adit_log_level_parse (const char *word, AditLogLevel *level)
{
  static const char *const words[] = { "error", "warning", "info", "debug", NULL };
  int i;

  if (!parse_word (word, words, &i))
    return FALSE;
  *level = (AditLogLevel) i;
  return TRUE;
}

gboolean
adit_log_format_parse (const char *word, AditLogFormat *format)
{
  static const char *const words[] = { "human", "json", NULL };
  int i;

  if (!parse_word (word, words, &i))
    return FALSE;
  *format = (AditLogFormat) i;
  return TRUE;
}

void
adit_log_set_level (AditLogLevel level)
{
  STORE (shared.level, (int) level);
}

AditLogFormat
adit_log_get_format (void)
{
  return (AditLogFormat) __atomic_load_n (&shared.format, __ATOMIC_RELAXED);
}

gboolean
adit_log_enabled (AditLogLevel level)
{
  return (int) level <= __atomic_load_n (&shared.level, __ATOMIC_RELAXED);
}

/* ---- sleeping and waking ---- */

static void
sleep_while (guint32 state, gint64 us)
{
  struct timespec wait = { us / G_USEC_PER_SEC, (us % G_USEC_PER_SEC) * 1000 };

  syscall (SYS_futex, &shared.sleeper, FUTEX_WAIT_PRIVATE, state, us > 0 ? &wait : NULL, NULL, 0);
}

static void
wake (void)
{
  if (__atomic_exchange_n (&shared.sleeper, AWAKE, __ATOMIC_SEQ_CST) != AWAKE)
    syscall (SYS_futex, &shared.sleeper, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static inline void
wake_if_needed (AditLogRing *ring)
{
  guint32 state = LOAD (shared.sleeper);

  if (state == IDLE || (state == NAPPING && adit_log_ring_is_half_full (ring)))
    wake ();
}

/* ---- reading the rings; all with the mutex ---- */

static gboolean
anything_queued (void)
{
  Producer *producer;
  gboolean found = FALSE;

  pthread_mutex_lock (&shared.mutex);
  for (producer = shared.producers; producer != NULL && !found; producer = producer->next)
    found = producer->ended || !adit_log_ring_is_empty (&producer->ring);
  pthread_mutex_unlock (&shared.mutex);
  return found;
}

/* The ring whose front line is the oldest, and the time of the next oldest front: up to it the ring may go
 * on. */
static AditLogRing *
oldest_ring (gint64 *until_us)
{
  AditLogRing *oldest = NULL;
  gint64 oldest_us = G_MAXINT64, time_us;
  Producer *producer;
  gsize len;

  *until_us = G_MAXINT64;
  for (producer = shared.producers; producer != NULL; producer = producer->next)
    {
      if (!adit_log_ring_peek (&producer->ring, &time_us, &len))
        continue;
      if (oldest != NULL && time_us >= oldest_us)
        {
          *until_us = MIN (*until_us, time_us);
          continue;
        }
      *until_us = oldest_us;
      oldest_us = time_us;
      oldest = &producer->ring;
    }
  return oldest;
}

/* Moves lines to @out; FALSE in *all if the room ended before the lines did. */
static gsize
take_lines (char *out, gsize room, gboolean *all)
{
  gint64 until_us, time_us;
  AditLogRing *ring;
  gsize used = 0, len;

  *all = TRUE;
  while ((ring = oldest_ring (&until_us)) != NULL)
    while (adit_log_ring_peek (ring, &time_us, &len) && time_us <= until_us)
      {
        if (len > room - used)
          {
            *all = FALSE;
            return used;
          }
        adit_log_ring_take (ring, out + used);
        used += len;
      }
  return used;
}

static guint64
take_lost (void)
{
  guint64 lost = __atomic_exchange_n (&shared.lost, 0, __ATOMIC_RELAXED);
  Producer *producer;

  for (producer = shared.producers; producer != NULL; producer = producer->next)
    lost += adit_log_ring_take_dropped (&producer->ring);
  return lost;
}

static void
add_lost (guint64 lines)
{
  __atomic_add_fetch (&shared.lost, lines, __ATOMIC_RELAXED);
}

/* Frees the producers of ended threads whose lines are all out. */
static void
reap_producers (void)
{
  Producer **at = &shared.producers;

  while (*at != NULL)
    {
      Producer *producer = *at;

      if (!producer->ended || !adit_log_ring_is_empty (&producer->ring))
        {
          at = &producer->next;
          continue;
        }
      add_lost (adit_log_ring_take_dropped (&producer->ring));
      *at = producer->next;
      g_free (producer);
    }
}

/* ---- the log thread ---- */

static void
tell_lost (Writer *writer, gboolean now)
{
  gint64 at_us = g_get_monotonic_time ();
  char text[64];
  AditLogEntry entry = { ADIT_LOG_WARNING, text, NULL, 0 };

  writer->untold += take_lost ();
  if (writer->untold == 0 || (!now && at_us - writer->told_us < TELL_US))
    return;
  snprintf (text, sizeof text, "%" G_GUINT64_FORMAT " log lines dropped", writer->untold);
  adit_log_line_entry (&writer->line, adit_log_get_format (), &entry);
  memcpy (writer->batch + writer->len, writer->line.data, writer->line.len);
  writer->len += writer->line.len;
  writer->telling = writer->untold;
  writer->untold = 0;
  writer->told_us = at_us;
}

/* FALSE if there is more than one batch. */
static gboolean
fill_batch (Writer *writer, gboolean stopping)
{
  gboolean all = TRUE;

  writer->len = 0;
  writer->telling = 0;
  pthread_mutex_lock (&shared.mutex);
  if (!writer->left)
    {
      writer->len = take_lines (writer->batch, sizeof writer->batch - ADIT_LOG_LINE_MAX, &all);
      tell_lost (writer, stopping);
      reap_producers ();
    }
  pthread_mutex_unlock (&shared.mutex);
  return all;
}

static guint64
count_lines (const char *text, gsize len)
{
  guint64 lines = 0;
  gsize i;

  for (i = 0; i < len; i++)
    lines += text[i] == '\n';
  return lines;
}

/* The batch from @done on is lost; so is what its last line tells, and that line does not count. */
static void
give_up_batch (Writer *writer, gsize done)
{
  guint64 lines = count_lines (writer->batch + done, writer->len - done);

  add_lost (writer->telling > 0 ? lines - 1 + writer->telling : lines);
}

/* FALSE if the time to stop has come before all was written. */
static gboolean
write_batch (Writer *writer)
{
  gsize done = 0;

  while (done < writer->len)
    {
      gint64 stop_us = LOAD (writer->stop_us);
      gint64 left_us = stop_us - g_get_monotonic_time ();
      int wait_ms = stop_us == 0 ? BLOCKED_POLL_MS : (int) CLAMP (left_us / 1000 + 1, 0, BLOCKED_POLL_MS);
      gssize part;

      if (stop_us != 0 && left_us <= 0)
        {
          writer->blocked = TRUE;
          give_up_batch (writer, done);
          return FALSE;
        }
      part = adit_log_sink_write (&writer->sink, writer->batch + done, writer->len - done, wait_ms);
      if (part < 0)
        {
          give_up_batch (writer, done);
          return TRUE;
        }
      done += (gsize) part;
    }
  return TRUE;
}

static void
rest (Writer *writer, gboolean busy)
{
  if (busy)
    {
      STORE (shared.sleeper, NAPPING);
      sleep_while (NAPPING, NAP_US);
    }
  else
    {
      STORE (shared.sleeper, IDLE);
      if (LOAD (writer->stop_us) == 0 && !anything_queued ())
        sleep_while (IDLE, writer->untold > 0 ? TELL_US : 0);
    }
  STORE (shared.sleeper, AWAKE);
}

static void
writer_free (Writer *writer)
{
  adit_log_sink_close (&writer->sink);
  g_free (writer);
}

static void *
writer_run (void *data)
{
  Writer *writer = data;
  gboolean stopping = FALSE, all, left;

  prctl (PR_SET_NAME, "adit-log");
  while (!stopping && !writer->blocked)
    {
      stopping = LOAD (writer->stop_us) != 0;
      do
        all = fill_batch (writer, stopping);
      while (write_batch (writer) && !all);
      if (LOAD (writer->stop_us) == 0)
        rest (writer, writer->len > 0);
    }
  pthread_mutex_lock (&shared.mutex);
  left = writer->left;
  writer->ended = TRUE;
  pthread_cond_signal (&shared.ended);
  pthread_mutex_unlock (&shared.mutex);
  if (left)
    writer_free (writer);
  return NULL;
}

/* ---- writing directly, with the mutex ---- */

static void
write_directly (const char *line, gsize len)
{
  AditLogSink sink;
  gssize part = 1;
  gsize done;

  adit_log_sink_open (&sink, STDERR_FILENO, FALSE);
  for (done = 0; done < len && part > 0; done += (gsize) MAX (part, 0))
    part = adit_log_sink_write (&sink, line + done, len - done, shared.direct_stuck ? 0 : DIRECT_WAIT_MS);
  shared.direct_stuck = part == 0;
  if (done < len)
    add_lost (count_lines (line + done, len - done));
  adit_log_sink_close (&sink);
}

/* What producers put into their rings while the log thread ended goes to @sink, or to standard error for
 * NULL; without @keep it is lost. */
static void
end_leftovers (AditLogSink *sink, gboolean keep)
{
  char lines[2 * ADIT_LOG_LINE_MAX];
  gboolean all = FALSE;

  while (!all)
    {
      gsize len = take_lines (lines, sizeof lines, &all);

      if (keep && sink == NULL)
        write_directly (lines, len);
      else if (!keep || (len > 0 && adit_log_sink_write (sink, lines, len, 0) != (gssize) len))
        add_lost (count_lines (lines, len));
    }
  add_lost (take_lost ());
  reap_producers ();
}

/* ---- producers ---- */

static void
on_thread_end (void *data)
{
  Producer *producer = data;

  own = NULL;
  pthread_mutex_lock (&shared.mutex);
  producer->ended = TRUE;
  if (!shared.running)
    end_leftovers (NULL, TRUE);
  pthread_mutex_unlock (&shared.mutex);
  wake ();
}

static void
init_once (void)
{
  pthread_condattr_t attributes;

  pthread_condattr_init (&attributes);
  pthread_condattr_setclock (&attributes, CLOCK_MONOTONIC);
  pthread_cond_init (&shared.ended, &attributes);
  pthread_condattr_destroy (&attributes);
  if (pthread_key_create (&shared.key, on_thread_end) != 0)
    g_error ("no thread-specific key left");
}

static Producer *
producer_new (void)
{
  Producer *producer = g_malloc (sizeof *producer);

  producer->ended = producer->capturing = FALSE;
  adit_log_line_init (&producer->line);
  adit_log_ring_init (&producer->ring);
  pthread_once (&shared.once, init_once);
  pthread_mutex_lock (&shared.mutex);
  producer->next = shared.producers;
  shared.producers = producer;
  pthread_mutex_unlock (&shared.mutex);
  pthread_setspecific (shared.key, producer);
  return own = producer;
}

static inline Producer *
producer_own (void)
{
  return G_LIKELY (own != NULL) ? own : producer_new ();
}

static void
capture_line (Producer *producer, void (*func) (const char *, gpointer))
{
  AditLogLine *line = &producer->line;

  line->data[line->len - 1] = '\0';
  producer->capturing = TRUE;
  func (line->data, __atomic_load_n (&shared.capture_data, __ATOMIC_ACQUIRE));
  producer->capturing = FALSE;
}

/* The finished line of @producer on its way. */
static void
submit (Producer *producer)
{
  void (*func) (const char *, gpointer) = __atomic_load_n (&shared.capture, __ATOMIC_ACQUIRE);
  AditLogLine *line = &producer->line;

  if (G_UNLIKELY (func != NULL))
    {
      capture_line (producer, func);
      return;
    }
  if (LOAD (shared.running))
    {
      adit_log_ring_push (&producer->ring, line->time_us, line->data, line->len);
      wake_if_needed (&producer->ring);
      if (G_LIKELY (LOAD (shared.running)))
        return;
      pthread_mutex_lock (&shared.mutex);
      if (!shared.running)
        end_leftovers (NULL, TRUE);
      pthread_mutex_unlock (&shared.mutex);
      return;
    }
  pthread_mutex_lock (&shared.mutex);
  write_directly (line->data, line->len);
  pthread_mutex_unlock (&shared.mutex);
}

/* ---- lines ---- */

/* @text has MESSAGE_BYTES; what is too long ends in "…". */
static void
format_text (char *text, const char *format, va_list args)
{
  int len;
  char *end;

  text[0] = '\0';
  len = vsnprintf (text, MESSAGE_BYTES, format, args);
  text[MESSAGE_BYTES - 1] = '\0';
  if (len < (int) MESSAGE_BYTES)
    return;
  end = g_utf8_find_prev_char (text, text + MESSAGE_BYTES - sizeof "…");
  strcpy (end != NULL ? end : text, "…");
}

static void
log_message (const AditLogEntry *fields, const char *format, va_list args)
{
  int saved_errno = errno;
  Producer *producer = producer_own ();
  char text[MESSAGE_BYTES];
  AditLogEntry entry = *fields;

  if (producer->capturing)
    return;
  errno = saved_errno;
  format_text (text, format, args);
  entry.text = text;
  adit_log_line_entry (&producer->line, adit_log_get_format (), &entry);
  submit (producer);
  errno = saved_errno;
}

void
adit_log (AditLogLevel level, const char *format, ...)
{
  AditLogEntry entry = { level, NULL, NULL, 0 };
  va_list args;

  if (!adit_log_enabled (level))
    return;
  va_start (args, format);
  log_message (&entry, format, args);
  va_end (args);
}

void
adit_log_fields (AditLogLevel level, const AditLogField *fields, guint n_fields, const char *format, ...)
{
  AditLogEntry entry = { level, NULL, fields, n_fields };
  va_list args;

  if (!adit_log_enabled (level))
    return;
  va_start (args, format);
  log_message (&entry, format, args);
  va_end (args);
}

void
adit_log_request (const AditLogRequest *request)
{
  int saved_errno = errno;
  Producer *producer;

  if (!adit_log_enabled (ADIT_LOG_INFO))
    return;
  producer = producer_own ();
  if (producer->capturing)
    return;
  adit_log_line_request (&producer->line, adit_log_get_format (), request);
  submit (producer);
  errno = saved_errno;
}

gboolean
adit_log_limit_pass (AditLogLimit *limit, guint burst, guint *suppressed)
{
  gint64 now_us = adit_clock_us ();
  guint hidden = 0;

  if (limit->seen == 0 || now_us - limit->since_us >= LIMIT_US)
    {
      hidden = limit->seen > burst ? limit->seen - burst : 0;
      limit->since_us = now_us;
      limit->seen = 0;
    }
  if (limit->seen < G_MAXUINT)
    limit->seen++;
  if (suppressed != NULL)
    *suppressed = hidden;
  return limit->seen <= burst;
}

/* ---- start and stop ---- */

/* No signal is for this thread: handlers belong to the main thread, and a broken pipe is an error like
 * others. */
static gboolean
writer_start (Writer *writer)
{
  sigset_t all, before;
  int failure;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  failure = pthread_create (&writer->thread, NULL, writer_run, writer);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  if (failure != 0)
    return FALSE;
  return TRUE;
}

void
adit_log_start (int fd, AditLogFormat format, AditLogLevel level)
{
  Writer *writer;

  adit_log_stop ();
  STORE (shared.format, (int) format);
  STORE (shared.level, (int) level);
  tzset ();
  pthread_once (&shared.once, init_once);
  writer = g_malloc (sizeof *writer);
  memset (writer, 0, G_STRUCT_OFFSET (Writer, line));
  adit_log_line_init (&writer->line);
  adit_log_sink_open (&writer->sink, fd, TRUE);
  pthread_mutex_lock (&shared.mutex);
  STORE (shared.sleeper, AWAKE);
  if (writer_start (writer))
    {
      shared.writer = writer;
      STORE (shared.running, TRUE);
    }
  pthread_mutex_unlock (&shared.mutex);
  if (shared.writer == NULL)
    {
      writer_free (writer);
      adit_warning ("cannot start the log thread; lines are written directly");
    }
}

/* With the mutex. Waits until the thread of @writer is through; FALSE if it hangs. */
static gboolean
await_end (Writer *writer)
{
  gint64 until_us = writer->stop_us + STOP_GRACE_US;
  struct timespec until = { until_us / G_USEC_PER_SEC, (until_us % G_USEC_PER_SEC) * 1000 };

  while (!writer->ended)
    if (pthread_cond_timedwait (&shared.ended, &shared.mutex, &until) == ETIMEDOUT)
      return writer->ended;
  return TRUE;
}

void
adit_log_stop (void)
{
  Writer *writer;
  gboolean ended;

  pthread_mutex_lock (&shared.mutex);
  writer = shared.writer;
  if (writer == NULL)
    {
      pthread_mutex_unlock (&shared.mutex);
      return;
    }
  STORE (writer->stop_us, g_get_monotonic_time () + STOP_US);
  wake ();
  ended = await_end (writer);
  writer->left = !ended;
  shared.writer = NULL;
  STORE (shared.running, FALSE);
  end_leftovers (ended ? &writer->sink : NULL, ended && !writer->blocked);
  pthread_mutex_unlock (&shared.mutex);
  if (!ended)
    {
      pthread_detach (writer->thread);
      return;
    }
  pthread_join (writer->thread, NULL);
  writer_free (writer);
}

void
adit_log_capture (void (*func) (const char *line, gpointer data), gpointer data)
{
  if (func == NULL)
    __atomic_store_n (&shared.capture, NULL, __ATOMIC_RELEASE);
  __atomic_store_n (&shared.capture_data, data, __ATOMIC_RELEASE);
  if (func != NULL)
    __atomic_store_n (&shared.capture, func, __ATOMIC_RELEASE);
}
