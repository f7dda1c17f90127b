/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The evaluation of design §5, stated as rules, facts and the verdict; see
 * scenario.h for the notation and show() for that of the verdict.
 */
#include "config.h"

#include "tests/unit/scenario.h"
#include "tests/unit/unit.h"
#include "util/buf.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define OUR "our require=tls to_policy=enforce action=reject"
#define OURS "to=b@our.example ours to_policy=enforce"
#define TLS13 "tls=TLSv1.3/TLS_AES_256_GCM_SHA384/256"

struct row {
	const char *label, *rules, *facts, *want;
};

/* "reject rule=R plaintext:tls to=our.example policy=4" and, where they
 * say something, "would=", "exempt=", "relayed", "fused". */
static void show(const struct verdict *v, struct buf *b)
{
	buf_adds(b, action_name(v->action));
	if (v->would != v->action)
		buf_addf(b, " would=%s", action_name(v->would));
	if (v->rule)
		buf_addf(b, " rule=%s", v->rule->name);
	if (v->unmet || v->unmet_what)
		buf_addf(b, " %s:%s", unmet_name(v->unmet), v->unmet_what);
	if (v->policy_domain)
		buf_addf(b, " %s=%s", v->about_sender ? "from" : "to",
		    v->policy_domain);
	if (v->promise)
		buf_addf(b, " policy=%u", v->promise);
	if (v->exempt)
		buf_addf(b, " exempt=%s", exemption_name(v->exempt));
	if (v->relayed)
		buf_adds(b, " relayed");
	if (v->fused)
		buf_adds(b, " fused");
}

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct scenario sc;
		struct verdict v;
		struct buf b;

		buf_init(&b, 1000);
		scenario_read(&sc, rows[i].rules, rows[i].facts);
		scenario_decide(&sc, NULL, NULL, &v);
		show(&v, &b);
		CHECK_CASE_STR(rows[i].label, buf_str(&b), rows[i].want);
		CHECK_CASE(rows[i].label, v.reason[0] != '\0');
		scenario_clear(&sc);
		buf_clear(&b);
	}
}

#define CHECK_ROWS(rows) check_rows(rows, COUNT(rows))

static void requirements(void)
{
	static const struct row rows[] = {
		{ "no rules: accepted (ST-S-03)", "", "", "accept" },
		{ "tls: plaintext", "r require=tls action=reject", "tls=none",
		    "reject rule=r plaintext:tls" },
		{ "tls: met", "r require=tls action=reject", TLS13,
		    "accept" },
		{ "tls: unknown is never plaintext (§6.3)",
		    "r require=tls action=reject", "tls=unknown", "accept" },
		{ "tls: unknown waits for nothing (§6.3)",
		    "r require=tls action=reject unknown=defer",
		    "tls=unknown", "accept" },
		{ "verified: TLS unknown (PF-MI-17)",
		    "r require=verified action=reject unknown=defer",
		    "tls=unknown", "accept" },
		{ "tls: TLS 1.0 is TLS (TV-08)",
		    "r require=tls action=reject", "tls=TLSv1", "accept" },
		{ "tls: a version we do not know (TV-10)",
		    "r require=tls action=reject", "tls=TLSv9", "accept" },
		{ "tls1.2: plaintext", "r require=tls1.2 action=reject",
		    "tls=none", "reject rule=r plaintext:tls" },
		{ "tls1.2: TLSv1.2", "r require=tls1.2 action=reject",
		    "tls=TLSv1.2", "accept" },
		{ "tls1.2: TLSv1.3", "r require=tls1.2 action=reject",
		    "tls=TLSv1.3", "accept" },
		{ "tls1.2: TLSv1.1", "r require=tls1.2 action=reject",
		    "tls=TLSv1.1", "reject rule=r weak:tls1.2" },
		{ "tls1.2: TLSv1", "r require=tls1.2 action=reject",
		    "tls=TLSv1", "reject rule=r weak:tls1.2" },
		{ "tls1.2: SSLv3", "r require=tls1.2 action=reject",
		    "tls=SSLv3", "reject rule=r weak:tls1.2" },
		{ "tls1.2: unknown version (TV-10)",
		    "r require=tls1.2 action=reject", "tls=TLSv9", "accept" },
		{ "tls1.2: unknown version, defer",
		    "r require=tls1.2 action=reject unknown=defer",
		    "tls=UNKNOWN", "defer rule=r unknown:tls1.2" },
		{ "tls1.3: TLSv1.2", "r require=tls1.3 action=reject",
		    "tls=TLSv1.2", "reject rule=r weak:tls1.3" },
		{ "tls1.3: TLSv1.3", "r require=tls1.3 action=reject",
		    TLS13, "accept" },
		{ "min_bits: enough", "r min_bits=128 action=reject",
		    "tls=TLSv1.2/AES/128", "accept" },
		{ "min_bits: too few", "r min_bits=128 action=reject",
		    "tls=TLSv1.2/3DES/112", "reject rule=r weak:min_bits" },
		{ "min_bits: not told", "r min_bits=128 action=reject",
		    "tls=TLSv1.2", "accept" },
		{ "min_bits: not told, defer",
		    "r min_bits=128 action=reject unknown=defer",
		    "tls=TLSv1.2", "defer rule=r unknown:min_bits" },
		{ "min_bits implies tls (§5)",
		    "r require=none min_bits=128 action=reject", "tls=none",
		    "reject rule=r plaintext:tls" },
		{ "deny_cipher: whole name", "r deny=RC4-SHA action=reject",
		    "tls=TLSv1/rc4-sha/128", "reject rule=r weak:deny_cipher" },
		{ "deny_cipher: a part", "r deny=MD5,RC4 action=reject",
		    "tls=TLSv1/ECDHE-RSA-RC4-SHA/128",
		    "reject rule=r weak:deny_cipher" },
		{ "deny_cipher: last part of an IANA name",
		    "r deny=SHA action=reject",
		    "tls=TLSv1/TLS_RSA_WITH_AES_128_CBC_SHA/128",
		    "reject rule=r weak:deny_cipher" },
		{ "deny_cipher: not a part", "r deny=RC action=reject",
		    "tls=TLSv1/ECDHE-RSA-RC4-SHA/128", "accept" },
		{ "deny_cipher: not told", "r deny=RC4 action=reject",
		    "tls=TLSv1.2", "accept" },
		{ "deny_cipher: empty, defer",
		    "r deny=RC4 action=reject unknown=defer",
		    "tls=TLSv1.2//256", "defer rule=r unknown:deny_cipher" },
		{ "deny_cipher implies tls (§5)",
		    "r require=none deny=RC4 action=reject", "tls=none",
		    "reject rule=r plaintext:tls" },
		{ "two shortcomings: the first is named",
		    "r require=tls1.2 min_bits=128 action=reject",
		    "tls=TLSv1/DES/56", "reject rule=r weak:tls1.2" },
		{ "not met outweighs not told",
		    "r require=tls1.2 min_bits=128 action=reject",
		    "tls=odd/DES/56", "reject rule=r weak:min_bits" },
		{ "two not told: the first is named",
		    "r require=tls1.2 min_bits=128 action=reject "
		    "unknown=defer",
		    "tls=odd", "defer rule=r unknown:tls1.2" },
	};

	CHECK_ROWS(rows);
}

