/* SPDX-License-Identifier: MIT */
/* demo: a small web service with one page of its own, for adit dev without a TARGET.
 *
 * Owner: dev. Thread: accepts in the main context that made it, answers in threads of its own. Loopback
 * only. */
#pragma once

#include <glib.h>

typedef struct AditDemo AditDemo;

AditDemo *adit_demo_new (GError **error);
guint16 adit_demo_get_port (AditDemo *demo);
void adit_demo_free (AditDemo *demo);
