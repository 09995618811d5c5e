/* SPDX-License-Identifier: MIT */
/* settings: a libconfig tree, a cursor for each group that was asked for, and the list of errors.
 *
 * The cursor of a group hangs on libconfig's hook of that setting, so asking twice gives the same one. It
 * remembers which keys were asked for, there or not: these are the known keys, and the words for "did you
 * mean". */
#include "base/settings.h"

#include "base/error.h"
#include "base/settings-scan.h"

#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE (1024u * 1024)
#define MAX_DISTANCE 2u /* letters between an unknown key and the one that may be meant */
#define MAX_KEY 64u     /* longer ones are not compared */

struct AditGroup
{
  AditSettings *settings;
  config_setting_t *setting;
  GHashTable *asked; /* own copies of keys */
};

typedef struct
{
  guint line;
  char *text;
} Problem;

struct AditSettings
{
  config_t config;
  char *name;
  GPtrArray *groups;   /* AditGroup, owned */
  GPtrArray *problems; /* Problem, owned */
};

/* ---- reading the file ---- */

static gboolean
fail_file (GError **error, const char *path, int number)
{
  const char *remedy = "name another one with --config";

  if (number == ENOENT)
    remedy = "create it, or name another one with --config";
  else if (number == EACCES || number == EPERM)
    remedy = "give this user the right to read it, or name another one with --config";
  else if (number == EISDIR)
    remedy = "name a file in it with --config";
  g_set_error (error, ADIT_ERROR, ADIT_ERROR_USAGE, "%s: cannot read the configuration file: %s; %s", path,
               g_strerror (number), remedy);
  return FALSE;
}

/* Pipes are fine (--config <(command)); what never ends is not. */
static gboolean
read_all (int fd, GString *text, const char *path, GError **error)
{
  char part[4096];
  gssize got;

  while ((got = read (fd, part, sizeof part)) != 0)
    {
      if (got < 0 && errno == EINTR)
        continue;
      if (got < 0)
        return fail_file (error, path, errno);
      g_string_append_len (text, part, got);
      if (text->len > MAX_FILE)
        return fail_file (error, path, EFBIG);
    }
  return TRUE;
}

static GString *
read_file (const char *path, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  GString *text;

  if (fd < 0)
    {
      fail_file (error, path, errno);
      return NULL;
    }
  text = g_string_new (NULL);
  if (!read_all (fd, text, path, error))
    {
      g_string_free (text, TRUE);
      text = NULL;
    }
  close (fd);
  return text;
}

/* ---- parsing ---- */

static void
problem_free (gpointer data)
{
  Problem *problem = data;

  g_free (problem->text);
  g_free (problem);
}

static void
group_free (gpointer data)
{
  AditGroup *group = data;

  g_hash_table_unref (group->asked);
  g_free (group);
}

static AditSettings *
settings_new (const char *name)
{
  AditSettings *settings = g_new0 (AditSettings, 1);

  config_init (&settings->config);
  settings->name = g_strdup (name);
  settings->groups = g_ptr_array_new_with_free_func (group_free);
  settings->problems = g_ptr_array_new_with_free_func (problem_free);
  return settings;
}

void
adit_settings_free (AditSettings *settings)
{
  if (settings == NULL)
    return;
  config_destroy (&settings->config);
  g_ptr_array_unref (settings->groups);
  g_ptr_array_unref (settings->problems);
  g_free (settings->name);
  g_free (settings);
}

static const char *
hint_for (const char *reason)
{
  if (strstr (reason, "duplicate") != NULL)
    return "this key was given before; keep one of them";
  if (strstr (reason, "array") != NULL)
    return "[ ] holds values of one type; use ( ) to mix them";
  return "look here and at the line before for a missing quote, bracket, '=' or value; texts need \"quotes\"";
}