static void certificates(void)
{
#define DN "subject=/CN=mail.bank.example/O=Bank+20Inc"
	static const struct row rows[] = {
		{ "verified: ok", "r require=verified action=reject",
		    TLS13 " verify=ok", "accept" },
		{ "verified: not trusted", "r require=verified action=reject",
		    TLS13 " verify=failed",
		    "reject rule=r certificate:verified" },
		{ "verified: none", "r require=verified action=reject",
		    TLS13 " verify=none",
		    "reject rule=r certificate:verified" },
		{ "verified: unavailable (§5)",
		    "r require=verified action=reject", TLS13, "accept" },
		{ "verified: unavailable, defer (§5)",
		    "r require=verified action=reject unknown=defer", TLS13,
		    "defer rule=r unknown:verified" },
		{ "verified: plaintext", "r require=verified action=reject",
		    "tls=none", "reject rule=r plaintext:tls" },
		{ "cert_name: Postfix's CN",
		    "r cert_name=mail.bank.example action=reject",
		    TLS13 " verify=ok subject=Mail.Bank.example", "accept" },
		{ "cert_name: another CN",
		    "r cert_name=mail.bank.example action=reject",
		    TLS13 " verify=ok subject=mail.evil.example",
		    "reject rule=r certificate:cert_name" },
		{ "cert_name: CN of Sendmail's DN",
		    "r cert_name=mail.bank.example action=reject",
		    TLS13 " verify=ok " DN, "accept" },
		{ "cert_name: whole DN",
		    "r cert_name=/cn=mail.bank.example/O=Bank+20Inc "
		    "action=reject", TLS13 " verify=ok " DN, "accept" },
		{ "cert_name: suffix",
		    "r cert_name=x,.bank.example action=reject",
		    TLS13 " verify=ok " DN, "accept" },
		{ "cert_name: suffix is not the name itself",
		    "r cert_name=.bank.example action=reject",
		    TLS13 " verify=ok subject=.bank.example", "accept" },
		{ "cert_name: suffix needs its dot",
		    "r cert_name=.bank.example action=reject",
		    TLS13 " verify=ok subject=evilbank.example",
		    "reject rule=r certificate:cert_name" },
		{ "cert_name: a second CN hides in another attribute",
		    "r cert_name=mail.bank.example action=reject",
		    TLS13 " verify=ok "
		    "subject=/O=x/CN=mail.bank.example/CN=evil",
		    "reject rule=r certificate:cert_name" },
		{ "cert_name: a subject without CN",
		    "r cert_name=mail.bank.example action=reject",
		    TLS13 " verify=ok subject=/O=mail.bank.example",
		    "reject rule=r certificate:cert_name" },
		{ "cert_name: no subject told",
		    "r cert_name=x action=reject unknown=defer",
		    TLS13 " verify=ok", "defer rule=r unknown:cert_name" },
		{ "cert_name: empty subject (B1)",
		    "r cert_name=x action=reject",
		    TLS13 " verify=ok subject=", "accept" },
		{ "cert_name: Sendmail's subject of verify=FAIL (§6.4)",
		    "r cert_name=mail.bank.example action=reject",
		    TLS13 " verify=failed " DN,
		    "reject rule=r certificate:cert_name" },
		{ "cert_name: unavailable", "r cert_name=x action=reject",
		    TLS13 " " DN, "accept" },
		{ "cert_name implies tls (§5)",
		    "r require=none cert_name=x action=reject", "tls=none",
		    "reject rule=r plaintext:tls" },
		{ "fingerprint: equal",
		    "r fp=AB:CD:EF action=reject", TLS13 " fp=ab:cd:ef",
		    "accept" },
		{ "fingerprint: without colons",
		    "r fp=00,ABCDEF action=reject", TLS13 " fp=ab:cd:ef",
		    "accept" },
		{ "fingerprint: of an untrusted certificate",
		    "r fp=abcdef action=reject",
		    TLS13 " verify=failed fp=abcdef", "accept" },
		{ "fingerprint: another one", "r fp=abcdef action=reject",
		    TLS13 " fp=abcdee",
		    "reject rule=r certificate:cert_fingerprint" },
		{ "fingerprint: only the beginning",
		    "r fp=abcdef action=reject", TLS13 " fp=abcd",
		    "reject rule=r certificate:cert_fingerprint" },
		{ "fingerprint: empty", "r fp=: action=reject", TLS13 " fp=",
		    "reject rule=r certificate:cert_fingerprint" },
		{ "fingerprint: no certificate", "r fp=ab action=reject",
		    TLS13 " verify=none",
		    "reject rule=r certificate:cert_fingerprint" },
		{ "fingerprint: Postfix's milters get none (§5)",
		    "r fp=ab action=reject", TLS13 " verify=ok", "accept" },
		{ "fingerprint: unavailable, defer",
		    "r fp=ab action=reject unknown=defer", TLS13,
		    "defer rule=r unknown:cert_fingerprint" },
		{ "a certificate authenticates nobody (E13)",
		    "r authenticated=yes require=tls1.3 action=reject",
		    "tls=TLSv1.2 verify=ok subject=user", "accept" },
	};
#undef DN

	CHECK_ROWS(rows);
}

