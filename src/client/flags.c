/* SPDX-License-Identifier: MIT */
/* flags: see flags.h. */
#include "client/flags.h"

#include "wire/limits.h"

#define WORD(name, letter, member, text, value) \
  { name, letter, G_OPTION_ARG_STRING, G_STRUCT_OFFSET (AditFlags, member), text, value }
#define MARK(name, letter, member, text) \
  { name, letter, G_OPTION_ARG_NONE, G_STRUCT_OFFSET (AditFlags, member), text, NULL }
#define INSPECT \
  { "inspect", 0, G_OPTION_ARG_CALLBACK, G_STRUCT_OFFSET (AditFlags, inspect), NULL, "ADDR:PORT" }
#define INSECURE(text) MARK ("insecure", 0, insecure, text)
#define IDLE_TIMEOUT \
  WORD ("idle-timeout", 0, idle_timeout, "Leave after so long without a request (0: never)", "SECS")
#define END { NULL, 0, G_OPTION_ARG_NONE, 0, NULL, NULL }

#define COMMON \
  MARK ("help", 'h', help, "Show this help"), \
  MARK ("version", 'V', version, "Show the version"), \
  WORD ("config", 0, config, "Configuration file", "FILE"), \
  WORD ("log-format", 0, log_format, "human (default) or json", "FORMAT"), \
  WORD ("log-level", 0, log_level, "error, warning, info (default) or debug", "LEVEL"), \
  END

#define TUNNEL \
  WORD ("subdomain", 's', subdomain, "The name; without it a random one", "NAME"), \
  WORD ("concurrency", 'c', concurrency, "Requests forwarded at a time (100); more wait, then 503", "N"), \
  IDLE_TIMEOUT, \
  WORD ("host-header", 0, host_header, "Host as the local service sees it: rewrite (its own; default), " \
        "preserve (the public one) or a value", "HOW"), \
  WORD ("hostname", 0, hostname, NULL, "FQDN"), \
  WORD ("basic-auth", 0, basic_auth, NULL, "USER:PASS"), \
  WORD ("allow-cidr", 0, allow_cidr, NULL, "NET"), \
  MARK ("tui", 0, tui, NULL), \
  INSPECT

#define SERVER \
  WORD ("host", 0, host, "Another server than the configured one; tcp:// is plain wire v1", "HOST:PORT"), \
  WORD ("token", 0, token, "Another token than the configured one", "T"), \
  WORD ("fingerprint", 0, fingerprint, "The server's key", "sha256:F")

static const AditFlag http_flags[] = {
  TUNNEL,
  WORD ("port", 'p', port, NULL, "P"),
  SERVER,
  INSECURE ("Do not verify the server or an https target; for development"),
  COMMON,
};

static const AditFlag dev_flags[] = {
  TUNNEL,
  WORD ("port", 'p', port, "The local port that visitors use (8080 or the next free one)", "P"),
  INSECURE ("Do not verify an https target"),
  COMMON,
};

static const AditFlag login_flags[] = {
  WORD ("token", 0, token, "The secret that the server's operator gave you", "T"),
  WORD ("fingerprint", 0, fingerprint, "The server's key, as adit-server logs it", "sha256:F"),
  INSECURE ("Skip every check; for development"),
  COMMON,
};

static const AditFlag start_flags[] = {
  IDLE_TIMEOUT,
  SERVER,
  MARK ("tui", 0, tui, NULL),
  INSPECT,
  INSECURE ("Do not verify the server or https targets; for development"),
  COMMON,
};

static const AditFlag check_flags[] = {
  SERVER,
  INSECURE ("Do not verify the server; for development"),
  COMMON,
};

const AditCommandEntry adit_commands[ADIT_COMMANDS] = {
  [ADIT_COMMAND_HTTP] = { "http", http_flags, 1, 1, "TARGET",
    "Gives a web service on this machine a public URL.\n\n"
    "TARGET is PORT (127.0.0.1, then ::1), HOST:PORT, http://HOST:PORT, https://HOST:PORT or unix:/path.\n\n"
    "Commands:\n"
    "  adit TARGET, adit http TARGET      put a local web service online\n"
    "  adit dev [TARGET]                  try it: server and client on this machine alone\n"
    "  adit login HOST:PORT --token T     store server, token and the server's key\n"
    "  adit start [NAME…]                 open the tunnels of the configuration file\n"
    "  adit check                         say what is wrong with configuration and server\n"
    "  adit COMMAND --help                the flags of a command" },
  [ADIT_COMMAND_DEV] = { "dev", dev_flags, 0, 1, "dev [TARGET]",
    "Server and client in one process on this machine: http://NAME.localhost:PORT.\n"
    "Without TARGET it shows a page of its own." },
  [ADIT_COMMAND_LOGIN] = { "login", login_flags, 1, 1, "login HOST:PORT",
    "Stores server and token. HOST:PORT is TLS (port 7000 if left out), tcp://HOST:PORT is plain wire v1.\n"
    "A server without a publicly trusted certificate is pinned by the fingerprint of its key." },
  [ADIT_COMMAND_START] = { "start", start_flags, 0, ADIT_LIMIT_TUNNELS, "start [NAME…]",
    "Opens the tunnels of the configuration file, all or the named ones, over one session." },
  [ADIT_COMMAND_CHECK] = { "check", check_flags, 0, 0, "check",
    "Validates the configuration, reaches the server, and says what is wrong and how to mend it." },
};

const char *const adit_later_commands[]
  = { "tcp", "udp", "files", "status", "list", "stop", "replay", "serve", "connect", NULL };
