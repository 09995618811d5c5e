/* SPDX-License-Identifier: MIT */
/* dev: see dev.h. */
#include "programs/dev.h"

#include "base/error.h"
#include "base/log.h"
#include "base/secret.h"
#include "client/runner.h"
#include "programs/demo.h"
#include "server/server.h"

#include <gio/gio.h>
#include <string.h>

#define FIRST_PORT 8080
#define LAST_PORT 8180

/* Whether nobody listens there: the server's own sockets may share a port, and two of these must not. */
static gboolean
is_free (guint16 port)
{
  g_autoptr (GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new (loopback, port);
  g_autoptr (GSocket) socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM,
                                             G_SOCKET_PROTOCOL_TCP, NULL);

  return socket && g_socket_bind (socket, address, TRUE, NULL);
}

static gboolean
choose_port (const AditOptions *options, guint16 *port, GError **error)
{
  guint first = options->port ? options->port : FIRST_PORT, last = options->port ? options->port : LAST_PORT;

  for (guint at = first; at <= last; at++)
    if (is_free ((guint16) at))
      {
        *port = (guint16) at;
        return TRUE;
      }
  g_set_error (error, ADIT_ERROR, ADIT_ERROR_USAGE,
               "port %u on 127.0.0.1 cannot be used (taken, or not permitted); choose "
               "another one with --port", first);
  return FALSE;
}

/* Everything on loopback; the control port is any free one; nothing is kept on disk. */
static AditServer *
make_server (guint16 http_port, const char *token, GError **error)
{
  g_autofree char *text = g_strdup_printf ("server = { domain = \"localhost\"; bind = \"127.0.0.1\"; "
                                           "state_dir = \"\";\n"
                                           "  http_port = %u; https_port = 0; workers = 1; };\n"
                                           "control = { tls = \"off\"; };\n"
                                           "auth = { tokens = ( \"%s\" ); };\n", http_port, token);
  g_auto (GStrv) errors = NULL;
  g_autoptr (AditPolicy) policy = adit_policy_parse (text, "adit dev", &errors);

  if (policy)
    {
      policy->control_port = ADIT_PORT_ANY;
      return adit_server_new (policy, error);
    }
  g_set_error_literal (error, ADIT_ERROR, ADIT_ERROR_FAILED, errors && errors[0] ? errors[0] : "no policy");
  return NULL;
}

static AditPlan *
make_plan (const AditOptions *options, AditTarget *target, guint16 control_port, const char *token)
{
  AditPlan *plan = g_new0 (AditPlan, 1);
  AditPublish *publish = adit_publish_new (target, options->subdomain, options->host_header);
  g_autofree char *address = g_strdup_printf ("tcp://127.0.0.1:%u", control_port);

  publish->insecure = options->insecure;
  if (options->concurrency)
    publish->concurrency = options->concurrency;
  plan->address = adit_address_parse (address, NULL);
  plan->token = g_strdup (token);
  plan->tunnels = g_ptr_array_new_with_free_func ((GDestroyNotify) adit_publish_free);
  plan->idle_timeout_s = options->idle_timeout_s;
  plan->quiet = TRUE; /* the server's lines say it all */
  g_ptr_array_add (plan->tunnels, publish);
  return plan;
}

static gboolean
run (const AditOptions *options, AditTarget *target, int *status, GError **error)
{
  g_autofree char *token = adit_secret_random_name (24);
  g_autoptr (AditPlan) plan = NULL;
  AditServer *server = NULL;
  guint16 port;

  /* What it says of its listeners is not news here. */
  adit_log_set_level (options->log_level == ADIT_LOG_DEBUG ? ADIT_LOG_DEBUG : ADIT_LOG_ERROR);
  if (choose_port (options, &port, error))
    server = make_server (port, token, error);
  if (server)
    adit_server_start (server);
  adit_log_set_level (options->log_level);
  if (server == NULL)
    {
      adit_target_free (target);
      return FALSE;
    }
  plan = make_plan (options, target, adit_server_get_port (server, ADIT_PORT_CONTROL), token);
  *status = adit_runner_run (plan);
  adit_server_free (server);
  return TRUE;
}

int
adit_dev_run (const AditOptions *options)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *own = NULL;
  AditTarget *target;
  AditDemo *demo = NULL;
  int status = ADIT_EXIT_FAILED;

  if (options->args[0] == NULL && (demo = adit_demo_new (&error)) != NULL)
    own = g_strdup_printf ("127.0.0.1:%u", adit_demo_get_port (demo));
  target = error ? NULL : adit_target_parse (own ? own : options->args[0], &error);
  if (target == NULL || !run (options, target, &status, &error))
    {
      adit_error ("%s", error->message);
      status = adit_error_exit_status (error);
    }
  adit_demo_free (demo);
  return status;
}
