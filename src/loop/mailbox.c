/* SPDX-License-Identifier: MIT */
/* mailbox: see mailbox.h. */
#include "loop/mailbox.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct AditMailbox
{
  GMutex lock;
  AditMail *first, **last;
  int fd;
};

AditMailbox *
adit_mailbox_new (void)
{
  AditMailbox *mailbox = g_new0 (AditMailbox, 1);

  g_mutex_init (&mailbox->lock);
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
  g_mutex_clear (&mailbox->lock);
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
  gboolean was_empty;

  mail->next = NULL;
  g_mutex_lock (&mailbox->lock);
  was_empty = mailbox->first == NULL;
  *mailbox->last = mail;
  mailbox->last = &mail->next;
  g_mutex_unlock (&mailbox->lock);
  if (was_empty)
    eventfd_write (mailbox->fd, 1);
}

gboolean
adit_mailbox_deliver (AditMailbox *mailbox)
{
  eventfd_t count;
  AditMail *mail;

  g_mutex_lock (&mailbox->lock);
  mail = mailbox->first;
  mailbox->first = NULL;
  mailbox->last = &mailbox->first;
  g_mutex_unlock (&mailbox->lock);
  if (mail == NULL)
    return FALSE;
  eventfd_read (mailbox->fd, &count);
  while (mail)
    {
      AditMail *next = mail->next;

      mail->deliver (mail);
      mail = next;
    }
  return TRUE;
}
