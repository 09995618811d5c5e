/* SPDX-License-Identifier: MIT */
/* bond: see bond.h. */
#include "client/bond.h"

#include "wire/limits.h"

struct AditBond
{
  AditSession *session;
  GPtrArray *asked;
  const AditBondListener *listener;
  gpointer owner;
};

static void
on_welcome (gpointer owner, const AditWelcome *welcome)
{
  AditBond *bond = owner;

  bond->listener->on_welcome (bond->owner, bond, welcome);
}

static void
on_reject (gpointer owner, const AditReject *reject)
{
  AditBond *bond = owner;

  bond->listener->on_reject (bond->owner, bond, reject);
}

static void
on_request (gpointer owner, AditStream *stream, guint tunnel, guint flags, AditSpan head)
{
  AditBond *bond = owner;
  AditForward *forward = tunnel < bond->asked->len ? g_ptr_array_index (bond->asked, tunnel) : NULL;

  if (forward == NULL || !adit_forward_get_publish (forward)->open)
    adit_stream_free (stream, ADIT_REASON_UNKNOWN_NAME, "no such tunnel on this session");
  else if (!bond->listener->may_take (bond->owner))
    adit_stream_free (stream, ADIT_REASON_TUNNEL_OFFLINE, "the client is leaving");
  else
    adit_forward_take (forward, stream, adit_session_get_features (bond->session), flags, head);
}

static void
on_goaway (gpointer owner, const AditReject *why)
{
  AditBond *bond = owner;

  bond->listener->on_goaway (bond->owner, bond, why);
}

static void
on_settled (gpointer owner)
{
  AditBond *bond = owner;

  bond->listener->on_settled (bond->owner, bond);
}

static void
on_closed (gpointer owner, const GError *error)
{
  AditBond *bond = owner;

  bond->listener->on_closed (bond->owner, bond, error);
}

static const AditSessionListener session_listener = {
  .on_welcome = on_welcome,
  .on_reject = on_reject,
  .on_request = on_request,
  .on_goaway = on_goaway,
  .on_settled = on_settled,
  .on_closed = on_closed,
};

static void
say_hello (AditBond *bond, const char *token, const char *instance)
{
  g_autoptr (AditHello) hello = adit_hello_new ();

  hello->version = 1;
  g_free (hello->token);
  hello->token = g_strdup (token);
  hello->features = ADIT_FEATURES_ALL;
  hello->window = ADIT_LIMIT_WINDOW;
  hello->instance = g_strdup (instance);
  hello->agent = g_strdup ("adit/" ADIT_VERSION);
  for (guint i = 0; i < bond->asked->len; i++)
    g_ptr_array_add (hello->tunnels,
                     adit_publish_ask (adit_forward_get_publish (g_ptr_array_index (bond->asked, i))));
  hello->subdomain = g_strdup (((AditHelloTunnel *) g_ptr_array_index (hello->tunnels, 0))->subdomain);
  adit_session_say_hello (bond->session, hello);
}

AditBond *
adit_bond_new (AditLink *link, GPtrArray *forwards, const char *token, const char *instance,
               const AditBondListener *listener, gpointer owner)
{
  AditBond *bond = g_new0 (AditBond, 1);

  bond->listener = listener;
  bond->owner = owner;
  bond->asked = g_ptr_array_new ();
  for (guint i = 0; i < forwards->len; i++)
    if (!adit_forward_get_publish (g_ptr_array_index (forwards, i))->refused)
      g_ptr_array_add (bond->asked, g_ptr_array_index (forwards, i));
  bond->session = adit_session_new (link, FALSE, &session_listener, bond);
  say_hello (bond, token, instance);
  return bond;
}

void
adit_bond_close (AditBond *bond)
{
  adit_session_close (bond->session);
}

void
adit_bond_free (AditBond *bond)
{
  adit_session_close (bond->session);
  g_object_unref (bond->session);
  g_ptr_array_unref (bond->asked);
  g_free (bond);
}

AditSession *
adit_bond_get_session (AditBond *bond)
{
  return bond->session;
}

GPtrArray *
adit_bond_get_asked (AditBond *bond)
{
  return bond->asked;
}
