/* SPDX-License-Identifier: MIT */
/* log-sink: see the header. */
#include "base/log-sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CAREFUL_BYTES PIPE_BUF /* poll() promises that a pipe takes so much at once */

static int
open_again (int fd)
{
  char path[64];

  snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  return open (path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void
adit_log_sink_open (AditLogSink *sink, int fd, gboolean private_copy)
{
  struct stat status;
  int again;

  *sink = (AditLogSink){ fd, FALSE, ADIT_LOG_SINK_FILE };
  if (fstat (fd, &status) != 0 || S_ISREG (status.st_mode))
    return;
  if (S_ISSOCK (status.st_mode))
    {
      sink->kind = ADIT_LOG_SINK_SOCKET;
      return;
    }
  sink->kind = ADIT_LOG_SINK_CAREFUL;
  if (!private_copy || (again = open_again (fd)) < 0)
    return;
  *sink = (AditLogSink){ again, TRUE, ADIT_LOG_SINK_PRIVATE };
}

void
adit_log_sink_close (AditLogSink *sink)
{
  if (sink->owned)
    close (sink->fd);
  *sink = (AditLogSink){ -1, FALSE, ADIT_LOG_SINK_FILE };
}

static gssize
write_once (AditLogSink *sink, const char *data, gsize len)
{
  gssize done;

  if (sink->kind == ADIT_LOG_SINK_CAREFUL)
    len = MIN (len, CAREFUL_BYTES);
  do
    if (sink->kind == ADIT_LOG_SINK_SOCKET)
      done = send (sink->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    else
      done = write (sink->fd, data, len);
  while (done < 0 && errno == EINTR);
  return done;
}

static gboolean
has_room (AditLogSink *sink, int wait_ms)
{
  struct pollfd set = { sink->fd, POLLOUT, 0 };
  int ready;

  do
    ready = poll (&set, 1, wait_ms);
  while (ready < 0 && errno == EINTR);
  return ready > 0;
}

static gboolean
is_full (int error)
{
  return error == EAGAIN || error == EWOULDBLOCK;
}

gssize
adit_log_sink_write (AditLogSink *sink, const char *data, gsize len, int wait_ms)
{
  gssize done;

  if (sink->kind == ADIT_LOG_SINK_CAREFUL && !has_room (sink, wait_ms))
    return 0;
  done = write_once (sink, data, len);
  if (done < 0 && is_full (errno))
    {
      if (!has_room (sink, wait_ms))
        return 0;
      done = write_once (sink, data, len);
    }
  return done < 0 && is_full (errno) ? 0 : done;
}
