/* SPDX-License-Identifier: MIT */
/* chunk: the chunked coding (RFC 9112 7.1), decoded in pieces as they come.
 *
 * A machine over single bytes for the lines, and runs of bytes for data; nothing is buffered but trailers. */
#include "wire/chunk.h"

/*   SIZE -> [EXT ->] SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE …
 *                       `-> TRAILER <-> TRAILER_LINE -> TRAILER_LF
 *                              `-> END_LF -> END                      any -> BAD */
typedef enum
{
  STATE_SIZE,
  STATE_EXT,
  STATE_SIZE_LF,
  STATE_DATA,
  STATE_DATA_CR,
  STATE_DATA_LF,
  STATE_TRAILER,      /* at the start of a line behind the last chunk */
  STATE_TRAILER_LINE,
  STATE_TRAILER_LF,
  STATE_END_LF,
  STATE_END,
  STATE_BAD,
} State;

void
adit_chunk_reader_init (AditChunkReader *reader)
{
  *reader = (AditChunkReader){ .state = STATE_SIZE };
}

void
adit_chunk_reader_clear (AditChunkReader *reader)
{
  adit_buf_clear (&reader->trailers);
  *reader = (AditChunkReader){ .state = STATE_BAD };
}

/* The steps return NULL or what is wrong. */
static const char *
take_size (AditChunkReader *reader, guint8 byte)
{
  int digit = g_ascii_xdigit_value ((char) byte);

  if (digit >= 0)
    {
      if (++reader->digits > ADIT_LIMIT_CHUNK_DIGITS)
        return "a chunk size has too many digits";
      reader->left = reader->left << 4 | (guint64) digit;
      reader->line++;
      return NULL;
    }
  if (reader->digits == 0)
    return "a chunk size is missing";
  if (byte == '\r')
    reader->state = STATE_SIZE_LF;
  else if (byte == ';')
    {
      reader->state = STATE_EXT;
      reader->line++;
    }
  else
    return byte == '\n' ? "a chunk size line ends with a bare LF" : "a chunk size is not hexadecimal";
  return NULL;
}

static const char *
take_extension (AditChunkReader *reader, guint8 byte)
{
  if (byte == '\r')
    {
      reader->state = STATE_SIZE_LF;
      return NULL;
    }
  if (byte == '\n')
    return "a chunk size line ends with a bare LF";
  if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
    return "a control character in a chunk extension";
  if (++reader->line > ADIT_LIMIT_CHUNK_LINE)
    return "a chunk extension is too long";
  return NULL;
}

static const char *
take_size_end (AditChunkReader *reader, guint8 byte)
{
  if (byte != '\n')
    return "a bare CR in a chunk size line";
  reader->state = reader->left > 0 ? STATE_DATA : STATE_TRAILER;
  reader->digits = 0;
  reader->line = 0;
  return NULL;
}

/* Trailer bytes are kept as they come; the head parser judges them as a whole. */
static const char *
take_trailer (AditChunkReader *reader, guint8 byte)
{
  if (reader->state == STATE_TRAILER && byte == '\r')
    {
      reader->state = STATE_END_LF;
      return NULL;
    }
  if (reader->state == STATE_TRAILER_LF && byte != '\n')
    return "a bare CR in the trailers";
  if (reader->state != STATE_TRAILER_LF && byte == '\n')
    return "a trailer line ends with a bare LF";
  if (reader->trailers.len >= ADIT_LIMIT_TRAILERS)
    return "the trailers are too long";
  adit_buf_append (&reader->trailers, &byte, 1);
  if (byte == '\r')
    reader->state = STATE_TRAILER_LF;
  else
    reader->state = byte == '\n' ? STATE_TRAILER : STATE_TRAILER_LINE;
  return NULL;
}

static const char *
expect (AditChunkReader *reader, guint8 byte, guint8 expected, State next)
{
  if (byte != expected)
    return "a chunk does not end with CR LF";
  reader->state = (guint8) next;
  return NULL;
}

static const char *
take_byte (AditChunkReader *reader, guint8 byte)
{
  switch ((State) reader->state)
    {
    case STATE_SIZE:
      return take_size (reader, byte);
    case STATE_EXT:
      return take_extension (reader, byte);
    case STATE_SIZE_LF:
      return take_size_end (reader, byte);
    case STATE_DATA_CR:
      return expect (reader, byte, '\r', STATE_DATA_LF);
    case STATE_DATA_LF:
      return expect (reader, byte, '\n', STATE_SIZE);
    case STATE_TRAILER:
    case STATE_TRAILER_LINE:
    case STATE_TRAILER_LF:
      return take_trailer (reader, byte);
    case STATE_END_LF:
      return expect (reader, byte, '\n', STATE_END);
    case STATE_DATA:
    case STATE_END:
    case STATE_BAD:
    default:
      return "the chunked body is broken";
    }
}

static void
take_data (AditChunkReader *reader, AditSpan *input, AditSpan *data)
{
  gsize len = (gsize) MIN ((guint64) input->len, reader->left);

  *data = adit_span (input->data, len);
  *input = adit_span (input->data + len, input->len - len);
  reader->left -= len;
  if (reader->left == 0)
    reader->state = STATE_DATA_CR;
}

AditChunkResult
adit_chunk_read (AditChunkReader *reader, AditSpan *input, AditSpan *data, const char **fault)
{
  *data = adit_span (input->data, 0);
  while (input->len > 0 && reader->state != STATE_END)
    {
      if (reader->state == STATE_DATA)
        {
          take_data (reader, input, data);
          return ADIT_CHUNK_DATA;
        }
      *fault = take_byte (reader, *input->data);
      if (*fault != NULL)
        {
          reader->state = STATE_BAD;
          return ADIT_CHUNK_BAD;
        }
      *input = adit_span (input->data + 1, input->len - 1);
    }
  return reader->state == STATE_END ? ADIT_CHUNK_END : ADIT_CHUNK_MORE;
}

guint
adit_chunk_prefix (guint8 out[ADIT_CHUNK_PREFIX_MAX], gsize len)
{
  guint digits = 1, at;

  for (guint64 rest = (guint64) len >> 4; rest > 0; rest >>= 4)
    digits++;
  at = digits;
  for (guint64 rest = len; at > 0; rest >>= 4)
    out[--at] = (guint8) "0123456789abcdef"[rest & 15];
  out[digits] = '\r';
  out[digits + 1] = '\n';
  return digits + 2;
}
