/* SPDX-License-Identifier: MIT */
/* mailbox: the only way into another thread: a list, a mutex and an eventfd.
 *
 * Any thread may post; the owner's thread delivers in the order of posting. The eventfd is written only
 * when the box was empty. */
#pragma once

#include <glib.h>

typedef struct AditMail AditMail;
typedef struct AditMailbox AditMailbox;

/* Embedded in a message; belongs to the receiver from the post on, which frees it in @deliver. */
struct AditMail
{
  AditMail *next;
  void (*deliver) (AditMail *mail);
};

AditMailbox *adit_mailbox_new (void);
/* Delivers what is left, then frees. */
void adit_mailbox_free (AditMailbox *mailbox);
int adit_mailbox_get_fd (AditMailbox *mailbox);
void adit_mailbox_post (AditMailbox *mailbox, AditMail *mail);
/* The owner's thread: delivers everything that was posted before the call. TRUE if there was any. */
gboolean adit_mailbox_deliver (AditMailbox *mailbox);
