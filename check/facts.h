/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * facts - what one check of a target has seen, before anything is judged.
 *
 * Filled by probe.c (one server address) and gather.c (DNS, MTA-STS, TLSRPT
 * and all probes of a target); read by judge.c, memory.c and factsjson.c.
 * Texts of peers are kept cleaned: printable ASCII, lines apart by '\n'.
 * Zero-initialised facts are valid, and mean that nothing is known.
 */
#ifndef TM_CHECK_FACTS_H
#define TM_CHECK_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "check/protocol.h"
#include "mtasts/dane.h"
#include "mtasts/dns.h"
#include "mtasts/mtasts.h"
#include "mtasts/tlsa.h"
#include "util/netaddr.h"
#include "util/str.h"

/* ---- one address ------------------------------------------------------- */

/* What a session goes through, in this order. */
enum stage_id {
	STAGE_CONNECT,
	STAGE_GREETING,
	STAGE_HELLO,		/* EHLO, CAPABILITY, CAPA */
	STAGE_STARTTLS,		/* STARTTLS, STLS */
	STAGE_HANDSHAKE,
	STAGE_HELLO_TLS,	/* EHLO again, inside */
	STAGES
};
/* "connect", "greeting", "ehlo", "starttls", "tls", "ehlo-tls" */
const char *stage_name(enum stage_id id);

enum stage_state {
	STAGE_SKIPPED,		/* not reached, or not part of the protocol */
	STAGE_OK,
	STAGE_FAILED,		/* a lasting "no", or nonsense */
	STAGE_UNKNOWN,		/* for now: 4xx, a time-out, a reset */
};
const char *stage_state_name(enum stage_state state);

struct stage {
	enum stage_state state;
	uint32_t ms;		/* it took */
	unsigned code;		/* SMTP: of the reply; 0: there was none */
	char *reply;		/* what the server said; NULL: nothing */
	char detail[160];	/* ours: what went wrong; "" if nothing */
};

/* "3 1 1 ab12…" into out, TLSA_TEXT_SIZE bytes. Every digest is whole; of a
 * certificate or key the first bytes are enough to know it. */
#define TLSA_TEXT_SIZE 160
void tlsa_text(const struct tlsa *t, char *out);

enum check_answer { ANSWER_UNKNOWN, ANSWER_NO, ANSWER_YES };

struct cert_facts {
	char *subject;		/* one line, RFC 2253 */
	char *issuer;
	char *common_name;	/* NULL: none */
	struct strv names;	/* DNS names of the SAN, as they are there */
	int64_t not_before;	/* wall clock, seconds */
	int64_t not_after;
	char key[24];		/* "RSA", "EC", "ED25519" */
	unsigned key_bits;
	char signature[48];	/* "sha256WithRSAEncryption" */
	bool self_signed;
	char sha256[65];	/* of the certificate, lower-case hex */
	char spki_sha256[65];	/* of its public key */
};

struct probe_tls {
	char version[16];	/* "TLSv1.3" */
	char cipher[64];	/* OpenSSL's name */
	unsigned bits;
	char group[32];		/* of the key exchange; "": none, or RSA */
	bool forward_secret;
	bool aead;
	char sni[256];		/* what was sent; "": none */
	unsigned chain_length;	/* certificates the server sent */
	/* PKIX, with the purpose and the roots of this machine, whatever DANE
	 * says; time counts. */
	bool chain_good;
	char chain_error[128];	/* OpenSSL's text; "" if good */
	bool chain_expired;	/* the only fault is the time */
	/* DNS-ID only (RFC 9525), one whole label for a wildcard. */
	bool name_good;
	char name_matched[256];
	bool name_in_cn;	/* not good, but the CN would have matched */
	/* DANE, by OpenSSL, if records that count were given. */
	enum check_answer dane;
	int dane_depth;
	char dane_record[TLSA_TEXT_SIZE];	/* "" unless ANSWER_YES */
	struct cert_facts cert;
};

/* What a probe with `deep` enumerated: versions, and ciphers of 1.2 and
 * below, that the server accepts. */
struct deep_facts {
	struct strv versions;
	struct strv ciphers;	/* "TLSv1.2 ECDHE-…" */
	unsigned connections;
	bool cut;		/* the server, or the time, ended it */
};

struct probe_facts {
	struct stage stages[STAGES];
	enum check_answer offered;	/* STARTTLS stood in the list */
	enum check_answer accepted;	/* and was answered with yes */
	bool sent_anyway;	/* it was sent though not offered */
	char masked[64];	/* a keyword like XXXXXXXA; "": none */
	bool hello_refused;	/* EHLO was refused, HELO works */
	bool spoke_early;	/* bytes in clear text came behind the yes,
				 * before the handshake (RFC 3207 §4) */
	char early[128];	/* those, cleaned */
	enum check_answer injection;	/* commands sent in clear text behind STARTTLS
				 * were carried out inside TLS; UNKNOWN: not
				 * tried, or not told */
	bool offered_inside;	/* STARTTLS in the list inside TLS */
	bool requiretls;	/* RFC 8689, inside TLS */
	bool has_tls;
	struct probe_tls tls;	/* if has_tls */
	bool is_local;		/* no route from here to this family */
};

