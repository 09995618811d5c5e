# SPDX-License-Identifier: MIT
# ADIT_PKG(VARIABLE, MODULES, DEBIAN-PACKAGE): PKG_CHECK_MODULES with an error that says what to install.
AC_DEFUN([ADIT_PKG], [
  PKG_CHECK_MODULES([$1], [$2], [],
    [AC_MSG_ERROR([$2 not found: $[]$1[]_PKG_ERRORS
Install it (Debian: $3), or all that Adit needs with scripts/install-deps.])])
])

# ADIT_DIR(NAME, WHAT, DEFAULT): --with-NAMEdir; without it everything goes below the prefix.
AC_DEFUN([ADIT_DIR], [
  AC_ARG_WITH([$1],
    [AS_HELP_STRING([--with-$1=DIR], [folder for $2 [$3]])],
    [], [with_$1='$3'])
  AS_CASE([$with_$1], [yes|no], [AC_MSG_ERROR([--with-$1 needs a folder])])
  AC_SUBST([$1], [$with_$1])
])

# ADIT_PYTHON: PYTHON3 is the first python3 that has pytest (the distribution's, if another shadows it), else any.
AC_DEFUN([ADIT_PYTHON], [
  AC_ARG_VAR([PYTHON3], [python3 with pytest, for the tests])
  adit_pytest=no
  AC_PATH_PROGS_FEATURE_CHECK([PYTHON3], [python3],
    [AS_IF(["$ac_path_PYTHON3" -c 'import pytest' 2>/dev/null],
      [ac_cv_path_PYTHON3=$ac_path_PYTHON3 ac_path_PYTHON3_found=: adit_pytest=yes],
      [test -n "$ac_cv_path_PYTHON3" || ac_cv_path_PYTHON3=$ac_path_PYTHON3])],
    [ac_cv_path_PYTHON3=python3], [$PATH$PATH_SEPARATOR/usr/bin])
  PYTHON3=$ac_cv_path_PYTHON3
])
