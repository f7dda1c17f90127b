#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Make the configure script; needs autoconf, automake, libtool, pkg-config.
set -eu
cd "$(dirname "$0")"
exec autoreconf --force --install --warnings=all
