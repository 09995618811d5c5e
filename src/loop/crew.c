/* SPDX-License-Identifier: MIT */
/* crew: see crew.h. */
#include "loop/crew.h"

struct AditCrew
{
  guint n;
  AditWorker **workers;
};

AditCrew *
adit_crew_new (guint n)
{
  AditCrew *crew = g_new0 (AditCrew, 1);

  crew->n = n ? n : MAX (1, g_get_num_processors ());
  crew->workers = g_new0 (AditWorker *, crew->n);
  for (guint i = 0; i < crew->n; i++)
    crew->workers[i] = adit_worker_new (i);
  return crew;
}

void
adit_crew_start (AditCrew *crew, const char *name)
{
  for (guint i = 0; i < crew->n; i++)
    {
      g_autofree char *thread_name = g_strdup_printf ("%s-%u", name, i);

      adit_worker_start (crew->workers[i], thread_name);
    }
}

void
adit_crew_stop (AditCrew *crew)
{
  for (guint i = 0; i < crew->n; i++)
    adit_worker_stop (crew->workers[i]);
}

void
adit_crew_free (AditCrew *crew)
{
  adit_crew_stop (crew);
  for (guint i = 0; i < crew->n; i++)
    g_object_unref (crew->workers[i]);
  g_free (crew->workers);
  g_free (crew);
}

guint
adit_crew_get_size (AditCrew *crew)
{
  return crew->n;
}

AditWorker *
adit_crew_get (AditCrew *crew, guint index)
{
  g_return_val_if_fail (index < crew->n, NULL);
  return crew->workers[index];
}

void
adit_crew_call (AditCrew *crew, void (*func) (gpointer data), gpointer data)
{
  for (guint i = 0; i < crew->n; i++)
    adit_worker_call (crew->workers[i], func, data);
}
