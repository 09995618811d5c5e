# SPDX-License-Identifier: MIT
# floor 4, houses: the client

noinst_LTLIBRARIES += src/client/libadit-client.la
src_client_libadit_client_la_SOURCES = \
  src/client/address.c \
  src/client/address.h \
  src/client/backoff.c \
  src/client/backoff.h \
  src/client/dialer.c \
  src/client/dialer.h \
  src/client/localhead.c \
  src/client/localhead.h \
  src/client/netwatch.c \
  src/client/netwatch.h \
  src/client/pool.c \
  src/client/pool.h \
  src/client/queue.c \
  src/client/queue.h \
  src/client/target.c \
  src/client/target.h

# What a program that uses this room is linked with: the room, those below and their libraries.
ROOM_CLIENT = src/client/libadit-client.la $(ROOM_MUX)
