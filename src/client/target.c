/* SPDX-License-Identifier: MIT */
/* target: see target.h. */
#include "client/target.h"

#include "base/error.h"
#include "client/address.h"

#include <gio/gio.h>
#include <string.h>
#include <sys/un.h>

#define FORMS "PORT, HOST:PORT, http://HOST:PORT, https://HOST:PORT or unix:/path"

static gboolean
usage (GError **error, const char *text, const char *why)
{
  g_set_error (error, ADIT_ERROR, ADIT_ERROR_USAGE, "\"%s\" is no target: %s", text, why);
  return FALSE;
}

static gboolean
take_port (AditTarget *target, const char *text, GError **error)
{
  if (!adit_address_parse_port (text, &target->port, error))
    return FALSE;
  target->host = g_strdup ("localhost");
  target->text = g_strdup_printf ("127.0.0.1:%u", target->port);
  target->authority = g_strdup_printf ("localhost:%u", target->port);
  return TRUE;
}

static gboolean
take_unix (AditTarget *target, const char *text, GError **error)
{
  struct sockaddr_un address;
  const char *path = text + strlen ("unix:");

  if (*path != '/')
    return usage (error, text, "unix: takes an absolute path, as in unix:/run/app.sock");
  if (strlen (path) >= sizeof address.sun_path)
    return usage (error, text, "the path of a unix socket has at most 107 bytes");
  target->path = g_strdup (path);
  target->text = g_strdup (text);
  target->authority = g_strdup ("localhost");
  return TRUE;
}

static gboolean
take_host (AditTarget *target, const char *text, const char *rest, guint16 fallback, GError **error)
{
  guint16 usual = target->tls ? 443 : 80;

  if (!adit_address_split (rest, &target->host, &target->port, error))
    return FALSE;
  if (target->port == 0 && fallback == 0)
    return usage (error, text, "it needs a port, as in HOST:PORT or http://HOST");
  if (target->port == 0)
    target->port = fallback;
  if (target->port == usual)
    target->authority = g_strdup_printf (strchr (target->host, ':') ? "[%s]" : "%s", target->host);
  else
    target->authority = adit_address_join (target->host, target->port);
  return TRUE;
}

static gboolean
take_url (AditTarget *target, const char *text, const char *rest, GError **error)
{
  g_autofree char *authority = NULL;
  const char *end = rest + strcspn (rest, "/?#");

  if (*end != '\0' && strcmp (end, "/") != 0)
    return usage (error, text, "a path is not possible here; requests keep their own");
  authority = g_strndup (rest, (gsize) (end - rest));
  if (strchr (authority, '@'))
    return usage (error, text, "user and password are not possible here");
  if (!take_host (target, text, authority, target->tls ? 443 : 80, error))
    return FALSE;
  target->text = g_strdup_printf ("%s://%s", target->tls ? "https" : "http", target->authority);
  return TRUE;
}

static gboolean
take (AditTarget *target, const char *text, GError **error)
{
  if (g_ascii_isdigit (*text) && strspn (text, "0123456789") == strlen (text))
    return take_port (target, text, error);
  if (g_str_has_prefix (text, "unix:"))
    return take_unix (target, text, error);
  if (g_ascii_strncasecmp (text, "http://", 7) == 0)
    return take_url (target, text, text + 7, error);
  if (g_ascii_strncasecmp (text, "https://", 8) == 0)
    {
      target->tls = TRUE;
      return take_url (target, text, text + 8, error);
    }
  if (g_ascii_strncasecmp (text, "h2c://", 6) == 0)
    return usage (error, text,
                  "HTTP/2 to the local service (h2c://) comes in a later version; use http:// if it speaks "
                  "HTTP/1.1");
  if (strstr (text, "://") || *text == '\0' || *text == '/')
    return usage (error, text, FORMS " is expected");
  if (!take_host (target, text, text, 0, error))
    return FALSE;
  target->text = adit_address_join (target->host, target->port);
  return TRUE;
}

AditTarget *
adit_target_parse (const char *text, GError **error)
{
  g_autoptr (AditTarget) target = g_new0 (AditTarget, 1);

  return take (target, text, error) ? g_steal_pointer (&target) : NULL;
}

void
adit_target_free (AditTarget *target)
{
  if (target == NULL)
    return;
  g_free (target->text);
  g_free (target->host);
  g_free (target->path);
  g_free (target->authority);
  g_free (target);
}

gboolean
adit_target_is_loopback (const AditTarget *target)
{
  g_autoptr (GInetAddress) address = NULL;

  if (target->host == NULL)
    return TRUE;
  if (g_ascii_strcasecmp (target->host, "localhost") == 0 || g_str_has_suffix (target->host, ".localhost"))
    return TRUE;
  address = g_inet_address_new_from_string (target->host);
  return address != NULL && g_inet_address_get_is_loopback (address);
}
