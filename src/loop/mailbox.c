/* SPDX-License-Identifier: MIT */
/* mailbox: see mailbox.h. */
#include "loop/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The eventfd is readable exactly while there is mail: both change within the lock, or a wake-up could be
 * swallowed or stay for ever. */
struct AditMailbox
{
  pthread_mutex_t lock; /* not GMutex: the thread sanitizer sees through this one */
  AditMail *first, **last;
  int fd;
};

AditMailbox *
adit_mailbox_new (void)
{
  AditMailbox *mailbox = g_new0 (AditMailbox, 1);

  pthread_mutex_init (&mailbox->lock, NULL);
  mailbox->last = &mailbox->first;
  mailbox->fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (mailbox->fd < 0)
    g_error ("eventfd: %s", g_strerror (errno));
  return mailbox;
}

void
adit_mailbox_free (AditMailbox *mailbox)
{
  while (adit_mailbox_deliver (mailbox))
    ;
  close (mailbox->fd);
  pthread_mutex_destroy (&mailbox->lock);
  g_free (mailbox);
}

int
adit_mailbox_get_fd (AditMailbox *mailbox)
{
  return mailbox->fd;
}

void
adit_mailbox_post (AditMailbox *mailbox, AditMail *mail)
{
  mail->next = NULL;
  pthread_mutex_lock (&mailbox->lock);
  if (mailbox->first == NULL)
    eventfd_write (mailbox->fd, 1);
  *mailbox->last = mail;
  mailbox->last = &mail->next;
  pthread_mutex_unlock (&mailbox->lock);
}

gboolean
adit_mailbox_deliver (AditMailbox *mailbox)
{
  eventfd_t count;
  AditMail *mail;

  pthread_mutex_lock (&mailbox->lock);
  mail = mailbox->first;
  mailbox->first = NULL;
  mailbox->last = &mailbox->first;
  if (mail)
    eventfd_read (mailbox->fd, &count);
  pthread_mutex_unlock (&mailbox->lock);
  if (mail == NULL)
    return FALSE;
  while (mail)
    {
      AditMail *next = mail->next;

      mail->deliver (mail);
      mail = next;
    }
  return TRUE;
}
