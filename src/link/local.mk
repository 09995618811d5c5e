# SPDX-License-Identifier: MIT
# floor 2, edges: byte links, TLS, listeners

noinst_LTLIBRARIES += src/link/libadit-link.la
src_link_libadit_link_la_SOURCES = \
  src/link/creds-private.h \
  src/link/creds.c \
  src/link/creds.h \
  src/link/link.c \
  src/link/link.h \
  src/link/listener.c \
  src/link/listener.h \
  src/link/pair.c \
  src/link/pair.h \
  src/link/tcp.c \
  src/link/tcp.h \
  src/link/tls.c \
  src/link/tls.h

# What a program that uses this room is linked with: the room, those below and their libraries.
ROOM_LINK = src/link/libadit-link.la $(GNUTLS_LIBS) src/loop/libadit-loop.la $(ROOM_WIRE)
