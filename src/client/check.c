/* SPDX-License-Identifier: MIT */
/* check: see check.h. */
#include "client/check.h"

#include "base/error.h"
#include "base/log.h"
#include "base/secret.h"
#include "client/look.h"
#include "client/say.h"

/* What to do about a server that cannot be reached. */
static const char *
cure (const GError *error)
{
  if (adit_error_is_verify (error) || adit_error_is_refused (error))
    return ""; /* the sentence has it */
  if (g_error_matches (error, ADIT_ERROR, ADIT_ERROR_TIMEOUT))
    return "; is the port open in the firewalls between here and there?";
  if (g_error_matches (error, ADIT_ERROR, ADIT_ERROR_CLOSED))
    return "; is adit-server running there, on that port?";
  if (g_error_matches (error, ADIT_ERROR, ADIT_ERROR_FAILED))
    return "; is the server's name right, and does its DNS record exist?";
  return "";
}

static gboolean
check_key (const AditPlan *plan, GError **error)
{
  AditLook look;

  if (!adit_look_at_key (plan->address, &plan->trust, &look, error))
    return FALSE;
  if (plan->address->plain)
    adit_say ("server: %s answers (plain, not encrypted)", plan->address->text);
  else
    adit_say ("server: %s answers, its key is %s (%s)", plan->address->text, look.fingerprint,
              plan->trust.insecure       ? "not verified"
              : plan->trust.fingerprint ? "pinned"
                                        : "publicly trusted");
  adit_look_clear (&look);
  return TRUE;
}

static gboolean
check_server (const AditPlan *plan, GError **error)
{
  g_autofree char *hint = adit_secret_hint (plan->token);

  if (!check_key (plan, error) || !adit_look_at_token (plan, error))
    return FALSE;
  adit_say ("token: %s is accepted", hint);
  return TRUE;
}

/* A service that is not started yet is no fault of the configuration. */
static void
check_targets (const AditClientCfg *cfg)
{
  for (guint i = 0; i < cfg->tunnels->len; i++)
    {
      AditPublish *publish = g_ptr_array_index (cfg->tunnels, i);
      g_autoptr (GError) error = NULL;

      if (adit_look_at_target (publish->target, &error))
        adit_say ("tunnel %s: %s answers", publish->label, publish->target->text);
      else
        adit_warning ("tunnel %s: %s: %s; start the local service, or mend target", publish->label,
                      publish->target->text, error->message);
    }
}

int
adit_check_run (const AditOptions *options, AditClientCfg *cfg)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AditPlan) plan = NULL;

  adit_say ("configuration: %s", cfg->path);
  check_targets (cfg);
  plan = adit_plan_new_contact (options, cfg, &error);
  if (plan && check_server (plan, &error))
    adit_say ("all is well");
  else if (plan)
    adit_error ("%s: %s%s", plan->address->text, error->message, cure (error));
  else
    adit_error ("%s", error->message);
  return adit_error_exit_status (error);
}
