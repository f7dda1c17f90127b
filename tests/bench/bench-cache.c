/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-cache - how fast and how big the policy cache is.
 *
 *	bench-cache [RECORDS [SECONDS]]
 *
 * Fills a cache in a new directory under $TMPDIR, looks random domains up,
 * and does the same with bare LMDB (one renewed read transaction a lookup)
 * on a file of the same records, turn by turn in one run. Prints one JSON
 * object; "ratio" is cache to bare.
 */
#include "config.h"

#include <lmdb.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mtasts/cache.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/str.h"

#define BATCH 1000
#define TURNS 6
#define MAP_SIZE ((uint64_t)4 * 1024 * 1024 * 1024)

struct bench {
	char dir[256];
	char policies[300], bare[300];
	unsigned records;
	int64_t turn_ms;
	struct cache *cache;
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	uint32_t random;
	uint64_t checksum;	/* so that no lookup is optimised away */
};

static void die(const char *what)
{
	fprintf(stderr, "bench-cache: %s\n", what);
	exit(1);
}

static void need(int rc, const char *what)
{
	if (rc)
		die(what);
}

static void name_of(unsigned i, char *domain, size_t size)
{
	snprintf(domain, size, "customer-%07u.example", i);
}

/* A policy of common size; ids and hosts differ as in life. */
static void pack_policy(unsigned i, struct buf *packed, struct record *rec,
    struct buf *text, char *id)
{
	int64_t now = clock_wall();

	snprintf(id, 20, "20260101%06u", i);
	buf_reset(text);
	buf_addf(text, "version: STSv1\r\nmode: enforce\r\n"
	    "mx: mx1.provider%u.example\r\nmx: mx2.provider%u.example\r\n"
	    "max_age: 604800\r\n", i % 500, i % 500);
	*rec = (struct record){ .kind = RECORD_POLICY,
		.mode = MTASTS_ENFORCE, .max_age = 604800, .fetched = now,
		.expires = now + 604800, .checked = now,
		.check_after = now + 300, .refetch_after = now + 86400,
		.used = now, .id = id, .failed_id = "",
		.patterns = "mx1.provider.example mx2.provider.example",
		.mx = "", .rua = "", .text = buf_str(text) };
	buf_reset(packed);
	record_pack(rec, packed);
}

static void bare_put(struct bench *b, MDB_txn *txn, unsigned i,
    const struct buf *packed)
{
	char domain[64];
	MDB_val k, v = { packed->len, packed->data };

	name_of(i, domain, sizeof(domain));
	k = (MDB_val){ strlen(domain), domain };
	need(mdb_put(txn, b->dbi, &k, &v, 0), "mdb_put");
}

/* One batch into both files; in an order no index likes. */
static void fill_batch(struct bench *b, unsigned from)
{
	struct buf packed = { .max = RECORD_MAX_PACKED };
	struct buf text = { .max = 4096 };
	struct record rec;
	char domain[64], id[24];
	MDB_txn *txn;

	need(cache_begin(b->cache), "cache_begin");
	need(mdb_txn_begin(b->env, NULL, 0, &txn), "mdb_txn_begin");
	for (unsigned n = from; n < from + BATCH && n < b->records; n++) {
		unsigned i = (unsigned)((uint64_t)n * 7919 % b->records);

		name_of(i, domain, sizeof(domain));
		pack_policy(i, &packed, &rec, &text, id);
		need(cache_put(b->cache, domain, &rec), "cache_put");
		bare_put(b, txn, i, &packed);
	}
	need(cache_commit(b->cache), "cache_commit");
	need(mdb_txn_commit(txn), "mdb_txn_commit");
	buf_clear(&packed);
	buf_clear(&text);
}

static void open_both(struct bench *b)
{
	struct cache_options o = { .state_dir = b->dir, .size = MAP_SIZE };
	struct buf err = { .max = 1000 };
	enum store_error e;
	MDB_txn *txn;

	b->cache = cache_open(&o, &err, &e);
	if (!b->cache)
		die(buf_str(&err));
	need(mdb_env_create(&b->env), "mdb_env_create");
	need(mdb_env_set_mapsize(b->env, MAP_SIZE), "mapsize");
	need(mdb_env_open(b->env, b->bare, MDB_NOSUBDIR | MDB_NOTLS |
	    MDB_NOSYNC, 0600), "mdb_env_open");
	need(mdb_txn_begin(b->env, NULL, 0, &txn), "mdb_txn_begin");
	need(mdb_dbi_open(txn, NULL, 0, &b->dbi), "mdb_dbi_open");
	need(mdb_txn_commit(txn), "mdb_txn_commit");
}

