# SPDX-License-Identifier: MIT
# floor 4, houses: the server

noinst_LTLIBRARIES += src/server/libadit-server.la
src_server_libadit_server_la_SOURCES = \
  src/server/claims.c \
  src/server/claims.h \
  src/server/desk.c \
  src/server/desk.h \
  src/server/errorpage.c \
  src/server/errorpage.h \
  src/server/exchange-answer.c \
  src/server/exchange-head.c \
  src/server/exchange-private.h \
  src/server/exchange.c \
  src/server/exchange.h \
  src/server/gate.c \
  src/server/gate.h \
  src/server/names.c \
  src/server/names.h \
  src/server/policy.c \
  src/server/policy.h \
  src/server/router.c \
  src/server/router.h \
  src/server/server-private.h \
  src/server/server.c \
  src/server/server.h \
  src/server/tunnel.c \
  src/server/tunnel.h \
  src/server/uplink.c \
  src/server/uplink.h \
  src/server/visitor.c \
  src/server/visitor.h

# What a program that uses this room is linked with: the room, those below and their libraries.
ROOM_SERVER = src/server/libadit-server.la $(ROOM_MUX)
