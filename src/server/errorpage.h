/* SPDX-License-Identifier: MIT */
/* errorpage: the plain answers that the server gives by itself: one for each reason, in HTML or JSON.
 *
 * Pure: writes into the caller's memory. Nothing that a visitor sent is echoed. */
#pragma once

#include "wire/head.h"

typedef struct
{
  AditReason reason;
  AditSpan accept;      /* the visitor's Accept */
  guint64 request_id;   /* 0: none yet */
  gboolean is_head;     /* head only */
  gboolean keep_alive;
  guint minor;          /* HTTP/1.minor of the request */
} AditErrorPage;

void adit_errorpage_write (AditHeadWriter *writer, const AditErrorPage *page);
