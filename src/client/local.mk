# SPDX-License-Identifier: MIT
# floor 4, houses: the client

noinst_LTLIBRARIES += src/client/libadit-client.la
src_client_libadit_client_la_SOURCES = \
  src/client/address.c \
  src/client/address.h \
  src/client/agent.c \
  src/client/agent.h \
  src/client/backoff.c \
  src/client/backoff.h \
  src/client/bond.c \
  src/client/bond.h \
  src/client/cfgstore.c \
  src/client/check.c \
  src/client/check.h \
  src/client/clientcfg.c \
  src/client/clientcfg.h \
  src/client/contact.c \
  src/client/contact.h \
  src/client/dialer.c \
  src/client/dialer.h \
  src/client/flags.c \
  src/client/flags.h \
  src/client/forward-private.h \
  src/client/forward.c \
  src/client/forward.h \
  src/client/local.c \
  src/client/localhead.c \
  src/client/localhead.h \
  src/client/login.c \
  src/client/login.h \
  src/client/look.c \
  src/client/look.h \
  src/client/netwatch.c \
  src/client/netwatch.h \
  src/client/options.c \
  src/client/options.h \
  src/client/plan.c \
  src/client/plan.h \
  src/client/pool.c \
  src/client/pool.h \
  src/client/publish.c \
  src/client/publish.h \
  src/client/queue.c \
  src/client/queue.h \
  src/client/refusal.c \
  src/client/refusal.h \
  src/client/reply.c \
  src/client/runner.c \
  src/client/runner.h \
  src/client/say.c \
  src/client/say.h \
  src/client/target.c \
  src/client/target.h

# What a program that uses this room is linked with: the room, those below and their libraries.
ROOM_CLIENT = src/client/libadit-client.la $(ROOM_MUX)
