# SPDX-License-Identifier: MIT
# floor 1, engines: threads and descriptors, no bytes understood

noinst_LTLIBRARIES += src/loop/libadit-loop.la
src_loop_libadit_loop_la_SOURCES = \
  src/loop/crew.c \
  src/loop/crew.h \
  src/loop/mailbox.c \
  src/loop/mailbox.h \
  src/loop/poller.c \
  src/loop/poller.h \
  src/loop/timer.c \
  src/loop/timer.h \
  src/loop/worker.c \
  src/loop/worker.h

# What a program that uses this room is linked with: the room, those below and their libraries.
ROOM_LOOP = src/loop/libadit-loop.la $(ROOM_BASE)