/* The lines that libconfig has for strings in lists are those of the token behind; see settings-scan.h. */
static void
mend_lines (config_setting_t *setting, const GArray *lines, guint *next)
{
  gboolean is_list = config_setting_is_list (setting) || config_setting_is_array (setting);
  int i;

  if (!config_setting_is_aggregate (setting))
    return;
  for (i = 0; i < config_setting_length (setting); i++)
    {
      config_setting_t *child = config_setting_get_elem (setting, (guint) i);

      if (is_list && config_setting_type (child) == CONFIG_TYPE_STRING && *next < lines->len)
        child->line = g_array_index (lines, guint, (*next)++);
      mend_lines (child, lines, next);
    }
}

static gboolean
parse_scanned (AditSettings *settings, const AditScan *scan, GError **error)
{
  config_t *config = &settings->config;
  guint next = 0;

  if (scan->error != NULL)
    {
      g_set_error (error, ADIT_ERROR, ADIT_ERROR_USAGE, "%s:%u: %s", settings->name, scan->error_line,
                   scan->error);
      return FALSE;
    }
  if (!config_read_string (config, scan->text))
    {
      const char *reason = config_error_text (config);

      g_set_error (error, ADIT_ERROR, ADIT_ERROR_USAGE, "%s:%d: %s; %s", settings->name,
                   config_error_line (config), reason, hint_for (reason));
      return FALSE;
    }
  mend_lines (config_root_setting (config), scan->string_lines, &next);
  return TRUE;
}

AditSettings *
adit_settings_parse (const char *text, const char *name, GError **error)
{
  AditSettings *settings = settings_new (name);
  AditScan scan;
  gboolean good;

  if (g_str_has_prefix (text, "\xef\xbb\xbf"))
    text += 3;
  adit_scan_init (&scan, text);
  good = parse_scanned (settings, &scan, error);
  adit_scan_clear (&scan);
  if (good)
    return settings;
  adit_settings_free (settings);
  return NULL;
}

AditSettings *
adit_settings_load (const char *path, GError **error)
{
  GString *text = read_file (path, error);
  AditSettings *settings = NULL;

  if (text == NULL)
    return NULL;
  if (strlen (text->str) != text->len)
    g_set_error (error, ADIT_ERROR, ADIT_ERROR_USAGE, 
                 "%s: this is no text file; name another one with --config", path);
  else
    settings = adit_settings_parse (text->str, path, error);
  g_string_free (text, TRUE);
  return settings;
}

/* ---- problems ---- */

static guint
line_of (const config_setting_t *setting)
{
  return MAX (config_setting_source_line (setting), 1);
}

/* The same complaint at the same line is kept once, for a getter may be asked twice. */
static void
add_problem (AditSettings *settings, guint line, char *reason)
{
  char *text = g_strdup_printf ("%s:%u: %s", settings->name, line, reason);
  Problem *problem;
  guint i;

  g_free (reason);
  for (i = 0; i < settings->problems->len; i++)
    {
      problem = g_ptr_array_index (settings->problems, i);
      if (strcmp (problem->text, text) == 0)
        {
          g_free (text);
          return;
        }
    }
  problem = g_new (Problem, 1);
  *problem = (Problem){ line, text };
  g_ptr_array_add (settings->problems, problem);
}

/* "key", or "key[2]" for an element of a list; NULL for the root. */
static char *
name_of (const config_setting_t *setting)
{
  const config_setting_t *parent = config_setting_parent (setting);

  if (parent == NULL)
    return NULL;
  if (config_setting_name (setting) != NULL)
    return g_strdup (config_setting_name (setting));
  return g_strdup_printf ("%s[%d]", config_setting_name (parent) != NULL ? config_setting_name (parent) : "",
                          config_setting_index (setting));
}

/* Takes @message. */
static void
add_setting_problem (AditSettings *settings, const config_setting_t *setting, char *message)
{
  char *name = name_of (setting);

  if (name == NULL)
    add_problem (settings, line_of (setting), message);
  else
    {
      add_problem (settings, line_of (setting), g_strdup_printf ("%s: %s", name, message));
      g_free (message);
    }
  g_free (name);
}

