/* SPDX-License-Identifier: MIT */
/* names: see names.h. */
#include "server/names.h"

#include "base/log.h"
#include "base/secret.h"
#include "server/uplink.h"
#include "wire/hello.h"

#include <string.h>

#define RANDOM_LENGTH 8
#define RANDOM_TRIES 100

/* One name. */
typedef struct
{
  char *label, *digest, *instance;
  guint64 epoch;
  AditTunnel *tunnel;
  gint64 held_us; /* since when; 0: live */
} Name;

struct AditNames
{
  GHashTable *names; /* label to Name */
  char *path, *url_format;
  guint hold_ms;
  gboolean dirty;
};

static void
name_free (gpointer data)
{
  Name *name = data;

  g_free (name->label);
  g_free (name->digest);
  g_free (name->instance);
  adit_tunnel_unref (name->tunnel);
  g_free (name);
}

static void
set_tunnel (AditNames *names, Name *name, AditUplink *uplink, guint worker, guint index, gint64 wait_until_us)
{
  g_autofree char *url = NULL;
  AditTunnel *old = name->tunnel;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  url = g_strdup_printf (names->url_format, name->label);
#pragma GCC diagnostic pop
  name->tunnel = adit_tunnel_new (name->label, url, uplink, worker, index);
  name->tunnel->wait_until_us = wait_until_us;
  adit_tunnel_unref (old);
  names->dirty = TRUE;
}

/* Of a token, or empty on a server without tokens; anything else comes from a damaged file. */
static gboolean
is_digest (const char *text)
{
  gsize len = text ? strlen (text) : 1;

  return len == 0 || (len == 64 && strspn (text, "0123456789abcdef") == len);
}

static void
load (AditNames *names, gint64 now_us, gint64 wait_until_us)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) labels = NULL;

  if (!g_key_file_load_from_file (file, names->path, G_KEY_FILE_NONE, &error))
    {
      if (!g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        adit_warning ("%s: %s; starting without held names", names->path, error->message);
      return;
    }
  labels = g_key_file_get_groups (file, NULL);
  for (guint i = 0; labels[i]; i++)
    {
      Name *name = g_new0 (Name, 1);

      name->label = g_strdup (labels[i]);
      name->digest = g_key_file_get_string (file, labels[i], "token", NULL);
      name->instance = g_key_file_get_string (file, labels[i], "instance", NULL);
      name->epoch = g_key_file_get_uint64 (file, labels[i], "epoch", NULL);
      name->held_us = now_us;
      if (!is_digest (name->digest) || !adit_name_normalise (name->label))
        {
          name_free (name);
          continue;
        }
      set_tunnel (names, name, NULL, 0, 0, wait_until_us);
      g_hash_table_replace (names->names, name->label, name); /* "Web" and "web": with the key of the last */
    }
}

AditNames *
adit_names_new (const char *state_dir, const char *url_format, guint hold_ms, gint64 now_us, gint64 wait_until_us)
{
  AditNames *names = g_new0 (AditNames, 1);

  names->names = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, name_free);
  names->url_format = g_strdup (url_format);
  names->hold_ms = hold_ms;
  if (state_dir)
    {
      names->path = g_build_filename (state_dir, "names", NULL);
      load (names, now_us, wait_until_us);
    }
  return names;
}

void
adit_names_free (AditNames *names)
{
  g_hash_table_unref (names->names);
  g_free (names->path);
  g_free (names->url_format);
  g_free (names);
}

void
adit_names_set_hold (AditNames *names, guint hold_ms)
{
  names->hold_ms = hold_ms;
}

static void
refuse (AditGrant *grant, AditRejectCode code, char *reason)
{
  grant->code = code;
  grant->reason = reason;
}

/* A free random name; one that the token's patterns, in turn, allow if they can be met by filling in their
 * "*". */
static char *
random_label (AditNames *names, const AditToken *token)
{
  guint n = token && token->subdomains ? g_strv_length (token->subdomains) : 0;

  for (guint i = 0; i < RANDOM_TRIES; i++)
    {
      g_autofree char *random = adit_secret_random_name (RANDOM_LENGTH);
      g_auto (GStrv) parts = n ? g_strsplit (token->subdomains[i % n], "*", -1) : NULL;
      g_autofree char *label = parts ? g_strjoinv (random, parts) : g_strdup (random);

      if (adit_name_normalise (label) && !g_hash_table_contains (names->names, label)
          && (token == NULL || adit_token_allows_name (token, label)))
        return g_steal_pointer (&label);
    }
  return NULL;
}

/* Whether the claim may have a name that is on the register already. */
static gboolean
may_take (const Name *name, const AditClaim *claim, const char *digest, AditGrant *grant)
{
  gboolean is_same = name->instance && claim->instance && strcmp (name->instance, claim->instance) == 0;

  if (strcmp (name->digest, digest) != 0)
    {
      refuse (grant, ADIT_REJECT_NAME,
              g_strdup_printf ("the name \"%s\" belongs to another token", name->label));
      return FALSE;
    }
  if (!is_same && claim->epoch > 0)
    {
      refuse (grant, ADIT_REJECT_REPLACED,
              g_strdup_printf ("a newer client with the same token took the name \"%s\" over", name->label));
      return FALSE;
    }
  grant->by_other = !is_same;
  return TRUE;
}

