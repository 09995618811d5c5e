/* SPDX-License-Identifier: MIT */
/* agent: see agent.h. */
#include "client/agent.h"

#include "base/error.h"
#include "base/log.h"
#include "base/secret.h"
#include "client/backoff.h"
#include "client/bond.h"
#include "client/contact.h"
#include "client/netwatch.h"
#include "client/refusal.h"
#include "link/tls.h"
#include "wire/limits.h"

#include <stddef.h>
#include <string.h>

#define FINISH_MS 2000u           /* what runs gets when we leave */
#define PROBE_MS 2000u            /* a sign of life after the network changed */
#define DRAIN_JITTER_MS 1000u
#define HURRY_US G_USEC_PER_SEC   /* changes of the network lead to no more than one attempt in this time */
#define TELL_US (60 * G_USEC_PER_SEC)

/*           .-----------------------------------.
 *           v                                   |
 *  IDLE -> DIALING -> HANDSHAKE -> LIVE -> WAITING
 *           \___________\___________\________/      failure: WAITING; from everywhere: ENDED
 *
 * HANDSHAKE is TLS, Hello and Welcome together. WAITING is the back-off, or the jitter after a drain
 * notice; sessions that drain are in none of these: they are only in the list of bonds. */
typedef enum
{
  IDLE,
  DIALING,
  HANDSHAKE,
  LIVE,
  WAITING,
  ENDED,
} State;

struct AditAgent
{
  AditWorker *worker;
  AditPlan *plan;
  void (*ended) (gpointer data, int status);
  gpointer data;

  State state;
  AditCreds *creds;
  GPtrArray *forwards;      /* AditForward, in the order of the plan */
  AditContact *contact;
  AditBond *bond;           /* the current one; NULL before a Hello and after a loss */
  GPtrArray *bonds;         /* all that are not over; owned */
  GPtrArray *spent;         /* bonds that are over, freed at the end of the turn */
  guint n_links;            /* that are not gone yet */
  AditNetwatch *netwatch;
  AditTimer timer;          /* the deadline of HANDSHAKE, the end of WAITING, of the short finish */
  AditTimer idle;
  AditDefer tidy;
  AditBackoff backoff;
  char instance[33];
  gboolean welcomed, leaving, finished;
  guint n_unsettled; /* sessions whose server may not have read yet that we leave */
  int status;
  gint64 dialed_us, busy_us; /* when the last attempt, the last request began or ended */
  char *told;               /* the failure that was logged last */
  gint64 told_us;
};

static void dial (AditAgent *agent);

static void
set_state (AditAgent *agent, State state)
{
  static const guint8 next[] = {
    [IDLE] = 1 << DIALING | 1 << ENDED,
    [DIALING] = 1 << HANDSHAKE | 1 << WAITING | 1 << ENDED,
    [HANDSHAKE] = 1 << LIVE | 1 << WAITING | 1 << ENDED,
    [LIVE] = 1 << WAITING | 1 << ENDED,
    [WAITING] = 1 << DIALING | 1 << ENDED,
  };
  static const char *const names[] = { "idle", "dialing", "handshake", "live", "waiting", "ended" };

  g_return_if_fail (agent->state != ENDED && (next[agent->state] & 1 << state));
  adit_debug ("agent: %s to %s", names[agent->state], names[state]);
  agent->state = state;
  adit_timer_stop (&agent->timer);
}

static guint
count_running (AditAgent *agent)
{
  guint n = 0;

  for (guint i = 0; i < agent->forwards->len; i++)
    n += adit_forward_get_running (g_ptr_array_index (agent->forwards, i));
  return n;
}

/* ---- the end ---- */

/* The list of what is over is emptied outside of the callbacks that said so. */
static void
retire (AditAgent *agent, AditBond *bond)
{
  guint i;

  if (agent->bond == bond)
    agent->bond = NULL;
  if (!g_ptr_array_find (agent->bonds, bond, &i))
    return;
  g_ptr_array_steal_index_fast (agent->bonds, i);
  g_ptr_array_add (agent->spent, bond);
  adit_worker_defer (agent->worker, &agent->tidy);
}

static void
finish (AditAgent *agent)
{
  if (agent->finished)
    return;
  agent->finished = TRUE;
  g_ptr_array_set_size (agent->spent, 0);
  g_ptr_array_set_size (agent->forwards, 0);
  agent->ended (agent->data, agent->status);
}

