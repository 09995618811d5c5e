/* SPDX-License-Identifier: MIT */
/* cfgstore: how login changes the configuration file: its own keys are replaced in the text, everything
 * else (tunnels, comments) stays.
 *
 * Part of clientcfg. Knows tokens only; what comes out is parsed before it is written. */
#include "client/clientcfg.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const own_keys[] = { "server", "token", "token_file", "fingerprint", "insecure", NULL };

/* ---- the text ---- */

/* Behind a comment or string at @at; @at if there is none. */
static const char *
skip_opaque (const char *at)
{
  const char *end = NULL;

  if (*at == '#' || (at[0] == '/' && at[1] == '/'))
    return at + strcspn (at, "\n");
  if (at[0] == '/' && at[1] == '*')
    {
      end = strstr (at + 2, "*/");
      return end ? end + 2 : at + strlen (at);
    }
  if (*at != '"')
    return at;
  for (at++; *at && *at != '"'; at++)
    if (*at == '\\' && at[1])
      at++;
  return *at ? at + 1 : at;
}

static gboolean
starts_name (char byte)
{
  return g_ascii_isalpha (byte) || byte == '*';
}

static gsize
name_length (const char *at)
{
  gsize len = 0;

  while (g_ascii_isalnum (at[len]) || strchr ("*-_", at[len] ? at[len] : ' '))
    len++;
  return len;
}

static const char *
skip_blank (const char *at)
{
  for (;;)
    {
      const char *next = *at == '"' ? at : skip_opaque (at);

      while (g_ascii_isspace (*next))
        next++;
      if (next == at)
        return at;
      at = next;
    }
}

/* Behind "= value;" of an assignment whose name ends at @at. The mark at the end may be missing: then a
 * name follows. */
static const char *
skip_value (const char *at)
{
  const char *end = at;
  guint depth = 0;
  gboolean seen = FALSE;

  at = skip_blank (at);
  if (*at == '=' || *at == ':')
    at++;
  for (at = skip_blank (at); *at; at = skip_blank (at))
    {
      const char *next = skip_opaque (at);

      if (depth == 0 && (*at == ';' || *at == ','))
        return at + 1;
      if (depth == 0 && seen && starts_name (*at))
        return end;
      depth += strchr ("{[(", *at) != NULL;
      depth -= depth > 0 && strchr ("}])", *at) != NULL;
      if (next == at)
        next = at + MAX (name_length (at), 1);
      seen = TRUE;
      at = end = next;
    }
  return end;
}

/* An assignment that goes takes the rest of its line along if that is blank. */
static const char *
skip_line_end (const char *at)
{
  gsize blank = strspn (at, " \t\r");

  return at[blank] == '\n' ? at + blank + 1 : at;
}

/* Copies @text without our own keys; where the first one stood, @lines go in. */
static char *
replace_keys (const char *text, const char *lines)
{
  GString *out = g_string_new (NULL);
  gssize place = -1;

  while (*text)
    {
      const char *next = skip_opaque (text);
      g_autofree char *name = NULL;

      if (next == text && starts_name (*text))
        {
          next = text + name_length (text);
          name = g_strndup (text, (gsize) (next - text));
          next = skip_value (next);
        }
      if (name && g_strv_contains (own_keys, name))
        {
          place = place < 0 ? (gssize) out->len : place;
          text = skip_line_end (next);
          continue;
        }
      next = MAX (next, text + 1);
      g_string_append_len (out, text, next - text);
      text = next;
    }
  g_string_insert (out, MAX (place, 0), lines);
  return g_string_free (out, FALSE);
}

static void
put_string (GString *out, const char *key, const char *value)
{
  g_string_append_printf (out, "%s = \"", key);
  for (; *value; value++)
    {
      if (*value == '"' || *value == '\\')
        g_string_append_c (out, '\\');
      if ((guchar) *value < ' ')
        g_string_append_printf (out, "\\x%02x", (guchar) *value);
      else
        g_string_append_c (out, *value);
    }
  g_string_append (out, "\";\n");
}

static char *
make_lines (const AditClientCfg *login, gboolean is_new)
{
  GString *out = g_string_new (is_new ? "# adit login writes these; tunnels are yours to add\n" : NULL);

  put_string (out, "server", login->server);
  put_string (out, "token", login->token);
  if (login->fingerprint)
    put_string (out, "fingerprint", login->fingerprint);
  if (login->insecure)
    g_string_append (out, "insecure = true;\n");
  return g_string_free (out, FALSE);
}

/* ---- the file ---- */

static gboolean
fail (GError **error, const char *path, int number)
{
  g_set_error (error, ADIT_ERROR, ADIT_ERROR_FAILED, "cannot write %s: %s", path, g_strerror (number));
  return FALSE;
}

static gboolean
write_all (int fd, const char *text)
{
  gsize len = strlen (text);

  while (len > 0)
    {
      gssize n = write (fd, text, len);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return FALSE;
      text += n;
      len -= (gsize) n;
    }
  return fsync (fd) == 0;
}

/* Whole at once: what is there stays until the new one is complete on the disk. */
static gboolean
write_file (const char *path, const char *text, GError **error)
{
  g_autofree char *fresh = g_strdup_printf ("%s.XXXXXX", path);
  int fd = g_mkstemp_full (fresh, O_WRONLY | O_CLOEXEC, 0600);
  gboolean ok;
  int number;

  if (fd < 0)
    return fail (error, path, errno);
  ok = write_all (fd, text);
  number = errno;
  close (fd);
  if (ok && g_rename (fresh, path) == 0)
    return TRUE;
  number = ok ? errno : number;
  g_unlink (fresh);
  return fail (error, path, number);
}

gboolean
adit_clientcfg_store (const char *path, const AditClientCfg *login, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  char *real = realpath (path, NULL); /* a link to the file elsewhere stays a link */
  g_autofree char *place = g_strdup (real ? real : path);
  g_autofree char *old = NULL;
  g_autofree char *lines = NULL;
  g_autofree char *text = NULL;
  g_auto (GStrv) errors = NULL;
  g_autoptr (AditClientCfg) parsed = NULL;

  free (real);
  if (g_mkdir_with_parents (folder, 0700) != 0)
    return fail (error, folder, errno);
  if (!g_file_get_contents (place, &old, NULL, NULL) && g_access (place, F_OK) == 0)
    return fail (error, place, errno);
  lines = make_lines (login, old == NULL);
  text = replace_keys (old ? old : "", lines);
  parsed = adit_clientcfg_parse (text, place, NULL, &errors);
  if (parsed == NULL)
    {
      g_set_error (error, ADIT_ERROR, ADIT_ERROR_USAGE, "%s; mend or remove the file, then log in again",
                   errors[0]);
      return FALSE;
    }
  return write_file (place, text, error);
}
