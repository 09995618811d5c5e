/* SPDX-License-Identifier: MIT */
/* secret: see the header. */
#include "base/secret.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define HINT_CHARACTERS 3
#define HINT_LEAST 8 /* a shorter secret shows nothing: three characters would be too much of it */

static const char name_alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";

/* The index into @expected is chosen by a mask, not by a branch, so that a wrong length costs what a right
 * one does. */
gboolean
adit_secret_equal (const char *given, const char *expected)
{
  volatile gsize differ;
  gsize given_len, expected_len, i;

  if (given == NULL || expected == NULL)
    return FALSE;
  given_len = strlen (given);
  expected_len = strlen (expected);
  differ = given_len ^ expected_len;
  for (i = 0; i < given_len; i++)
    {
      gsize inside = (gsize) 0 - (gsize) (i < expected_len);

      differ |= (gsize) ((guint8) given[i] ^ (guint8) expected[i & inside]);
    }
  return differ == 0;
}

char *
adit_secret_hint (const char *secret)
{
  gsize bytes;

  if (secret == NULL || !g_utf8_validate (secret, -1, NULL) || g_utf8_strlen (secret, -1) < HINT_LEAST)
    return g_strdup ("…");
  bytes = (gsize) (g_utf8_offset_to_pointer (secret, HINT_CHARACTERS) - secret);
  return g_strdup_printf ("%.*s…", (int) bytes, secret);
}

char *
adit_secret_digest (const char *secret)
{
  g_return_val_if_fail (secret != NULL, NULL);

  return g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) secret, strlen (secret));
}

void
adit_secret_free (char *secret)
{
  if (secret == NULL)
    return;
  explicit_bzero (secret, strlen (secret));
  g_free (secret);
}

void
adit_secret_random (void *out, gsize len)
{
  guint8 *next = out;

  while (len > 0)
    {
      ssize_t got = getrandom (next, len, 0);

      if (got < 0 && errno == EINTR)
        continue;
      if (got <= 0)
        g_error ("getrandom: %s", g_strerror (errno));
      next += got;
      len -= (gsize) got;
    }
}

/* A byte is taken only below the largest multiple of the alphabet's size, else some characters would be
 * likelier. */
char *
adit_secret_random_name (guint len)
{
  const guint letters = sizeof name_alphabet - 1;
  const guint fair = 256 - 256 % letters;
  char *name = g_malloc ((gsize) len + 1);
  guint8 bytes[64];
  guint done = 0, i;

  while (done < len)
    {
      adit_secret_random (bytes, sizeof bytes);
      for (i = 0; i < sizeof bytes && done < len; i++)
        if (bytes[i] < fair)
          name[done++] = name_alphabet[bytes[i] % letters];
    }
  name[len] = '\0';
  explicit_bzero (bytes, sizeof bytes);
  return name;
}
