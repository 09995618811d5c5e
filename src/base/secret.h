/* SPDX-License-Identifier: MIT */
/* secret: comparing, showing and wiping what must not leak.
 *
 * Thread: any. Never logs, never keeps a copy. */
#pragma once

#include <glib.h>

/* Constant time in the length of @given: TRUE if both strings are equal. NULL equals nothing. */
gboolean adit_secret_equal (const char *given, const char *expected);
/* The first 3 characters and "…" ("..." in the C locale is not needed: logs are UTF-8); "…" alone if the
 * secret has fewer than 8 characters. The caller owns it. */
char *adit_secret_hint (const char *secret);
/* Lower-case hexadecimal SHA-256 of @secret; the caller owns it. */
char *adit_secret_digest (const char *secret);
/* Overwrites and frees; NULL is fine. */
void adit_secret_free (char *secret);
/* Fills @out from the kernel's generator; aborts if there is none. */
void adit_secret_random (void *out, gsize len);
/* @len characters of a-z0-9, uniformly distributed; the caller owns it. */
char *adit_secret_random_name (guint len);
