/* SPDX-License-Identifier: MIT */
/* flags: the tables of the command line: every command, its flags, and where a flag's value goes.
 *
 * Part of options. Constant. */
#pragma once

#include "client/options.h"

/* Flags as given; judged later. */
typedef struct
{
  gboolean help, version, insecure, tui, inspect;
  char *config, *log_format, *log_level;
  char *subdomain, *hostname, *port, *host, *token, *fingerprint;
  char *concurrency, *idle_timeout, *host_header, *basic_auth, *allow_cidr;
  char **rest;
} AditFlags;

typedef struct
{
  const char *name;
  char letter;
  GOptionArg arg;   /* NONE, STRING; CALLBACK: a mark that may have a value */
  gsize offset;     /* in AditFlags */
  const char *text; /* NULL: not shown, for it is not in this version */
  const char *value;
} AditFlag;

typedef struct
{
  const char *word;
  const AditFlag *flags; /* up to one without a name */
  guint args_least, args_most;
  const char *usage, *summary;
} AditCommandEntry;

#define ADIT_COMMANDS (ADIT_COMMAND_CHECK + 1)

extern const AditCommandEntry adit_commands[ADIT_COMMANDS];
/* Words of commands that a later version has; NULL-terminated. */
extern const char *const adit_later_commands[];
