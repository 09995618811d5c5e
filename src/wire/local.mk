# SPDX-License-Identifier: MIT
# floor 1, engines: bytes understood, no thread, descriptor or GObject

noinst_LTLIBRARIES += src/wire/libadit-wire.la
src_wire_libadit_wire_la_SOURCES = \
  src/wire/chunk.c \
  src/wire/chunk.h \
  src/wire/frame.c \
  src/wire/frame.h \
  src/wire/head-fields.c \
  src/wire/head-find.h \
  src/wire/head-host.c \
  src/wire/head-line.c \
  src/wire/head-private.h \
  src/wire/head-write.c \
  src/wire/head.c \
  src/wire/head.h \
  src/wire/hello.c \
  src/wire/hello.h \
  src/wire/json.c \
  src/wire/json.h \
  src/wire/limits.h \
  src/wire/reason.c \
  src/wire/reason.h

# What a program that uses this room is linked with: the room, those below and their libraries.
ROOM_WIRE = src/wire/libadit-wire.la $(JSON_LIBS) $(ROOM_BASE)
