/* SPDX-License-Identifier: MIT */
/* refusal: see refusal.h. */
#include "client/refusal.h"

static const char *const cures[] = {
  [ADIT_REJECT_NONE] = NULL,
  [ADIT_REJECT_TOKEN] = "check the token: adit login stores it, --token and ADIT_TOKEN override it",
  [ADIT_REJECT_NAME] = "choose another name with --subdomain, or use the token that holds this one",
  [ADIT_REJECT_VERSION] = "update the older of the two, adit or adit-server",
  [ADIT_REJECT_PORT] = "choose another port",
  [ADIT_REJECT_FORBIDDEN] = "choose another name, or ask the operator for the right to it",
  [ADIT_REJECT_REPLACED] = "another client opened it with the same token and holds it now; this one does not "
                           "take it back",
  [ADIT_REJECT_FULL] = "try again later, or ask the operator for more room",
  [ADIT_REJECT_DRAINING] = NULL,
};

char *
adit_refusal_sentence (AditRejectCode code, const char *what, const char *reason)
{
  const char *cure = (guint) code < G_N_ELEMENTS (cures) ? cures[code] : NULL;
  GString *text = g_string_new ("the server refused");

  if (what)
    g_string_append_printf (text, " %s", what);
  if (reason && *reason)
    g_string_append_printf (text, ": %s", reason);
  if (cure)
    g_string_append_printf (text, "; %s", cure);
  return g_string_free (text, FALSE);
}
