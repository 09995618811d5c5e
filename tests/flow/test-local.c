/* SPDX-License-Identifier: MIT */
/* test-local: requests of a session on their way to a local service and back: the session over a pair in
 * memory, the service a socket on loopback that the test plays. One worker, turned by the test. */
#include "lib/testing.h"

#include "base/clock.h"
#include "client/forward.h"
#include "link/pair.h"
#include "mux/session.h"
#include "wire/limits.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEADLINE_MS 10000
#define ALL ADIT_FEATURES_ALL
#define V1 ((AditFeatures) 0)

/* What the server's side of one request saw. */
typedef struct
{
  AditStream *stream;
  GString *heads, *body, *trailers;
  guint n_heads, n_ends;
  gboolean closed, hold; /* hold: credit is not given back */
  gsize held;
  AditReason reason;
  char *text;
} Answer;

static struct
{
  AditWorker *worker;
  AditLink *left, *right;
  AditSession *server, *client;
  AditFeatures features;
  AditPublish *publish;
  AditForward *forward;
  int listener;
  guint16 port;
  guint n_ended;
  gint64 skew_us;
} world;

static gint64
skewed_clock (void)
{
  return g_get_monotonic_time () + world.skew_us;
}

/* ---- turning ---- */

#define UNTIL(condition) \
  G_STMT_START \
  { \
    gint64 until_ = g_get_monotonic_time () + DEADLINE_MS * 1000 * (gint64) testing_patience (); \
    while (!(condition)) \
      { \
        ck_assert_msg (g_get_monotonic_time () < until_, "not in time: %s", #condition); \
        turn (); \
      } \
  } \
  G_STMT_END

static void
turn (void)
{
  adit_worker_turn (world.worker, FALSE);
  poll (NULL, 0, 1);
}

static void
turn_a_while (void)
{
  for (guint i = 0; i < 20; i++)
    turn ();
}

/* ---- the server's side ---- */

static void
on_head (gpointer owner, AditSpan head)
{
  Answer *answer = owner;

  g_string_append_len (answer->heads, (const char *) head.data, (gssize) head.len);
  answer->n_heads++;
}

static void
on_body (gpointer owner, AditSpan piece)
{
  Answer *answer = owner;

  g_string_append_len (answer->body, (const char *) piece.data, (gssize) piece.len);
  if (answer->hold)
    answer->held += piece.len;
  else
    adit_stream_consume (answer->stream, piece.len);
}

static void
on_end (gpointer owner, AditSpan trailers)
{
  Answer *answer = owner;

  g_string_append_len (answer->trailers, (const char *) trailers.data, (gssize) trailers.len);
  answer->n_ends++;
}

static void
on_room (gpointer owner)
{
}

static void
on_stream_closed (gpointer owner, AditReason reason, const char *text)
{
  Answer *answer = owner;

  answer->closed = TRUE;
  answer->reason = reason;
  answer->text = g_strdup (text);
}

static const AditStreamListener stream_listener = {
  .on_head = on_head,
  .on_body = on_body,
  .on_end = on_end,
  .on_room = on_room,
  .on_closed = on_stream_closed,
};

static Answer *
answer_new (void)
{
  Answer *answer = g_new0 (Answer, 1);

  answer->heads = g_string_new (NULL);
  answer->body = g_string_new (NULL);
  answer->trailers = g_string_new (NULL);
  return answer;
}

static void
answer_free (Answer *answer)
{
  adit_stream_free (answer->stream, ADIT_REASON_NONE, NULL);
  g_string_free (answer->heads, TRUE);
  g_string_free (answer->body, TRUE);
  g_string_free (answer->trailers, TRUE);
  g_free (answer->text);
  g_free (answer);
}

static Answer *
ask_with (const char *head, guint flags)
{
  guint8 memory[ADIT_SESSION_HEAD_ROOM + 4096];
  Answer *answer = answer_new ();
  gsize len = strlen (head);

  ck_assert_uint_le (len, 4096);
  memcpy (memory + ADIT_SESSION_HEAD_ROOM, head, len);
  answer->stream = adit_session_open (world.server, 0, flags, memory + ADIT_SESSION_HEAD_ROOM, len,
                                      &stream_listener, answer);
  ck_assert_ptr_nonnull (answer->stream);
  return answer;
}

/* A request without a body. */
static Answer *
ask (const char *head)
{
  Answer *answer = ask_with (head, 0);

  adit_stream_send_end (answer->stream, adit_span (NULL, 0));
  return answer;
}

/* As much of the body as there is room for; returns what was sent. */
static gsize
send_some (Answer *answer, const char *data, gsize len)
{
  guint8 *memory = g_malloc (64 + 256 * 1024);
  gsize n = MIN (MIN (len, adit_stream_get_room (answer->stream)), 256 * 1024);

  memcpy (memory + 64, data, n);
  adit_stream_send_body (answer->stream, memory + 64, n);
  g_free (memory);
  return n;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: api.test\r\nX-A: 1\r\n\r\n"

static void
expect_head (Answer *answer, const char *head)
{
  UNTIL (answer->n_heads > 0 || answer->closed);
  ck_assert_msg (!answer->closed, "closed: %s", answer->text);
  ck_assert_str_eq (answer->heads->str, head);
}

static void
expect_end (Answer *answer, const char *body)
{
  UNTIL (answer->n_ends > 0 || answer->closed);
  ck_assert_msg (answer->n_ends == 1, "closed: %s", answer->text);
  ck_assert_str_eq (answer->body->str, body);
}

static void
expect_closed (Answer *answer, AditReason reason)
{
  UNTIL (answer->closed);
  ck_assert_str_eq (adit_reason_word (answer->reason), adit_reason_word (reason));
}

/* ---- the local service's side ---- */

static int
accept_local (void)
{
  int fd;

  UNTIL ((fd = accept4 (world.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
  return fd;
}

static gboolean
nobody_connects (void)
{
  turn_a_while ();
  return accept (world.listener, NULL, NULL) < 0;
}

static gssize
read_more (int fd, GString *got)
{
  char data[65536];
  gssize n = recv (fd, data, sizeof data, 0);

  if (n > 0)
    g_string_append_len (got, data, n);
  return n;
}

/* Reads until what came ends with @end. */
static GString *
read_local (int fd, const char *end)
{
  GString *got = g_string_new (NULL);

  UNTIL ((read_more (fd, got), g_str_has_suffix (got->str, end)));
  return got;
}

static GString *
read_to_end (int fd)
{
  GString *got = g_string_new (NULL);
  gssize n;

  UNTIL ((n = read_more (fd, got)) == 0 || (n < 0 && errno == ECONNRESET));
  return got;
}

static void
expect_local (int fd, const char *text)
{
  GString *got = g_string_new (NULL);

  UNTIL ((read_more (fd, got), got->len >= strlen (text)));
  ck_assert_str_eq (got->str, text);
  g_string_free (got, TRUE);
}

static void
expect_local_end (int fd)
{
  GString *got = read_to_end (fd);

  ck_assert_str_eq (got->str, "");
  g_string_free (got, TRUE);
}

static void
write_local (int fd, const char *data, gsize len)
{
  while (len > 0)
    {
      gssize n = send (fd, data, len, MSG_NOSIGNAL);

      if (n > 0)
        {
          data += n;
          len -= (gsize) n;
        }
      else
        ck_assert_int_eq (errno, EAGAIN);
      turn ();
    }
}

static void
say_local (int fd, const char *text)
{
  write_local (fd, text, strlen (text));
}

/* ---- the world ---- */

static void
on_hello (gpointer owner, AditHello *hello)
{
  g_autoptr (AditWelcome) welcome = adit_welcome_new ();

  welcome->subdomain = g_strdup ("api");
  welcome->public_url = g_strdup ("http://api.test");
  welcome->features = world.features;
  welcome->window = ADIT_LIMIT_WINDOW;
  adit_session_welcome (world.server, hello, welcome);
  adit_hello_free (hello);
}

static void
on_welcome (gpointer owner, const AditWelcome *welcome)
{
}

static void
on_request (gpointer owner, AditStream *stream, guint tunnel, guint flags, AditSpan head)
{
  adit_forward_take (world.forward, stream, adit_session_get_features (world.client), flags, head);
}

static void
on_goaway (gpointer owner, const AditReject *why)
{
}

static void
on_closed (gpointer owner, const GError *error)
{
}

static const AditSessionListener server_listener = { .on_hello = on_hello, .on_goaway = on_goaway,
                                                     .on_closed = on_closed };
static const AditSessionListener client_listener
  = { .on_welcome = on_welcome, .on_request = on_request, .on_goaway = on_goaway, .on_closed = on_closed };

static void
on_ended (gpointer owner)
{
  world.n_ended++;
}

static void
open_listener (void)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t size = sizeof address;

  world.listener = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt (world.listener, SOL_SOCKET, SO_RCVBUF, &(int){ 65536 },
              sizeof (int)); /* accepted ones inherit it */
  ck_assert_int_eq (bind (world.listener, (struct sockaddr *) &address, sizeof address), 0);
  ck_assert_int_eq (listen (world.listener, 2000), 0);
  ck_assert_int_eq (getsockname (world.listener, (struct sockaddr *) &address, &size), 0);
  world.port = ntohs (address.sin_port);
}

static void
open_session (AditFeatures features)
{
  g_autoptr (AditHello) hello = adit_hello_new ();

  world.features = features;
  adit_pair_new (&world.left, &world.right);
  adit_link_attach (world.left, world.worker);
  adit_link_attach (world.right, world.worker);
  world.server = adit_session_new (world.left, TRUE, &server_listener, NULL);
  world.client = adit_session_new (world.right, FALSE, &client_listener, NULL);
  hello->features = features;
  hello->window = ADIT_LIMIT_WINDOW;
  adit_session_say_hello (world.client, hello);
  UNTIL (adit_session_get_state (world.client) == ADIT_SESSION_LIVE);
}

static void
open_world (AditFeatures features, guint concurrency)
{
  g_autofree char *target = NULL;

  memset (&world, 0, sizeof world);
  world.worker = adit_worker_new (0);
  turn ();
  open_listener ();
  target = g_strdup_printf ("127.0.0.1:%u", world.port);
  world.publish = adit_publish_new (adit_target_parse (target, NULL), NULL, "rewrite");
  world.publish->concurrency = concurrency;
  world.publish->open = TRUE;
  world.forward = adit_forward_new (world.worker, world.publish, TRUE, on_ended, NULL);
  open_session (features);
}

static void
setup (void)
{
  open_world (ALL, 100);
}

static void
setup_v1 (void)
{
  open_world (V1, 100);
}

static void
setup_two (void)
{
  open_world (ALL & ~ADIT_FEATURE_KEEPALIVE, 2); /* the clock jumps */
}

static void
close_world (void)
{
  AditLink *link = world.left;

  adit_session_close (world.server);
  adit_session_close (world.client);
  g_object_add_weak_pointer (G_OBJECT (world.left), (gpointer *) &world.left);
  g_object_add_weak_pointer (G_OBJECT (world.right), (gpointer *) &world.right);
  g_object_unref (world.server);
  g_object_unref (world.client);
  UNTIL (world.left == NULL && world.right == NULL);
  ck_assert_ptr_nonnull (link);
  adit_forward_free (world.forward);
  adit_publish_free (world.publish);
  close (world.listener);
  adit_clock_replace (NULL);
  g_object_unref (world.worker);
  adit_buf_pool_drain ();
}

/* What the service sees of GET(path). */
static char *
rewritten (const char *path)
{
  return g_strdup_printf ("GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nX-A: 1\r\n\r\n", path, world.port);
}

/* A whole exchange on a new connection, which is kept. */
static int
first_exchange (void)
{
  Answer *answer = ask (GET ("/first"));
  int fd = accept_local ();
  g_autofree char *seen = rewritten ("/first");

  expect_local (fd, seen);
  say_local (fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst");
  expect_head (answer, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  expect_end (answer, "first");
  answer_free (answer);
  return fd;
}

static void
expect_get (int fd, const char *path)
{
  g_autofree char *seen = rewritten (path);

  expect_local (fd, seen);
}

/* ---- tests ---- */

START_TEST (get_and_reuse)
{
  int fd = first_exchange ();
  Answer *answer = ask (GET ("/second"));

  expect_get (fd, "/second");
  say_local (fd,
             "HTTP/1.1 404 No\r\nContent-Length: 0\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nX-End: "
             "2\r\n\r\n");
  expect_head (answer, "HTTP/1.1 404 No\r\nContent-Length: 0\r\nX-End: 2\r\n\r\n");
  expect_end (answer, "");
  expect_local_end (fd);
  ck_assert_uint_eq (world.n_ended, 2);
  ck_assert_uint_eq (world.publish->requests, 2);
  ck_assert (nobody_connects ());
  answer_free (answer);
  close (fd);
}
END_TEST

START_TEST (heads_come_byte_by_byte)
{
  static const char reply[] = "HTTP/1.1 200 Fine\r\nX-Long: value\r\nContent-Length: 3\r\n\r\nabc";
  Answer *answer = ask (GET ("/"));
  int fd = accept_local ();

  expect_get (fd, "/");
  for (guint i = 0; i < sizeof reply - 1; i++)
    write_local (fd, reply + i, 1);
  expect_head (answer, "HTTP/1.1 200 Fine\r\nX-Long: value\r\nContent-Length: 3\r\n\r\n");
  expect_end (answer, "abc");
  answer_free (answer);
  close (fd);
}
END_TEST

START_TEST (answers_without_body)
{
  static const char *const heads[] = { "HTTP/1.1 204 Empty\r\nX-B: 1\r\n\r\n",
                                       "HTTP/1.1 304 Same\r\nContent-Length: 77\r\n\r\n" };
  Answer *answer = ask ("HEAD / HTTP/1.1\r\nHost: api.test\r\n\r\n");
  int fd = accept_local ();

  g_string_free (read_local (fd, "\r\n\r\n"), TRUE);
  say_local (fd, "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n");
  expect_head (answer, "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n");
  expect_end (answer, "");
  answer_free (answer);
  for (guint i = 0; i < G_N_ELEMENTS (heads); i++)
    {
      answer = ask (GET ("/"));
      expect_get (fd, "/");
      say_local (fd, heads[i]);
      expect_head (answer, heads[i]);
      expect_end (answer, "");
      answer_free (answer);
    }
  close (fd);
}
END_TEST

START_TEST (dead_reused_connection_is_retried)
{
  int fd = first_exchange ();
  Answer *answer = ask (GET ("/again"));

  expect_get (fd, "/again");
  close (fd);
  fd = accept_local ();
  expect_get (fd, "/again");
  say_local (fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  expect_end (answer, "ok");
  answer_free (answer);
  close (fd);
}
END_TEST

START_TEST (it_is_retried_once)
{
  int fd = first_exchange ();
  Answer *answer = ask (GET ("/again"));

  expect_get (fd, "/again");
  close (fd);
  fd = accept_local ();
  expect_get (fd, "/again");
  close (fd);
  expect_closed (answer, ADIT_REASON_LOCAL_FAILED);
  ck_assert (nobody_connects ());
  answer_free (answer);
}
END_TEST

START_TEST (a_body_that_was_sent_is_not_sent_twice)
{
  int fd = first_exchange ();
  Answer *answer = ask_with ("POST /pay HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3\r\n\r\n", 0);

  send_some (answer, "abc", 3);
  adit_stream_send_end (answer->stream, adit_span (NULL, 0));
  g_string_free (read_local (fd, "\r\n\r\nabc"), TRUE);
  close (fd);
  expect_closed (answer, ADIT_REASON_LOCAL_FAILED);
  ck_assert (nobody_connects ());
  answer_free (answer);
}
END_TEST

START_TEST (a_body_still_to_come_is_retried)
{
  int fd = first_exchange ();
  Answer *answer = ask_with ("POST /pay HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3\r\n\r\n", 0);

  g_string_free (read_local (fd, "\r\n\r\n"), TRUE);
  close (fd);
  fd = accept_local ();
  send_some (answer, "abc", 3);
  adit_stream_send_end (answer->stream, adit_span (NULL, 0));
  g_string_free (read_local (fd, "\r\n\r\nabc"), TRUE);
  say_local (fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  expect_end (answer, "ok");
  answer_free (answer);
  close (fd);
}
END_TEST

START_TEST (an_idle_connection_that_ends_is_dropped)
{
  int fd = first_exchange ();
  Answer *answer;

  close (fd);
  turn_a_while ();
  answer = ask ("DELETE /x HTTP/1.1\r\nHost: api.test\r\n\r\n");
  fd = accept_local ();
  g_string_free (read_local (fd, "\r\n\r\n"), TRUE);
  say_local (fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  expect_end (answer, "");
  answer_free (answer);
  close (fd);
}
END_TEST

START_TEST (an_idle_connection_is_not_kept_for_ever)
{
  int fd;

  adit_clock_replace (skewed_clock);
  fd = first_exchange ();
  world.skew_us += 31 * G_USEC_PER_SEC;
  expect_local_end (fd);
  close (fd);
}
END_TEST

/* A pattern that shows a lost, doubled or moved byte. */
static GString *
pattern (gsize len)
{
  static char block[26 * 251];
  GString *text = g_string_sized_new (len);

  for (gsize i = 0; i < sizeof block; i++)
    block[i] = (char) ('a' + (i * 7 + i / 251) % 26);
  while (text->len < len)
    g_string_append_len (text, block, (gssize) MIN (sizeof block, len - text->len));
  return text;
}

START_TEST (chunked_download_with_trailers)
{
  GString *body = pattern (1500 * 1000);
  Answer *answer = ask (GET ("/"));
  int fd = accept_local ();

  expect_get (fd, "/");
  say_local (fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n");
  for (gsize at = 0, step = 1; at < body->len; at += step, step = step * 3 % 99991 + 1)
    {
      gsize n = MIN (step, body->len - at);
      g_autofree char *prefix = g_strdup_printf ("%zX;ext=1\r\n", n);

      say_local (fd, prefix);
      write_local (fd, body->str + at, n);
      say_local (fd, "\r\n");
    }
  say_local (fd, "0\r\nX-Sum: 7\r\nContent-Length: 4\r\n\r\n");
  UNTIL (answer->n_ends > 0);
  ck_assert_ptr_null (strstr (answer->heads->str, "Transfer-Encoding"));
  ck_assert (g_string_equal (answer->body, body));
  ck_assert_str_eq (answer->trailers->str, "X-Sum: 7\r\n");
  answer_free (answer);
  answer = ask (GET ("/next"));
  expect_get (fd, "/next");
  answer_free (answer);
  g_string_free (body, TRUE);
  close (fd);
}
END_TEST

START_TEST (close_delimited_download)
{
  Answer *answer = ask (GET ("/"));
  int fd = accept_local ();

  expect_get (fd, "/");
  say_local (fd, "HTTP/1.0 200 OK\r\nX-C: 1\r\n\r\nall of ");
  say_local (fd, "it");
  turn_a_while ();
  ck_assert_uint_eq (answer->n_ends, 0);
  close (fd);
  expect_head (answer, "HTTP/1.1 200 OK\r\nX-C: 1\r\n\r\n");
  expect_end (answer, "all of it");
  answer_free (answer);
}
END_TEST

/* Nothing beyond the window is taken from the service while the visitor does not read. */
START_TEST (a_slow_visitor_stops_the_service)
{
  GString *body = pattern (4 * 1024 * 1024);
  Answer *answer = ask (GET ("/"));
  int fd = accept_local ();
  gsize sent = 0;
  gssize n;

  answer->hold = TRUE;
  expect_get (fd, "/");
  say_local (fd, "HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n");
  UNTIL ((n = send (fd, body->str + sent, body->len - sent, MSG_NOSIGNAL), sent += (gsize) MAX (n, 0),
          answer->held == ADIT_LIMIT_WINDOW));
  turn_a_while ();
  ck_assert_uint_eq (answer->held, ADIT_LIMIT_WINDOW);
  answer->hold = FALSE;
  adit_stream_consume (answer->stream, answer->held);
  write_local (fd, body->str + sent, body->len - sent);
  UNTIL (answer->n_ends > 0);
  ck_assert (g_string_equal (answer->body, body));
  answer_free (answer);
  g_string_free (body, TRUE);
  close (fd);
}
END_TEST

/* Sends @body as there is room, while the service reads into @got. */
static void
upload (Answer *answer, const GString *body, int fd, GString *got)
{
  gsize sent = 0;

  UNTIL ((sent += send_some (answer, body->str + sent, body->len - sent), read_more (fd, got),
          sent == body->len));
}

static void
expect_uploaded (int fd, GString *got, const GString *body)
{
  const char *end = strstr (got->str, "\r\n\r\n");
  gsize head = (gsize) (end + 4 - got->str);

  ck_assert_ptr_nonnull (end);
  UNTIL ((read_more (fd, got), got->len >= head + body->len));
  ck_assert_uint_eq (got->len, head + body->len);
  ck_assert (memcmp (got->str + head, body->str, body->len) == 0);
}

START_TEST (upload_of_known_length)
{
  GString *body = pattern (3 * 1024 * 1024), *got = g_string_new (NULL);
  Answer *answer = ask_with ("PUT /up HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3145728\r\n\r\n", 0);
  int fd = accept_local ();

  upload (answer, body, fd, got);
  adit_stream_send_end (answer->stream, adit_span (NULL, 0));
  expect_uploaded (fd, got, body);
  ck_assert_ptr_nonnull (strstr (got->str, "Content-Length: 3145728\r\n"));
  say_local (fd, "HTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n");
  expect_end (answer, "");
  answer_free (answer);
  answer = ask (GET ("/next"));
  expect_get (fd, "/next");
  answer_free (answer);
  g_string_free (body, TRUE);
  g_string_free (got, TRUE);
  close (fd);
}
END_TEST

/* A service that does not read stops the visitor: no more than windows and socket buffers are under way. */
START_TEST (a_slow_service_stops_the_visitor)
{
  GString *body = pattern (16 * 1024 * 1024), *got = g_string_new (NULL);
  Answer *answer = ask_with ("PUT /up HTTP/1.1\r\nHost: api.test\r\nContent-Length: 16777216\r\n\r\n", 0);
  int fd = accept_local ();
  gsize sent = 0;

  for (guint still = 0, n; still < 50; still = n ? 0 : still + 1)
    {
      n = (guint) send_some (answer, body->str + sent, body->len - sent);
      sent += n;
      turn ();
    }
  ck_assert_uint_lt (sent, body->len);
  UNTIL ((sent += send_some (answer, body->str + sent, body->len - sent), read_more (fd, got),
          sent == body->len));
  adit_stream_send_end (answer->stream, adit_span (NULL, 0));
  expect_uploaded (fd, got, body);
  answer_free (answer);
  g_string_free (body, TRUE);
  g_string_free (got, TRUE);
  close (fd);
}
END_TEST

START_TEST (upload_of_unknown_length)
{
  Answer *answer = ask_with ("POST /up HTTP/1.1\r\nHost: api.test\r\n\r\n", ADIT_REQUEST_UNKNOWN_LENGTH);
  int fd = accept_local ();
  GString *got;

  send_some (answer, "hello world", 11);
  turn_a_while ();
  send_some (answer, "0123456789abcdef0", 17);
  adit_stream_send_end (answer->stream, ADIT_SPAN ("X-Sum: 9\r\nHost: evil\r\n"));
  got = read_local (fd, "\r\n0\r\nX-Sum: 9\r\n\r\n");
  ck_assert_ptr_nonnull (strstr (got->str, "Transfer-Encoding: chunked\r\n"));
  ck_assert_str_eq (strstr (got->str, "\r\n\r\n"),
                    "\r\n\r\nb\r\nhello world\r\n11\r\n0123456789abcdef0\r\n0\r\nX-Sum: 9\r\n\r\n");
  say_local (fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  expect_end (answer, "");
  answer_free (answer);
  g_string_free (got, TRUE);
  close (fd);
}
END_TEST

/* A body that is not what the head said never reaches the next request. */
START_TEST (bodies_that_do_not_fit)
{
  static const struct
  {
    const char *head, *body;
    gboolean end;
  } cases[] = {
    { "POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3\r\n\r\n", "abcd", FALSE },
    { "POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3\r\n\r\n", "ab", TRUE },
    { "POST / HTTP/1.1\r\nHost: api.test\r\n\r\n", "a", FALSE },
    { "POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 0\r\n\r\n", "a", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Answer *answer = ask_with (cases[i].head, 0);
      int fd = accept_local ();

      send_some (answer, cases[i].body, strlen (cases[i].body));
      if (cases[i].end)
        adit_stream_send_end (answer->stream, adit_span (NULL, 0));
      expect_closed (answer, ADIT_REASON_PROTOCOL);
      answer_free (answer);
      g_string_free (read_to_end (fd), TRUE);
      close (fd);
    }
}
END_TEST

START_TEST (early_answer)
{
  Answer *answer = ask_with ("PUT /up HTTP/1.1\r\nHost: api.test\r\nContent-Length: 1000000\r\n\r\n", 0);
  int fd = accept_local ();

  send_some (answer, "abc", 3);
  g_string_free (read_local (fd, "abc"), TRUE);
  say_local (fd, "HTTP/1.1 413 Large\r\nContent-Length: 2\r\n\r\nno");
  expect_end (answer, "no");
  expect_local_end (fd);
  send_some (answer, "more that nobody wants", 22);
  turn_a_while ();
  ck_assert (!answer->closed);
  answer_free (answer);
  close (fd);
  UNTIL (world.n_ended == 1);
}
END_TEST

/* The service answers and resets while we still send: the answer counts. */
START_TEST (early_answer_before_a_reset)
{
  GString *body = pattern (3000000);
  Answer *answer = ask_with ("PUT /up HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3000000\r\n\r\n", 0);
  int fd = accept_local ();
  gsize sent = 0;

  turn_a_while ();
  sent += send_some (answer, body->str, body->len);
  turn_a_while ();
  say_local (fd, "HTTP/1.1 413 Large\r\nContent-Length: 2\r\n\r\nno");
  close (fd);
  send_some (answer, body->str + sent, body->len - sent);
  expect_end (answer, "no");
  answer_free (answer);
  g_string_free (body, TRUE);
}
END_TEST

static Answer *
open_upgrade (int *fd)
{
  Answer *answer = ask_with ("GET /ws HTTP/1.1\r\nHost: api.test\r\nConnection: Upgrade\r\nUpgrade: "
                             "websocket\r\n\r\n",
                             ADIT_REQUEST_UPGRADE);
  GString *got;

  *fd = accept_local ();
  got = read_local (*fd, "\r\n\r\n");
  ck_assert_ptr_nonnull (strstr (got->str, "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  g_string_free (got, TRUE);
  return answer;
}

START_TEST (upgrade_and_half_closes)
{
  int fd;
  Answer *answer = open_upgrade (&fd);

  say_local (fd, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi");
  expect_head (answer,
               "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  UNTIL (answer->body->len == 2);
  send_some (answer, "ping", 4);
  expect_local (fd, "ping");
  adit_stream_send_end (answer->stream, adit_span (NULL, 0));
  expect_local_end (fd);
  ck_assert_uint_eq (answer->n_ends, 0);
  say_local (fd, " and still here");
  close (fd);
  expect_end (answer, "hi and still here");
  UNTIL (world.n_ended == 1);
  ck_assert (!answer->closed);
  answer_free (answer);
}
END_TEST

START_TEST (the_service_ends_an_upgrade_first)
{
  int fd;
  Answer *answer = open_upgrade (&fd);

  say_local (fd, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  UNTIL (answer->n_heads == 1);
  shutdown (fd, SHUT_WR);
  expect_end (answer, "");
  send_some (answer, "last words", 10);
  adit_stream_send_end (answer->stream, adit_span (NULL, 0));
  expect_local (fd, "last words");
  expect_local_end (fd);
  UNTIL (world.n_ended == 1);
  answer_free (answer);
  close (fd);
}
END_TEST

START_TEST (a_refused_upgrade_is_an_answer)
{
  int fd;
  Answer *answer = open_upgrade (&fd);

  say_local (fd, "HTTP/1.1 400 No\r\nContent-Length: 2\r\n\r\nno");
  expect_head (answer, "HTTP/1.1 400 No\r\nContent-Length: 2\r\n\r\n");
  expect_end (answer, "no");
  adit_stream_send_end (answer->stream, adit_span (NULL, 0));
  UNTIL (world.n_ended == 1);
  ck_assert (!answer->closed);
  answer_free (answer);
  answer = ask (GET ("/next"));
  expect_get (fd, "/next");
  answer_free (answer);
  close (fd);
}
END_TEST

START_TEST (interim_answers)
{
  Answer *answer = ask (GET ("/"));
  int fd = accept_local ();

  expect_get (fd, "/");
  say_local (fd, "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny");
  expect_end (answer, "y");
  ck_assert_uint_eq (answer->n_heads, world.features & ADIT_FEATURE_INTERIM ? 2 : 1);
  ck_assert (g_str_has_suffix (answer->heads->str, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"));
  answer_free (answer);
  close (fd);
}
END_TEST

static const char *const nonsense[] = {
  "this is not the protocol you are looking for\r\n\r\n",
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
  "HTTP/1.1 200 OK\r\nContent-Le",
  "",
};

START_TEST (nonsense_is_a_failure)
{
  Answer *answer = ask (GET ("/"));
  int fd = accept_local ();

  expect_get (fd, "/");
  say_local (fd, nonsense[_i]);
  close (fd);
  expect_closed (answer, ADIT_REASON_LOCAL_FAILED);
  ck_assert_uint_eq (answer->n_heads, 0);
  answer_free (answer);
}
END_TEST

static const char *const cut[] = {
  "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
};

START_TEST (a_cut_answer_is_never_whole)
{
  Answer *answer = ask (GET ("/"));
  int fd = accept_local ();

  expect_get (fd, "/");
  say_local (fd, cut[_i]);
  close (fd);
  expect_closed (answer, ADIT_REASON_LOCAL_FAILED);
  ck_assert_uint_eq (answer->n_heads, 1);
  ck_assert_uint_eq (answer->n_ends, 0);
  ck_assert_str_eq (answer->body->str, "abc");
  answer_free (answer);
}
END_TEST

START_TEST (refused)
{
  Answer *answer;

  close (world.listener);
  world.listener = -1;
  answer = ask (GET ("/"));
  expect_closed (answer, ADIT_REASON_LOCAL_REFUSED);
  ck_assert_ptr_nonnull (strstr (answer->text, world.publish->target->text));
  answer_free (answer);
}
END_TEST

START_TEST (a_visitor_that_leaves_ends_the_local_connection)
{
  Answer *answer = ask (GET ("/"));
  int fd = accept_local ();

  expect_get (fd, "/");
  say_local (fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
  UNTIL (answer->body->len == 3);
  answer_free (answer);
  expect_local_end (fd);
  close (fd);
}
END_TEST

START_TEST (a_lost_session_ends_the_local_connections)
{
  Answer *answer = ask (GET ("/"));
  int fd = accept_local ();

  expect_get (fd, "/");
  adit_pair_cut (ADIT_PAIR (world.left));
  expect_local_end (fd);
  expect_closed (answer, ADIT_REASON_TUNNEL_OFFLINE);
  answer_free (answer);
  close (fd);
}
END_TEST

START_TEST (more_than_the_limit_wait)
{
  Answer *answers[4];
  int fds[4];

  for (guint i = 0; i < 4; i++)
    answers[i] = ask (GET ("/"));
  fds[0] = accept_local ();
  fds[1] = accept_local ();
  ck_assert (nobody_connects ());
  expect_get (fds[0], "/");
  say_local (fds[0], "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  expect_end (answers[0], "");
  fds[2] = accept_local ();
  ck_assert (nobody_connects ());
  answer_free (answers[1]);
  fds[3] = accept_local ();
  for (guint i = 0; i < 4; i++)
    {
      if (i != 1)
        answer_free (answers[i]);
      close (fds[i]);
    }
}
END_TEST

START_TEST (waiting_has_an_end)
{
  Answer *answers[3];

  adit_clock_replace (skewed_clock);
  for (guint i = 0; i < 3; i++)
    answers[i] = ask (GET ("/"));
  turn_a_while ();
  ck_assert (!answers[2]->closed);
  world.skew_us += 9 * G_USEC_PER_SEC;
  turn_a_while ();
  ck_assert (!answers[2]->closed);
  world.skew_us += 2 * G_USEC_PER_SEC;
  expect_closed (answers[2], ADIT_REASON_OVERLOADED);
  for (guint i = 0; i < 3; i++)
    answer_free (answers[i]);
}
END_TEST

START_TEST (no_more_than_a_thousand_wait)
{
  Answer *answers[1003];

  for (guint i = 0; i < 1003; i++)
    answers[i] = ask (GET ("/"));
  expect_closed (answers[1002], ADIT_REASON_OVERLOADED);
  ck_assert (!answers[1001]->closed);
  for (guint i = 0; i < 1003; i++)
    answer_free (answers[i]);
}
END_TEST

START_TEST (upgraded_ones_do_not_count)
{
  int fds[2], fd;
  Answer *upgraded[2], *answer;

  for (guint i = 0; i < 2; i++)
    {
      upgraded[i] = open_upgrade (&fds[i]);
      say_local (fds[i],
                 "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
      UNTIL (upgraded[i]->n_heads == 1);
    }
  answer = ask (GET ("/"));
  fd = accept_local ();
  answer_free (answer);
  for (guint i = 0; i < 2; i++)
    {
      answer_free (upgraded[i]);
      close (fds[i]);
    }
  close (fd);
}
END_TEST

/* A v1 server may leave the coding in the head, and knows no reasons. */
START_TEST (v1_chunked_request)
{
  Answer *answer = ask_with ("POST /up HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n", 0);
  int fd = accept_local ();
  GString *got;

  send_some (answer, "abc", 3);
  adit_stream_send_end (answer->stream, adit_span (NULL, 0));
  got = read_local (fd, "\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  ck_assert_ptr_nonnull (strstr (got->str, "Transfer-Encoding: chunked\r\n"));
  g_string_free (got, TRUE);
  say_local (fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n");
  expect_head (answer, "HTTP/1.1 200 OK\r\n\r\n");
  expect_end (answer, "ok");
  ck_assert_str_eq (answer->trailers->str, "");
  answer_free (answer);
  close (fd);
}
END_TEST

static Suite *
local_suite (void)
{
  Suite *suite = suite_create ("local");
  TCase *ours = tcase_create ("ours"), *v1 = tcase_create ("v1"), *two = tcase_create ("two at a time");

  tcase_add_checked_fixture (ours, setup, close_world);
  tcase_add_checked_fixture (v1, setup_v1, close_world);
  tcase_add_checked_fixture (two, setup_two, close_world);
  tcase_add_test (ours, get_and_reuse);
  tcase_add_test (ours, heads_come_byte_by_byte);
  tcase_add_test (ours, answers_without_body);
  tcase_add_test (ours, dead_reused_connection_is_retried);
  tcase_add_test (ours, it_is_retried_once);
  tcase_add_test (ours, a_body_that_was_sent_is_not_sent_twice);
  tcase_add_test (ours, a_body_still_to_come_is_retried);
  tcase_add_test (ours, an_idle_connection_that_ends_is_dropped);
  tcase_add_test (ours, an_idle_connection_is_not_kept_for_ever);
  tcase_add_test (ours, chunked_download_with_trailers);
  tcase_add_test (ours, close_delimited_download);
  tcase_add_test (ours, a_slow_visitor_stops_the_service);
  tcase_add_test (ours, upload_of_known_length);
  tcase_add_test (ours, a_slow_service_stops_the_visitor);
  tcase_add_test (ours, upload_of_unknown_length);
  tcase_add_test (ours, bodies_that_do_not_fit);
  tcase_add_test (ours, early_answer);
  tcase_add_test (ours, early_answer_before_a_reset);
  tcase_add_test (ours, upgrade_and_half_closes);
  tcase_add_test (ours, the_service_ends_an_upgrade_first);
  tcase_add_test (ours, a_refused_upgrade_is_an_answer);
  tcase_add_test (ours, interim_answers);
  tcase_add_loop_test (ours, nonsense_is_a_failure, 0, G_N_ELEMENTS (nonsense));
  tcase_add_loop_test (ours, a_cut_answer_is_never_whole, 0, G_N_ELEMENTS (cut));
  tcase_add_test (ours, refused);
  tcase_add_test (ours, a_visitor_that_leaves_ends_the_local_connection);
  tcase_add_test (ours, a_lost_session_ends_the_local_connections);
  tcase_add_test (two, more_than_the_limit_wait);
  tcase_add_test (two, waiting_has_an_end);
  tcase_add_test (two, no_more_than_a_thousand_wait);
  tcase_add_test (two, upgraded_ones_do_not_count);
  tcase_add_test (v1, get_and_reuse);
  tcase_add_test (v1, close_delimited_download);
  tcase_add_test (v1, interim_answers);
  tcase_add_test (v1, v1_chunked_request);
  suite_add_tcase (suite, ours);
  suite_add_tcase (suite, v1);
  suite_add_tcase (suite, two);
  return suite;
}

int
main (void)
{
  return testing_run (local_suite ());
}