void probe_facts_clear(struct probe_facts *f);

struct address_facts {
	struct netaddr addr;
	unsigned port;
	struct probe_facts first;
	/* The second connection: the same again, because the first was not
	 * good, or without SNI. */
	enum { SECOND_NONE, SECOND_RETRY, SECOND_NO_SNI } second_kind;
	struct probe_facts second;
	bool has_deep;
	struct deep_facts deep;
};

/* ---- one host ---------------------------------------------------------- */

struct tlsa_fact {
	char *text;		/* "3 1 1 ab12...", long data is cut */
	unsigned char *data;	/* the record data, whole */
	size_t len;
	enum tlsa_use use;
	enum check_answer matches;	/* any certificate seen on any address; UNKNOWN
				 * unless it counts and one was seen */
};

/* The answer to an address question. */
struct family_facts {
	bool asked;
	enum dns_status status;
	bool secure;
	char why[160];
};

struct host_facts {
	char name[DNS_NAME_SIZE];	/* "": an MX that names no host */
	unsigned preference;
	bool is_literal;	/* an MX record that names an IP address */
	bool alias;		/* a CNAME: canonical is what it led to */
	char canonical[DNS_NAME_SIZE];
	struct family_facts ipv4, ipv6;
	enum dane_host dane;	/* DANE_HOST_PENDING: not looked up */
	char base[DNS_NAME_SIZE];	/* where TLSA records are; "": none */
	struct tlsa_fact *tlsa;
	size_t tlsa_n;
	struct address_facts *addresses;
	size_t n;
};

/* ---- a target ---------------------------------------------------------- */

/* A certificate seen on an HTTPS port, without any HTTP. */
struct policy_host_facts {
	bool asked;
	struct netaddr addr;
	struct probe_facts probe;	/* STAGE_CONNECT, STAGE_HANDSHAKE */
};

enum mx_state {
	MX_UNKNOWN,		/* could not be looked up, see mx_status */
	MX_FOUND,
	MX_IMPLICIT,		/* no MX record: the domain itself */
	MX_NULL,		/* RFC 7505 */
	MX_NONE,		/* neither MX nor address */
	MX_NO_DOMAIN,		/* NXDOMAIN */
};

struct check_facts {
	struct check_target target;
	int64_t started;	/* wall clock, seconds */
	uint32_t ms;
	unsigned connections;

	/* Where we stand. */
	const char *ehlo;	/* the caller's */
	char resolver[256];	/* the DNS servers */
	enum dns_validation validation;
	char validation_why[160];
	enum check_answer port25;	/* some connection to port 25 of anybody was
				 * answered; NO: the control host was not */

	/* Domain targets only, from here on to tlsrpt. */
	enum mx_state mx;
	enum dns_status mx_status;
	bool mx_secure;
	char mx_why[160];
	bool null_and_others;	/* a null MX beside others */
	bool mx_cut;		/* more than max_mx */

	bool dane_asked;	/* the next four are set */
	enum dane_outcome dane;

	bool sts_asked;
	enum mtasts_outcome sts;
	enum mtasts_error sts_error;
	char sts_detail[512];
	char sts_id[MTASTS_ID_SIZE + 1];
	bool sts_secure;
	enum mtasts_mode sts_mode;	/* the next three: MTASTS_FOUND */
	uint32_t sts_max_age;
	struct strv sts_mx;
	struct strv sts_findings;	/* warnings of the text: "line 3: …" */
	char held_id[MTASTS_ID_SIZE + 1];	/* in the cache; "": nothing */
	enum mtasts_mode held_mode;
	struct policy_host_facts policy_host;

	enum { TLSRPT_UNKNOWN, TLSRPT_ABSENT, TLSRPT_INVALID, TLSRPT_SEVERAL,
	    TLSRPT_FOUND } tlsrpt;
	char tlsrpt_why[160];
	struct strv tlsrpt_rua;	/* URIs as published */

	struct host_facts *hosts;
	size_t n;
};

void check_facts_clear(struct check_facts *f);

/* Does the domain, or the owner of the host, promise that this host uses
 * TLS? What severities are derived from. */
enum check_promise {
	CHECK_PROMISE_NONE,
	CHECK_PROMISE_TESTING,	/* MTA-STS mode testing names the host */
	CHECK_PROMISE_ENFORCE,	/* MTA-STS mode enforce names the host */
	CHECK_PROMISE_TLS,		/* secure TLSA records, none of which counts */
	CHECK_PROMISE_DANE,		/* secure TLSA records that count */
};
enum check_promise check_promise(const struct check_facts *f,
    const struct host_facts *h);

/* Does a pattern of the policy match the host? And the mode it promises for
 * it, MTASTS_NONE if not. */
bool check_covered(const struct check_facts *f, const struct host_facts *h);
enum mtasts_mode check_sts_mode(const struct check_facts *f,
    const struct host_facts *h);

/* True for the TLSA records that count and are of usage DANE-TA. */
bool host_facts_has_ta(const struct host_facts *h);

#endif
