# SPDX-License-Identifier: BSD-2-Clause
# AX_TM_WARNINGS: set WARN_CFLAGS to the warning flags this compiler knows.
# The last two are none: without -fno-semantic-interposition GCC takes every
# function of position-independent code for one that may be replaced at run
# time, and inlines none that is not static.
AC_DEFUN([AX_TM_WARNINGS], [
  WARN_CFLAGS=
  for tm_flag in -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes \
      -Wmissing-prototypes -Wwrite-strings -Wvla -Wformat=2 -Wundef \
      -Wnull-dereference -Wconversion -Wno-sign-conversion \
      -Wimplicit-fallthrough -fstack-protector-strong \
      -fno-semantic-interposition; do
    tm_save_CFLAGS=$CFLAGS
    CFLAGS="$CFLAGS -Werror $tm_flag"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
      [WARN_CFLAGS="$WARN_CFLAGS $tm_flag"])
    CFLAGS=$tm_save_CFLAGS
  done
  AS_IF([test "x$enable_werror" = xyes], [WARN_CFLAGS="$WARN_CFLAGS -Werror"])
  AC_SUBST([WARN_CFLAGS])
])
