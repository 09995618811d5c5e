/* SPDX-License-Identifier: MIT */
/* test-agent: the client's agent against a server that the test plays: a listener on loopback and server
 * sessions, all on one worker that the test turns. */
#include "lib/testing.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "client/agent.h"
#include "link/tcp.h"
#include "mux/session.h"
#include "wire/limits.h"

#include <arpa/inet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEADLINE_MS 15000
#define MOST 16

/* A session as the server sees it. */
typedef struct
{
  AditSession *session;
  AditHello *hello;
  gboolean left, closed; /* GoAway leaving came; the session is over */
} Seen;

static struct
{
  AditWorker *worker;
  AditPlan *plan;
  AditAgent *agent;
  int listener;
  Seen seen[MOST];
  guint n_seen;
  gboolean ended;
  int status;
  gint64 skew_us;
  GString *log;
} world;

#define UNTIL(condition) \
  G_STMT_START \
  { \
    gint64 until_ = g_get_monotonic_time () + DEADLINE_MS * 1000 * (gint64) testing_patience (); \
    while (!(condition)) \
      { \
        ck_assert_msg (g_get_monotonic_time () < until_, "not in time: %s; the log: %s", #condition, \
                       world.log->str); \
        turn (); \
      } \
  } \
  G_STMT_END

static gint64
skewed_clock (void)
{
  return g_get_monotonic_time () + world.skew_us;
}

static void
on_line (const char *line, gpointer data)
{
  g_string_append_printf (world.log, "%s\n", line);
}

static void
on_hello (gpointer owner, AditHello *hello)
{
  ((Seen *) owner)->hello = hello;
}

static void
on_goaway (gpointer owner, const AditReject *why)
{
  ((Seen *) owner)->left = g_strcmp0 (why->code, "leaving") == 0;
}

static void
on_closed (gpointer owner, const GError *error)
{
  ((Seen *) owner)->closed = TRUE;
}

static const AditSessionListener session_listener
  = { .on_hello = on_hello, .on_goaway = on_goaway, .on_closed = on_closed };

static void
accept_some (void)
{
  int fd = accept4 (world.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  Seen *seen = &world.seen[world.n_seen];
  AditLink *link;

  if (fd < 0)
    return;
  ck_assert_uint_lt (world.n_seen, MOST);
  link = adit_tcp_new (fd);
  adit_link_attach (link, world.worker);
  seen->session = adit_session_new (link, TRUE, &session_listener, seen);
  world.n_seen++;
}

static void
turn (void)
{
  accept_some ();
  adit_worker_turn (world.worker, FALSE);
  poll (NULL, 0, 1);
}

/* The newest session that said Hello, of @n in all. */
static Seen *
await_hello (guint n)
{
  UNTIL (world.n_seen == n && world.seen[n - 1].hello);
  return &world.seen[n - 1];
}

/* NULL in @codes opens a tunnel, a code refuses it. */
static void
welcome (Seen *seen, const char *const *codes, guint64 epoch)
{
  g_autoptr (AditWelcome) answer = adit_welcome_new ();

  answer->subdomain = g_strdup ("rnd123");
  answer->public_url = g_strdup ("http://rnd123.test");
  answer->features = ADIT_FEATURES_ALL;
  answer->window = ADIT_LIMIT_WINDOW;
  for (guint i = 0; i < seen->hello->tunnels->len; i++)
    {
      AditHelloTunnel *asked = g_ptr_array_index (seen->hello->tunnels, i), *given = adit_hello_tunnel_new ();

      given->type = g_strdup ("http");
      given->subdomain = g_strdup (asked->subdomain ? asked->subdomain : "rnd123");
      given->epoch = epoch;
      if (codes && codes[i])
        {
          given->code = g_strdup (codes[i]);
          given->reason = g_strdup_printf ("%s is taken", given->subdomain);
        }
      else
        given->public_url = g_strdup_printf ("http://%s.test", given->subdomain);
      g_ptr_array_add (answer->tunnels, given);
    }
  adit_session_welcome (seen->session, seen->hello, answer);
}

static const AditHelloTunnel *
asked (Seen *seen, guint i)
{
  ck_assert_uint_lt (i, seen->hello->tunnels->len);
  return g_ptr_array_index (seen->hello->tunnels, i);
}

static void
on_ended (gpointer data, int status)
{
  world.ended = TRUE;
  world.status = status;
}

static void
expect_end (int status, const char *word)
{
  UNTIL (world.ended);
  ck_assert_int_eq (world.status, status);
  if (word)
    ck_assert_msg (strstr (world.log->str, word) != NULL, "%s", world.log->str);
}

static void
add_tunnel (const char *subdomain)
{
  AditPublish *publish = adit_publish_new (adit_target_parse ("1", NULL), subdomain, NULL);

  g_ptr_array_add (world.plan->tunnels, publish);
}

static void
setup (void)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t size = sizeof address;
  g_autofree char *url = NULL;

  memset (&world, 0, sizeof world);
  world.log = g_string_new (NULL);
  adit_log_capture (on_line, NULL);
  world.worker = adit_worker_new (0);
  adit_worker_turn (world.worker, FALSE);
  world.listener = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  ck_assert_int_eq (bind (world.listener, (struct sockaddr *) &address, sizeof address), 0);
  ck_assert_int_eq (listen (world.listener, 16), 0);
  getsockname (world.listener, (struct sockaddr *) &address, &size);
  url = g_strdup_printf ("tcp://127.0.0.1:%u", ntohs (address.sin_port));
  world.plan = g_new0 (AditPlan, 1);
  world.plan->address = adit_address_parse (url, NULL);
  world.plan->token = g_strdup ("secret");
  world.plan->tunnels = g_ptr_array_new_with_free_func ((GDestroyNotify) adit_publish_free);
}

