# SPDX-License-Identifier: BSD-2-Clause
"""The private world the integration tests and the demo live in."""
