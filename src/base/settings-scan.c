/* SPDX-License-Identifier: MIT */
/* settings-scan: tokens of libconfig 1.5: # and // and block comments, "strings" with backslashes, names,
 * numbers. */
#include "base/settings-scan.h"

#include <string.h>

#define MAX_DEPTH 32u /* of brackets; ours need 5 */

typedef struct
{
  AditScan *scan;
  GString *out;
  const char *at;
  guint line;
  char open[MAX_DEPTH];
  guint depth;
  gboolean after_string; /* adjacent strings are one */
} Scanner;

static gboolean
fail (Scanner *scanner, guint line, const char *reason)
{
  scanner->scan->error_line = line;
  scanner->scan->error = g_strdup (reason);
  return FALSE;
}

/* Copies @len bytes and counts their lines. */
static void
copy (Scanner *scanner, gsize len)
{
  gsize i;

  for (i = 0; i < len; i++)
    scanner->line += scanner->at[i] == '\n';
  g_string_append_len (scanner->out, scanner->at, (gssize) len);
  scanner->at += len;
}

static gboolean
scan_block_comment (Scanner *scanner)
{
  const char *end = strstr (scanner->at + 2, "*/");

  if (end == NULL)
    return fail (scanner, scanner->line, "the comment that begins here is never closed with */");
  copy (scanner, (gsize) (end + 2 - scanner->at));
  return TRUE;
}

static gboolean
scan_string (Scanner *scanner)
{
  char inside = scanner->depth > 0 ? scanner->open[scanner->depth - 1] : '{';
  const char *end = scanner->at + 1;

  if (!scanner->after_string && inside != '{')
    g_array_append_val (scanner->scan->string_lines, scanner->line);
  while (*end != '"' && *end != '\0')
    end += end[0] == '\\' && end[1] != '\0' ? 2 : 1;
  if (*end == '\0')
    return fail (scanner, scanner->line, "the string that begins here is never closed with a quote");
  copy (scanner, (gsize) (end + 1 - scanner->at));
  scanner->after_string = TRUE;
  return TRUE;
}

/* A whole number that needs 64 bits gets the L that libconfig wants to see. */
static gboolean
scan_number (Scanner *scanner)
{
  gboolean hex = scanner->at[0] == '0' && (scanner->at[1] | 0x20) == 'x';
  const char *digits = hex ? scanner->at + 2 : scanner->at;
  gsize len = strspn (digits, hex ? "0123456789abcdefABCDEF" : "0123456789");
  char *copied = g_strndup (digits, len);
  guint64 number = 0;
  guint base = hex ? 16 : 10;
  gboolean fits = len == 0 || g_ascii_string_to_unsigned (copied, base, 0, G_MAXINT64, &number, NULL);
  char behind = digits[len];

  g_free (copied);
  if (behind != '\0' && strchr (".eE", behind) != NULL && !hex)
    {
      copy (scanner, len + strspn (digits + len, ".0123456789eE"));
      return TRUE;
    }
  if (!fits)
    return fail (scanner, scanner->line, "this number is too large");
  copy (scanner, (gsize) (digits + len - scanner->at));
  if (number > G_MAXINT && behind != 'L')
    g_string_append_c (scanner->out, 'L');
  return TRUE;
}

static gboolean
scan_bracket (Scanner *scanner)
{
  if (strchr ("([{", *scanner->at) == NULL)
    scanner->depth -= scanner->depth > 0;
  else if (scanner->depth == MAX_DEPTH)
    return fail (scanner, scanner->line, "too many brackets inside each other");
  else
    scanner->open[scanner->depth++] = *scanner->at;
  copy (scanner, 1);
  return TRUE;
}

static gsize
name_length (const char *at)
{
  gsize len = 0;

  if (!g_ascii_isalpha (*at) && *at != '*')
    return 0;
  while (g_ascii_isalnum (at[len]) || (at[len] != '\0' && strchr ("-_*", at[len]) != NULL))
    len++;
  return len;
}

/* Comments and white space. FALSE in *found if there is none here. */
static gboolean
scan_blank (Scanner *scanner, gboolean *found)
{
  const char *at = scanner->at;

  *found = TRUE;
  if (g_ascii_isspace (*at))
    copy (scanner, 1);
  else if (*at == '#' || (at[0] == '/' && at[1] == '/'))
    copy (scanner, strcspn (at, "\n"));
  else if (at[0] == '/' && at[1] == '*')
    return scan_block_comment (scanner);
  else
    *found = FALSE;
  return TRUE;
}

static gboolean
scan_token (Scanner *scanner)
{
  const char *at = scanner->at;
  gboolean blank;

  if (!scan_blank (scanner, &blank))
    return FALSE;
  if (blank)
    return TRUE;
  if (*at == '"')
    return scan_string (scanner);
  scanner->after_string = FALSE;
  if (*at == '@')
    return fail (scanner, scanner->line, "@include is not supported; write everything into this file");
  if (g_ascii_isdigit (*at))
    return scan_number (scanner);
  if (strchr ("([{)]}", *at) != NULL)
    return scan_bracket (scanner);
  copy (scanner, MAX (name_length (at), 1));
  return TRUE;
}

void
adit_scan_init (AditScan *scan, const char *text)
{
  Scanner scanner = { scan, g_string_sized_new (strlen (text) + 16), text, 1, { 0 }, 0, FALSE };

  *scan = (AditScan){ NULL, g_array_new (FALSE, FALSE, sizeof (guint)), 0, NULL };
  while (*scanner.at != '\0' && scan_token (&scanner))
    ;
  scan->text = g_string_free (scanner.out, FALSE);
}

void
adit_scan_clear (AditScan *scan)
{
  g_free (scan->text);
  g_free (scan->error);
  g_array_unref (scan->string_lines);
}