static Name *
find_or_add (AditNames *names, const AditClaim *claim, const char *digest, AditGrant *grant)
{
  g_autofree char *label = claim->label ? g_strdup (claim->label) : random_label (names, claim->token);
  Name *name;

  if (label == NULL || !adit_name_normalise (label))
    {
      refuse (grant, ADIT_REJECT_NAME,
              label ? g_strdup_printf ("\"%s\" is no name: use 1 to 63 letters, digits and hyphens, none at an end", label)
                    : g_strdup ("no random name could be found that this token may have"));
      return NULL;
    }
  if (claim->token && !adit_token_allows_name (claim->token, label))
    {
      refuse (grant, ADIT_REJECT_FORBIDDEN, g_strdup_printf ("this token may not have the name \"%s\"", label));
      return NULL;
    }
  name = g_hash_table_lookup (names->names, label);
  if (name)
    return may_take (name, claim, digest, grant) ? name : NULL;
  name = g_new0 (Name, 1);
  name->label = g_steal_pointer (&label);
  name->digest = g_strdup (digest);
  g_hash_table_insert (names->names, name->label, name);
  return name;
}

void
adit_names_claim (AditNames *names, const AditClaim *claim, AditGrant *grant)
{
  Name *name;

  memset (grant, 0, sizeof *grant);
  name = find_or_add (names, claim, claim->token ? claim->token->digest : "", grant);
  if (name == NULL)
    return;
  if (name->tunnel && name->tunnel->uplink && name->tunnel->uplink != claim->uplink)
    grant->replaced = adit_uplink_ref (name->tunnel->uplink);
  g_free (name->instance);
  name->instance = g_strdup (claim->instance);
  name->epoch = MAX (name->epoch, claim->epoch) + 1;
  name->held_us = 0;
  set_tunnel (names, name, claim->uplink, claim->worker, claim->index, 0);
  grant->tunnel = name->tunnel;
  grant->epoch = name->epoch;
}

void
adit_names_release (AditNames *names, AditUplink *uplink, gint64 now_us)
{
  GHashTableIter iter;
  Name *name;

  g_hash_table_iter_init (&iter, names->names);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &name))
    if (name->tunnel->uplink == uplink)
      {
        name->held_us = now_us;
        set_tunnel (names, name, NULL, 0, 0, name->tunnel->wait_until_us);
      }
}

void
adit_names_leave (AditNames *names, AditUplink *uplink, gint64 wait_until_us)
{
  GHashTableIter iter;
  Name *name;

  g_hash_table_iter_init (&iter, names->names);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &name))
    if (name->tunnel->uplink == uplink)
      set_tunnel (names, name, uplink, name->tunnel->worker, name->tunnel->index, wait_until_us);
}

static gboolean
is_of_token (gpointer key, gpointer value, gpointer digest)
{
  return strcmp (((Name *) value)->digest, digest) == 0;
}

void
adit_names_forget_token (AditNames *names, const char *digest)
{
  if (g_hash_table_foreach_remove (names->names, is_of_token, (gpointer) digest) > 0)
    names->dirty = TRUE;
}

void
adit_names_expire (AditNames *names, gint64 now_us)
{
  GHashTableIter iter;
  Name *name;

  g_hash_table_iter_init (&iter, names->names);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &name))
    if (name->held_us != 0 && now_us - name->held_us > (gint64) names->hold_ms * 1000)
      {
        g_hash_table_iter_remove (&iter);
        names->dirty = TRUE;
      }
}

gboolean
adit_names_take_dirty (AditNames *names)
{
  gboolean dirty = names->dirty;

  names->dirty = FALSE;
  return dirty;
}

GHashTable *
adit_names_snapshot (AditNames *names)
{
  GHashTable *table = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) adit_tunnel_unref);
  GHashTableIter iter;
  Name *name;

  g_hash_table_iter_init (&iter, names->names);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &name))
    g_hash_table_insert (table, name->tunnel->label, adit_tunnel_ref (name->tunnel));
  return table;
}

void
adit_names_save (AditNames *names)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  GHashTableIter iter;
  Name *name;
  gsize len;

  if (names->path == NULL)
    return;
  g_hash_table_iter_init (&iter, names->names);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &name))
    {
      g_key_file_set_string (file, name->label, "token", name->digest);
      if (name->instance)
        g_key_file_set_string (file, name->label, "instance", name->instance);
      g_key_file_set_uint64 (file, name->label, "epoch", name->epoch);
    }
  text = g_key_file_to_data (file, &len, NULL);
  if (!g_file_set_contents_full (names->path, text, (gssize) len, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &error))
    adit_warning ("%s: names are not kept over a restart: %s", names->path, error->message);
}
