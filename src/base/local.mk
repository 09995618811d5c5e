# SPDX-License-Identifier: MIT
# floor 0, ground: what everything else stands on

noinst_LTLIBRARIES += src/base/libadit-base.la
src_base_libadit_base_la_SOURCES = \
  src/base/buf.c \
  src/base/buf.h \
  src/base/clock.c \
  src/base/clock.h \
  src/base/error.c \
  src/base/error.h \
  src/base/log-line.c \
  src/base/log-line.h \
  src/base/log-ring.c \
  src/base/log-ring.h \
  src/base/log-sink.c \
  src/base/log-sink.h \
  src/base/log.c \
  src/base/log.h \
  src/base/secret.c \
  src/base/secret.h \
  src/base/settings-scan.c \
  src/base/settings-scan.h \
  src/base/settings.c \
  src/base/settings.h
if SANITIZING_THREAD
src_base_libadit_base_la_SOURCES += tests/lib/tsan-glib.c
endif

# What a program that uses this room is linked with: the room, those below and their libraries.
ROOM_BASE = src/base/libadit-base.la $(LIBCONFIG_LIBS) $(GLIB_LIBS)