/* Sessions that drain are closed when their last request is over; an agent that has ended waits for the
 * last bytes to leave. */
static void
on_tidy (AditDefer *defer)
{
  AditAgent *agent = (AditAgent *) ((char *) defer - offsetof (AditAgent, tidy));

  for (guint i = agent->bonds->len; i-- > 0;)
    {
      AditBond *bond = g_ptr_array_index (agent->bonds, i);

      if (bond != agent->bond && adit_session_get_n_streams (adit_bond_get_session (bond)) == 0)
        {
          adit_bond_close (bond);
          retire (agent, bond);
        }
    }
  g_ptr_array_set_size (agent->spent, 0);
  if (agent->state == ENDED && agent->n_links == 0)
    finish (agent);
}

static void
on_link_gone (gpointer data, GObject *link)
{
  AditAgent *agent = data;

  agent->n_links--;
  if (agent->state == ENDED)
    adit_worker_defer (agent->worker, &agent->tidy);
}

static void
end (AditAgent *agent, int status)
{
  if (agent->state == ENDED)
    return;
  set_state (agent, ENDED);
  agent->status = status;
  agent->bond = NULL;
  adit_contact_free (g_steal_pointer (&agent->contact));
  adit_netwatch_free (g_steal_pointer (&agent->netwatch));
  adit_timer_stop (&agent->idle);
  while (agent->bonds->len > 0)
    {
      AditBond *bond = g_ptr_array_index (agent->bonds, 0);

      adit_bond_close (bond);
      retire (agent, bond);
    }
  adit_worker_defer (agent->worker, &agent->tidy);
}

static void G_GNUC_PRINTF (3, 4)
end_with (AditAgent *agent, int status, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  if (agent->state == ENDED)
    return;
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  adit_error ("%s", text);
  end (agent, status);
}

void
adit_agent_leave (gpointer data)
{
  AditAgent *agent = data;

  if (agent->leaving || agent->state == ENDED)
    {
      end (agent, ADIT_EXIT_DONE);
      finish (agent);
      return;
    }
  agent->leaving = TRUE;
  for (guint i = 0; i < agent->bonds->len; i++)
    agent->n_unsettled
        += adit_session_go_away (adit_bond_get_session (g_ptr_array_index (agent->bonds, i)), "leaving",
                                 "the client is leaving");
  adit_contact_free (g_steal_pointer (&agent->contact));
  if (count_running (agent) == 0 && agent->n_unsettled == 0)
    end (agent, ADIT_EXIT_DONE);
  else
    adit_worker_set_timer (agent->worker, &agent->timer, FINISH_MS);
}

/* ---- waiting ---- */

/* The same failure again and again is told once a minute. */
static void
tell_failure (AditAgent *agent, const char *text, guint wait_ms)
{
  gint64 now = adit_worker_now_us (agent->worker);
  gboolean again = g_strcmp0 (agent->told, text) == 0 && now - agent->told_us < TELL_US;
  AditLogField fields[] = { ADIT_LOG_STR ("event", "retry"), ADIT_LOG_INT ("wait_ms", wait_ms) };

  if (!again)
    {
      g_free (agent->told);
      agent->told = g_strdup (text);
      agent->told_us = now;
    }
  adit_log_fields (again ? ADIT_LOG_DEBUG : ADIT_LOG_WARNING, fields, G_N_ELEMENTS (fields),
                   "%s; trying again in %u.%u s", text, wait_ms / 1000, wait_ms % 1000 / 100);
}

static void G_GNUC_PRINTF (2, 3)
wait_after (AditAgent *agent, const char *format, ...)
{
  g_autofree char *text = NULL;
  guint wait_ms;
  va_list args;

  if (agent->leaving)
    {
      end (agent, ADIT_EXIT_DONE);
      return;
    }
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  wait_ms = adit_backoff_fail (&agent->backoff, adit_worker_now_us (agent->worker), g_random_int ());
  set_state (agent, WAITING);
  tell_failure (agent, text, wait_ms);
  adit_worker_set_timer (agent->worker, &agent->timer, wait_ms);
}

/* ---- the hand-shake ---- */

static void
on_deadline (AditAgent *agent)
{
  AditBond *bond = agent->bond;

  adit_contact_free (g_steal_pointer (&agent->contact));
  if (bond)
    {
      adit_bond_close (bond);
      retire (agent, bond);
    }
  wait_after (agent, "%s did not finish the hand-shake within %u s", agent->plan->address->text,
              ADIT_LIMIT_HANDSHAKE_MS / 1000);
}

