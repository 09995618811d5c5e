/* SPDX-License-Identifier: MIT */
/* check: says what is wrong with configuration, server, token and local services, and how to mend it.
 *
 * Thread: the main thread. */
#pragma once

#include "client/clientcfg.h"
#include "client/options.h"

/* @cfg was read without an error. The exit status. */
int adit_check_run (const AditOptions *options, AditClientCfg *cfg);
