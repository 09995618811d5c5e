/* SPDX-License-Identifier: MIT */
/* desk: see desk.h. */
#include "server/desk.h"

#include "server/gate.h"
#include "server/uplink.h"
#include "server/visitor.h"

AditRules *
adit_rules_ref (AditRules *rules)
{
  g_atomic_int_inc (&rules->refs);
  return rules;
}

void
adit_rules_unref (AditRules *rules)
{
  if (rules == NULL || !g_atomic_int_dec_and_test (&rules->refs))
    return;
  adit_policy_unref (rules->policy);
  adit_creds_unref (rules->control);
  adit_creds_unref (rules->visitor);
  g_free (rules);
}

static void
on_control (gpointer owner, int fd, const AditPeer *peer)
{
  adit_gate_new (owner, fd, peer);
}

static void
on_http (gpointer owner, int fd, const AditPeer *peer)
{
  adit_visitor_new (owner, fd, peer, FALSE);
}

static void
on_https (gpointer owner, int fd, const AditPeer *peer)
{
  adit_visitor_new (owner, fd, peer, TRUE);
}

void
adit_desk_start (AditDesk *desk)
{
  adit_listener_attach (desk->control, desk->worker, on_control, desk);
  if (desk->http)
    adit_listener_attach (desk->http, desk->worker, on_http, desk);
  if (desk->https)
    adit_listener_attach (desk->https, desk->worker, on_https, desk);
}

void
adit_desk_set_rules (AditDesk *desk, AditRules *rules)
{
  adit_rules_unref (desk->rules);
  desk->rules = rules;
}

void
adit_desk_published (AditDesk *desk)
{
  GQueue waiting = desk->waiting;
  GList *link;

  /* Those that go on waiting join the queue again. */
  g_queue_init (&desk->waiting);
  while ((link = g_queue_pop_head_link (&waiting)))
    adit_visitor_look_again (link->data);
}

static void
close_listeners (AditDesk *desk)
{
  g_clear_pointer (&desk->control, adit_listener_close);
  g_clear_pointer (&desk->http, adit_listener_close);
  g_clear_pointer (&desk->https, adit_listener_close);
}

void
adit_desk_drain (AditDesk *desk)
{
  GList *next;

  desk->draining = TRUE;
  close_listeners (desk);
  for (GList *link = desk->uplinks.head; link; link = next)
    {
      next = link->next;
      adit_uplink_go_away (link->data, ADIT_REJECT_DRAINING, "the server is about to stop");
    }
  for (GList *link = desk->visitors.head; link; link = next)
    {
      next = link->next;
      adit_visitor_drain (link->data);
    }
}

void
adit_desk_close (AditDesk *desk)
{
  close_listeners (desk);
  while (desk->gates.head)
    adit_gate_close (desk->gates.head->data);
  while (desk->visitors.head)
    adit_visitor_close (desk->visitors.head->data, FALSE);
  while (desk->uplinks.head)
    adit_uplink_close (desk->uplinks.head->data);
  g_clear_pointer (&desk->rules, adit_rules_unref);
}