static void
on_timer (AditTimer *timer)
{
  AditAgent *agent = (AditAgent *) ((char *) timer - offsetof (AditAgent, timer));

  if (agent->leaving)
    end (agent, ADIT_EXIT_DONE);
  else if (agent->state == WAITING)
    dial (agent);
  else if (agent->state == HANDSHAKE)
    on_deadline (agent);
}

static void
take_refusal (AditAgent *agent, AditPublish *publish, const AditHelloTunnel *answer)
{
  AditRejectCode code = answer ? adit_reject_parse (answer->code) : ADIT_REJECT_NONE;
  const char *reason = answer ? answer->reason : "it opens one tunnel on a session only";
  g_autofree char *text = adit_refusal_sentence (code, adit_publish_get_title (publish), reason);

  publish->open = FALSE;
  publish->refused = answer == NULL || adit_reject_is_final (code, agent->welcomed, reason);
  if (publish->refused)
    adit_error ("%s", text);
  else
    adit_warning ("%s", text);
}

/* A v1 server answers for the first tunnel alone. */
static void
take_answer (AditAgent *agent, AditPublish *publish, const AditWelcome *welcome, guint i)
{
  AditHelloTunnel *answer = i < welcome->tunnels->len ? g_ptr_array_index (welcome->tunnels, i) : NULL;

  if (answer && answer->code == NULL && answer->public_url)
    adit_publish_give (publish, answer->subdomain, answer->public_url, answer->epoch);
  else if (welcome->tunnels->len == 0 && i == 0)
    adit_publish_give (publish, welcome->subdomain, welcome->public_url, 0);
  else
    take_refusal (agent, publish, answer);
}

static gboolean
any_tunnel (AditAgent *agent, gboolean open)
{
  for (guint i = 0; i < agent->plan->tunnels->len; i++)
    {
      AditPublish *publish = g_ptr_array_index (agent->plan->tunnels, i);

      if (open ? publish->open : !publish->refused)
        return TRUE;
    }
  return FALSE;
}

static void
close_tunnels (AditAgent *agent)
{
  for (guint i = 0; i < agent->plan->tunnels->len; i++)
    ((AditPublish *) g_ptr_array_index (agent->plan->tunnels, i))->open = FALSE;
}

static void
touch (AditAgent *agent)
{
  agent->busy_us = adit_worker_now_us (agent->worker);
}

static void
on_welcome (gpointer owner, AditBond *bond, const AditWelcome *welcome)
{
  AditAgent *agent = owner;
  GPtrArray *asked = adit_bond_get_asked (bond);

  if (agent->leaving)
    {
      end (agent, ADIT_EXIT_DONE);
      return;
    }
  set_state (agent, LIVE);
  adit_backoff_succeed (&agent->backoff, adit_worker_now_us (agent->worker));
  g_clear_pointer (&agent->told, g_free);
  adit_debug ("connected to %s (%s)", agent->plan->address->text,
              welcome->agent ? welcome->agent : "a v1 server");
  for (guint i = 0; i < asked->len; i++)
    take_answer (agent, adit_forward_get_publish (g_ptr_array_index (asked, i)), welcome, i);
  agent->welcomed = TRUE;
  if (!any_tunnel (agent, TRUE))
    {
      end (agent, ADIT_EXIT_REFUSED);
      return;
    }
  if (agent->plan->idle_timeout_s > 0 && !adit_timer_is_set (&agent->idle))
    {
      touch (agent);
      adit_worker_set_timer (agent->worker, &agent->idle, agent->plan->idle_timeout_s * 1000);
    }
}

/* The names that were asked for, when there is one. */
static const char *
get_subject (AditBond *bond)
{
  GPtrArray *asked = adit_bond_get_asked (bond);
  AditPublish *publish = adit_forward_get_publish (g_ptr_array_index (asked, 0));

  return asked->len == 1 || publish->label ? publish->given ? publish->given : publish->subdomain : NULL;
}

static void
on_reject (gpointer owner, AditBond *bond, const AditReject *reject)
{
  AditAgent *agent = owner;
  AditRejectCode code = adit_reject_parse (reject->code);
  gboolean is_named = code == ADIT_REJECT_NAME || code == ADIT_REJECT_FORBIDDEN
                      || code == ADIT_REJECT_REPLACED;
  g_autofree char *text = adit_refusal_sentence (code, is_named ? get_subject (bond) : NULL, reject->reason);

  adit_bond_close (bond);
  retire (agent, bond);
  if (adit_reject_is_final (code, agent->welcomed, reject->reason))
    end_with (agent, ADIT_EXIT_REFUSED, "%s", text);
  else
    wait_after (agent, "%s", text);
}

