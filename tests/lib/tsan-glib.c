/* SPDX-License-Identifier: MIT */
/* tsan-glib: tells ThreadSanitizer about the order that GLib's locks and references give.
 *
 * The distribution's GLib is not compiled with -fsanitize=thread, and its locks are futexes of its own, so the sanitizer would
 * report whatever they protect. Each function here stands before GLib's of the same name in our programs, calls it, and adds
 * the edge: what was done before a release is seen after an acquire of the same address. Linked into --enable-sanitizers=thread
 * builds only. Hides no race: it adds exactly the edges that GLib documents. */
#include <dlfcn.h>
#include <glib-object.h>

void __tsan_acquire (void *address);
void __tsan_release (void *address);

/* GLib's own function behind ours. */
#define NEXT(name) \
  static __typeof__ (&name) next; \
  if (G_UNLIKELY (__atomic_load_n (&next, __ATOMIC_ACQUIRE) == NULL)) \
    __atomic_store_n (&next, (__typeof__ (&name)) dlsym (RTLD_NEXT, #name), __ATOMIC_RELEASE)

#define LOCK(name, type) \
  void(name) (type *lock) \
  { \
    NEXT (name); \
    next (lock); \
    __tsan_acquire (lock); \
  }

#define TRYLOCK(name, type) \
  gboolean (name) (type *lock) \
  { \
    NEXT (name); \
    if (!next (lock)) \
      return FALSE; \
    __tsan_acquire (lock); \
    return TRUE; \
  }

#define UNLOCK(name, type) \
  void(name) (type *lock) \
  { \
    NEXT (name); \
    __tsan_release (lock); \
    next (lock); \
  }

LOCK (g_mutex_lock, GMutex)
TRYLOCK (g_mutex_trylock, GMutex)
UNLOCK (g_mutex_unlock, GMutex)
LOCK (g_rec_mutex_lock, GRecMutex)
TRYLOCK (g_rec_mutex_trylock, GRecMutex)
UNLOCK (g_rec_mutex_unlock, GRecMutex)
LOCK (g_rw_lock_writer_lock, GRWLock)
TRYLOCK (g_rw_lock_writer_trylock, GRWLock)
UNLOCK (g_rw_lock_writer_unlock, GRWLock)
LOCK (g_rw_lock_reader_lock, GRWLock)
TRYLOCK (g_rw_lock_reader_trylock, GRWLock)
UNLOCK (g_rw_lock_reader_unlock, GRWLock)

void (g_cond_wait) (GCond *cond, GMutex *mutex)
{
  NEXT (g_cond_wait);
  __tsan_release (mutex);
  next (cond, mutex);
  __tsan_acquire (mutex);
}

gboolean (g_cond_wait_until) (GCond *cond, GMutex *mutex, gint64 end_time)
{
  gboolean signalled;
  NEXT (g_cond_wait_until);

  __tsan_release (mutex);
  signalled = next (cond, mutex, end_time);
  __tsan_acquire (mutex);
  return signalled;
}

/* The last unref sees what was done before every other one. */
void (g_object_unref) (gpointer object)
{
  NEXT (g_object_unref);
  __tsan_release (object);
  __tsan_acquire (object);
  next (object);
}

void (g_bytes_unref) (GBytes *bytes)
{
  NEXT (g_bytes_unref);
  __tsan_release (bytes);
  __tsan_acquire (bytes);
  next (bytes);
}

/* A call sent to another context sees what its sender did before. */
typedef struct
{
  GSourceFunc func;
  gpointer data;
  GDestroyNotify destroy;
} Call;

static gboolean
on_call (gpointer data)
{
  Call *call = data;

  __tsan_acquire (call);
  return call->func (call->data);
}

static void
call_free (gpointer data)
{
  Call *call = data;

  __tsan_acquire (call);
  if (call->destroy != NULL)
    call->destroy (call->data);
  g_free (call);
}

void (g_main_context_invoke_full) (GMainContext *context, int priority, GSourceFunc func, gpointer data,
                                   GDestroyNotify destroy)
{
  Call *call = g_new (Call, 1);
  NEXT (g_main_context_invoke_full);

  *call = (Call){ func, data, destroy };
  __tsan_release (call);
  next (context, priority, on_call, call, call_free);
}

void (g_main_context_invoke) (GMainContext *context, GSourceFunc func, gpointer data)
{
  (g_main_context_invoke_full) (context, G_PRIORITY_DEFAULT, func, data, NULL);
}
