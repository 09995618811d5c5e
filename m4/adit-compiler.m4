# SPDX-License-Identifier: MIT
# What the compiler is asked beyond the user's CFLAGS. Each macro fills one ADIT_…FLAGS variable that Makefile.am
# puts into AM_CFLAGS, AM_CPPFLAGS or AM_LDFLAGS, so that make CFLAGS=… keeps working.

# ADIT_WARNINGS(WERROR): the warnings that this compiler knows.
AC_DEFUN([ADIT_WARNINGS], [
  ADIT_WARN_CFLAGS=
  AX_APPEND_COMPILE_FLAGS([ \
    -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
    -Wno-unused-parameter -Wpointer-arith -Wwrite-strings -Wundef -Wformat=2 -Wno-format-nonliteral \
    -Winit-self -Wdate-time -Wimplicit-fallthrough -Wduplicated-cond -Wjump-misses-init],
    [ADIT_WARN_CFLAGS], [-Werror])
  AS_IF([test "x$1" = xyes], [ADIT_WARN_CFLAGS="$ADIT_WARN_CFLAGS -Werror"])
  AC_SUBST([ADIT_WARN_CFLAGS])
])

# --enable-sanitizers=address,undefined or =thread. Runs before ADIT_HARDENING, which leaves out what does not mix.
AC_DEFUN([ADIT_SANITIZERS], [
  AC_ARG_ENABLE([sanitizers],
    [AS_HELP_STRING([--enable-sanitizers=LIST], [address,undefined or thread (what -fsanitize= takes)])],
    [], [enable_sanitizers=no])
  AS_CASE([$enable_sanitizers],
    [yes], [enable_sanitizers=address,undefined],
    [''], [enable_sanitizers=no])
  AS_CASE([,$enable_sanitizers,],
    [*,thread,*address,*|*,address,*thread,*],
      [AC_MSG_ERROR([address and thread do not go together: one build for each])])
  ADIT_SANITIZE_FLAGS=
  AS_IF([test "x$enable_sanitizers" != xno], [
    ADIT_SANITIZE_FLAGS="-fsanitize=$enable_sanitizers -fno-omit-frame-pointer"
    AS_CASE([,$enable_sanitizers,], [*,undefined,*],
      [ADIT_SANITIZE_FLAGS="$ADIT_SANITIZE_FLAGS -fno-sanitize-recover=undefined"])
    AX_CHECK_LINK_FLAG([$ADIT_SANITIZE_FLAGS], [],
      [AC_MSG_ERROR([$CC cannot link with -fsanitize=$enable_sanitizers (clang on Debian: libclang-rt-14-dev)])])
  ])
  AM_CONDITIONAL([SANITIZING], [test "x$enable_sanitizers" != xno])
  AM_CONDITIONAL([SANITIZING_THREAD], [test "x$enable_sanitizers" = xthread])
  AC_SUBST([ADIT_SANITIZE_FLAGS])
])

# --enable-coverage: gcov notes beside the objects; "make coverage" prints the shares.
AC_DEFUN([ADIT_COVERAGE], [
  AC_ARG_ENABLE([coverage],
    [AS_HELP_STRING([--enable-coverage], [count executed lines; then make check coverage])],
    [], [enable_coverage=no])
  ADIT_COVERAGE_FLAGS=
  AS_IF([test "x$enable_coverage" = xyes], [
    AX_CHECK_LINK_FLAG([--coverage], [ADIT_COVERAGE_FLAGS=--coverage],
      [AC_MSG_ERROR([$CC does not take --coverage])])
  ])
  AM_CONDITIONAL([COVERAGE], [test "x$enable_coverage" = xyes])
  AC_SUBST([ADIT_COVERAGE_FLAGS])
])

# --enable-fuzzing: the rooms instrumented for libFuzzer; a thing of clang.
AC_DEFUN([ADIT_FUZZING], [
  AC_ARG_ENABLE([fuzzing],
    [AS_HELP_STRING([--enable-fuzzing], [instrument for libFuzzer (clang only)])],
    [], [enable_fuzzing=no])
  ADIT_FUZZ_FLAGS=
  AS_IF([test "x$enable_fuzzing" = xyes], [
    AX_CHECK_COMPILE_FLAG([-fsanitize=fuzzer-no-link], [ADIT_FUZZ_FLAGS=-fsanitize=fuzzer-no-link],
      [AC_MSG_ERROR([--enable-fuzzing needs clang: ./configure CC=clang --enable-fuzzing])], [-Werror])
  ])
  AM_CONDITIONAL([FUZZING], [test "x$enable_fuzzing" = xyes])
  AC_SUBST([ADIT_FUZZ_FLAGS])
])

# Stack protector, fortified libc calls, read-only relocations, position-independent programs.
AC_DEFUN([ADIT_HARDENING], [
  ADIT_HARDEN_CPPFLAGS=
  ADIT_HARDEN_CFLAGS=
  ADIT_HARDEN_LDFLAGS=
  ADIT_PIE_CFLAGS=
  ADIT_PIE_LDFLAGS=
  AX_APPEND_COMPILE_FLAGS([-fstack-protector-strong], [ADIT_HARDEN_CFLAGS], [-Werror])
  AX_APPEND_LINK_FLAGS([-Wl,-z,relro -Wl,-z,now], [ADIT_HARDEN_LDFLAGS])
  AX_CHECK_LINK_FLAG([-fPIE -pie], [ADIT_PIE_CFLAGS=-fPIE ADIT_PIE_LDFLAGS=-pie])
  adit_fortify=no
  AS_IF([test "x$enable_sanitizers" = xno], [
    AS_CASE([" $CFLAGS $CPPFLAGS "],
      [*_FORTIFY_SOURCE*], [adit_fortify=user],
      [*\ -O0\ *|*\ -Og\ *], [],
      [*\ -O*], [adit_fortify=yes])
  ])
  AS_IF([test $adit_fortify = yes], [ADIT_HARDEN_CPPFLAGS="-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"])
  adit_hardening="$ADIT_HARDEN_CPPFLAGS $ADIT_HARDEN_CFLAGS $ADIT_HARDEN_LDFLAGS $ADIT_PIE_LDFLAGS"
  AC_SUBST([ADIT_HARDEN_CPPFLAGS])
  AC_SUBST([ADIT_HARDEN_CFLAGS])
  AC_SUBST([ADIT_HARDEN_LDFLAGS])
  AC_SUBST([ADIT_PIE_CFLAGS])
  AC_SUBST([ADIT_PIE_LDFLAGS])
])