static void
on_session_closed (gpointer owner, AditBond *bond, const GError *error)
{
  AditAgent *agent = owner;
  gboolean was_current = agent->bond == bond;

  retire (agent, bond);
  if (!was_current)
    return;
  close_tunnels (agent);
  if (agent->state == LIVE)
    wait_after (agent, "connection lost: %s", error->message);
  else
    wait_after (agent, "%s: %s", agent->plan->address->text, error->message);
}

/* The old session stays until its requests are over; a new one is opened meanwhile. */
static void
start_over (AditAgent *agent, const char *reason)
{
  guint wait_ms = g_random_int_range (0, DRAIN_JITTER_MS);

  adit_info ("the server is going away (%s): connecting again", reason);
  agent->bond = NULL;
  set_state (agent, WAITING);
  adit_worker_set_timer (agent->worker, &agent->timer, wait_ms);
  adit_worker_defer (agent->worker, &agent->tidy);
}

static void
on_goaway (gpointer owner, AditBond *bond, const AditReject *why)
{
  AditAgent *agent = owner;
  AditRejectCode code = adit_reject_parse (why->code);
  g_autofree char *text = NULL;

  if (bond != agent->bond || agent->leaving)
    return;
  if (code == ADIT_REJECT_TOKEN || (code == ADIT_REJECT_REPLACED && adit_bond_get_asked (bond)->len == 1))
    {
      text = adit_refusal_sentence (code, code == ADIT_REJECT_TOKEN ? NULL : get_subject (bond), why->reason);
      end_with (agent, ADIT_EXIT_REFUSED, "%s", text);
    }
  else if (code != ADIT_REJECT_REPLACED) /* with several tunnels the next Welcome tells which one it was */
    start_over (agent, why->reason);
}

static gboolean
may_take (gpointer owner)
{
  AditAgent *agent = owner;

  touch (agent);
  return (!agent->leaving || agent->n_unsettled > 0) && agent->state != ENDED;
}

/* What the server had sent before it knew that we leave is here; nothing more comes. */
static void
on_settled (gpointer owner, AditBond *bond)
{
  AditAgent *agent = owner;

  agent->n_unsettled--;
  if (agent->state != ENDED && agent->n_unsettled == 0 && count_running (agent) == 0)
    end (agent, ADIT_EXIT_DONE);
}

static const AditBondListener bond_listener = {
  .on_welcome = on_welcome,
  .on_reject = on_reject,
  .on_goaway = on_goaway,
  .on_settled = on_settled,
  .on_closed = on_session_closed,
  .may_take = may_take,
};

/* ---- dialing ---- */

static void
on_connected (gpointer owner)
{
  AditAgent *agent = owner;

  set_state (agent, HANDSHAKE);
  adit_worker_set_timer (agent->worker, &agent->timer, ADIT_LIMIT_HANDSHAKE_MS);
}

static void
on_open (gpointer owner, AditLink *link)
{
  AditAgent *agent = owner;

  adit_contact_free (g_steal_pointer (&agent->contact));
  agent->n_links++;
  g_object_weak_ref (G_OBJECT (link), on_link_gone, agent);
  agent->bond = adit_bond_new (link, agent->forwards, agent->plan->token, agent->instance, &bond_listener,
                               agent);
  g_ptr_array_add (agent->bonds, agent->bond);
}

static void
on_not_reached (gpointer owner, const GError *error)
{
  AditAgent *agent = owner;
  g_autoptr (GError) why = g_error_copy (error);

  adit_contact_free (g_steal_pointer (&agent->contact));
  if (adit_error_is_verify (why))
    end_with (agent, ADIT_EXIT_FAILED, "%s: %s", agent->plan->address->text, why->message);
  else
    wait_after (agent, "cannot reach %s: %s", agent->plan->address->text, why->message);
}

static const AditContactListener contact_listener = {
  .on_connected = on_connected,
  .on_open = on_open,
  .on_failed = on_not_reached,
};