static void conditions(void)
{
#define R " require=tls action=reject"
	static const struct row rows[] = {
		{ "listener: port", "r listener=587,465" R, "port=587",
		    "reject rule=r plaintext:tls" },
		{ "listener: name", "r listener=MSA" R, "port=25 name=msa",
		    "reject rule=r plaintext:tls" },
		{ "listener: another", "r listener=587" R, "port=25 name=MTA",
		    "accept" },
		{ "listener: not known", "r listener=587" R, "", "accept" },
		{ "client: network", "r client=192.0.2.0/24" R,
		    "client=192.0.2.9", "reject rule=r plaintext:tls" },
		{ "client: another", "r client=192.0.2.0/24" R,
		    "client=198.51.100.1", "accept" },
		{ "client: confirmed name", "r client=.bank.example" R,
		    "client=192.0.2.9 client_name=mx.bank.example",
		    "reject rule=r plaintext:tls" },
		{ "client: no address (PF-MI-11)", "r client=0.0.0.0/0" R, "",
		    "accept" },
		{ "from: domain", "r from=bank.example" R,
		    "from=a@bank.example",
		    "reject rule=r plaintext:tls from=bank.example" },
		{ "from: another", "r from=bank.example" R, "from=a@b.example",
		    "accept" },
		{ "from: not told", "r from=bank.example" R, "", "accept" },
		{ "from: null sender", "r from=<>" R, "from=<>",
		    "reject rule=r plaintext:tls" },
		{ "to: domain", "r to=our.example" R, "to=b@our.example",
		    "reject rule=r plaintext:tls to=our.example" },
		{ "to: another", "r to=our.example" R, "to=b@b.example",
		    "accept" },
		{ "to: no recipient yet (§8)", "r to=our.example" R, "",
		    "accept" },
		{ "to: postmaster without domain (AD-06)", "r to=postmaster@" R,
		    "to=<postmaster>", "reject rule=r plaintext:tls" },
		{ "from and to: the recipient's domain is named",
		    "r from=a.example to=b.example" R,
		    "from=x@a.example to=y@b.example",
		    "reject rule=r plaintext:tls to=b.example" },
		{ "authenticated: yes", "r authenticated=yes" R, "auth=joe",
		    "reject rule=r plaintext:tls" },
		{ "authenticated: yes, but is not", "r authenticated=yes" R,
		    "", "accept" },
		{ "authenticated: no", "r authenticated=no" R, "",
		    "reject rule=r plaintext:tls" },
		{ "authenticated: no, but is", "r authenticated=no" R,
		    "auth=joe", "accept" },
		{ "authenticated: an empty name is none (B1)",
		    "r authenticated=yes" R, "auth=", "accept" },
		{ "requiretls: yes (RT-02)", "r requiretls=yes" R,
		    "requiretls", "reject rule=r plaintext:tls" },
		{ "requiretls: yes, not asked for", "r requiretls=yes" R, "",
		    "accept" },
		{ "requiretls: no", "r requiretls=no" R, "",
		    "reject rule=r plaintext:tls" },
		{ "requiretls: no, asked for", "r requiretls=no" R,
		    "requiretls", "accept" },
		{ "all conditions must hold",
		    "r from=bank.example listener=25" R,
		    "from=a@bank.example port=587", "accept" },
		{ "all conditions hold",
		    "r from=bank.example listener=25 client=192.0.2.1" R,
		    "from=a@bank.example port=25 client=192.0.2.1",
		    "reject rule=r plaintext:tls from=bank.example" },
	};

	CHECK_ROWS(rows);
}

