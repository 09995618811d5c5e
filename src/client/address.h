/* SPDX-License-Identifier: MIT */
/* address: where an adit-server is reached: HOST, HOST:PORT or [V6]:PORT over TLS, tcp://HOST:PORT over
 * plain wire v1.
 *
 * Immutable once parsed. Owner: the caller. Thread: any. Never resolves a name. */
#pragma once

#include <glib.h>

#define ADIT_ADDRESS_PORT 7000u

typedef struct
{
  char *host;     /* a name or a literal without brackets */
  guint16 port;
  gboolean plain; /* wire v1 without TLS, asked for on purpose */
  char *text;     /* "host:port", for messages */
} AditAddress;

/* NULL with ADIT_ERROR_USAGE and a sentence that shows the forms. */
AditAddress *adit_address_parse (const char *text, GError **error);
void adit_address_free (AditAddress *address);
gboolean adit_address_equal (const AditAddress *a, const AditAddress *b);
/* As it is written into a configuration file; the caller owns it. */
char *adit_address_dup_url (const AditAddress *address);

/* Splits HOST, HOST:PORT, [V6] or [V6]:PORT; *port is 0 if there is none. Used for targets, too. */
gboolean adit_address_split (const char *text, char **host, guint16 *port, GError **error);
/* 1 to 65535, digits only. */
gboolean adit_address_parse_port (const char *text, guint16 *port, GError **error);
/* "host:port" with brackets where needed; the caller owns it. */
char *adit_address_join (const char *host, guint16 port);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AditAddress, adit_address_free)