/* With one tunnel if none was added. */
static void
start (void)
{
  if (world.plan->tunnels->len == 0)
    add_tunnel (NULL);
  world.agent = adit_agent_new (world.worker, world.plan, on_ended, NULL);
  adit_agent_start (world.agent);
}

static void
teardown (void)
{
  for (guint i = 0; i < world.n_seen; i++)
    {
      AditLink *link = adit_session_get_link (world.seen[i].session);

      g_object_add_weak_pointer (G_OBJECT (link), (gpointer *) &link);
      g_object_unref (world.seen[i].session);
      UNTIL (link == NULL);
      adit_hello_free (world.seen[i].hello);
    }
  adit_agent_free (world.agent);
  adit_plan_free (world.plan);
  close (world.listener);
  adit_clock_replace (NULL);
  adit_log_capture (NULL, NULL);
  g_string_free (world.log, TRUE);
  g_object_unref (world.worker);
  adit_buf_pool_drain ();
}

static void
leave (void)
{
  adit_agent_leave (world.agent);
  expect_end (ADIT_EXIT_DONE, NULL);
}

START_TEST (says_hello_and_leaves)
{
  Seen *seen;

  add_tunnel ("api");
  start ();
  seen = await_hello (1);
  ck_assert_str_eq (seen->hello->token, "secret");
  ck_assert_str_eq (seen->hello->subdomain, "api");
  ck_assert_uint_eq (seen->hello->version, 1);
  ck_assert_uint_eq (seen->hello->features, ADIT_FEATURES_ALL);
  ck_assert_uint_eq (strlen (seen->hello->instance), 32);
  ck_assert_uint_eq (asked (seen, 0)->epoch, 0);
  welcome (seen, NULL, 1);
  UNTIL (strstr (world.log->str, "http://api.test -> 127.0.0.1:1"));
  leave ();
  UNTIL (seen->closed);
  ck_assert (seen->left);
}
END_TEST

/* The same name, with its epoch, from the same instance; a random one, too. */
START_TEST (comes_back_under_its_name)
{
  g_autofree char *instance = NULL;
  Seen *seen;

  start ();
  seen = await_hello (1);
  ck_assert_ptr_null (asked (seen, 0)->subdomain);
  instance = g_strdup (seen->hello->instance);
  welcome (seen, NULL, 7);
  UNTIL (strstr (world.log->str, "rnd123"));
  adit_session_close (seen->session);
  seen = await_hello (2);
  ck_assert_str_eq (asked (seen, 0)->subdomain, "rnd123");
  ck_assert_uint_eq (asked (seen, 0)->epoch, 7);
  ck_assert_str_eq (seen->hello->instance, instance);
  ck_assert_ptr_nonnull (strstr (world.log->str, "connection lost"));
  leave ();
}
END_TEST

START_TEST (a_final_refusal_ends_it)
{
  static const AditRejectCode codes[] = { ADIT_REJECT_TOKEN, ADIT_REJECT_NAME, ADIT_REJECT_VERSION,
                                          ADIT_REJECT_PORT,
                                          ADIT_REJECT_FORBIDDEN, ADIT_REJECT_REPLACED, ADIT_REJECT_FULL,
                                            ADIT_REJECT_NONE };

  start ();
  adit_session_reject (await_hello (1)->session, codes[_i], "because of the test");
  expect_end (ADIT_EXIT_REFUSED, "because of the test");
}
END_TEST

START_TEST (others_are_tried_again)
{
  start ();
  adit_session_reject (await_hello (1)->session, ADIT_REJECT_DRAINING, "going down");
  welcome (await_hello (2), NULL, 1);
  UNTIL (strstr (world.log->str, "rnd123"));
  adit_session_close (world.seen[1].session);
  adit_session_reject (await_hello (3)->session, ADIT_REJECT_FULL, "no room"); /* after a Welcome */
  await_hello (4);
  leave ();
}
END_TEST

START_TEST (a_silent_server_is_left)
{
  adit_clock_replace (skewed_clock);
  start ();
  UNTIL (world.n_seen == 1);
  world.skew_us += 4900000;
  turn ();
  ck_assert_ptr_null (strstr (world.log->str, "hand-shake"));
  world.skew_us += 1100000;
  UNTIL (strstr (world.log->str, "did not finish the hand-shake within 5 s"));
  await_hello (2);
  leave ();
}
END_TEST

