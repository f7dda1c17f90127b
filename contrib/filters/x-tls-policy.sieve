# SPDX-License-Identifier: BSD-2-Clause
# Sieve: the same as tls-policy.sieve, for servers where another filter
# removes every Authentication-Results field, as rspamd does when its module
# milter_headers writes its own.
#
# This field has no name in it that could be compared. It is safe where all
# mail from outside passes tlsmilter, which removes forged ones; README.md
# says what to do where it does not.
require ["fileinto", "mailbox"];

# "?" is the blank or tab after which a long field is folded.
if header :matches "X-TLS-Policy" ["fail", "fail?*"] {
	fileinto :create "Not secure";
}
