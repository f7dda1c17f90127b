# SPDX-License-Identifier: BSD-2-Clause
"""Waiting for a condition, with a generous limit and a clear failure."""
import time

# A limit is never what a test measures: ten times what is needed and more.
LIMIT = 30


def until(condition, what="condition", limit=LIMIT, pause=0.01):
    """Call condition until it returns something true; return that."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("not within %d s: %s" % (limit, what))
        time.sleep(pause)
