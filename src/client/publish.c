/* SPDX-License-Identifier: MIT */
/* publish: see publish.h. */
#include "client/publish.h"

#include "base/log.h"

#include <string.h>

#define CONCURRENCY 100u

AditPublish *
adit_publish_new (AditTarget *target, const char *subdomain, const char *host_header)
{
  AditPublish *publish = g_new0 (AditPublish, 1);

  publish->target = target;
  publish->subdomain = g_strdup (subdomain);
  publish->concurrency = CONCURRENCY;
  if (host_header == NULL || strcmp (host_header, "rewrite") == 0)
    publish->host_header = g_strdup (target->authority);
  else if (strcmp (host_header, "preserve") != 0)
    publish->host_header = g_strdup (host_header);
  return publish;
}

void
adit_publish_free (AditPublish *publish)
{
  if (publish == NULL)
    return;
  g_free (publish->label);
  g_free (publish->subdomain);
  adit_target_free (publish->target);
  g_free (publish->host_header);
  g_free (publish->given);
  g_free (publish->public_url);
  g_free (publish);
}

/* A name that was given once is asked for again, be it chosen or random. */
AditHelloTunnel *
adit_publish_ask (const AditPublish *publish)
{
  AditHelloTunnel *tunnel = adit_hello_tunnel_new ();

  g_free (tunnel->type);
  tunnel->type = g_strdup ("http");
  tunnel->subdomain = g_strdup (publish->given ? publish->given : publish->subdomain);
  tunnel->epoch = publish->epoch;
  return tunnel;
}

void
adit_publish_give (AditPublish *publish, const char *subdomain, const char *public_url, guint64 epoch)
{
  AditLogField fields[4];

  if (g_strcmp0 (publish->given, subdomain) != 0)
    {
      g_free (publish->given);
      publish->given = g_strdup (subdomain);
    }
  if (g_strcmp0 (publish->public_url, public_url) != 0)
    {
      g_free (publish->public_url);
      publish->public_url = g_strdup (public_url);
    }
  publish->epoch = epoch;
  publish->open = TRUE;
  fields[0] = ADIT_LOG_STR ("event", "tunnel");
  fields[1] = ADIT_LOG_STR ("name", publish->given ? publish->given : "");
  fields[2] = ADIT_LOG_STR ("public_url", publish->public_url ? publish->public_url : "");
  fields[3] = ADIT_LOG_STR ("target", publish->target->text);
  adit_log_fields (ADIT_LOG_INFO, fields, G_N_ELEMENTS (fields), "%s -> %s", fields[2].text,
                   publish->target->text);
}

const char *
adit_publish_get_title (const AditPublish *publish)
{
  if (publish->label)
    return publish->label;
  if (publish->given)
    return publish->given;
  return publish->subdomain ? publish->subdomain : publish->target->text;
}
