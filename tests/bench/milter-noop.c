/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter-noop - the baseline of the milter benchmark: a filter that decides
 * nothing, but negotiates the same steps, asks for the same macros, and
 * writes one log line a message, as tlsmilterd does.
 *
 *	milter-noop SOCKET
 */
#include "config.h"

#include <libmilter/mfapi.h>
#include <stdint.h>
#include <syslog.h>

static const unsigned long steps = SMFIP_NR_CONN | SMFIP_NR_HELO |
    SMFIP_NR_HDR | SMFIP_NOEOH | SMFIP_NOBODY | SMFIP_NOUNKNOWN;

static const struct {
	int stage;
	const char *macros;
} symlists[] = {
	{ SMFIM_CONNECT, "j v {daemon_name} {daemon_port} {client_resolve}" },
	{ SMFIM_HELO, "{tls_version} {cipher} {cipher_bits} {cert_subject} "
	    "{cert_issuer} {verify} {cert_fp} {cert_md5}" },
	{ SMFIM_ENVFROM, "i {auth_type} {auth_authen} {tls_version} {cipher} "
	    "{cipher_bits} {cert_subject} {cert_issuer} {verify} {cert_fp} "
	    "{cert_md5}" },
	{ SMFIM_ENVRCPT, "i" },
	{ SMFIM_DATA, "i" },
	{ SMFIM_EOM, "i" },
};

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long f0,
    unsigned long f1, unsigned long f2, unsigned long f3, unsigned long *pf0,
    unsigned long *pf1, unsigned long *pf2, unsigned long *pf3)
{
	(void)f2;
	(void)f3;
	*pf0 = f0 & (SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_QUARANTINE |
	    SMFIF_SETSYMLIST);
	*pf1 = f1 & steps;
	*pf2 = *pf3 = 0;
	for (size_t i = 0; i < sizeof(symlists) / sizeof(symlists[0]); i++)
		smfi_setsymlist(ctx, symlists[i].stage,
		    text(symlists[i].macros));
	return SMFIS_CONTINUE;
}

static sfsistat on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *addr)
{
	(void)ctx;
	(void)host;
	(void)addr;
	return SMFIS_NOREPLY;
}

static sfsistat on_helo(SMFICTX *ctx, char *helo)
{
	(void)ctx;
	(void)helo;
	return SMFIS_NOREPLY;
}

static sfsistat on_envelope(SMFICTX *ctx, char **argv)
{
	(void)ctx;
	(void)argv;
	return SMFIS_CONTINUE;
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
	(void)ctx;
	(void)name;
	(void)value;
	return SMFIS_NOREPLY;
}

static sfsistat on_data(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_CONTINUE;
}

static sfsistat on_eom(SMFICTX *ctx)
{
	const char *id = smfi_getsymval(ctx, text("i"));

	syslog(LOG_INFO, "%s: action=accept would=accept rule=- tls=none "
	    "client=192.0.2.1 helo=client.example.net "
	    "from=sender@example.net nrcpt=1 policy=none "
	    "reason=\"no rule matched\" source=noop", id ? id : "NOQUEUE");
	return SMFIS_CONTINUE;
}

int main(int argc, char **argv)
{
	struct smfiDesc desc = {
		.xxfi_name = text("milter-noop"),
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = SMFIF_ADDHDRS | SMFIF_CHGHDRS |
		    SMFIF_QUARANTINE | SMFIF_SETSYMLIST,
		.xxfi_connect = on_connect,
		.xxfi_helo = on_helo,
		.xxfi_envfrom = on_envelope,
		.xxfi_envrcpt = on_envelope,
		.xxfi_header = on_header,
		.xxfi_data = on_data,
		.xxfi_eom = on_eom,
		.xxfi_negotiate = on_negotiate,
	};

	if (argc != 2) {
		fprintf(stderr, "usage: milter-noop SOCKET\n");
		return 64;
	}
	openlog("milter-noop", LOG_PID, LOG_MAIL);
	if (smfi_setconn(argv[1]) != MI_SUCCESS ||
	    smfi_register(desc) != MI_SUCCESS ||
	    smfi_opensocket(true) != MI_SUCCESS)
		return 1;
	return smfi_main() == MI_SUCCESS ? 0 : 1;
}