static void promises(void)
{
	static const struct row rows[] = {
		{ "to_policy: ours, plaintext", OUR, OURS,
		    "reject rule=our plaintext:tls to=our.example policy=4" },
		{ "to_policy: ours, TLS", OUR, OURS " " TLS13, "accept" },
		{ "to_policy: a printer relaying to others (§5)", OUR,
		    "to=b@gmail.example to_policy=enforce", "accept" },
		{ "to_policy: testing is not enforce", OUR,
		    "to=b@our.example ours to_policy=testing", "accept" },
		{ "to_policy: none", OUR,
		    "to=b@our.example ours to_policy=none", "accept" },
		{ "to_policy: none asked for",
		    "r to_policy=none require=tls action=tag",
		    "to=b@our.example ours to_policy=none",
		    "tag rule=r plaintext:tls to=our.example policy=1" },
		{ "to_policy: none of others", "r to_policy=none require=tls "
		    "action=tag", "to=b@b.example to_policy=none", "accept" },
		{ "to_policy: two hold, the strongest is named",
		    "r to_policy=dane,enforce require=tls action=reject",
		    "to=b@our.example ours to_policy=testing,enforce,dane",
		    "reject rule=r plaintext:tls to=our.example policy=8" },
		{ "to_policy: one of two holds",
		    "r to_policy=dane,enforce require=tls action=reject",
		    "to=b@our.example ours to_policy=enforce",
		    "reject rule=r plaintext:tls to=our.example policy=4" },
		{ "to_policy: no recipient yet", OUR, "", "accept" },
		{ "to_policy: recipient without domain", OUR,
		    "to=postmaster ours to_policy=enforce", "accept" },
		{ "to_policy: authenticated (§5)", OUR, OURS " auth=joe",
		    "accept" },
		{ "to_policy: relay (§5)", OUR, OURS " relay", "accept" },
		{ "to_policy: null sender (§5, PF-MI-18)", OUR,
		    OURS " from=<>", "accept" },
		{ "to_policy: unknown is accepted", OUR,
		    "to=b@our.example ours to_policy=unknown", "accept" },
		{ "to_policy: unknown, whose is unknown too",
		    OUR " unknown=defer", "to=b@b.example to_policy=unknown",
		    "defer rule=our unknown:to_policy to=b.example" },
		{ "to_policy: unknown, TLS (§5)", OUR " unknown=defer",
		    "to=b@b.example to_policy=unknown " TLS13, "accept" },
		{ "to_policy: unknown, TLS unknown", OUR " unknown=defer",
		    "to=b@b.example to_policy=unknown tls=unknown",
		    "accept" },
		{ "to_policy: waited long enough (§5)", OUR " unknown=defer",
		    "to=b@our.example ours to_policy=waited", "accept" },
		{ "to_policy: waited is no policy",
		    "r to_policy=none require=tls action=tag unknown=defer",
		    "to=b@our.example ours to_policy=waited",
		    "tag rule=r plaintext:tls to=our.example policy=1" },
		{ "to_policy: waited, not ours", "r to_policy=none "
		    "require=tls action=tag unknown=defer",
		    "to=b@b.example to_policy=waited", "accept" },
		{ "to_policy: unknown but another condition fails",
		    OUR " unknown=defer listener=587",
		    "to=b@b.example to_policy=unknown port=25", "accept" },
		{ "to_policy: unknown, authenticated",
		    OUR " unknown=defer",
		    "to=b@b.example to_policy=unknown auth=joe", "accept" },
		{ "from_policy: plaintext",
		    "r from_policy=enforce require=tls action=tag",
		    "from=a@b.example from_policy=enforce",
		    "tag rule=r plaintext:tls from=b.example policy=4" },
		{ "from_policy: none",
		    "r from_policy=enforce require=tls action=tag",
		    "from=a@b.example from_policy=none", "accept" },
		{ "from_policy: needs no recipient and is nobody's but "
		    "theirs", "r from_policy=dane require=tls action=tag",
		    "from=a@b.example from_policy=dane to=b@b.example",
		    "tag rule=r plaintext:tls from=b.example policy=8" },
		{ "from_policy: unknown, defer",
		    "r from_policy=enforce require=tls action=tag "
		    "unknown=defer", "from=a@b.example from_policy=unknown",
		    "defer rule=r unknown:from_policy from=b.example" },
		{ "from_policy: sender without domain",
		    "r from_policy=none require=tls action=tag", "from=root",
		    "accept" },
		{ "from_policy: authenticated",
		    "r from_policy=enforce require=tls action=tag",
		    "from=a@b.example from_policy=enforce auth=joe",
		    "accept" },
		{ "from_policy: relay",
		    "r from_policy=enforce require=tls action=tag",
		    "from=a@b.example from_policy=enforce relay", "accept" },
		{ "from_policy with to: the sender's domain is named",
		    "r from_policy=enforce to=b.example require=tls "
		    "action=tag",
		    "from=x@a.example from_policy=enforce to=y@b.example",
		    "tag rule=r plaintext:tls from=a.example policy=4" },
		{ "both promises: the recipient's is named",
		    "r from_policy=enforce to_policy=enforce require=tls "
		    "action=tag", OURS " from=x@a.example "
		    "from_policy=enforce",
		    "tag rule=r plaintext:tls to=our.example policy=4" },
		{ "both promises: the first unknown is named",
		    "r from_policy=enforce to_policy=enforce require=tls "
		    "action=tag unknown=defer",
		    "to=b@b.example to_policy=unknown from=x@a.example "
		    "from_policy=unknown",
		    "defer rule=r unknown:to_policy to=b.example" },
		{ "unknown promise and a fact not told",
		    "r to_policy=enforce require=verified action=reject "
		    "unknown=defer", "to=b@b.example to_policy=unknown "
		    TLS13, "defer rule=r unknown:to_policy to=b.example" },
	};

	CHECK_ROWS(rows);
}

