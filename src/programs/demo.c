/* SPDX-License-Identifier: MIT */
/* demo: see demo.h. */
#include "programs/demo.h"

#include "base/log.h"
#include "wire/head.h"

#include <gio/gio.h>
#include <string.h>

#define MOST_THREADS 32
#define PATIENCE_S 10

struct AditDemo
{
  GSocketService *service;
  guint16 port;
};

static const char style[]
  = ":root{color-scheme:light dark;--line:#8884;--soft:#8881;--hue:#0a7d5a}"
    "body{font:16px/1.55 system-ui,sans-serif;max-width:46rem;margin:8vh auto;padding:0 1.2rem}"
    "h1{font-size:1.9rem;margin:0 0 .2rem;letter-spacing:-.02em}h1 b{color:var(--hue)}"
    "p.lead{margin:0 0 2rem;opacity:.75}h2{font-size:1rem;margin:2rem 0 .5rem}"
    "code,td,pre{font:13px/1.5 ui-monospace,monospace}"
    "pre{background:var(--soft);border:1px solid var(--line);border-radius:.5rem;padding:.8rem "
    "1rem;overflow:auto;margin:.4rem 0}"
    "table{border-collapse:collapse;width:100%;table-layout:fixed}"
    "td{border-top:1px solid var(--line);padding:.35rem .6rem .35rem "
    "0;vertical-align:top;overflow-wrap:anywhere}"
    "td:first-child{width:32%;opacity:.7}@media(prefers-color-scheme:dark){:root{--hue:#4fd6a4}}";

static const char steps[]
  = "<h2>Next</h2><ol>"
    "<li>Show a service of your own. If it listens on port 3000:<pre>./quickstart 3000</pre></li>"
    "<li>Put it online. With adit-server on a machine with a public address (README, “Put it online”):"
    "<pre>adit login adit.example.com --token T\nadit 3000 --subdomain api</pre></li></ol>";

static void
put_escaped (GString *out, AditSpan span)
{
  g_autofree char *text = g_utf8_make_valid ((const char *) span.data, (gssize) span.len);
  g_autofree char *escaped = g_markup_escape_text (text, -1);

  g_string_append (out, escaped);
}

static void
put_page (GString *out, const AditHead *head)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *time = g_date_time_format (now, "%H:%M:%S");

  g_string_append_printf (out, "<!doctype html><html lang=en><meta charset=utf-8><title>Adit works</title>"
                          "<meta name=viewport content=\"width=device-width\"><style>%s</style>"
                          "<h1>It <b>works</b>.</h1><p class=lead>This page came through the tunnel at %s: "
                          "from a small service "
                          "inside adit dev, through the client and the server, to you.</p><h2>What the local "
                          "service saw</h2><pre>",
                          style, time);
  put_escaped (out, head->method);
  g_string_append_c (out, ' ');
  put_escaped (out, head->target);
  g_string_append (out, "</pre><table>");
  for (guint i = 0; i < head->n_fields; i++)
    {
      g_string_append (out, "<tr><td>");
      put_escaped (out, head->fields[i].name);
      g_string_append (out, "<td>");
      put_escaped (out, head->fields[i].value);
    }
  g_string_append_printf (out, "</table>%s</html>\n", steps);
}

static char *
make_answer (const AditHead *head, gsize *len)
{
  g_autoptr (GString) page = g_string_new (NULL);
  GString *out = g_string_new (NULL);
  gboolean icon = adit_span_equal (head->target, ADIT_SPAN ("/favicon.ico"));

  if (!icon)
    put_page (page, head);
  g_string_append_printf (out,
                          "HTTP/1.1 %s\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: "
                          "%" G_GSIZE_FORMAT
                          "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n", icon ? "404 Not Found"
                            : "200 OK", page->len);
  if (!head->is_head)
    g_string_append_len (out, page->str, (gssize) page->len);
  *len = out->len;
  return g_string_free (out, FALSE);
}

/* Reads one head; FALSE if there is none. */
static gboolean
read_head (GInputStream *in, guint8 *data, AditHead *head)
{
  AditHeadResult result = ADIT_HEAD_MORE;
  AditHeadFault fault;
  gsize len = 0, used;

  while (result == ADIT_HEAD_MORE && len < ADIT_LIMIT_HEAD)
    {
      gssize n = g_input_stream_read (in, data + len, ADIT_LIMIT_HEAD - len, NULL, NULL);

      if (n <= 0)
        return FALSE;
      len += (gsize) n;
      result = adit_head_parse_request (head, data, len, &used, &fault);
    }
  return result == ADIT_HEAD_OK;
}

/* What of a body is on its way is read, so that the answer is not lost to a reset. */
static void
linger (GSocket *socket, GInputStream *in, guint8 *data)
{
  g_socket_shutdown (socket, FALSE, TRUE, NULL);
  while (g_input_stream_read (in, data, ADIT_LIMIT_HEAD, NULL, NULL) > 0)
    ;
}

static gboolean
on_run (GThreadedSocketService *service, GSocketConnection *connection, GObject *source, gpointer data)
{
  GIOStream *stream = G_IO_STREAM (connection);
  GInputStream *in = g_io_stream_get_input_stream (stream);
  GSocket *socket = g_socket_connection_get_socket (connection);
  g_autofree guint8 *bytes = g_malloc (ADIT_LIMIT_HEAD);
  g_autofree AditHead *head = g_new0 (AditHead, 1);
  g_autofree char *answer = NULL;
  gsize len;

  g_socket_set_timeout (socket, PATIENCE_S);
  if (!read_head (in, bytes, head))
    return TRUE;
  answer = make_answer (head, &len);
  if (g_output_stream_write_all (g_io_stream_get_output_stream (stream), answer, len, NULL, NULL, NULL))
    linger (socket, in, bytes);
  return TRUE;
}

AditDemo *
adit_demo_new (GError **error)
{
  AditDemo *demo = g_new0 (AditDemo, 1);
  g_autoptr (GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new (loopback, 0);
  g_autoptr (GSocketAddress) bound = NULL;

  demo->service = g_threaded_socket_service_new (MOST_THREADS);
  if (!g_socket_listener_add_address (G_SOCKET_LISTENER (demo->service), address, G_SOCKET_TYPE_STREAM,
                                      G_SOCKET_PROTOCOL_TCP,
                                      NULL, &bound, error))
    {
      adit_demo_free (demo);
      return NULL;
    }
  demo->port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));
  g_signal_connect (demo->service, "run", G_CALLBACK (on_run), NULL);
  g_socket_service_start (demo->service);
  return demo;
}

guint16
adit_demo_get_port (AditDemo *demo)
{
  return demo->port;
}

void
adit_demo_free (AditDemo *demo)
{
  if (demo == NULL)
    return;
  g_socket_service_stop (demo->service);
  g_socket_listener_close (G_SOCKET_LISTENER (demo->service));
  g_object_unref (demo->service);
  g_free (demo);
}
