/* SPDX-License-Identifier: MIT */
/* localhead: see localhead.h. */
#include "client/localhead.h"

#include <string.h>

#define CRLF ADIT_SPAN ("\r\n")

static void
put_upgrade (AditHeadWriter *writer, const AditHead *head)
{
  adit_head_put_field (writer, ADIT_SPAN ("Connection"), ADIT_SPAN ("Upgrade"));
  adit_head_put_field (writer, ADIT_SPAN ("Upgrade"), head->upgrade);
}

gboolean
adit_localhead_put_request (AditHeadWriter *writer, const AditHead *head, const char *host, guint flags)
{
  adit_head_put (writer, head->method);
  adit_head_put (writer, ADIT_SPAN (" "));
  adit_head_put (writer, head->target);
  adit_head_put (writer, ADIT_SPAN (" HTTP/1.1\r\n"));
  for (guint i = 0; i < head->n_fields; i++)
    {
      const AditField *field = &head->fields[i];

      if (field->kind == ADIT_FIELD_HOST && host)
        adit_head_put_field (writer, field->name, adit_span (host, strlen (host)));
      else if (!field->hop && field->kind != ADIT_FIELD_TRANSFER_ENCODING)
        adit_head_put_field (writer, field->name, field->value);
    }
  if (flags & ADIT_LOCALHEAD_CHUNKED)
    adit_head_put_field (writer, ADIT_SPAN ("Transfer-Encoding"), ADIT_SPAN ("chunked"));
  if ((flags & ADIT_LOCALHEAD_UPGRADE) && head->upgrade.len > 0)
    put_upgrade (writer, head);
  adit_head_put (writer, CRLF);
  return !writer->overflow;
}

gboolean
adit_localhead_put_response (AditHeadWriter *writer, const AditHead *head)
{
  gboolean has_length = FALSE;

  adit_head_put (writer, ADIT_SPAN ("HTTP/1.1 "));
  adit_head_put_number (writer, head->status);
  adit_head_put (writer, ADIT_SPAN (" "));
  adit_head_put (writer, head->reason);
  adit_head_put (writer, CRLF);
  for (guint i = 0; i < head->n_fields; i++)
    {
      const AditField *field = &head->fields[i];

      if (field->hop || field->kind == ADIT_FIELD_TRANSFER_ENCODING)
        continue;
      if (field->kind == ADIT_FIELD_CONTENT_LENGTH)
        {
          if (has_length)
            continue; /* the parser saw to it that they agree */
          has_length = TRUE;
        }
      adit_head_put_field (writer, field->name, field->value);
    }
  if (head->status == 101 && head->upgrade.len > 0)
    put_upgrade (writer, head);
  adit_head_put (writer, CRLF);
  return !writer->overflow;
}

gboolean
adit_localhead_put_trailers (AditHeadWriter *writer, const AditHead *trailers)
{
  for (guint i = 0; i < trailers->n_fields; i++)
    if (!trailers->fields[i].hop)
      adit_head_put_field (writer, trailers->fields[i].name, trailers->fields[i].value);
  return !writer->overflow;
}
