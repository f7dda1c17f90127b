/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mtasts - MTA-STS (RFC 8461) for C programs.
 *
 * Parsing of the TXT record and of the policy text, matching of MX names,
 * and discovery: DNS with DNSSEC validation, and the HTTPS fetch with every
 * check the RFC asks for. Nothing here keeps a cache; mtasts_lookup_start()
 * takes what the caller holds and says what became of it.
 *
 * Memory: objects returned by a function named _new or _parse are the
 * caller's and end with the matching _free, which accepts NULL. Strings
 * inside an object live as long as the object.
 * Threads: an object may be used by one thread at a time; different
 * objects are independent.
 */
#ifndef MTASTS_H
#define MTASTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The longest policy text the library reads, in bytes (RFC 8461 §3.3). */
#define MTASTS_POLICY_SIZE 65536
/* The longest id of a TXT record (RFC 8461 §3.1). */
#define MTASTS_ID_SIZE 32
/* The largest max_age in seconds (RFC 8461 §3.2). */
#define MTASTS_MAX_AGE 31557600
/* The most MX patterns of one policy the library keeps. */
#define MTASTS_MX_MAX 256
/* Room for a domain name in A-label form, with its NUL. */
#define MTASTS_DOMAIN_SIZE 254

/* Why something could not be had. MTASTS_OK is 0. */
enum mtasts_error {
	MTASTS_OK = 0,
	MTASTS_E_MEMORY,	/* out of memory */
	MTASTS_E_ARGUMENT,	/* not a domain name, or a bad option */
	MTASTS_E_NO_RECORD,	/* no TXT record at _mta-sts (§3.1) */
	MTASTS_E_RECORD,	/* TXT record syntactically wrong, or two */
	MTASTS_E_DNS,		/* DNS failed: timeout, SERVFAIL */
	MTASTS_E_BOGUS,		/* DNSSEC validation failed */
	MTASTS_E_HOST,		/* policy host has no usable address */
	MTASTS_E_CONNECT,	/* policy host: no connection */
	MTASTS_E_TLS,		/* policy host: certificate or handshake */
	MTASTS_E_HTTP,		/* status other than 200, redirect, type */
	MTASTS_E_SIZE,		/* policy longer than allowed */
	MTASTS_E_TIMEOUT,	/* not finished in time */
	MTASTS_E_POLICY,	/* policy text invalid (§3.2) */
	MTASTS_E_BUSY,		/* too many lookups under way */
	MTASTS_E_CANCELLED,	/* the context was closed */
};

/* A short English text for a code; never NULL. */
const char *mtasts_strerror(enum mtasts_error e);

/* The TLSRPT result type of a code (RFC 8460 §4.3): "sts-policy-fetch-error",
 * "sts-policy-invalid", "sts-webpki-invalid", or NULL where none fits, as
 * before a valid TXT record was seen. */
const char *mtasts_tlsrpt_type(enum mtasts_error e);

/* ---- domain names ------------------------------------------------------ */

/*
 * Bring a domain to the form everything here compares: A-labels (IDNA2008,
 * non-transitional), lower case, no trailing dot (RFC 8461 §4.1, RFC 5890).
 * out has MTASTS_DOMAIN_SIZE bytes. Return MTASTS_OK, or MTASTS_E_ARGUMENT
 * for address literals, single labels, empty or over-long labels and names,
 * leading dots and characters other than letters, digits and hyphens.
 */
enum mtasts_error mtasts_domain_normalize(const char *domain, char *out);

/* ---- the TXT record (RFC 8461 §3.1) ------------------------------------ */

struct mtasts_txt {
	char id[MTASTS_ID_SIZE + 1];
};

/* True when the text claims to be an MTA-STS record: it begins with
 * "v=STSv1", optional blanks and ";". */
bool mtasts_txt_is_candidate(const char *text, size_t len);

/*
 * Parse one record, its character-strings already joined without separator.
 * Return MTASTS_OK, or MTASTS_E_RECORD with the byte offset of the error in
 * *offset_r (may be NULL). Duplicate fields: the first wins.
 */
