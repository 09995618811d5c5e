/* SPDX-License-Identifier: MIT */
/* router: see router.h. */
#include "server/router.h"

struct AditRouter
{
  AditCrew *crew;
  GHashTable *current; /* atomic */
  void (*on_published) (gpointer data, AditWorker *worker);
  gpointer data;
};

/* One for each swap, shared by the mails to all workers. */
typedef struct
{
  AditRouter *router;
  GHashTable *old;
  gint left;
} Swap;

static void
pass_turn (gpointer data)
{
  Swap *swap = data;

  swap->router->on_published (swap->router->data, adit_worker_current ());
  if (!g_atomic_int_dec_and_test (&swap->left))
    return;
  g_hash_table_unref (swap->old);
  g_free (swap);
}

AditRouter *
adit_router_new (AditCrew *crew, void (*on_published) (gpointer data, AditWorker *worker), gpointer data)
{
  AditRouter *router = g_new0 (AditRouter, 1);

  router->crew = crew;
  router->on_published = on_published;
  router->data = data;
  router->current = g_hash_table_new (g_str_hash, g_str_equal);
  return router;
}

void
adit_router_free (AditRouter *router)
{
  g_hash_table_unref (router->current);
  g_free (router);
}

void
adit_router_publish (AditRouter *router, GHashTable *tunnels)
{
  Swap *swap = g_new0 (Swap, 1);

  swap->router = router;
  swap->left = (gint) adit_crew_get_size (router->crew);
  swap->old = router->current;
  g_atomic_pointer_set (&router->current, tunnels);
  adit_crew_call (router->crew, pass_turn, swap);
}

AditTunnel *
adit_router_find (AditRouter *router, const char *label)
{
  return g_hash_table_lookup (g_atomic_pointer_get (&router->current), label);
}
