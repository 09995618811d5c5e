/* SPDX-License-Identifier: MIT */
/* clientcfg: the client's configuration file: reading it, and writing what login found.
 *
 * Owner: the program. Thread: the main thread. Never prints. */
#pragma once

#include "client/publish.h"

typedef struct
{
  char *path;
  char *server;        /* as written; valid */
  char *token, *token_file;
  char *fingerprint;
  gboolean insecure;
  gboolean exposed;    /* it holds a token, and others may read it */
  GPtrArray *tunnels;  /* AditPublish: those that were wanted */
} AditClientCfg;

/* @wanted: NULL: no tunnels, and their targets are not judged; empty: all; else the named ones. NULL with
 * *errors (g_strfreev) in the order of lines. */
AditClientCfg *adit_clientcfg_load (const char *path, const char *const *wanted, char ***errors);
AditClientCfg *adit_clientcfg_parse (const char *text, const char *name, const char *const *wanted,
                                     char ***errors);
/* An empty one, for when there is no file. */
AditClientCfg *adit_clientcfg_new (const char *path);
void adit_clientcfg_free (AditClientCfg *cfg);

/* The token, or the content of token_file, which nobody else may read (ADIT_ERROR_USAGE). NULL without
 * error if there is none. The caller owns it (adit_secret_free). */
char *adit_clientcfg_dup_token (const AditClientCfg *cfg, GError **error);

/* Puts server, token, fingerprint and insecure of @login into the file at @path, whole at once, mode 0600;
 * the rest of it stays as it is. */
gboolean adit_clientcfg_store (const char *path, const AditClientCfg *login, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AditClientCfg, adit_clientcfg_free)
