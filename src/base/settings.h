/* SPDX-License-Identifier: MIT */
/* settings: the only file that sees libconfig; typed getters that name file, line, key and what is expected.
 *
 * A settings tree is loaded once, read through a cursor, and collects every error instead of stopping at the
 * first. Every key that is read is marked known; adit_settings_finish() turns the unread ones into errors
 * ("unknown key"). Owner: the caller. Thread: one at a time. Never prints. (Named settings, for config.h is
 * autoconf's.) */
#pragma once

#include <glib.h>

typedef struct AditSettings AditSettings; /* a loaded file and its errors */
/* A borrowed cursor: a group, or an element of a list; lives as long as the settings. In a NULL group every
 * key is absent, so a getter may be asked with what adit_group_get_group() returned. */
typedef struct AditGroup AditGroup;

/* Reads @path. NULL with ADIT_ERROR_USAGE if it cannot be read or parsed; the message is "file:line: reason".
 * */
AditSettings *adit_settings_load (const char *path, GError **error);
/* The same from text, for tests and `adit dev`; @name stands for the file in messages. */
AditSettings *adit_settings_parse (const char *text, const char *name, GError **error);
void adit_settings_free (AditSettings *settings);

AditGroup *adit_settings_root (AditSettings *settings);
/* A sub-group; NULL if absent; an error is added if it is no group. */
AditGroup *adit_group_get_group (AditGroup *group, const char *key);
/* A list or array of groups and/or strings: the number of elements (0 if absent). */
guint adit_group_get_list (AditGroup *group, const char *key);
/* Element @i of list @key as a group, NULL if it is a plain string. */
AditGroup *adit_group_get_element (AditGroup *group, const char *key, guint i);
/* Element @i of list @key as a string (borrowed), NULL if it is a group; else an error is added. */
const char *adit_group_get_element_string (AditGroup *group, const char *key, guint i);
/* Member @i of a group that is a table of named groups (tunnels): its name and group; FALSE past the end.
 * Members that are no groups do not count; an error is added for each. */
gboolean adit_group_get_member (AditGroup *group, guint i, const char **name, AditGroup **member);

/* Borrowed; @fallback if absent. An error is added for a wrong type. */
const char *adit_group_get_string (AditGroup *group, const char *key, const char *fallback);
gboolean adit_group_get_bool (AditGroup *group, const char *key, gboolean fallback);
/* An error is added outside @min … @max. Numbers given as strings of digits are accepted. */
gint64 adit_group_get_int (AditGroup *group, const char *key, gint64 fallback, gint64 min, gint64 max);
/* One of @words (NULL-terminated); returns its index, @fallback if absent or wrong (then an error is added).
 * */
guint adit_group_get_word (AditGroup *group, const char *key, guint fallback, const char *const *words);
gboolean adit_group_has (AditGroup *group, const char *key);

/* Adds "file:line: KEY: message" with the line of @key in @group (of the group itself if @key is NULL or
 * absent). */
void adit_group_add_error (AditGroup *group, const char *key, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* Adds an error for every key that nobody read, then: TRUE if there is none. *errors (NULL-terminated, each
 * "file:line: …"; the caller frees it with g_strfreev) are in the order of lines. */
gboolean adit_settings_finish (AditSettings *settings, char ***errors);
