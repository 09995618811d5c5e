/* SPDX-License-Identifier: MIT */
/* test-mailbox: order, the descriptor, mail that posts mail, several threads. */
#include "loop/mailbox.h"

#include "lib/testing.h"

#include <poll.h>
#include <pthread.h>
#include <stddef.h>

typedef struct
{
  AditMail mail;
  guint number;
  AditMailbox *again; /* posted there again, once */
} Letter;

static AditMailbox *box;
static guint got[64], n_got;

static void
on_letter (AditMail *mail)
{
  Letter *letter = (Letter *) ((char *) mail - offsetof (Letter, mail));

  ck_assert_uint_lt (n_got, G_N_ELEMENTS (got));
  got[n_got++] = letter->number;
  if (letter->again)
    {
      AditMailbox *again = letter->again;

      letter->again = NULL;
      letter->number += 100;
      adit_mailbox_post (again, mail);
    }
  else
    g_free (letter);
}

static void
post (guint number, AditMailbox *again)
{
  Letter *letter = g_new0 (Letter, 1);

  letter->mail.deliver = on_letter;
  letter->number = number;
  letter->again = again;
  adit_mailbox_post (box, &letter->mail);
}

static gboolean
is_readable (void)
{
  struct pollfd at = { adit_mailbox_get_fd (box), POLLIN, 0 };

  return poll (&at, 1, 0) == 1;
}

static void
setup (void)
{
  box = adit_mailbox_new ();
  n_got = 0;
}

START_TEST (test_order)
{
  ck_assert (!adit_mailbox_deliver (box));
  for (guint i = 0; i < 10; i++)
    post (i, NULL);
  ck_assert (adit_mailbox_deliver (box));
  ck_assert_uint_eq (n_got, 10);
  for (guint i = 0; i < 10; i++)
    ck_assert_uint_eq (got[i], i);
  ck_assert (!adit_mailbox_deliver (box));
  adit_mailbox_free (box);
}
END_TEST

START_TEST (test_descriptor)
{
  for (guint round = 0; round < 3; round++)
    {
      ck_assert (!is_readable ());
      post (1, NULL);
      ck_assert (is_readable ());
      post (2, NULL);
      adit_mailbox_deliver (box);
      ck_assert (!is_readable ());
    }
  adit_mailbox_free (box);
}
END_TEST

/* Only what was posted before the call: mail that answers itself does not hold the owner up. */
START_TEST (test_post_in_delivery)
{
  post (1, box);
  post (2, NULL);
  ck_assert (adit_mailbox_deliver (box));
  ck_assert_uint_eq (n_got, 2);
  ck_assert (is_readable ());
  ck_assert (adit_mailbox_deliver (box));
  ck_assert_uint_eq (n_got, 3);
  ck_assert_uint_eq (got[2], 101);
  ck_assert (!is_readable ());
  adit_mailbox_free (box);
}
END_TEST

START_TEST (test_free_delivers)
{
  post (1, box);
  post (2, NULL);
  adit_mailbox_free (box);
  ck_assert_uint_eq (n_got, 3);
  ck_assert_uint_eq (got[2], 101);
}
END_TEST

#define THREADS 4
#define LETTERS 5000

typedef struct
{
  AditMail mail;
  guint thread, number;
} Numbered;

static guint next_of[THREADS], n_numbered;

static void
on_numbered (AditMail *mail)
{
  Numbered *numbered = (Numbered *) mail;

  ck_assert_uint_eq (numbered->number, next_of[numbered->thread]);
  next_of[numbered->thread]++;
  n_numbered++;
  g_free (numbered);
}

static void *
post_many (void *data)
{
  for (guint i = 0; i < LETTERS; i++)
    {
      Numbered *numbered = g_new0 (Numbered, 1);

      numbered->mail.deliver = on_numbered;
      numbered->thread = GPOINTER_TO_UINT (data);
      numbered->number = i;
      adit_mailbox_post (box, &numbered->mail);
    }
  return NULL;
}

/* The owner waits on the descriptor alone: no letter is lost and no wake-up either. */
START_TEST (test_threads)
{
  pthread_t threads[THREADS];

  for (guint i = 0; i < THREADS; i++)
    ck_assert_int_eq (pthread_create (&threads[i], NULL, post_many, GUINT_TO_POINTER (i)), 0);
  while (n_numbered < THREADS * LETTERS)
    {
      struct pollfd at = { adit_mailbox_get_fd (box), POLLIN, 0 };

      ck_assert_int_eq (poll (&at, 1, 10000 * (int) testing_patience ()), 1);
      adit_mailbox_deliver (box);
    }
  for (guint i = 0; i < THREADS; i++)
    pthread_join (threads[i], NULL);
  ck_assert (!is_readable ());
  adit_mailbox_free (box);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("mailbox");
  TCase *tcase = tcase_create ("mailbox");

  tcase_add_checked_fixture (tcase, setup, NULL);
  tcase_add_test (tcase, test_order);
  tcase_add_test (tcase, test_descriptor);
  tcase_add_test (tcase, test_post_in_delivery);
  tcase_add_test (tcase, test_free_delivers);
  tcase_add_test (tcase, test_threads);
  suite_add_tcase (suite, tcase);
  return testing_run (suite);
}
