/* SPDX-License-Identifier: MIT */
/* chunk: the chunked coding (RFC 9112 7.1), decoded in pieces as they come, and its frames for writing.
 *
 * Pure; state is one small struct embedded in its owner. Strict: bare LF, signs, white space in a size, a
 * size of too many digits, an extension or trailer over its limit are faults. */
#pragma once

#include "base/buf.h"
#include "wire/limits.h"

typedef struct
{
  guint8 state;
  guint8 digits;
  guint16 line;        /* bytes of the current size line */
  guint64 left;        /* bytes left of the current chunk */
  AditBuf trailers;    /* trailer section as it comes, without the final empty line */
} AditChunkReader;

typedef enum
{
  ADIT_CHUNK_MORE,  /* all input was used */
  ADIT_CHUNK_DATA,  /* *data holds a piece of payload; call again with the rest */
  ADIT_CHUNK_END,   /* the body is complete; the rest of the input is behind it */
  ADIT_CHUNK_BAD,
} AditChunkResult;

void adit_chunk_reader_init (AditChunkReader *reader);
void adit_chunk_reader_clear (AditChunkReader *reader);
/* Takes bytes from the front of *input (advancing it). *data points into the input. *fault is static,
 * English. */
AditChunkResult adit_chunk_read (AditChunkReader *reader, AditSpan *input, AditSpan *data, const char **fault);

#define ADIT_CHUNK_PREFIX_MAX 18u
/* "HEX\r\n" before @len bytes; returns its length. The "\r\n" behind them and the final "0\r\n" trailers
 * "\r\n" are the caller's. */
guint adit_chunk_prefix (guint8 out[ADIT_CHUNK_PREFIX_MAX], gsize len);
