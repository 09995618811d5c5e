# SPDX-License-Identifier: MIT
# floor 3, shared: frames over a link, sessions, streams

noinst_LTLIBRARIES += src/mux/libadit-mux.la
src_mux_libadit_mux_la_SOURCES = \
  src/mux/dispatch.c \
  src/mux/session-private.h \
  src/mux/session.c \
  src/mux/session.h \
  src/mux/stream.c \
  src/mux/stream.h \
  src/mux/transport.c \
  src/mux/transport.h \
  src/mux/window.c \
  src/mux/window.h

# What a program that uses this room is linked with: the room, those below and their libraries.
ROOM_MUX = src/mux/libadit-mux.la $(ROOM_LINK)
