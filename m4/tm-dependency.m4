# SPDX-License-Identifier: BSD-2-Clause
# TM_DEPENDENCY(VARIABLE, PKG-CONFIG MODULE, DEBIAN PACKAGE)
# Probe one library; note it as found, or its Debian package as missing.
AC_DEFUN([TM_DEPENDENCY], [
  PKG_CHECK_MODULES([$1], [$2],
    [tm_found="$tm_found $($PKG_CONFIG --print-errors --modversion "$2" 2>/dev/null | sed "s/^/m4_bpatsubst([$2], [ .*])-/;q")"],
    [tm_missing="$tm_missing $3"])
])

# TM_DEPENDENCY_LIB(VARIABLE, HEADER, LIBRARY, FUNCTION, DEBIAN PACKAGE)
# The same for a library without a pkg-config file.
AC_DEFUN([TM_DEPENDENCY_LIB], [
  tm_have_$3=no
  AC_CHECK_HEADER([$2], [AC_CHECK_LIB([$3], [$4], [tm_have_$3=yes])])
  AS_IF([test "x$tm_have_$3" = xyes],
    [$1[]_LIBS="-l$3"; tm_found="$tm_found $3"],
    [tm_missing="$tm_missing $5"])
  AC_SUBST([$1_LIBS])
])