START_TEST (a_refused_tunnel_leaves_the_others)
{
  static const char *const second[] = { NULL, "name", NULL };

  add_tunnel ("one");
  add_tunnel ("two");
  add_tunnel ("three");
  start ();
  welcome (await_hello (1), second, 1);
  UNTIL (strstr (world.log->str, "http://three.test"));
  ck_assert_ptr_nonnull (strstr (world.log->str, "two is taken"));
  adit_session_close (world.seen[0].session);
  ck_assert_uint_eq (await_hello (2)->hello->tunnels->len, 2);
  ck_assert_str_eq (asked (&world.seen[1], 1)->subdomain, "three");
  leave ();
}
END_TEST

START_TEST (every_tunnel_refused)
{
  static const char *const both[] = { "replaced", "name" };

  add_tunnel ("one");
  add_tunnel ("two");
  start ();
  welcome (await_hello (1), both, 1);
  expect_end (ADIT_EXIT_REFUSED, "two is taken");
}
END_TEST

START_TEST (replaced_and_token_end_it)
{
  start ();
  welcome (await_hello (1), NULL, 1);
  UNTIL (strstr (world.log->str, "rnd123"));
  adit_session_go_away (world.seen[0].session, _i ? "token" : "replaced", "told so");
  expect_end (ADIT_EXIT_REFUSED, "told so");
}
END_TEST

START_TEST (replaced_among_several_asks_again)
{
  static const char *const first[] = { "replaced", NULL };

  add_tunnel ("one");
  add_tunnel ("two");
  start ();
  welcome (await_hello (1), NULL, 1);
  UNTIL (strstr (world.log->str, "two.test"));
  adit_session_go_away (world.seen[0].session, "replaced", "one went");
  turn ();
  adit_session_close (world.seen[0].session);
  welcome (await_hello (2), first, 2);
  UNTIL (strstr (world.log->str, "one is taken"));
  ck_assert (!world.ended);
  leave ();
}
END_TEST

/* A drain notice: a new session at once, the old one is left when it is idle. */
START_TEST (draining)
{
  start ();
  welcome (await_hello (1), NULL, 1);
  UNTIL (strstr (world.log->str, "rnd123"));
  adit_session_go_away (world.seen[0].session, "draining", "restart");
  UNTIL (world.seen[0].closed);
  welcome (await_hello (2), NULL, 2);
  UNTIL (strstr (world.log->str, "rnd123.test -> 127.0.0.1:1\n") != NULL);
  leave ();
}
END_TEST

START_TEST (idle_timeout)
{
  world.plan->idle_timeout_s = 3600;
  adit_clock_replace (skewed_clock);
  start ();
  welcome (await_hello (1), NULL, 1);
  UNTIL (strstr (world.log->str, "rnd123"));
  world.skew_us += 3601 * (gint64) G_USEC_PER_SEC;
  expect_end (ADIT_EXIT_DONE, NULL);
}
END_TEST

START_TEST (leaves_while_nobody_answers)
{
  start ();
  turn ();
  leave ();
}
END_TEST

/* A v1 server answers for one tunnel. */
START_TEST (v1_server)
{
  g_autoptr (AditWelcome) answer = adit_welcome_new ();
  Seen *seen;

  add_tunnel ("one");
  add_tunnel ("two");
  start ();
  seen = await_hello (1);
  answer->subdomain = g_strdup ("one");
  answer->public_url = g_strdup ("https://one.v1.test");
  adit_session_welcome (seen->session, seen->hello, answer);
  UNTIL (strstr (world.log->str, "https://one.v1.test -> 127.0.0.1:1"));
  ck_assert_ptr_nonnull (strstr (world.log->str, "one tunnel on a session"));
  leave ();
}
END_TEST

static Suite *
agent_suite (void)
{
  Suite *suite = suite_create ("agent");
  TCase *cases = tcase_create ("life");

  tcase_add_checked_fixture (cases, setup, teardown);
  tcase_add_test (cases, says_hello_and_leaves);
  tcase_add_test (cases, comes_back_under_its_name);
  tcase_add_loop_test (cases, a_final_refusal_ends_it, 0, 8);
  tcase_add_test (cases, others_are_tried_again);
  tcase_add_test (cases, a_silent_server_is_left);
  tcase_add_test (cases, a_refused_tunnel_leaves_the_others);
  tcase_add_test (cases, every_tunnel_refused);
  tcase_add_loop_test (cases, replaced_and_token_end_it, 0, 2);
  tcase_add_test (cases, replaced_among_several_asks_again);
  tcase_add_test (cases, draining);
  tcase_add_test (cases, idle_timeout);
  tcase_add_test (cases, leaves_while_nobody_answers);
  tcase_add_test (cases, v1_server);
  suite_add_tcase (suite, cases);
  return suite;
}

int
main (void)
{
  return testing_run (agent_suite ());
}
