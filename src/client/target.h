/* SPDX-License-Identifier: MIT */
/* target: the local service as the user names it: PORT, HOST:PORT, http://…, https://…, unix:/path.
 *
 * Immutable once parsed. Owner: the caller. Thread: any. Never connects. */
#pragma once

#include <glib.h>

typedef struct
{
  char *text;      /* for logs: "127.0.0.1:3000", "https://host:8443", "unix:/path" */
  char *host;      /* NULL for a unix socket; "localhost" stands for 127.0.0.1, then ::1 */
  guint16 port;
  char *path;      /* of a unix socket, else NULL */
  gboolean tls;
  char *authority; /* its own Host */
} AditTarget;

/* NULL with ADIT_ERROR_USAGE and a sentence that shows the forms. */
AditTarget *adit_target_parse (const char *text, GError **error);
void adit_target_free (AditTarget *target);
/* TRUE if it is on this machine, where a certificate proves nothing. */
gboolean adit_target_is_loopback (const AditTarget *target);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AditTarget, adit_target_free)
