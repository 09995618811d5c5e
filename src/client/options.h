/* SPDX-License-Identifier: MIT */
/* options: the command line and the environment: which command, and what was said with it.
 *
 * Owner: the program. Thread: the main thread. Never prints and never exits. */
#pragma once

#include "base/log.h"

#include <glib.h>

typedef enum
{
  ADIT_COMMAND_HTTP, /* also without its word */
  ADIT_COMMAND_DEV,
  ADIT_COMMAND_LOGIN,
  ADIT_COMMAND_START,
  ADIT_COMMAND_CHECK,
} AditCommand;

typedef struct
{
  AditCommand command;
  char *output;        /* --help, --version: to be printed, and that is all */
  char **args;         /* TARGET, HOST:PORT, names of tunnels; NULL-terminated */

  char *config;        /* --config, ADIT_CONFIG, or the usual place */
  gboolean config_named; /* it was said, so it must exist */
  AditLogFormat log_format;
  AditLogLevel log_level;

  char *server;        /* --host, ADIT_SERVER_URL; NULL: the file's */
  char *token;         /* --token, ADIT_TOKEN; NULL: the file's */
  char *fingerprint;
  gboolean insecure;
  char *subdomain;     /* lower-case, valid */
  char *host_header;
  guint concurrency;   /* 0: not said */
  guint idle_timeout_s;
  guint16 port;        /* dev; 0: not said */
} AditOptions;

/* @argv is not changed. NULL with ADIT_ERROR_USAGE (exit status 2), or with ADIT_ERROR_REFUSED (3) for a
 * flag that asks the server for something that no server announces yet. */
AditOptions *adit_options_parse (const char *const *argv, GError **error);
void adit_options_free (AditOptions *options);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AditOptions, adit_options_free)
