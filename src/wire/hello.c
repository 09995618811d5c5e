/* SPDX-License-Identifier: MIT */
/* hello: Hello, Welcome and Reject as JSON, their features, and names.
 *
 * Pure. What may reach a terminal or a log (URLs, agents, reasons) loses its control characters here. */
#include "wire/hello.h"
#include "base/error.h"
#include "wire/json.h"
#include "wire/limits.h"

#include <string.h>

static const char *const feature_words[] = {
  "credit", "tunnels", "length", "trailers", "upgrade", "interim", "reason", "goaway", "epoch", "keepalive",
};

G_STATIC_ASSERT (ADIT_FEATURES_ALL == (1 << G_N_ELEMENTS (feature_words)) - 1);

/* Valid UTF-8 of at most @max bytes without control characters, in place. */
static void
clean (char *text, gsize max)
{
  char *to = text;

  if (text == NULL)
    return;
  for (const char *at = text, *next; *at != '\0'; at = next)
    {
      gsize len;

      next = g_utf8_next_char (at);
      len = (gsize) (next - at);
      if (g_unichar_iscntrl (g_utf8_get_char (at)))
        continue;
      if ((gsize) (to - text) + len > max)
        break;
      memmove (to, at, len);
      to += len;
    }
  *to = '\0';
}

static void
null_if_empty (char **text)
{
  if (*text != NULL && **text == '\0')
    g_clear_pointer (text, g_free);
}

static gboolean
refuse (GError **error, const char *text)
{
  g_set_error (error, ADIT_ERROR, ADIT_ERROR_PROTOCOL, "the message was not understood: %s", text);
  return FALSE;
}

AditHelloTunnel *
adit_hello_tunnel_new (void)
{
  return g_new0 (AditHelloTunnel, 1);
}

void
adit_hello_tunnel_free (AditHelloTunnel *tunnel)
{
  if (tunnel == NULL)
    return;
  g_free (tunnel->type);
  g_free (tunnel->subdomain);
  g_free (tunnel->public_url);
  g_free (tunnel->code);
  g_free (tunnel->reason);
  g_free (tunnel);
}

static GPtrArray *
new_tunnels (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) adit_hello_tunnel_free);
}

AditHello *
adit_hello_new (void)
{
  AditHello *hello = g_new0 (AditHello, 1);

  hello->version = 1;
  hello->token = g_strdup ("");
  hello->tunnels = new_tunnels ();
  return hello;
}

void
adit_hello_free (AditHello *hello)
{
  if (hello == NULL)
    return;
  g_free (hello->token);
  g_free (hello->subdomain);
  g_free (hello->instance);
  g_free (hello->agent);
  g_ptr_array_unref (hello->tunnels);
  g_free (hello);
}

AditWelcome *
adit_welcome_new (void)
{
  AditWelcome *welcome = g_new0 (AditWelcome, 1);

  welcome->tunnels = new_tunnels ();
  return welcome;
}

void
adit_welcome_free (AditWelcome *welcome)
{
  if (welcome == NULL)
    return;
  g_free (welcome->subdomain);
  g_free (welcome->public_url);
  g_free (welcome->agent);
  g_ptr_array_unref (welcome->tunnels);
  g_free (welcome);
}

/* Reading */

static AditFeatures
find_feature (const char *word)
{
  for (guint i = 0; i < G_N_ELEMENTS (feature_words); i++)
    if (strcmp (feature_words[i], word) == 0)
      return (AditFeatures) (1 << i);
  return (AditFeatures) 0;
}

/* Unknown words are ignored. "length" and "upgrade" are flags of a Request frame, so they need "tunnels". */
static gboolean
read_features (JsonObject *object, AditFeatures *features, GError **error)
{
  JsonArray *list = NULL;
  guint found = 0;

  if (!adit_json_get_list (object, "features", &list, error))
    return FALSE;
  for (guint i = 0; list != NULL && i < json_array_get_length (list); i++)
    {
      JsonNode *node = json_array_get_element (list, i);

      if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
        return refuse (error, "a feature is no text");
      found |= find_feature (json_node_get_string (node));
    }
  if ((found & ADIT_FEATURE_TUNNELS) == 0)
    found &= ~(guint) (ADIT_FEATURE_LENGTH | ADIT_FEATURE_UPGRADE);
  *features = (AditFeatures) found;
  return TRUE;
}

static gboolean
read_window (const AditJson *json, AditFeatures features, guint32 *window, GError **error)
{
  guint64 number = 0;

  if (!adit_json_get_number (json, json->root, "window", &number, error))
    return FALSE;
  if (number > G_MAXINT32)
    return refuse (error, "the window is too large");
  *window = (features & ADIT_FEATURE_CREDIT) != 0 ? (guint32) number : 0;
  return TRUE;
}

/* A number, or one as text. */
static gboolean
read_version (const AditJson *json, guint64 *version, GError **error)
{
  g_autofree char *text = NULL;

  if (!adit_json_get_text (json->root, "version", &text, NULL))
    return adit_json_get_number (json, json->root, "version", version, error);
  if (text != NULL && !g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT64, version, NULL))
    return refuse (error, "\"version\" is no number");
  return TRUE;
}

