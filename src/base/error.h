/* SPDX-License-Identifier: MIT */
/* error: the one GError domain of Adit and what its codes mean for a program's exit status.
 *
 * Owner: whoever holds the GError. Thread: any. Never logs and never exits. */
#pragma once

#include <glib.h>

#define ADIT_ERROR (adit_error_quark ())

/**
 * AditError:
 * @ADIT_ERROR_FAILED: failed while running (exit status 1)
 * @ADIT_ERROR_USAGE: bad usage or bad configuration (exit status 2)
 * @ADIT_ERROR_REFUSED: refused by the server: token, name, limit (exit status 3)
 * @ADIT_ERROR_PROTOCOL: the peer broke the protocol
 * @ADIT_ERROR_CLOSED: the peer or the link is gone
 * @ADIT_ERROR_TIMEOUT: a deadline passed
 * @ADIT_ERROR_LIMIT: a limit of ours was reached
 * @ADIT_ERROR_VERIFY: the peer's key or certificate is not the expected one (exit status 1)
 */
typedef enum
{
  ADIT_ERROR_FAILED,
  ADIT_ERROR_USAGE,
  ADIT_ERROR_REFUSED,
  ADIT_ERROR_PROTOCOL,
  ADIT_ERROR_CLOSED,
  ADIT_ERROR_TIMEOUT,
  ADIT_ERROR_LIMIT,
  ADIT_ERROR_VERIFY,
} AditError;

/* Exit statuses of both programs (interface.md, Programs). */
enum
{
  ADIT_EXIT_DONE = 0,
  ADIT_EXIT_FAILED = 1,
  ADIT_EXIT_USAGE = 2,
  ADIT_EXIT_REFUSED = 3,
};

GQuark adit_error_quark (void);

/* The exit status for @error; ADIT_EXIT_DONE for NULL, ADIT_EXIT_FAILED for foreign domains. */
int adit_error_exit_status (const GError *error);

/* Predicates, so that no caller compares domains and codes. NULL is FALSE. */
gboolean adit_error_is_refused (const GError *error);
gboolean adit_error_is_closed (const GError *error);
gboolean adit_error_is_verify (const GError *error);
gboolean adit_error_is_usage (const GError *error);
