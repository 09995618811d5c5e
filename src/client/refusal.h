/* SPDX-License-Identifier: MIT */
/* refusal: one clear sentence for what a server refused, with the cure.
 *
 * Pure. */
#pragma once

#include "wire/reason.h"

/* @what: the name or server that it is about, or NULL. The caller owns the result. */
char *adit_refusal_sentence (AditRejectCode code, const char *what, const char *reason);
