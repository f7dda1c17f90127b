# SPDX-License-Identifier: BSD-2-Clause
# Sieve: file mail that tlsmilter has tagged. Tested with Dovecot Pigeonhole.
#
# Replace mx.example.com by your authserv_id (tlsmilterd -D | grep authserv).
# Comparing it is what makes this safe: fields of other servers, and of those
# who only pretend, are not ours. README.md tells the rest.
require ["fileinto", "mailbox"];

# "?" is the blank or tab after which a long field is folded.
if allof (
    header :matches "Authentication-Results" [
	"mx.example.com;?x-tls=fail",
	"mx.example.com;?x-tls=fail?*"
    ],
    header :matches "X-TLS-Policy" ["fail", "fail?*"]
) {
	fileinto :create "Not secure";
}

# One rule of tlsmilter.conf only, here the rule "bank"; a name with blanks
# stands in quotes: "fail?rule=\"our promise\"?*".
#
# if header :matches "X-TLS-Policy" "fail?rule=bank?*" {
#	fileinto :create "Not secure/Bank";
# }
