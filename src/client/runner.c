/* SPDX-License-Identifier: MIT */
/* runner: see runner.h. */
#include "client/runner.h"

#include "client/agent.h"
#include "loop/crew.h"

#include <glib-unix.h>
#include <signal.h>

typedef struct
{
  GMainLoop *loop;
  AditWorker *worker;
  AditAgent *agent;
  int status;
} Runner;

static gboolean
on_quit (gpointer data)
{
  g_main_loop_quit (data);
  return G_SOURCE_REMOVE;
}

/* On the worker. */
static void
on_ended (gpointer data, int status)
{
  Runner *runner = data;

  runner->status = status;
  g_main_context_invoke (NULL, on_quit, runner->loop);
}

static gboolean
on_signal (gpointer data)
{
  Runner *runner = data;

  adit_worker_call (runner->worker, adit_agent_leave, runner->agent);
  return G_SOURCE_CONTINUE;
}

int
adit_runner_run (AditPlan *plan)
{
  static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
  guint sources[G_N_ELEMENTS (signals)];
  AditCrew *crew = adit_crew_new (1);
  Runner runner = { .loop = g_main_loop_new (NULL, FALSE), .worker = adit_crew_get (crew, 0) };

  runner.agent = adit_agent_new (runner.worker, plan, on_ended, &runner);
  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    sources[i] = g_unix_signal_add (signals[i], on_signal, &runner);
  adit_crew_start (crew, "adit");
  adit_worker_call (runner.worker, adit_agent_start, runner.agent);
  g_main_loop_run (runner.loop);
  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    g_source_remove (sources[i]);
  adit_crew_stop (crew);
  adit_agent_free (runner.agent);
  adit_crew_free (crew);
  g_main_loop_unref (runner.loop);
  return runner.status;
}