enum mtasts_error mtasts_txt_parse(const char *text, size_t len,
    struct mtasts_txt *txt_r, size_t *offset_r);

/* ---- the policy text (RFC 8461 §3.2) ----------------------------------- */

enum mtasts_mode { MTASTS_NONE, MTASTS_TESTING, MTASTS_ENFORCE };

const char *mtasts_mode_name(enum mtasts_mode mode);

/* Return true and set *mode_r for "none", "testing", "enforce". */
bool mtasts_mode_parse(const char *name, enum mtasts_mode *mode_r);

/* A finding of the parser. */
enum mtasts_severity {
	MTASTS_NOTE,	/* correct, but the publisher should know */
	MTASTS_WARNING,	/* against RFC 8461 or its advice, tolerated */
	MTASTS_ERROR,	/* the policy is invalid */
};

struct mtasts_finding {
	enum mtasts_severity severity;
	unsigned line;		/* from 1; 0 concerns the whole text */
	unsigned column;	/* from 1, in bytes */
	const char *id;		/* stable, such as "policy.max-age.range" */
	const char *text;	/* an English sentence; lives until return */
};

/* Called for each finding in the order of the text; what concerns the
 * policy as a whole comes last. */
typedef void mtasts_finding_fn(void *arg, const struct mtasts_finding *f);

struct mtasts_policy;

/*
 * Parse a policy. fn (may be NULL) is told of every finding. With
 * MTASTS_PARSE_STRICT a text outside the ABNF that the run time tolerates
 * (blank lines, a byte order mark) is an error too. Return NULL when the
 * policy is invalid or memory ran out; the reason is in *error_r (may be
 * NULL): MTASTS_E_POLICY, MTASTS_E_SIZE or MTASTS_E_MEMORY.
 */
enum { MTASTS_PARSE_STRICT = 1 };
struct mtasts_policy *mtasts_policy_parse(const char *text, size_t len,
    unsigned flags, mtasts_finding_fn *fn, void *arg,
    enum mtasts_error *error_r);
void mtasts_policy_free(struct mtasts_policy *policy);

enum mtasts_mode mtasts_policy_mode(const struct mtasts_policy *policy);
/* Seconds, at most MTASTS_MAX_AGE (a larger value in the text is clamped). */
uint32_t mtasts_policy_max_age(const struct mtasts_policy *policy);
/* The MX patterns, lower case, in the order of the text, no duplicates. */
size_t mtasts_policy_mx_count(const struct mtasts_policy *policy);
/* NULL when there is no pattern i. */
const char *mtasts_policy_mx(const struct mtasts_policy *policy, size_t i);

/* ---- matching (RFC 8461 §4.1) ------------------------------------------ */

/*
 * Return true when an MX host name matches one pattern. "*." stands for
 * exactly one label. Case and a trailing dot of host do not matter; a host
 * with U-labels is converted first.
 */
bool mtasts_mx_match(const char *pattern, const char *host);
bool mtasts_policy_match(const struct mtasts_policy *policy,
    const char *host);

/* ---- discovery (RFC 8461 §3) ------------------------------------------- */

/* Where signatures are checked. Without DNSSEC, and until a test has shown
 * that it works, no answer is secure; lookups go on all the same. */
enum mtasts_dnssec {
	MTASTS_DNSSEC_OFF,
	MTASTS_DNSSEC_VALIDATE,	/* here */
	MTASTS_DNSSEC_TRUST_AD,	/* at the servers: what they set AD in is
				 * secure. Only for servers that validate,
				 * over a path nobody can change packets on
				 * (RFC 7672 §2.1.1) */
};

