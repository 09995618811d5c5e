/* SPDX-License-Identifier: MIT */
/* login: see login.h. */
#include "client/login.h"

#include "base/error.h"
#include "base/log.h"
#include "client/look.h"
#include "client/say.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static gboolean
usage (GError **error, const char *text)
{
  g_set_error_literal (error, ADIT_ERROR, ADIT_ERROR_USAGE, text);
  return FALSE;
}

/* On a terminal only: TRUE if the answer is yes. */
static gboolean
ask (const char *host, const char *fingerprint)
{
  char answer[16] = "";

  fprintf (stderr,
           "The certificate of %s is not publicly trusted. Its key has the fingerprint\n\n  %s\n\n"
           "which should be the one that adit-server logs at its start. Trust it from now on? [y/N] ",
           host, fingerprint);
  fflush (stderr);
  return fgets (answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* Whether an unknown key is to be pinned. */
static gboolean
decide (const AditAddress *address, const char *fingerprint, GError **error)
{
  if (!isatty (STDIN_FILENO) || !isatty (STDERR_FILENO))
    {
      g_set_error (error, ADIT_ERROR, ADIT_ERROR_USAGE,
                   "the certificate of %s is not publicly trusted, and there is no terminal to ask at. Its "
                   "fingerprint is %s: compare it with the one that adit-server logs at its start and say "
                   "--fingerprint %s (or --insecure, for development)",
                   address->text, fingerprint, fingerprint);
      return FALSE;
    }
  if (ask (address->text, fingerprint))
    return TRUE;
  g_set_error (error, ADIT_ERROR, ADIT_ERROR_FAILED, "the key of %s was not accepted; nothing was stored",
               address->text);
  return FALSE;
}

/* Looks at the server and fills in what is stored about its key. */
static gboolean
look_at (const AditOptions *options, const AditAddress *address, AditClientCfg *login, GError **error)
{
  gboolean blind = options->fingerprint == NULL || options->insecure;
  AditTrust trust = { address->host, options->fingerprint, blind };
  AditLook look;
  gboolean ok = FALSE;

  if (!adit_look_at_key (address, &trust, &look, error))
    {
      g_prefix_error (error, "%s: ", address->text);
      return FALSE;
    }
  if (look.fingerprint)
    adit_say ("%s has the key %s%s", address->text, look.fingerprint,
              look.is_public ? ", publicly trusted" : "");
  if (address->plain || options->insecure)
    ok = TRUE;
  else if (options->fingerprint)
    ok = (login->fingerprint = g_strdup (options->fingerprint)) != NULL;
  else if (look.is_public)
    ok = TRUE;
  else if (look.fingerprint == NULL)
    g_set_error (error, ADIT_ERROR, ADIT_ERROR_VERIFY, "%s showed no certificate", address->text);
  else if ((ok = decide (address, look.fingerprint, error)))
    login->fingerprint = g_strdup (look.fingerprint);
  adit_look_clear (&look);
  return ok;
}

static gboolean
login_run (const AditOptions *options, GError **error)
{
  g_autoptr (AditAddress) address = adit_address_parse (options->args[0], error);
  g_autoptr (AditClientCfg) login = adit_clientcfg_new (options->config);

  if (address == NULL)
    return FALSE;
  if (options->token == NULL)
    return usage (error, "login needs the token that the server's operator gave you: --token T");
  if (address->plain && options->fingerprint)
    return usage (error, "tcp:// has no key to pin; leave --fingerprint out, or tcp://");
  login->server = adit_address_dup_url (address);
  login->token = g_strdup (options->token);
  login->insecure = options->insecure && !address->plain;
  if (!look_at (options, address, login, error) || !adit_clientcfg_store (options->config, login, error))
    return FALSE;
  adit_say ("Stored %s in %s. Now: adit 3000", login->server, options->config);
  if (address->plain)
    adit_warning ("tcp:// is not encrypted: the token and all requests cross the network in clear");
  return TRUE;
}

int
adit_login_run (const AditOptions *options)
{
  g_autoptr (GError) error = NULL;

  if (!login_run (options, &error))
    adit_error ("%s", error->message);
  return adit_error_exit_status (error);
}
