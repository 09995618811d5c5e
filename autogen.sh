#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes ./configure from configure.ac and Makefile.am. Needs autoconf, automake, libtool, autoconf-archive, gettext
# and autopoint (scripts/install-deps --build installs them). Takes no arguments and runs no configure.
set -eu
cd "$(dirname "$0")"

for tool in autoreconf automake libtoolize autopoint pkg-config; do
  command -v "$tool" >/dev/null || { echo "autogen.sh: $tool is missing; run scripts/install-deps --build" >&2; exit 1; }
done
aclocal_dir=$(aclocal --print-ac-dir)
[ -e "$aclocal_dir/ax_check_compile_flag.m4" ] || [ -e /usr/share/aclocal/ax_check_compile_flag.m4 ] || {
  echo "autogen.sh: autoconf-archive is missing; run scripts/install-deps --build" >&2
  exit 1
}

mkdir -p build-aux
exec autoreconf --install --force