static const char *
type_words (const config_setting_t *setting)
{
  switch (config_setting_type (setting))
    {
    case CONFIG_TYPE_GROUP:
      return "a group { … }";
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
    case CONFIG_TYPE_FLOAT:
      return "a number";
    case CONFIG_TYPE_STRING:
      return "a string";
    case CONFIG_TYPE_BOOL:
      return "true or false";
    default:
      return "a list";
    }
}

static void
add_type_problem (AditGroup *group, const config_setting_t *setting, const char *wanted)
{
  add_setting_problem (group->settings, setting,
                       g_strdup_printf ("must be %s, not %s", wanted, type_words (setting)));
}

void
adit_group_add_error (AditGroup *group, const char *key, const char *format, ...)
{
  config_setting_t *setting = key != NULL ? config_setting_get_member (group->setting, key) : NULL;
  char *message;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  if (setting != NULL || key == NULL)
    add_setting_problem (group->settings, setting != NULL ? setting : group->setting, message);
  else
    {
      add_problem (group->settings, line_of (group->setting), g_strdup_printf ("%s: %s", key, message));
      g_free (message);
    }
}

/* ---- cursors ---- */

static AditGroup *
group_at (AditSettings *settings, config_setting_t *setting)
{
  AditGroup *group = config_setting_get_hook (setting);

  if (group != NULL)
    return group;
  group = g_new (AditGroup, 1);
  group->settings = settings;
  group->setting = setting;
  group->asked = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_ptr_array_add (settings->groups, group);
  config_setting_set_hook (setting, group);
  return group;
}

AditGroup *
adit_settings_root (AditSettings *settings)
{
  return group_at (settings, config_root_setting (&settings->config));
}

static void
mark_asked (AditGroup *group, const char *key)
{
  if (!g_hash_table_contains (group->asked, key))
    g_hash_table_add (group->asked, g_strdup (key));
}

/* The setting of @key, which is known from now on. */
static config_setting_t *
find (AditGroup *group, const char *key)
{
  if (group == NULL)
    return NULL;
  mark_asked (group, key);
  return config_setting_get_member (group->setting, key);
}

gboolean
adit_group_has (AditGroup *group, const char *key)
{
  return find (group, key) != NULL;
}

AditGroup *
adit_group_get_group (AditGroup *group, const char *key)
{
  config_setting_t *setting = find (group, key);

  if (setting == NULL)
    return NULL;
  if (config_setting_is_group (setting))
    return group_at (group->settings, setting);
  add_type_problem (group, setting, "a group { … }");
  return NULL;
}

gboolean
adit_group_get_member (AditGroup *group, guint i, const char **name, AditGroup **member)
{
  int at;

  for (at = 0; group != NULL && at < config_setting_length (group->setting); at++)
    {
      config_setting_t *setting = config_setting_get_elem (group->setting, (guint) at);

      mark_asked (group, config_setting_name (setting));
      if (!config_setting_is_group (setting))
        add_type_problem (group, setting, "a group { … }");
      else if (i-- == 0)
        {
          *name = config_setting_name (setting);
          *member = group_at (group->settings, setting);
          return TRUE;
        }
    }
  return FALSE;
}

/* ---- lists ---- */

static config_setting_t *
find_list (AditGroup *group, const char *key)
{
  config_setting_t *setting = find (group, key);

  if (setting == NULL || config_setting_is_list (setting) || config_setting_is_array (setting))
    return setting;
  add_type_problem (group, setting, "a list ( … )");
  return NULL;
}

guint
adit_group_get_list (AditGroup *group, const char *key)
{
  config_setting_t *list = find_list (group, key);

  return list == NULL ? 0 : (guint) config_setting_length (list);
}

