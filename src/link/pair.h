/* SPDX-License-Identifier: MIT */
/* pair: two links joined in memory, with faults on demand: how the rooms above are tested without a socket.
 *
 * Both ends belong to one worker. What is sent at one end is readable at the other in a later turn. */
#pragma once

#include "link/link.h"

#define ADIT_TYPE_PAIR (adit_pair_get_type ())
G_DECLARE_FINAL_TYPE (AditPair, adit_pair, ADIT, PAIR, AditLink)

/* Two new links; the caller owns both and attaches both. */
void adit_pair_new (AditLink **left, AditLink **right);
/* At most @most bytes a read at this end; 0 is no limit. 1 splits every message at every byte. */
void adit_pair_set_read_size (AditPair *pair, gsize most);
/* The link stops taking bytes from this end's queue (a peer that does not read). */
void adit_pair_set_stalled (AditPair *pair, gboolean stalled);
/* At most @most bytes lie between the ends; more waits in this end's queue. 0 is no limit. */
void adit_pair_set_capacity (AditPair *pair, gsize most);
/* Both ends fail as after a reset. */
void adit_pair_cut (AditPair *pair);