static void partner_lists(void)
{
#define LIST "r list=a require=tls action=reject"
	static const struct row rows[] = {
		{ "listed, plaintext", LIST, "from=a@b.example "
		    "listed=a:enforce",
		    "reject rule=r plaintext:tls from=b.example" },
		{ "listed, TLS", LIST, "from=a@b.example listed=a:enforce "
		    TLS13, "accept" },
		{ "not listed", LIST, "from=a@b.example listed=a:no",
		    "accept" },
		{ "on another list only", LIST, "from=a@b.example "
		    "listed=b:enforce", "accept" },
		{ "the list asks for a version the rule does not", LIST,
		    "from=a@b.example listed=a:enforce:12 tls=TLSv1.1",
		    "reject rule=r weak:tls1.2 from=b.example" },
		{ "the list asks for the newest", LIST,
		    "from=a@b.example listed=a:enforce:13 tls=TLSv1.2",
		    "reject rule=r weak:tls1.3 from=b.example" },
		{ "the rule asks for a newer version than the list",
		    "r list=a require=tls1.3 action=reject",
		    "from=a@b.example listed=a:enforce:12 tls=TLSv1.2",
		    "reject rule=r weak:tls1.3 from=b.example" },
		{ "the list's version is met", LIST,
		    "from=a@b.example listed=a:enforce:12 tls=TLSv1.2",
		    "accept" },
		{ "the version is not told", LIST " unknown=defer",
		    "from=a@b.example listed=a:enforce:12 tls=odd",
		    "defer rule=r unknown:tls1.2 from=b.example" },
		{ "a list that tests only observes", LIST,
		    "from=a@b.example listed=a:testing",
		    "observe rule=r plaintext:tls from=b.example" },
		{ "nor does it defer for a version that is not told",
		    LIST " unknown=defer",
		    "from=a@b.example listed=a:testing:12 tls=odd",
		    "observe rule=r unknown:tls1.2 from=b.example" },
		{ "nor for a fact that is not supplied",
		    "r list=a require=verified action=reject unknown=defer",
		    "from=a@b.example listed=a:testing " TLS13,
		    "observe rule=r unknown:verified from=b.example" },
		{ "never loaded, accept", LIST, "from=a@b.example "
		    "listed=a:unknown", "accept" },
		{ "never loaded, defer", LIST " unknown=defer",
		    "from=a@b.example listed=a:unknown",
		    "defer rule=r unknown:list from=b.example" },
		{ "authenticated (§5)", LIST, "from=a@b.example auth=joe "
		    "listed=a:enforce", "accept" },
		{ "relay (§5)", LIST, "from=a@b.example relay "
		    "listed=a:enforce", "accept" },
		{ "null sender (§5)", LIST, "from=<> listed=a:enforce",
		    "accept" },
		{ "an exception by list", "x list=a require=none; y "
		    "require=tls action=reject", "from=a@b.example "
		    "listed=a:enforce:13", "accept" },
		{ "with to: the sender's domain is named",
		    LIST " to=c.example", "from=a@b.example to=d@c.example "
		    "listed=a:enforce",
		    "reject rule=r plaintext:tls from=b.example" },
	};

	CHECK_ROWS(rows);
}

