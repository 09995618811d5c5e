/* SPDX-License-Identifier: MIT */
/* crew: all workers of a program: made, started and stopped together.
 *
 * Owner: the program's house (server, agent). Thread: the one that made it. */
#pragma once

#include "loop/worker.h"

typedef struct AditCrew AditCrew;

/* @n workers, not yet running; 0 is one for each CPU that this process may use. */
AditCrew *adit_crew_new (guint n);
void adit_crew_start (AditCrew *crew, const char *name);
/* Joins the threads; the workers stay until adit_crew_free(). */
void adit_crew_stop (AditCrew *crew);
void adit_crew_free (AditCrew *crew);
guint adit_crew_get_size (AditCrew *crew);
AditWorker *adit_crew_get (AditCrew *crew, guint index);
/* Runs @func (@data) on every worker. */
void adit_crew_call (AditCrew *crew, void (*func) (gpointer data), gpointer data);