/* Element @i; NULL, with an error where it is, if it is neither a group nor a string. */
static config_setting_t *
find_element (AditGroup *group, const char *key, guint i)
{
  config_setting_t *list = find_list (group, key);
  config_setting_t *element = list == NULL ? NULL : config_setting_get_elem (list, i);

  if (element == NULL || config_setting_is_group (element)
      || config_setting_type (element) == CONFIG_TYPE_STRING)
    return element;
  add_type_problem (group, element, "a string in \"quotes\" or a group { … }");
  return NULL;
}

AditGroup *
adit_group_get_element (AditGroup *group, const char *key, guint i)
{
  config_setting_t *element = find_element (group, key, i);

  return element != NULL && config_setting_is_group (element) ? group_at (group->settings, element) : NULL;
}

/* ---- values ---- */

/* NULL, with an error, if it is no UTF-8. */
static const char *
string_of (AditGroup *group, const config_setting_t *setting)
{
  const char *text = config_setting_get_string (setting);

  if (text != NULL && g_utf8_validate (text, -1, NULL))
    return text;
  add_setting_problem (group->settings, setting, g_strdup ("must be valid UTF-8"));
  return NULL;
}

const char *
adit_group_get_element_string (AditGroup *group, const char *key, guint i)
{
  config_setting_t *element = find_element (group, key, i);

  return element == NULL || config_setting_is_group (element) ? NULL : string_of (group, element);
}

const char *
adit_group_get_string (AditGroup *group, const char *key, const char *fallback)
{
  config_setting_t *setting = find (group, key);
  const char *text;

  if (setting == NULL)
    return fallback;
  if (config_setting_type (setting) != CONFIG_TYPE_STRING)
    {
      add_type_problem (group, setting, "a string in \"quotes\"");
      return fallback;
    }
  text = string_of (group, setting);
  return text != NULL ? text : fallback;
}

gboolean
adit_group_get_bool (AditGroup *group, const char *key, gboolean fallback)
{
  config_setting_t *setting = find (group, key);

  if (setting == NULL)
    return fallback;
  if (config_setting_type (setting) == CONFIG_TYPE_BOOL)
    return config_setting_get_bool (setting) != 0;
  add_type_problem (group, setting, "true or false, without quotes");
  return fallback;
}

/* FALSE if it is no whole number, be it as digits in a string. */
static gboolean
whole_number (const config_setting_t *setting, gint64 *number)
{
  switch (config_setting_type (setting))
    {
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
      *number = config_setting_get_int64 (setting);
      return TRUE;
    case CONFIG_TYPE_STRING:
      return g_ascii_string_to_signed (config_setting_get_string (setting), 10, G_MININT64, G_MAXINT64,
                                       number, NULL);
    default:
      return FALSE;
    }
}

gint64
adit_group_get_int (AditGroup *group, const char *key, gint64 fallback, gint64 min, gint64 max)
{
  config_setting_t *setting = find (group, key);
  gint64 number;

  if (setting == NULL)
    return fallback;
  if (!whole_number (setting, &number))
    {
      int type = config_setting_type (setting);

      if (type == CONFIG_TYPE_STRING || type == CONFIG_TYPE_FLOAT)
        add_setting_problem (group->settings, setting, g_strdup ("must be a whole number"));
      else
        add_type_problem (group, setting, "a whole number");
      return fallback;
    }
  if (number >= min && number <= max)
    return number;
  add_setting_problem (group->settings, setting,
                       g_strdup_printf ("must be between %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT
                                        ", not %" G_GINT64_FORMAT, min, max, number));
  return fallback;
}

