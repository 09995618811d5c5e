/* SPDX-License-Identifier: MIT */
/* head-find: where a run of allowed bytes ends: the inner loops of the head parser.
 *
 * Pure. With SSE2 sixteen bytes at a time; without it, or with ADIT_HEAD_PLAIN (for tests), eight or one.
 * Never reads at or past @end. */
#pragma once

#include <glib.h>
#include <string.h>

#if defined(__SSE2__) && !defined(ADIT_HEAD_PLAIN)
#include <emmintrin.h>
#define ADIT_HEAD_SSE2 1
#endif

/* Classes of bytes. */
enum
{
  ADIT_HEAD_TOKEN = 1 << 0,  /* tchar, RFC 9110 5.6.2 */
  ADIT_HEAD_TARGET = 1 << 1, /* what a request-target may hold: visible ASCII without "#" */
  ADIT_HEAD_NAME = 1 << 2,   /* what a host name may hold here: letters, digits, "-", ".", "_" */
};

extern const guint8 adit_head_class[256];

#define ADIT_HEAD_IS(byte, of) ((adit_head_class[byte] & (of)) != 0)

#ifdef ADIT_HEAD_SSE2

static inline __m128i
adit_head_load (const guint8 *at)
{
  return _mm_loadu_si128 ((const __m128i *) (const void *) at);
}

/* 0xff where a byte of @v is at most @max, unsigned. */
static inline __m128i
adit_head_at_most (__m128i v, guint8 max)
{
  return _mm_cmpeq_epi8 (_mm_min_epu8 (v, _mm_set1_epi8 ((char) max)), v);
}

#define ADIT_HEAD_STEP 16
#define ADIT_HEAD_FIRST(mask) ((guint) __builtin_ctz (mask))
typedef guint AditHeadMask; /* a bit for each byte */

/* These set the bits of the bytes where a run ends: here of control characters, HTAB among them. */
static inline AditHeadMask
adit_head_mask_controls (const guint8 *at)
{
  __m128i v = adit_head_load (at);

  v = _mm_or_si128 (adit_head_at_most (v, 0x1f), _mm_cmpeq_epi8 (v, _mm_set1_epi8 (0x7f)));
  return (guint) _mm_movemask_epi8 (v);
}

/* All but letters, digits and "-", which nearly every field name is made of; the table looks again. */
static inline AditHeadMask
adit_head_mask_names (const guint8 *at)
{
  __m128i v = adit_head_load (at);
  __m128i lower = _mm_or_si128 (v, _mm_set1_epi8 (0x20));
  __m128i letters = adit_head_at_most (_mm_sub_epi8 (lower, _mm_set1_epi8 ('a')), 25);
  __m128i digits = adit_head_at_most (_mm_sub_epi8 (v, _mm_set1_epi8 ('0')), 9);
  __m128i good = _mm_or_si128 (_mm_or_si128 (letters, digits), _mm_cmpeq_epi8 (v, _mm_set1_epi8 ('-')));

  return (guint) _mm_movemask_epi8 (good) ^ 0xffff;
}

static inline AditHeadMask
adit_head_mask_targets (const guint8 *at)
{
  __m128i v = adit_head_load (at); /* bytes from 0x80 on are negative here */
  __m128i below = _mm_cmplt_epi8 (v, _mm_set1_epi8 (0x21));
  __m128i del = _mm_cmpeq_epi8 (v, _mm_set1_epi8 (0x7f));
  __m128i hash = _mm_cmpeq_epi8 (v, _mm_set1_epi8 ('#'));

  return (guint) _mm_movemask_epi8 (_mm_or_si128 (below, _mm_or_si128 (del, hash)));
}

#else

#define ADIT_HEAD_STEP 8
#define ADIT_HEAD_FIRST(mask) ((guint) __builtin_ctzll (mask) / 8)
typedef guint64 AditHeadMask; /* the top bit of each byte; the lowest one set is exact */

static inline AditHeadMask
adit_head_mask_controls (const guint8 *at)
{
  const guint64 ones = G_GUINT64_CONSTANT (0x0101010101010101);
  guint64 word, below, del;

  memcpy (&word, at, sizeof word);
  word = GUINT64_FROM_LE (word);
  below = (word - ones * 0x20) & ~word;
  del = ((word ^ ones * 0x7f) - ones) & ~(word ^ ones * 0x7f);
  return (below | del) & ones * 0x80;
}

/* No quick look: the table does it. */
static inline AditHeadMask
adit_head_mask_names (const guint8 *at)
{
  return 1;
}

static inline AditHeadMask
adit_head_mask_targets (const guint8 *at)
{
  return 1;
}

#endif

/* Where no bit is set the loops go on by a constant, so that no load waits for the mask before it. */

/* The first control character other than HTAB, or @end. */
static inline const guint8 *
adit_head_find_control (const guint8 *at, const guint8 *end)
{
  AditHeadMask mask;

  while (at < end)
    {
      for (mask = 0; end - at >= ADIT_HEAD_STEP; at += ADIT_HEAD_STEP)
        if ((mask = adit_head_mask_controls (at)) != 0)
          break;
      if (mask != 0)
        at += ADIT_HEAD_FIRST (mask);
      if (at < end && ((*at < 0x20 && *at != '\t') || *at == 0x7f))
        return at;
      at += at < end;
    }
  return end;
}

/* The first byte that is no token character, or @end. */
static inline const guint8 *
adit_head_find_token_end (const guint8 *at, const guint8 *end)
{
  AditHeadMask mask = end - at >= ADIT_HEAD_STEP ? adit_head_mask_names (at) : 1;

  at += mask != 0 ? ADIT_HEAD_FIRST (mask) : ADIT_HEAD_STEP;
  while (at < end && ADIT_HEAD_IS (*at, ADIT_HEAD_TOKEN))
    at++;
  return at;
}

/* The first byte that no request-target may hold, or @end. */
static inline const guint8 *
adit_head_find_target_end (const guint8 *at, const guint8 *end)
{
  AditHeadMask mask = 0;

  for (; end - at >= ADIT_HEAD_STEP; at += ADIT_HEAD_STEP)
    if ((mask = adit_head_mask_targets (at)) != 0)
      break;
  if (mask != 0)
    at += ADIT_HEAD_FIRST (mask);
  while (at < end && ADIT_HEAD_IS (*at, ADIT_HEAD_TARGET))
    at++;
  return at;
}
