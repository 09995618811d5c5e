/* SPDX-License-Identifier: MIT */
/* head-write: a bounded writer of heads into memory of the caller.
 *
 * Pure. It writes what it is given: the bytes were judged by the parser or come from our own tables. */
#include "wire/head.h"

#include <string.h>

void
adit_head_put (AditHeadWriter *writer, AditSpan bytes)
{
  if (writer->overflow || bytes.len > (gsize) (writer->end - writer->at))
    {
      writer->overflow = TRUE;
      return;
    }
  if (bytes.len > 0)
    memcpy (writer->at, bytes.data, bytes.len);
  writer->at += bytes.len;
}

void
adit_head_put_number (AditHeadWriter *writer, guint64 number)
{
  guint8 digits[20];
  gsize at = sizeof digits;

  do
    digits[--at] = (guint8) ('0' + number % 10);
  while ((number /= 10) > 0);
  adit_head_put (writer, adit_span (digits + at, sizeof digits - at));
}

void
adit_head_put_field (AditHeadWriter *writer, AditSpan name, AditSpan value)
{
  gsize len = name.len + 2 + value.len + 2;

  if (writer->overflow || len > (gsize) (writer->end - writer->at))
    {
      writer->overflow = TRUE;
      return;
    }
  adit_head_put (writer, name);
  adit_head_put (writer, ADIT_SPAN (": "));
  adit_head_put (writer, value);
  adit_head_put (writer, ADIT_SPAN ("\r\n"));
}
