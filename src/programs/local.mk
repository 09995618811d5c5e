# SPDX-License-Identifier: MIT
# floor 5: the two programs

bin_PROGRAMS += src/programs/adit
src_programs_adit_SOURCES = \
  src/programs/adit.c \
  src/programs/demo.c \
  src/programs/demo.h \
  src/programs/dev.c \
  src/programs/dev.h
src_programs_adit_CFLAGS = $(AM_CFLAGS) $(ADIT_PIE_CFLAGS)
src_programs_adit_LDFLAGS = $(AM_LDFLAGS) $(ADIT_PIE_LDFLAGS)
# adit dev runs both houses in one process
src_programs_adit_LDADD = src/client/libadit-client.la $(ROOM_SERVER)

sbin_PROGRAMS += src/programs/adit-server
src_programs_adit_server_SOURCES = \
  src/programs/adit-server.c
src_programs_adit_server_CFLAGS = $(AM_CFLAGS) $(ADIT_PIE_CFLAGS)
src_programs_adit_server_LDFLAGS = $(AM_LDFLAGS) $(ADIT_PIE_LDFLAGS)
src_programs_adit_server_LDADD = $(ROOM_SERVER)
