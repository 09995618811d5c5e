/* SPDX-License-Identifier: MIT */
/* head-host: authorities: their strict syntax, their comparison, and the label under a domain.
 *
 * Pure. A host that could be read in two ways (userinfo, lists, escapes) is refused. */
#include "wire/head-private.h"

#include <arpa/inet.h>
#include <string.h>

/* ":" and one to five digits, 1 to 65535. */
static gboolean
parse_port (AditSpan text, guint *port)
{
  guint value = 0;

  if (text.len < 2 || text.len > 6 || text.data[0] != ':')
    return FALSE;
  for (gsize i = 1; i < text.len; i++)
    {
      if (!g_ascii_isdigit (text.data[i]))
        return FALSE;
      value = value * 10 + (text.data[i] - '0');
    }
  *port = value;
  return value >= 1 && value <= 65535;
}

/* Length of "[…]" at the start of @text, 0 if it is no IPv6 literal. */
static gsize
literal_length (AditSpan text)
{
  char address[INET6_ADDRSTRLEN];
  struct in6_addr parsed;
  const guint8 *close = memchr (text.data, ']', text.len);
  gsize len = close != NULL ? (gsize) (close - text.data) - 1 : 0;

  if (len == 0 || len >= sizeof address || memchr (text.data, 0, len + 1) != NULL)
    return 0;
  memcpy (address, text.data + 1, len);
  address[len] = '\0';
  return inet_pton (AF_INET6, address, &parsed) == 1 ? len + 2 : 0;
}

const char *
adit_head_authority_parse (AditHeadAuthority *authority, AditSpan text)
{
  gsize len = 0;

  if (text.len == 0)
    return "the host is empty";
  if (text.len > ADIT_LIMIT_HOST)
    return "the host is too long";
  if (text.data[0] == '[')
    len = literal_length (text);
  else
    while (len < text.len && ADIT_HEAD_IS (text.data[len], ADIT_HEAD_NAME))
      len++;
  if (len == 0)
    return "the host is malformed";
  *authority = (AditHeadAuthority){ .name = adit_span (text.data, len) };
  if (len == text.len)
    return NULL;
  if (text.data[len] != ':')
    return "the host is malformed";
  if (!parse_port (adit_span (text.data + len, text.len - len), &authority->port))
    return "the port of the host is malformed";
  return NULL;
}

static AditSpan
without_dot (AditSpan name)
{
  if (name.len > 1 && name.data[name.len - 1] == '.')
    name.len--;
  return name;
}

gboolean
adit_head_authority_equal (AditSpan a, AditSpan b, guint default_port)
{
  AditHeadAuthority left, right;

  if (adit_head_authority_parse (&left, a) != NULL || adit_head_authority_parse (&right, b) != NULL)
    return FALSE;
  left.name = without_dot (left.name);
  right.name = without_dot (right.name);
  return (left.port != 0 ? left.port : default_port) == (right.port != 0 ? right.port : default_port)
         && adit_head_same (left.name, right.name);
}

gboolean
adit_head_host_label (AditSpan host, const char *domain, char *label, gboolean *apex)
{
  AditHeadAuthority authority;
  AditSpan name, under = without_dot (adit_span (domain, strlen (domain)));
  gsize len;

  *apex = FALSE;
  if (adit_head_authority_parse (&authority, host) != NULL)
    return FALSE;
  name = without_dot (authority.name);
  if (name.len < under.len
      || g_ascii_strncasecmp ((const char *) name.data + name.len - under.len, domain, under.len) != 0)
    return FALSE;
  if (name.len == under.len)
    {
      *apex = TRUE;
      return FALSE;
    }
  len = name.len - under.len - 1;
  if (name.data[len] != '.' || len == 0 || len > ADIT_LIMIT_LABEL || memchr (name.data, '.', len) != NULL)
    return FALSE;
  for (gsize i = 0; i < len; i++)
    label[i] = g_ascii_tolower ((char) name.data[i]);
  label[len] = '\0';
  return TRUE;
}