/* Zero-initialise; a zero or NULL member takes the default in brackets. */
struct mtasts_options {
	const char *const *dns_servers;	/* "192.0.2.1", "192.0.2.1@5353",
					 * NULL-terminated [resolv.conf] */
	enum mtasts_dnssec dnssec;	/* [off] */
	const char *trust_anchor;	/* file with DS or DNSKEY lines
					 * [/usr/share/dns/root.key] */
	const char *trust_anchor_text;	/* such lines, instead of the file */
	uint32_t dns_timeout_ms;	/* one DNS question [5000] */
	const char *ca_file;		/* PEM [the system's trusted CAs] */
	const char *ca_text;		/* PEM, instead of the file; "": trust
					 * nobody, so that no fetch succeeds */
	const char *proxy;		/* "http://host:port" [none; the
					 * environment is never consulted] */
	uint32_t https_timeout_ms;	/* whole fetch, at most 10 min [60000] */
	uint32_t max_size;		/* policy text [MTASTS_POLICY_SIZE] */
	bool allow_private;		/* fetch from private addresses [no] */
	uint16_t https_port;		/* [443]; for tests */
	unsigned max_lookups;		/* under way at once [64] */
	unsigned max_queued;		/* waiting beyond those [4096] */
};

struct mtasts_ctx;

/*
 * Make a context: reads resolv.conf, the trust anchor and the CA file now,
 * so that the process may give up the file system afterwards. Return NULL
 * with a sentence in err (errsize bytes, may be NULL).
 */
struct mtasts_ctx *mtasts_ctx_new(const struct mtasts_options *options,
    char *err, size_t errsize);

/* Calls back every lookup under way with MTASTS_E_CANCELLED. */
void mtasts_ctx_free(struct mtasts_ctx *ctx);

/* What a lookup found. All strings live until the callback returns. */
enum mtasts_outcome {
	MTASTS_FOUND,		/* policy fetched: policy and text are set */
	MTASTS_UNCHANGED,	/* the id held is still published */
	MTASTS_ABSENT,		/* no valid TXT record: no policy (§3.1) */
	MTASTS_FAILED,		/* error says why; §3.3 says to use what is
				 * cached, else to act as without policy */
};

struct mtasts_result {
	const char *domain;
	enum mtasts_outcome outcome;
	enum mtasts_error error;
	const char *detail;	/* one line for a log; clean ASCII */
	char id[MTASTS_ID_SIZE + 1];	/* "" when no valid TXT was seen */
	bool secure;		/* the TXT answer was DNSSEC-secure */
	uint32_t ttl;		/* seconds the DNS answer may be kept */
	const struct mtasts_policy *policy;	/* MTASTS_FOUND */
	const char *text;	/* MTASTS_FOUND: the policy as published */
	size_t text_len;
};

typedef void mtasts_result_fn(void *arg, const struct mtasts_result *r);

enum {
	MTASTS_LOOKUP_REFETCH = 1,	/* fetch even if the id is unchanged,
					 * and, for who holds a policy, even
					 * without a TXT record */
	MTASTS_LOOKUP_PRIVATE = 2,	/* allow private addresses this once */
};

/*
 * Begin a lookup. held_id is the id of the policy the caller has cached,
 * NULL or "" if none. Lookups of one domain that are asked for while one
 * is under way share it. fn is called exactly once, from
 * mtasts_ctx_process() or mtasts_ctx_free(), never from here; it may begin
 * lookups, but not free the context. Return
 * MTASTS_OK, or MTASTS_E_ARGUMENT, MTASTS_E_MEMORY, MTASTS_E_BUSY; fn is
 * not called then.
 */
enum mtasts_error mtasts_lookup_start(struct mtasts_ctx *ctx,
    const char *domain, const char *held_id, unsigned flags,
    mtasts_result_fn *fn, void *arg);

/* A descriptor that becomes readable when there is something to do. */
int mtasts_ctx_fd(const struct mtasts_ctx *ctx);

/* Milliseconds until mtasts_ctx_process() must be called even if the
 * descriptor is silent; -1: no limit. */
int mtasts_ctx_timeout(const struct mtasts_ctx *ctx);

/* Do what can be done without waiting, and call back finished lookups. */
void mtasts_ctx_process(struct mtasts_ctx *ctx);

/*
 * Look up one domain and wait for the result (at most the sum of the
 * options' timeouts). The policy, unless NULL is returned, is the caller's;
 * *result_r (may be NULL) then holds no pointers except domain, policy
 * and static texts.
 */
struct mtasts_policy *mtasts_lookup(struct mtasts_ctx *ctx,
    const char *domain, struct mtasts_result *result_r);

#ifdef __cplusplus
}
#endif

#endif
