/* SPDX-License-Identifier: MIT */
/* login: stores server, token and the server's key in the configuration file.
 *
 * Thread: the main thread. */
#pragma once

#include "client/options.h"

/* The exit status. */
int adit_login_run (const AditOptions *options);