static void
dial (AditAgent *agent)
{
  set_state (agent, DIALING);
  agent->dialed_us = adit_worker_now_us (agent->worker);
  adit_log (agent->told || agent->welcomed ? ADIT_LOG_DEBUG : ADIT_LOG_INFO, "connecting to %s",
            agent->plan->address->text);
  agent->contact = adit_contact_new (agent->worker, agent->plan->address, agent->creds, &agent->plan->trust,
                                     &contact_listener, agent);
}

/* ---- the world ---- */

/* At once, but a flapping network does not make a storm of attempts. */
static void
on_changed (gpointer owner)
{
  AditAgent *agent = owner;
  gint64 since_us = adit_worker_now_us (agent->worker) - agent->dialed_us;

  if (agent->leaving)
    return;
  if (agent->state == LIVE)
    adit_session_probe (adit_bond_get_session (agent->bond), PROBE_MS);
  else if (agent->state == DIALING && since_us >= HURRY_US)
    {
      adit_contact_free (g_steal_pointer (&agent->contact));
      set_state (agent, WAITING);
      dial (agent);
    }
  else if (agent->state == WAITING)
    {
      adit_backoff_reset (&agent->backoff);
      adit_timer_stop (&agent->timer);
      adit_worker_set_timer (agent->worker, &agent->timer, (guint) (MAX (HURRY_US - since_us, 0) / 1000));
    }
}

static void
on_idle (AditTimer *timer)
{
  AditAgent *agent = (AditAgent *) ((char *) timer - offsetof (AditAgent, idle));
  gint64 idle_ms = (adit_worker_now_us (agent->worker) - agent->busy_us) / 1000;
  gint64 most_ms = (gint64) agent->plan->idle_timeout_s * 1000;

  if (count_running (agent) > 0)
    idle_ms = 0;
  if (idle_ms < most_ms)
    {
      adit_worker_set_timer (agent->worker, timer, (guint) (most_ms - idle_ms));
      return;
    }
  adit_info ("no request for %u s: leaving", agent->plan->idle_timeout_s);
  adit_agent_leave (agent);
}

static void
on_request_ended (gpointer owner)
{
  AditAgent *agent = owner;

  touch (agent);
  if (agent->state == ENDED)
    return;
  if (agent->leaving && agent->n_unsettled == 0 && count_running (agent) == 0)
    end (agent, ADIT_EXIT_DONE);
  else if (agent->bonds->len > (agent->bond ? 1u : 0u))
    adit_worker_defer (agent->worker, &agent->tidy);
}

/* ---- the door ---- */

static void
forward_free (gpointer forward)
{
  adit_forward_free (forward);
}

static void
bond_free (gpointer bond)
{
  adit_bond_free (bond);
}

AditAgent *
adit_agent_new (AditWorker *worker, AditPlan *plan, void (*ended) (gpointer data, int status), gpointer data)
{
  AditAgent *agent = g_new0 (AditAgent, 1);
  guint8 instance[16];

  agent->worker = worker;
  agent->plan = plan;
  agent->ended = ended;
  agent->data = data;
  agent->forwards = g_ptr_array_new_with_free_func (forward_free);
  agent->bonds = g_ptr_array_new_with_free_func (bond_free);
  agent->spent = g_ptr_array_new_with_free_func (bond_free);
  agent->tidy.func = on_tidy;
  adit_timer_init (&agent->timer, on_timer);
  adit_timer_init (&agent->idle, on_idle);
  adit_secret_random (instance, sizeof instance);
  for (guint i = 0; i < sizeof instance; i++)
    g_snprintf (agent->instance + 2 * i, 3, "%02x", instance[i]);
  if (!plan->address->plain)
    agent->creds = adit_creds_new_client (!plan->trust.insecure && plan->trust.fingerprint == NULL);
  return agent;
}

void
adit_agent_free (AditAgent *agent)
{
  g_ptr_array_unref (agent->bonds);
  g_ptr_array_unref (agent->spent);
  g_ptr_array_unref (agent->forwards);
  adit_creds_unref (agent->creds);
  g_free (agent->told);
  g_free (agent);
}

void
adit_agent_start (gpointer data)
{
  AditAgent *agent = data;

  for (guint i = 0; i < agent->plan->tunnels->len; i++)
    {
      AditPublish *publish = g_ptr_array_index (agent->plan->tunnels, i);

      g_ptr_array_add (agent->forwards, adit_forward_new (agent->worker, publish, agent->plan->quiet,
                                                          on_request_ended, agent));
    }
  agent->netwatch = adit_netwatch_new (agent->worker, on_changed, agent);
  dial (agent);
}
