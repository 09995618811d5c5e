/* SPDX-License-Identifier: MIT */
/* error: the domain, and the one place that knows which code ends a program with which status. */
#include "base/error.h"

G_DEFINE_QUARK (adit-error-quark, adit_error)

int
adit_error_exit_status (const GError *error)
{
  if (error == NULL)
    return ADIT_EXIT_DONE;
  if (error->domain != ADIT_ERROR)
    return ADIT_EXIT_FAILED;
  switch ((AditError) error->code)
    {
    case ADIT_ERROR_USAGE:
      return ADIT_EXIT_USAGE;
    case ADIT_ERROR_REFUSED:
      return ADIT_EXIT_REFUSED;
    case ADIT_ERROR_FAILED:
    case ADIT_ERROR_PROTOCOL:
    case ADIT_ERROR_CLOSED:
    case ADIT_ERROR_TIMEOUT:
    case ADIT_ERROR_LIMIT:
    case ADIT_ERROR_VERIFY:
      break;
    }
  return ADIT_EXIT_FAILED;
}

gboolean
adit_error_is_refused (const GError *error)
{
  return g_error_matches (error, ADIT_ERROR, ADIT_ERROR_REFUSED);
}

gboolean
adit_error_is_closed (const GError *error)
{
  return g_error_matches (error, ADIT_ERROR, ADIT_ERROR_CLOSED);
}

gboolean
adit_error_is_verify (const GError *error)
{
  return g_error_matches (error, ADIT_ERROR, ADIT_ERROR_VERIFY);
}

gboolean
adit_error_is_usage (const GError *error)
{
  return g_error_matches (error, ADIT_ERROR, ADIT_ERROR_USAGE);
}
