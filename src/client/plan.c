/* SPDX-License-Identifier: MIT */
/* plan: see plan.h. */
#include "client/plan.h"

#include "base/error.h"
#include "base/secret.h"

#include <gio/gio.h>
#include <string.h>

static gboolean
is_loopback (const AditAddress *address)
{
  g_autoptr (GInetAddress) literal = g_inet_address_new_from_string (address->host);

  if (literal)
    return g_inet_address_get_is_loopback (literal);
  return g_ascii_strcasecmp (address->host, "localhost") == 0;
}

static gboolean
take_address (AditPlan *plan, const AditOptions *options, const AditClientCfg *cfg, GError **error)
{
  const char *server = options->server ? options->server : cfg->server;

  if (server)
    return (plan->address = adit_address_parse (server, error)) != NULL;
  g_set_error (error, ADIT_ERROR, ADIT_ERROR_USAGE,
               "no server: \"adit login HOST:PORT --token T\" stores one, --host or ADIT_SERVER_URL names "
               "one for this run; "
               "\"adit dev\" needs none");
  return FALSE;
}

/* A server on this machine may do without tokens. */
static gboolean
take_token (AditPlan *plan, const AditOptions *options, const AditClientCfg *cfg, GError **error)
{
  g_autoptr (GError) wrong = NULL;

  plan->token = options->token ? g_strdup (options->token) : adit_clientcfg_dup_token (cfg, &wrong);
  if (plan->token)
    return TRUE;
  if (wrong)
    {
      g_propagate_error (error, g_steal_pointer (&wrong));
      return FALSE;
    }
  if (is_loopback (plan->address))
    {
      plan->token = g_strdup ("");
      return TRUE;
    }
  g_set_error (error, ADIT_ERROR, ADIT_ERROR_USAGE,
               "no token for %s: \"adit login\" stores one, --token or ADIT_TOKEN gives one for this run",
                 plan->address->text);
  return FALSE;
}

/* What the file says of the server's key holds for the file's server alone. */
static void
take_trust (AditPlan *plan, const AditOptions *options, const AditClientCfg *cfg)
{
  g_autoptr (AditAddress) own = cfg->server ? adit_address_parse (cfg->server, NULL) : NULL;
  gboolean is_own = own && adit_address_equal (own, plan->address);

  plan->trust.host = g_strdup (plan->address->host);
  plan->trust.insecure = options->insecure || (is_own && cfg->insecure && options->fingerprint == NULL);
  if (options->fingerprint)
    plan->trust.fingerprint = g_strdup (options->fingerprint);
  else if (is_own)
    plan->trust.fingerprint = g_strdup (cfg->fingerprint);
}

AditPlan *
adit_plan_new_contact (const AditOptions *options, const AditClientCfg *cfg, GError **error)
{
  g_autoptr (AditPlan) plan = g_new0 (AditPlan, 1);

  plan->tunnels = g_ptr_array_new_with_free_func ((GDestroyNotify) adit_publish_free);
  plan->idle_timeout_s = options->idle_timeout_s;
  if (!take_address (plan, options, cfg, error) || !take_token (plan, options, cfg, error))
    return NULL;
  take_trust (plan, options, cfg);
  return g_steal_pointer (&plan);
}

static gboolean
take_target (AditPlan *plan, const AditOptions *options, GError **error)
{
  AditTarget *target = adit_target_parse (options->args[0], error);
  AditPublish *publish;

  if (target == NULL)
    return FALSE;
  publish = adit_publish_new (target, options->subdomain, options->host_header);
  publish->insecure = options->insecure;
  if (options->concurrency)
    publish->concurrency = options->concurrency;
  g_ptr_array_add (plan->tunnels, publish);
  return TRUE;
}

/* The file's tunnels move to the plan. */
static gboolean
take_tunnels (AditPlan *plan, const AditOptions *options, const AditClientCfg *cfg, GError **error)
{
  if (cfg->tunnels->len == 0)
    {
      g_set_error (error, ADIT_ERROR, ADIT_ERROR_USAGE, "%s: there are no tunnels to start; add one, as in "
                   "tunnels = { web = { type = \"http\"; target = \"3000\"; }; };", cfg->path);
      return FALSE;
    }
  while (cfg->tunnels->len > 0)
    {
      AditPublish *publish = g_ptr_array_steal_index (cfg->tunnels, 0);

      publish->insecure |= options->insecure;
      g_ptr_array_add (plan->tunnels, publish);
    }
  return TRUE;
}

AditPlan *
adit_plan_new (const AditOptions *options, const AditClientCfg *cfg, GError **error)
{
  g_autoptr (AditPlan) plan = NULL;

  if (options->command != ADIT_COMMAND_START)
    {
      g_autoptr (AditTarget) target = adit_target_parse (options->args[0], error);

      if (target == NULL)
        return NULL;
    }
  plan = adit_plan_new_contact (options, cfg, error);
  if (plan == NULL)
    return NULL;
  if (options->command == ADIT_COMMAND_START ? take_tunnels (plan, options, cfg, error)
      : take_target (plan, options, error))
    return g_steal_pointer (&plan);
  return NULL;
}

void
adit_plan_free (AditPlan *plan)
{
  if (plan == NULL)
    return;
  adit_address_free (plan->address);
  adit_secret_free (plan->token);
  g_free (plan->trust.host);
  g_free (plan->trust.fingerprint);
  g_ptr_array_unref (plan->tunnels);
  g_free (plan);
}
