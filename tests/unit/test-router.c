/* SPDX-License-Identifier: MIT */
/* test-router: snapshots that are swapped while workers read them: what a worker found stays until the end
 * of its turn, and everything is freed in the end. Made for the thread sanitizer.
 *
 * Sessions are only counted here, so this file brings its own AditUplink. */
#include "server/router.h"

#include "lib/testing.h"
#include "server/uplink.h"

#include <string.h>

#define WORKERS 3
#define LABELS 20
#define SWAPS 400

struct AditUplink
{
  gint refs;
};

AditUplink *
adit_uplink_ref (AditUplink *uplink)
{
  g_atomic_int_inc (&uplink->refs);
  return uplink;
}

void
adit_uplink_unref (AditUplink *uplink)
{
  if (uplink)
    ck_assert (!g_atomic_int_dec_and_test (&uplink->refs));
}

static AditUplink session = { 1 };
static AditCrew *crew;
static AditRouter *router;
static gint n_published[WORKERS]; /* each touched on its own worker */
static gint n_read, stop;

static void
on_published (gpointer data, AditWorker *worker)
{
  ck_assert (data == &session);
  ck_assert (adit_worker_is_mine (worker));
  n_published[adit_worker_get_index (worker)]++;
}

static void
setup (void)
{
  crew = adit_crew_new (WORKERS);
  router = adit_router_new (crew, on_published, &session);
}

static void
teardown (void)
{
  adit_crew_stop (crew);
  adit_router_free (router);
  adit_crew_free (crew);
  ck_assert_int_eq (session.refs, 1);
}

static const char *
label_of (guint i, char text[16])
{
  g_snprintf (text, 16, "name-%u", i);
  return text;
}

/* All labels; @generation stands in each tunnel's index. */
static GHashTable *
table_of (guint generation)
{
  GHashTable *table = g_hash_table_new_full (g_str_hash, g_str_equal, NULL,
                                             (GDestroyNotify) adit_tunnel_unref);

  for (guint i = 0; i < LABELS; i++)
    {
      char label[16];
      AditTunnel *tunnel = adit_tunnel_new (label_of (i, label), "https://a", i % 2 ? &session : NULL,
                                            i % WORKERS, generation);

      g_hash_table_insert (table, tunnel->label, tunnel);
    }
  return table;
}

START_TEST (test_find)
{
  ck_assert (adit_router_find (router, "name-1") == NULL);
  adit_router_publish (router, table_of (7));
  ck_assert_str_eq (adit_router_find (router, "name-1")->label, "name-1");
  ck_assert_uint_eq (adit_router_find (router, "name-1")->index, 7);
  ck_assert (adit_router_find (router, "name-1")->uplink == &session);
  ck_assert (adit_router_find (router, "name-2")->uplink == NULL);
  ck_assert (adit_router_find (router, "NAME-1") == NULL);
  ck_assert (adit_router_find (router, "") == NULL);
  adit_crew_start (crew, "test");
}
END_TEST

/* An old table goes only when every worker has passed a turn. */
START_TEST (test_old_table)
{
  AditTunnel *tunnel;

  adit_router_publish (router, table_of (1));
  tunnel = adit_tunnel_ref (adit_router_find (router, "name-1"));
  adit_router_publish (router, table_of (2));
  ck_assert_int_eq (tunnel->refs, 2);
  for (guint i = 0; i < WORKERS; i++)
    {
      ck_assert_int_eq (tunnel->refs, 2);
      adit_worker_turn (adit_crew_get (crew, i), FALSE);
      ck_assert_int_eq (n_published[i], 2);
    }
  ck_assert_int_eq (tunnel->refs, 1);
  adit_tunnel_unref (tunnel);
}
END_TEST

/* Reads as a visitor does, then once more. What is found within one turn may be of two tables, but never of a
 * freed one. */
static void
read_some (gpointer data)
{
  AditTunnel *found[LABELS];
  char label[16];

  for (guint i = 0; i < LABELS; i++)
    found[i] = adit_router_find (router, label_of (i, label));
  for (guint i = 0; i < LABELS; i++)
    {
      ck_assert_str_eq (found[i]->label, label_of (i, label));
      ck_assert_uint_eq (found[i]->worker, i % WORKERS);
      ck_assert (i == 0 || found[i]->index >= found[i - 1]->index);
      if (i % 5 == 0)
        {
          adit_tunnel_ref (found[i]);
          adit_tunnel_unref (found[i]);
        }
    }
  g_atomic_int_inc (&n_read);
  if (!g_atomic_int_get (&stop))
    adit_worker_call (adit_worker_current (), read_some, NULL);
}

static gboolean
has_read (gpointer until)
{
  return g_atomic_int_get (&n_read) >= *(gint *) until;
}

START_TEST (test_swap)
{
  adit_router_publish (router, table_of (0));
  adit_crew_start (crew, "test");
  adit_crew_call (crew, read_some, NULL);
  for (guint i = 1; i <= SWAPS; i++)
    {
      gint until = g_atomic_int_get (&n_read) + (i % 10 == 0 ? 5 : 0);

      adit_router_publish (router, table_of (i));
      ck_assert (testing_wait (has_read, &until, 10000));
    }
  g_atomic_int_set (&stop, 1);
  adit_crew_stop (crew);
  for (guint i = 0; i < WORKERS; i++)
    ck_assert_int_eq (n_published[i], SWAPS + 1);
  ck_assert_uint_eq (adit_router_find (router, "name-3")->index, SWAPS);
  ck_assert_int_eq (g_atomic_int_get (&session.refs), 1 + LABELS / 2); /* the last table's */
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("router");
  TCase *tcase = tcase_create ("router");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, test_find);
  tcase_add_test (tcase, test_old_table);
  tcase_add_test (tcase, test_swap);
  suite_add_tcase (suite, tcase);
  return testing_run (suite);
}
