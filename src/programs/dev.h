/* SPDX-License-Identifier: MIT */
/* dev: server and client in one process on loopback, without a configuration file, with a throw-away token.
 *
 * Thread: the main thread. */
#pragma once

#include "client/options.h"

/* The exit status. */
int adit_dev_run (const AditOptions *options);