/* "\"a\", \"b\" or \"c\"". */
static char *
join_words (const char *const *words)
{
  GString *text = g_string_new (NULL);
  guint i;

  for (i = 0; words[i] != NULL; i++)
    g_string_append_printf (text, "%s\"%s\"", i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ", words[i]);
  return g_string_free (text, FALSE);
}

guint
adit_group_get_word (AditGroup *group, const char *key, guint fallback, const char *const *words)
{
  const char *word;
  char *choice;
  guint i;

  if (!adit_group_has (group, key))
    return fallback;
  word = adit_group_get_string (group, key, NULL);
  for (i = 0; word != NULL && words[i] != NULL; i++)
    if (strcmp (word, words[i]) == 0)
      return i;
  if (word == NULL)
    return fallback;
  choice = join_words (words);
  adit_group_add_error (group, key, "must be %s, not \"%s\"", choice, word);
  g_free (choice);
  return fallback;
}

/* ---- the end ---- */

/* Letters to insert, remove or replace to make @b of @a; more than MAX_DISTANCE if one of them is too long.
 * */
static guint
distance (const char *a, const char *b)
{
  guint row[MAX_KEY + 1], i, j;

  if (strlen (a) > MAX_KEY || strlen (b) > MAX_KEY)
    return MAX_DISTANCE + 1;
  for (j = 0; j <= strlen (b); j++)
    row[j] = j;
  for (i = 1; a[i - 1] != '\0'; i++)
    {
      guint diagonal = row[0];

      row[0] = i;
      for (j = 1; b[j - 1] != '\0'; j++)
        {
          guint replaced = diagonal + (a[i - 1] != b[j - 1]);

          diagonal = row[j];
          row[j] = MIN (replaced, MIN (row[j], row[j - 1]) + 1);
        }
    }
  return row[strlen (b)];
}

/* The known key that is nearest to @key; NULL if none is near. The first in the alphabet of equals, so that
 * it does not hang on a hash. */
static const char *
nearest (AditGroup *group, const char *key)
{
  guint best = MIN (MAX_DISTANCE, (guint) strlen (key) - 1) + 1, far;
  const char *near = NULL;
  GHashTableIter iter;
  gpointer known;

  g_hash_table_iter_init (&iter, group->asked);
  while (g_hash_table_iter_next (&iter, &known, NULL))
    {
      far = distance (key, known);
      if (far < best || (far == best && near != NULL && strcmp (known, near) < 0))
        {
          best = far;
          near = known;
        }
    }
  return near;
}

static void
add_unknown (AditGroup *group, const config_setting_t *setting)
{
  const char *key = config_setting_name (setting);
  const char *near = nearest (group, key);

  if (near == NULL)
    add_setting_problem (group->settings, setting, g_strdup ("unknown key"));
  else
    add_setting_problem (group->settings, setting, g_strdup_printf ("unknown key, did you mean '%s'?", near));
}

/* Every cursor was asked for, so it is enough to look at these; new ones do not come while looking. */
static void
add_unknown_keys (AditGroup *group)
{
  int i;

  for (i = 0; i < config_setting_length (group->setting); i++)
    {
      config_setting_t *setting = config_setting_get_elem (group->setting, (guint) i);

      if (!g_hash_table_contains (group->asked, config_setting_name (setting)))
        add_unknown (group, setting);
    }
}

static int
compare_problems (const void *a, const void *b)
{
  const Problem *left = *(Problem *const *) a, *right = *(Problem *const *) b;

  if (left->line != right->line)
    return left->line < right->line ? -1 : 1;
  return strcmp (left->text, right->text);
}

gboolean
adit_settings_finish (AditSettings *settings, char ***errors)
{
  GPtrArray *problems = settings->problems;
  guint i;

  adit_settings_root (settings);
  for (i = 0; i < settings->groups->len; i++)
    add_unknown_keys (g_ptr_array_index (settings->groups, i));
  g_ptr_array_sort (problems, compare_problems);
  if (errors == NULL)
    return problems->len == 0;
  *errors = problems->len == 0 ? NULL : g_new0 (char *, problems->len + 1);
  for (i = 0; i < problems->len; i++)
    (*errors)[i] = g_strdup (((Problem *) g_ptr_array_index (problems, i))->text);
  return problems->len == 0;
}
