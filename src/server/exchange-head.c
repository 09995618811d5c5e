/* SPDX-License-Identifier: MIT */
/* exchange-head: the request's head as the client gets it: routed fields set by us, hop-by-hop ones gone.
 *
 * Part of exchange. Pure but for the visitor's address. RFC 9110 7.6, RFC 7239 (Forwarded). */
#include "server/exchange-private.h"

#include "server/policy.h"

#include <string.h>

static void
put (AditHeadWriter *writer, const char *text)
{
  adit_head_put (writer, adit_span (text, strlen (text)));
}

/* "a, b" of all fields of @kind, then @ours. */
static void
put_appended (AditHeadWriter *writer, const AditHead *head, AditFieldKind kind, const char *name, const char *ours)
{
  put (writer, name);
  put (writer, ": ");
  for (guint i = 0; i < head->n_fields; i++)
    if (head->fields[i].kind == kind && head->fields[i].value.len > 0)
      {
        adit_head_put (writer, head->fields[i].value);
        put (writer, ", ");
      }
  put (writer, ours);
  put (writer, "\r\n");
}

static void
put_trusted_or (AditHeadWriter *writer, const AditHead *head, AditFieldKind kind, const char *name, AditSpan ours)
{
  const AditField *theirs = adit_head_get (head, kind);

  adit_head_put_field (writer, adit_span (name, strlen (name)), theirs ? theirs->value : ours);
}

static void
put_forwarded (AditExchange *ex, const AditHead *head, AditHeadWriter *writer)
{
  const AditPeer *peer = adit_visitor_get_peer (ex->visitor);
  const char *proto = adit_visitor_is_secure (ex->visitor) ? "https" : "http";
  char ip[ADIT_PEER_TEXT], forwarded[ADIT_LIMIT_HOST + 160];
  const AditHead none = { 0 };
  gboolean trusted = adit_masks_contain (ex->desk->rules->policy->trusted_proxies, peer);

  adit_peer_ip (peer, ip);
  g_snprintf (forwarded, sizeof forwarded, strchr (ip, ':') ? "for=\"[%s]\";host=\"%.*s\";proto=%s" : "for=%s;host=\"%.*s\";proto=%s",
              ip, (int) MIN (head->host.len, ADIT_LIMIT_HOST), head->host.data, proto);
  if (!trusted)
    head = &none;
  put_appended (writer, head, ADIT_FIELD_X_FORWARDED_FOR, "X-Forwarded-For", ip);
  put_trusted_or (writer, head, ADIT_FIELD_X_FORWARDED_PROTO, "X-Forwarded-Proto", adit_span (proto, strlen (proto)));
  put_appended (writer, head, ADIT_FIELD_FORWARDED, "Forwarded", forwarded);
}

static gboolean
is_passed (const AditField *field, AditFeatures features)
{
  switch (field->kind)
    {
    case ADIT_FIELD_HOST:
    case ADIT_FIELD_TRANSFER_ENCODING:
    case ADIT_FIELD_CONTENT_LENGTH:
    case ADIT_FIELD_X_FORWARDED_FOR:
    case ADIT_FIELD_X_FORWARDED_PROTO:
    case ADIT_FIELD_X_FORWARDED_HOST:
    case ADIT_FIELD_FORWARDED:
      return FALSE;
    case ADIT_FIELD_EXPECT:
      return (features & ADIT_FEATURE_INTERIM) != 0;
    default:
      return !field->hop;
    }
}

/* The body's length, or that it is unknown, or that there is none. */
static guint
put_framing (AditExchange *ex, const AditHead *head, AditFeatures features, AditHeadWriter *writer)
{
  if (ex->body == ADIT_BODY_LENGTH)
    {
      put (writer, "Content-Length: ");
      adit_head_put_number (writer, ex->body_left);
      put (writer, "\r\n");
      return 0;
    }
  if (ex->body == ADIT_BODY_CHUNKED)
    return ADIT_REQUEST_UNKNOWN_LENGTH;
  if (head->upgrade.len == 0 || !(features & ADIT_FEATURE_UPGRADE) || ex->minor == 0)
    return 0;
  ex->body = ADIT_BODY_RAW;
  put (writer, "Connection: Upgrade\r\n");
  adit_head_put_field (writer, ADIT_SPAN ("Upgrade"), head->upgrade);
  return ADIT_REQUEST_UPGRADE;
}

guint
adit_exchange_write_request (AditExchange *ex, const AditHead *head, AditFeatures features, AditHeadWriter *writer)
{
  guint flags;
  gboolean trusted;

  adit_head_put (writer, head->method);
  put (writer, " ");
  adit_head_put (writer, head->target);
  put (writer, " HTTP/1.1\r\n");
  adit_head_put_field (writer, ADIT_SPAN ("Host"), head->host);
  for (guint i = 0; i < head->n_fields; i++)
    if (is_passed (&head->fields[i], features))
      adit_head_put_field (writer, head->fields[i].name, head->fields[i].value);
  put_forwarded (ex, head, writer);
  trusted = adit_masks_contain (ex->desk->rules->policy->trusted_proxies, adit_visitor_get_peer (ex->visitor));
  if (trusted)
    put_trusted_or (writer, head, ADIT_FIELD_X_FORWARDED_HOST, "X-Forwarded-Host", head->host);
  else
    adit_head_put_field (writer, ADIT_SPAN ("X-Forwarded-Host"), head->host);
  flags = put_framing (ex, head, features, writer);
  put (writer, "\r\n");
  return flags;
}
