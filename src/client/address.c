/* SPDX-License-Identifier: MIT */
/* address: see address.h. */
#include "client/address.h"

#include "base/error.h"

#include <gio/gio.h>
#include <string.h>

#define MAX_HOST 253u

gboolean
adit_address_parse_port (const char *text, guint16 *port, GError **error)
{
  guint64 number = 0;

  if (!g_ascii_isdigit (*text) || !g_ascii_string_to_unsigned (text, 10, 1, 65535, &number, NULL))
    {
      g_set_error (error, ADIT_ERROR, ADIT_ERROR_USAGE,
                   "\"%s\" is no port: a number from 1 to 65535 is expected", text);
      return FALSE;
    }
  *port = (guint16) number;
  return TRUE;
}

static gboolean
is_literal_v6 (const char *text)
{
  g_autoptr (GInetAddress) address = strchr (text, ':') ? g_inet_address_new_from_string (text) : NULL;

  return address != NULL;
}

/* A name or an IPv4 literal; what getaddrinfo() makes of it is seen later. */
static gboolean
check_host (const char *host, GError **error)
{
  gsize len = strlen (host);

  for (const char *at = host; *at != '\0'; at++)
    if (!g_ascii_isalnum (*at) && strchr ("-._", *at) == NULL)
      len = 0;
  if (len > 0 && len <= MAX_HOST && *host != '-' && *host != '.')
    return TRUE;
  g_set_error (error, ADIT_ERROR, ADIT_ERROR_USAGE, "\"%s\" is no host name or address", host);
  return FALSE;
}

static gboolean
split_brackets (const char *text, char **host, guint16 *port, GError **error)
{
  const char *close = strchr (text, ']');
  g_autofree char *inner = close ? g_strndup (text + 1, (gsize) (close - text - 1)) : NULL;

  if (close == NULL || !is_literal_v6 (inner) || (close[1] != '\0' && close[1] != ':'))
    {
      g_set_error (error, ADIT_ERROR, ADIT_ERROR_USAGE,
                   "\"%s\" is no address: [V6] or [V6]:PORT is expected", text);
      return FALSE;
    }
  if (close[1] == ':' && !adit_address_parse_port (close + 2, port, error))
    return FALSE;
  *host = g_steal_pointer (&inner);
  return TRUE;
}

gboolean
adit_address_split (const char *text, char **host, guint16 *port, GError **error)
{
  const char *colon = strrchr (text, ':');
  g_autofree char *name = NULL;

  *port = 0;
  if (*text == '[')
    return split_brackets (text, host, port, error);
  if (is_literal_v6 (text))
    {
      *host = g_strdup (text);
      return TRUE;
    }
  name = colon ? g_strndup (text, (gsize) (colon - text)) : g_strdup (text);
  if (!check_host (name, error) || (colon && !adit_address_parse_port (colon + 1, port, error)))
    return FALSE;
  *host = g_steal_pointer (&name);
  return TRUE;
}

char *
adit_address_join (const char *host, guint16 port)
{
  return g_strdup_printf (strchr (host, ':') ? "[%s]:%u" : "%s:%u", host, port);
}

AditAddress *
adit_address_parse (const char *text, GError **error)
{
  g_autoptr (AditAddress) address = g_new0 (AditAddress, 1);
  const char *rest = text;

  if (g_str_has_prefix (text, "tcp://"))
    {
      address->plain = TRUE;
      rest = text + strlen ("tcp://");
    }
  else if (strstr (text, "://") != NULL)
    {
      g_set_error (error, ADIT_ERROR, ADIT_ERROR_USAGE,
                   "\"%s\" is no server: HOST:PORT (TLS) or tcp://HOST:PORT (plain) is expected", text);
      return NULL;
    }
  if (!adit_address_split (rest, &address->host, &address->port, error))
    {
      g_prefix_error (error, "server: ");
      return NULL;
    }
  if (address->port == 0)
    address->port = ADIT_ADDRESS_PORT;
  address->text = adit_address_join (address->host, address->port);
  return g_steal_pointer (&address);
}

void
adit_address_free (AditAddress *address)
{
  if (address == NULL)
    return;
  g_free (address->host);
  g_free (address->text);
  g_free (address);
}

gboolean
adit_address_equal (const AditAddress *a, const AditAddress *b)
{
  return a->port == b->port && a->plain == b->plain && g_ascii_strcasecmp (a->host, b->host) == 0;
}

char *
adit_address_dup_url (const AditAddress *address)
{
  return g_strconcat (address->plain ? "tcp://" : "", address->text, NULL);
}
