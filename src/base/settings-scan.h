/* SPDX-License-Identifier: MIT */
/* settings-scan: reads a settings text once before libconfig does, for what libconfig gets wrong.
 *
 * libconfig ends the program when an @include names a directory, cuts whole numbers beyond 31 bits without a
 * word, names the wrong line for an unclosed quote and for the last string of a list, and recurses as deep as
 * the text. Owner: the caller. Thread: any. Knows tokens only, no grammar. */
#pragma once

#include <glib.h>

typedef struct
{
  char *text;           /* the text for libconfig, line by line the same */
  GArray *string_lines; /* guint: the line of each string that stands directly in ( ) or [ ], in order */
  guint error_line;
  char *error;          /* NULL if libconfig may read @text */
} AditScan;

void adit_scan_init (AditScan *scan, const char *text);
void adit_scan_clear (AditScan *scan);