static const char *random_name(struct bench *b, char *domain, size_t size)
{
	b->random = b->random * 1664525u + 1013904223u;
	name_of((unsigned)((uint64_t)b->random * b->records >> 32), domain,
	    size);
	return domain;
}

static void look(void *arg, const struct record *rec)
{
	struct bench *b = arg;

	b->checksum += (uint64_t)rec->expires + (unsigned char)*rec->patterns;
}

static void cache_lookup(struct bench *b)
{
	char domain[64];

	need(cache_get(b->cache, random_name(b, domain, sizeof(domain)),
	    look, b), "cache_get");
}

static void bare_lookup(struct bench *b)
{
	char domain[64];
	MDB_val k, v;

	k.mv_data = domain;
	k.mv_size = strlen(random_name(b, domain, sizeof(domain)));
	need(mdb_txn_renew(b->txn), "mdb_txn_renew");
	need(mdb_get(b->txn, b->dbi, &k, &v), "mdb_get");
	b->checksum += *(const unsigned char *)v.mv_data;
	mdb_txn_reset(b->txn);
}

/* Lookups a second over one turn. */
static double rate(struct bench *b, void (*lookup)(struct bench *))
{
	int64_t begun = clock_mono_ms(), passed;
	uint64_t n = 0;

	do {
		for (unsigned i = 0; i < 1000; i++)
			lookup(b);
		n += 1000;
		passed = clock_mono_ms() - begun;
	} while (passed < b->turn_ms);
	return (double)n * 1000 / (double)passed;
}

static uint64_t file_bytes(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? 0 : (uint64_t)st.st_size;
}

static void measure(struct bench *b)
{
	double cache = 0, bare = 0;
	struct cache_stat st;

	need(mdb_txn_begin(b->env, NULL, MDB_RDONLY, &b->txn), "begin");
	mdb_txn_reset(b->txn);
	for (unsigned i = 0; i < TURNS; i++) {
		cache += rate(b, cache_lookup) / TURNS;
		bare += rate(b, bare_lookup) / TURNS;
	}
	cache_stat(b->cache, &st);
	printf("{\"schema\":\"tlsmilter/bench-cache-1\",\"records\":%u,"
	    "\"lookups_per_second\":%.0f,\"bare_per_second\":%.0f,"
	    "\"ratio\":%.3f,\"file_bytes_per_record\":%.0f,"
	    "\"used_bytes_per_record\":%.0f,\"checksum\":%llu}\n",
	    b->records, cache, bare, cache / bare,
	    (double)file_bytes(b->policies) / b->records,
	    (double)st.policies.used / b->records,
	    (unsigned long long)b->checksum);
	mdb_txn_abort(b->txn);
}

static void make_dir(struct bench *b)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(b->dir, sizeof(b->dir), "%s/tlsmilter-bench-XXXXXX",
	    tmp ? tmp : "/tmp");
	if (!mkdtemp(b->dir))
		die("mkdtemp");
	snprintf(b->policies, sizeof(b->policies), "%s/policies.mdb", b->dir);
	snprintf(b->bare, sizeof(b->bare), "%s/bare.mdb", b->dir);
}

static void remove_dir(struct bench *b)
{
	static const char *const names[] = { "policies.mdb",
		"policies.mdb-lock", "volatile.mdb", "volatile.mdb-lock",
		"bare.mdb", "bare.mdb-lock" };
	char path[300];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", b->dir, names[i]);
		unlink(path);
	}
	rmdir(b->dir);
}

int main(int argc, char **argv)
{
	struct bench b = { .random = 1 };
	uint64_t records = 100000, seconds = 6;

	if ((argc > 1 && (!str_to_u64(argv[1], 7000000, &records) ||
	    records == 0)) || (argc > 2 && !str_to_u64(argv[2], 3600,
	    &seconds)))
		die("usage: bench-cache [RECORDS [SECONDS]]");
	b.records = (unsigned)records;
	b.turn_ms = (int64_t)seconds * 1000 / (2 * TURNS);
	make_dir(&b);
	open_both(&b);
	for (unsigned n = 0; n < b.records; n += BATCH)
		fill_batch(&b, n);
	measure(&b);
	cache_close(b.cache);
	mdb_env_close(b.env);
	remove_dir(&b);
	return 0;
}