static void history(void)
{
#define PAST "r downgrade require=tls action=defer"
	static const struct row rows[] = {
		{ "used TLS, now plaintext", PAST, "from=a@b.example "
		    "used_tls", "defer rule=r plaintext:tls from=b.example" },
		{ "used TLS, still does", PAST, "from=a@b.example used_tls "
		    TLS13, "accept" },
		{ "older TLS than asked for is no downgrade to plaintext",
		    "r downgrade require=tls1.3 action=defer",
		    "from=a@b.example used_tls tls=TLSv1.2", "accept" },
		{ "never used TLS", PAST, "from=a@b.example no_past",
		    "accept" },
		{ "nobody looked", PAST, "from=a@b.example", "accept" },
		{ "cannot be told", PAST " unknown=defer",
		    "from=a@b.example used_tls tls=unknown", "accept" },
		{ "authenticated (§5)", PAST, "from=a@b.example used_tls "
		    "auth=joe", "accept" },
		{ "relay (§5)", PAST, "from=a@b.example used_tls relay",
		    "accept" },
		{ "null sender (§5)", PAST, "from=<> used_tls", "accept" },
	};

	CHECK_ROWS(rows);
}

static void order_of_rules(void)
{
#define BANK "bank from=bank.example require=tls action=reject"
	static const struct row rows[] = {
		{ "the most severe decides (§5)",
		    "a require=tls action=tag; b require=tls action=defer; "
		    "c require=tls action=quarantine", "",
		    "defer rule=b plaintext:tls" },
		{ "the first of that severity is named (§5)",
		    "a require=tls action=tag; b require=tls action=reject; "
		    "c require=tls1.2 action=reject", "",
		    "reject rule=b plaintext:tls" },
		{ "an observing rule hides nothing (§5)",
		    "a require=tls action=observe; b require=tls "
		    "action=reject", "", "reject rule=b plaintext:tls" },
		{ "only observing", "a require=tls", "",
		    "observe rule=a plaintext:tls" },
		{ "a rule that is met hides nothing",
		    "a require=tls action=reject; b require=tls1.3 "
		    "action=reject", "tls=TLSv1.2",
		    "reject rule=b weak:tls1.3" },
		{ "an exception ends evaluation (§5)",
		    "x from=bank.example require=none; " BANK,
		    "from=a@bank.example", "accept" },
		{ "an exception keeps what was noted before it",
		    BANK "; x from=bank.example require=none; "
		    "y require=tls action=reject", "from=a@bank.example",
		    "reject rule=bank plaintext:tls from=bank.example" },
		{ "an exception of others ends nothing",
		    "x from=b.example require=none; " BANK,
		    "from=a@bank.example",
		    "reject rule=bank plaintext:tls from=bank.example" },
		{ "an exception that may not hold ends nothing",
		    "x from_policy=none require=none unknown=defer; " BANK,
		    "from=a@bank.example from_policy=unknown",
		    "reject rule=bank plaintext:tls from=bank.example" },
		{ "an observing rule defers nothing, known or not",
		    "a to_policy=enforce require=tls unknown=defer; "
		    "b require=verified unknown=defer",
		    "to=b@b.example to_policy=unknown " TLS13,
		    "observe rule=b unknown:verified" },
		{ "a deferring unknown does not hide a reject",
		    "a to_policy=enforce require=tls unknown=defer; " BANK,
		    "from=a@bank.example to=b@b.example to_policy=unknown",
		    "reject rule=bank plaintext:tls from=bank.example" },
		{ "an accepting unknown does not hide a reject",
		    "a to_policy=enforce require=tls action=reject; " BANK,
		    "from=a@bank.example to=b@b.example to_policy=unknown",
		    "reject rule=bank plaintext:tls from=bank.example" },
	};

	CHECK_ROWS(rows);
}

static void exemptions(void)
{
#define ALL "r require=tls action=reject"
	static const struct row rows[] = {
		{ "client (PF-MI-17)", ALL, "exempt", "accept exempt=client" },
		{ "non-SMTP mail (PF-MI-01)", ALL, "non_smtp",
		    "accept exempt=non_smtp" },
		{ "authenticated, if configured", ALL, "auth=joe exempt_auth",
		    "accept exempt=authenticated" },
		{ "authenticated, by default not exempt", ALL, "auth=joe",
		    "reject rule=r plaintext:tls" },
		{ "exempt_auth without a user", ALL, "exempt_auth",
		    "reject rule=r plaintext:tls" },
		{ "null sender (PF-MI-18)", ALL, "from=<> exempt_null",
		    "accept exempt=null_sender" },
		{ "null sender, not exempt", ALL, "from=<>",
		    "reject rule=r plaintext:tls" },
		{ "sender not told is no null sender", ALL, "exempt_null",
		    "reject rule=r plaintext:tls" },
		{ "from", ALL, "from=a@b.example exempt_from=b.example",
		    "accept exempt=from" },
		{ "from: another", ALL,
		    "from=a@c.example exempt_from=b.example",
		    "reject rule=r plaintext:tls" },
		{ "to", ALL,
		    "to=postmaster@our.example exempt_to=postmaster@,abuse@",
		    "accept exempt=to" },
		{ "to: postmaster without domain (AD-06)", ALL,
		    "to=postmaster exempt_to=postmaster@",
		    "accept exempt=to" },
		{ "to: another", ALL, "to=b@our.example exempt_to=postmaster@",
		    "reject rule=r plaintext:tls" },
		{ "to: no recipient yet", ALL, "exempt_to=postmaster@",
		    "reject rule=r plaintext:tls" },
		{ "TLS reports (PF-MI-18)", ALL, "to=tls@our.example tlsrpt",
		    "accept exempt=tlsrpt" },
		{ "exempt and observing", ALL, "exempt observe fused",
		    "accept exempt=client" },
	};

	CHECK_ROWS(rows);
}