static gboolean
read_tunnel (const AditJson *json, JsonNode *node, gboolean answer, AditHelloTunnel *tunnel, GError **error)
{
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;

  if (object == NULL)
    return refuse (error, "a tunnel is no object");
  if (!adit_json_get_text (object, "type", &tunnel->type, error)
      || !adit_json_get_text (object, "subdomain", &tunnel->subdomain, error)
      || !adit_json_get_number (json, object, "epoch", &tunnel->epoch, error))
    return FALSE;
  if (answer
      && (!adit_json_get_text (object, "public_url", &tunnel->public_url, error)
          || !adit_json_get_text (object, "code", &tunnel->code, error)
          || !adit_json_get_text (object, "reason", &tunnel->reason, error)))
    return FALSE;
  if (tunnel->type == NULL)
    tunnel->type = g_strdup ("http");
  null_if_empty (&tunnel->subdomain);
  null_if_empty (&tunnel->code);
  clean (tunnel->type, ADIT_LIMIT_LABEL);
  clean (tunnel->public_url, ADIT_LIMIT_HELLO);
  clean (tunnel->reason, ADIT_LIMIT_HELLO);
  return TRUE;
}

static gboolean
read_tunnels (const AditJson *json, gboolean answer, GPtrArray *tunnels, GError **error)
{
  JsonArray *list = NULL;

  if (!adit_json_get_list (json->root, "tunnels", &list, error))
    return FALSE;
  if (list != NULL && json_array_get_length (list) > ADIT_LIMIT_TUNNELS)
    return refuse (error, "it asks for too many tunnels");
  for (guint i = 0; list != NULL && i < json_array_get_length (list); i++)
    {
      AditHelloTunnel *tunnel = adit_hello_tunnel_new ();

      g_ptr_array_add (tunnels, tunnel);
      if (!read_tunnel (json, json_array_get_element (list, i), answer, tunnel, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
settle_instance (char *instance, GError **error)
{
  gsize digits = 0;

  for (; instance != NULL && g_ascii_isxdigit (instance[digits]); digits++)
    instance[digits] = g_ascii_tolower (instance[digits]);
  if (instance != NULL && (digits != 32 || instance[digits] != '\0'))
    return refuse (error, "\"instance\" is not 32 hexadecimal digits");
  return TRUE;
}

static gboolean
read_hello (const AditJson *json, AditHello *hello, GError **error)
{
  JsonObject *root = json->root;

  if (!read_version (json, &hello->version, error)
      || !adit_json_get_text (root, "token", &hello->token, error)
      || !adit_json_get_text (root, "subdomain", &hello->subdomain, error)
      || !read_features (root, &hello->features, error)
      || !read_window (json, hello->features, &hello->window, error)
      || !adit_json_get_text (root, "instance", &hello->instance, error)
      || !adit_json_get_text (root, "agent", &hello->agent, error)
      || !read_tunnels (json, FALSE, hello->tunnels, error))
    return FALSE;
  if (strlen (hello->token) > ADIT_LIMIT_TOKEN)
    return refuse (error, "the token is too long");
  null_if_empty (&hello->instance);
  clean (hello->agent, ADIT_LIMIT_AGENT);
  if (hello->tunnels->len > 0)
    {
      g_free (hello->subdomain);
      hello->subdomain = g_strdup (((AditHelloTunnel *) g_ptr_array_index (hello->tunnels, 0))->subdomain);
    }
  null_if_empty (&hello->subdomain);
  return settle_instance (hello->instance, error);
}

AditHello *
adit_hello_parse (const guint8 *data, gsize len, GError **error)
{
  g_autoptr (AditHello) hello = adit_hello_new ();
  AditJson json;
  gboolean ok;

  if (!adit_json_open (&json, data, len, error))
    return NULL;
  ok = read_hello (&json, hello, error);
  adit_json_close (&json);
  return ok ? g_steal_pointer (&hello) : NULL;
}

static gboolean
read_welcome (const AditJson *json, AditWelcome *welcome, GError **error)
{
  JsonObject *root = json->root;

  if (!adit_json_get_text (root, "subdomain", &welcome->subdomain, error)
      || !adit_json_get_text (root, "public_url", &welcome->public_url, error)
      || !read_features (root, &welcome->features, error)
      || !read_window (json, welcome->features, &welcome->window, error)
      || !adit_json_get_text (root, "agent", &welcome->agent, error)
      || !read_tunnels (json, TRUE, welcome->tunnels, error))
    return FALSE;
  clean (welcome->subdomain, ADIT_LIMIT_HELLO);
  clean (welcome->public_url, ADIT_LIMIT_HELLO);
  clean (welcome->agent, ADIT_LIMIT_AGENT);
  if (welcome->subdomain == NULL)
    welcome->subdomain = g_strdup ("");
  if (welcome->public_url == NULL || *welcome->public_url == '\0')
    return refuse (error, "\"public_url\" is missing");
  return TRUE;
}

AditWelcome *
adit_welcome_parse (const guint8 *data, gsize len, GError **error)
{
  g_autoptr (AditWelcome) welcome = adit_welcome_new ();
  AditJson json;
  gboolean ok;

  if (!adit_json_open (&json, data, len, error))
    return NULL;
  ok = read_welcome (&json, welcome, error);
  adit_json_close (&json);
  return ok ? g_steal_pointer (&welcome) : NULL;
}

AditReject *
adit_reject_read (const guint8 *data, gsize len)
{
  AditReject *reject = g_new0 (AditReject, 1);
  AditJson json;

  if (adit_json_open (&json, data, len, NULL))
    {
      adit_json_get_text (json.root, "reason", &reject->reason, NULL);
      adit_json_get_text (json.root, "code", &reject->code, NULL);
      null_if_empty (&reject->code);
      adit_json_close (&json);
    }
  else if (len > 0)
    reject->reason = g_utf8_make_valid ((const char *) data, (gssize) MIN (len, ADIT_LIMIT_HELLO));
  if (reject->reason == NULL)
    reject->reason = g_strdup ("");
  clean (reject->reason, ADIT_LIMIT_HELLO);
  clean (reject->code, ADIT_LIMIT_LABEL);
  return reject;
}

void
adit_reject_free (AditReject *reject)
{
  if (reject == NULL)
    return;
  g_free (reject->reason);
  g_free (reject->code);
  g_free (reject);
}

/* Writing: a side without features writes pure v1. */

static void
write_features (GString *out, AditFeatures features, guint32 window)
{
  if (features == 0)
    return;
  adit_json_put_key (out, "features");
  g_string_append_c (out, '[');
  for (guint i = 0; i < G_N_ELEMENTS (feature_words); i++)
    if ((features & (1 << i)) != 0)
      adit_json_put_string (out, feature_words[i]);
  g_string_append_c (out, ']');
  if ((features & ADIT_FEATURE_CREDIT) != 0)
    adit_json_put_number (out, "window", window);
}

static void
write_tunnel (GString *out, const AditHelloTunnel *tunnel)
{
  g_string_append (out, out->str[out->len - 1] == '[' ? "{" : ",{");
  adit_json_put_text (out, "type", tunnel->type != NULL ? tunnel->type : "http");
  adit_json_put_text (out, "subdomain", tunnel->subdomain);
  adit_json_put_text (out, "public_url", tunnel->public_url);
  if (tunnel->epoch != 0)
    adit_json_put_number (out, "epoch", tunnel->epoch);
  adit_json_put_text (out, "code", tunnel->code);
  adit_json_put_text (out, "reason", tunnel->reason);
  g_string_append_c (out, '}');
}

static void
write_tunnels (GString *out, const GPtrArray *tunnels)
{
  if (tunnels->len == 0)
    return;
  adit_json_put_key (out, "tunnels");
  g_string_append_c (out, '[');
  for (guint i = 0; i < tunnels->len; i++)
    write_tunnel (out, g_ptr_array_index (tunnels, i));
  g_string_append_c (out, ']');
}

static char *
close_object (GString *out)
{
  g_string_append_c (out, '}');
  return g_string_free (out, FALSE);
}

char *
adit_hello_write (const AditHello *hello)
{
  GString *out = g_string_new ("{");

  adit_json_put_number (out, "version", hello->version);
  adit_json_put_text (out, "token", hello->token);
  adit_json_put_text (out, "subdomain", hello->subdomain != NULL ? hello->subdomain : "");
  write_features (out, hello->features, hello->window);
  adit_json_put_text (out, "instance", hello->instance);
  adit_json_put_text (out, "agent", hello->agent);
  write_tunnels (out, hello->tunnels);
  return close_object (out);
}

char *
adit_welcome_write (const AditWelcome *welcome)
{
  GString *out = g_string_new ("{");

  adit_json_put_text (out, "subdomain", welcome->subdomain != NULL ? welcome->subdomain : "");
  adit_json_put_text (out, "public_url", welcome->public_url);
  write_features (out, welcome->features, welcome->window);
  adit_json_put_text (out, "agent", welcome->agent);
  write_tunnels (out, welcome->tunnels);
  return close_object (out);
}

char *
adit_reject_write (const char *reason, const char *code)
{
  GString *out = g_string_new ("{");

  adit_json_put_text (out, "reason", reason != NULL ? reason : "");
  adit_json_put_text (out, "code", code);
  return close_object (out);
}

gboolean
adit_name_normalise (char *name)
{
  gsize len = 0;

  for (; name[len] != '\0'; len++)
    {
      name[len] = g_ascii_tolower (name[len]);
      if (!g_ascii_isalnum (name[len]) && name[len] != '-')
        return FALSE;
    }
  return len >= 1 && len <= ADIT_LIMIT_LABEL && name[0] != '-' && name[len - 1] != '-';
}
