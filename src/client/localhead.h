/* SPDX-License-Identifier: MIT */
/* localhead: the heads between a stream and the local service, written from what the parser saw.
 *
 * Pure. Hop-by-hop fields never pass, whatever the other side thinks it stripped; framing is written anew. */
#pragma once

#include "wire/head.h"

enum
{
  ADIT_LOCALHEAD_CHUNKED = 1, /* a body of unknown length: Transfer-Encoding: chunked */
  ADIT_LOCALHEAD_UPGRADE = 2, /* the upgrade is passed on */
};

/* The request for the local service. @host replaces Host; NULL keeps it. FALSE if it does not fit. */
gboolean adit_localhead_put_request (AditHeadWriter *writer, const AditHead *head, const char *host,
                                     guint flags);
/* The response as it is framed, with Content-Length only where it is the length of what follows (or of
 * what HEAD would have got). */
gboolean adit_localhead_put_response (AditHeadWriter *writer, const AditHead *head);
/* Bare field lines of a trailer section that may be passed on. */
gboolean adit_localhead_put_trailers (AditHeadWriter *writer, const AditHead *trailers);