static void softened_actions(void)
{
#define RULE(a) "r require=tls action=" a
	static const struct row rows[] = {
		{ "observe mode: reject", RULE("reject"), "observe",
		    "observe would=reject rule=r plaintext:tls" },
		{ "observe mode: tag", RULE("tag"), "observe",
		    "observe would=tag rule=r plaintext:tls" },
		{ "observe mode: observe", RULE("observe"), "observe",
		    "observe rule=r plaintext:tls" },
		{ "observe mode: nothing", RULE("reject"), "observe " TLS13,
		    "accept" },
		{ "relay: reject is only logged (§5)", RULE("reject"),
		    "relay",
		    "observe would=reject rule=r plaintext:tls relayed" },
		{ "relay: tag is only logged", RULE("tag"), "relay",
		    "observe would=tag rule=r plaintext:tls relayed" },
		{ "relay: observe", RULE("observe"), "relay",
		    "observe rule=r plaintext:tls" },
		{ "relay: nothing", RULE("reject"), "relay " TLS13,
		    "accept" },
		{ "fuse: reject (§10)", RULE("reject"), "fused",
		    "defer would=reject rule=r plaintext:tls fused" },
		{ "fuse: quarantine (§10)", RULE("quarantine"), "fused",
		    "defer would=quarantine rule=r plaintext:tls fused" },
		{ "fuse: defer stays", RULE("defer"), "fused",
		    "defer rule=r plaintext:tls" },
		{ "fuse: tag stays", RULE("tag"), "fused",
		    "tag rule=r plaintext:tls" },
		{ "fuse and observe mode", RULE("reject"), "fused observe",
		    "observe would=reject rule=r plaintext:tls" },
		{ "fuse and relay", RULE("reject"), "fused relay",
		    "observe would=reject rule=r plaintext:tls relayed" },
	};

	CHECK_ROWS(rows);
}

/* ---- properties -------------------------------------------------------- */

/* Swap towards the next permutation in lexicographic order; false when the
 * last one was reached. Rules are ordered by name. */
static bool next_permutation(struct rule **r, size_t n)
{
	size_t i = n - 1, j = n - 1;
	struct rule *swap;

	while (i > 0 && strcmp(r[i - 1]->name, r[i]->name) > 0)
		i--;
	if (i == 0)
		return false;
	while (strcmp(r[j]->name, r[i - 1]->name) < 0)
		j--;
	swap = r[i - 1];
	r[i - 1] = r[j];
	r[j] = swap;
	for (j = n - 1; i < j; i++, j--) {
		swap = r[i];
		r[i] = r[j];
		r[j] = swap;
	}
	return true;
}

/* "The order of observing and enforcing rules cannot disable an enforcing
 * one": every order of seven rules gives the same action and rule. */
static void no_order_disables_an_enforcing_rule(void)
{
	static const char rules[] =
	    "a require=tls action=observe;"
	    "b require=tls action=reject;"
	    "c to_policy=enforce require=tls action=tag unknown=accept;"
	    "d to_policy=enforce require=tls action=tag unknown=defer;"
	    "e require=tls1.2 action=quarantine;"
	    "f from=other.example require=none;"
	    "g requiretls=no require=tls action=defer";
	struct scenario sc;
	struct verdict v;
	unsigned orders = 0;

	scenario_read(&sc, rules,
	    "to=b@our.example to_policy=unknown from=a@b.example");
	do {
		scenario_decide(&sc, NULL, NULL, &v);
		if (v.action != ACTION_REJECT ||
		    strcmp(v.rule->name, "b") != 0)
			CU_FAIL("an order that hides the enforcing rule");
		orders++;
	} while (next_permutation(sc.rs.rules, sc.rs.n));
	CU_ASSERT_EQUAL(orders, 5040);
	scenario_clear(&sc);
}

/* Leave out each rule in turn: the action must not become more severe. */
static void check_without_each(struct scenario *sc, const char *label)
{
	struct rule **rules = sc->rs.rules;
	size_t last = sc->rs.n - 1;
	struct verdict with, without;

	scenario_decide(sc, NULL, NULL, &with);
	for (size_t i = 0; i < sc->rs.n; i++) {
		struct rule *out = rules[i];

		rules[i] = rules[last];
		sc->rs.n--;
		scenario_decide(sc, NULL, NULL, &without);
		sc->rs.n++;
		rules[last] = rules[i];
		rules[i] = out;
		CHECK_CASE(label, without.action <= with.action);
	}
}

/* One more rule, wherever it stands, never makes the action milder, unless
 * it is an exception. */
static void one_more_rule_never_helps(void)
{
	static const char *const rules[] = {
		"a require=tls action=observe", "b require=tls action=tag",
		"c require=tls1.3 action=quarantine",
		"d to_policy=enforce require=tls action=defer unknown=defer",
		"e require=verified action=reject",
		"f from=b.example min_bits=256 action=reject",
	};
	static const char *const facts[] = {
		"to=b@our.example from=a@b.example to_policy=unknown",
		"to=b@our.example from=a@b.example ours to_policy=enforce",
		"to=b@our.example from=a@b.example tls=TLSv1.2/AES/128",
		"to=b@our.example from=a@b.example tls=unknown",
		("to=b@our.example from=<> verify=failed " TLS13),
	};

	for (unsigned n = 0; n < COUNT(facts) << COUNT(rules); n++) {
		const char *fact = facts[n >> COUNT(rules)];
		struct scenario sc;
		struct buf b;

		buf_init(&b, 1000);
		for (size_t i = 0; i < COUNT(rules); i++)
			if (n & 1u << i)
				buf_addf(&b, "%s;", rules[i]);
		scenario_read(&sc, buf_str(&b), fact);
		check_without_each(&sc, buf_str(&b));
		scenario_clear(&sc);
		buf_clear(&b);
	}
}

static void versions_have_ranks(void)
{
	static const struct {
		const char *text;
		int rank;
	} cases[] = {
		{ "TLSv1.3", 13 }, { "TLSv1.2", 12 }, { "TLSv1.1", 11 },
		{ "TLSv1", 10 }, { "TLSv1.0", 10 }, { "SSLv3", 3 },
		{ "SSLv2", 2 }, { "tlsv1.3", 13 }, { "TLSv1.4", 0 },
		{ "UNKNOWN", 0 }, { "", 0 }, { "TLSv1.33", 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		CHECK_CASE(cases[i].text, tls_version_rank(cases[i].text) ==
		    cases[i].rank);
	CU_ASSERT_EQUAL(tls_version_rank(NULL), 0);
}

/* A list that is there but empty is no condition. */
static void empty_lists_match_everything(void)
{
	struct scenario sc;
	struct rule *rule;
	struct verdict v;

	scenario_read(&sc, "r require=tls action=reject",
	    "from=a@b.example to=b@our.example");
	rule = sc.rs.rules[0];
	rule->clients = client_set_new();
	rule->from = addr_set_new();
	rule->to = addr_set_new();
	CU_ASSERT_FATAL(rule->clients && rule->from && rule->to);
	scenario_decide(&sc, NULL, NULL, &v);
	CU_ASSERT_EQUAL(v.action, ACTION_REJECT);
	CU_ASSERT_PTR_NULL(v.policy_domain);
	scenario_clear(&sc);
}

/* An empty pattern is not the name of a certificate that has none. */
static void an_empty_name_is_no_name(void)
{
	struct scenario sc;
	struct verdict v;

	scenario_read(&sc, "r require=tls action=reject",
	    TLS13 " verify=ok subject=/O=x");
	CU_ASSERT_FATAL(strv_add(&sc.rs.rules[0]->cert_name, ""));
	scenario_decide(&sc, NULL, NULL, &v);
	CU_ASSERT_EQUAL(v.unmet, UNMET_CERTIFICATE);
	scenario_clear(&sc);
}

/* Design §5: whose mail rules about promises never match. */
static void promises_do_not_apply_to_everybody(void)
{
	static const struct {
		const char *facts;
		bool apply;
	} cases[] = {
		{ "from=a@b.example", true }, { "", true },
		{ "from=a@b.example auth=joe", false },
		{ "from=a@b.example relay", false },
		{ "from=a@b.example exempt", false }, { "from=<>", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct scenario sc;

		scenario_read(&sc, "", cases[i].facts);
		CHECK_CASE(cases[i].facts, verdict_promises_apply(&sc.s,
		    &sc.m) == cases[i].apply);
		scenario_clear(&sc);
	}
}

static void names_of_exemptions_and_shortcomings(void)
{
	CU_ASSERT_STRING_EQUAL(exemption_name(EXEMPT_NOT), "none");
	CU_ASSERT_STRING_EQUAL(exemption_name(EXEMPT_TLSRPT), "tlsrpt");
	CU_ASSERT_STRING_EQUAL(unmet_name(UNMET_NOTHING), "nothing");
	CU_ASSERT_STRING_EQUAL(unmet_name(UNMET_CERTIFICATE), "certificate");
}

static const struct unit_test tests[] = {
	{ "requirements", requirements },
	{ "certificates", certificates },
	{ "conditions", conditions },
	{ "promises", promises },
	{ "partner lists", partner_lists },
	{ "history", history },
	{ "order of rules", order_of_rules },
	{ "exemptions", exemptions },
	{ "softened actions", softened_actions },
	{ "no order disables an enforcing rule",
	    no_order_disables_an_enforcing_rule },
	{ "one more rule never helps", one_more_rule_never_helps },
	{ "versions have ranks", versions_have_ranks },
	{ "empty lists match everything", empty_lists_match_everything },
	{ "an empty name is no name", an_empty_name_is_no_name },
	{ "promises do not apply to everybody",
	    promises_do_not_apply_to_everybody },
	{ "names of exemptions and shortcomings",
	    names_of_exemptions_and_shortcomings },
};

UNIT_MAIN("verdict", tests)
