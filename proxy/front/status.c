/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: one member of a structured list, its parameters in the order in which a person asks: was
 * it here, why not, what came, who shared it, for how long.  Pure.
 */
#include "front/status.h"

/* Whole seconds, rounded down: what is stale since just now has -1, never 0. */
static void
add_seconds(struct buf *out, usec_t t)
{
	int64_t s = t / USEC_PER_SEC - (t % USEC_PER_SEC < 0);

	if (s < 0)
		buf_add(out, "-", 1);
	buf_add_u64(out, (uint64_t)(s < 0 ? -s : s));
}

/*
 * A structured string holds printable ASCII only (RFC 9651 3.3.3); the rest is shown as in a URL.
 */
static void
add_string(struct buf *out, struct slice s)
{
	buf_add(out, "\"", 1);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c > 0x7e) {
			buf_addf(out, "%%%02X", c);
			continue;
		}
		if (c == '"' || c == '\\')
			buf_add(out, "\\", 1);
		buf_add(out, &s.p[i], 1);
	}
	buf_add(out, "\"", 1);
}

void
status_write(const struct status *s, int sent, struct buf *out)
{
	buf_add_slice(out, SLICE("Cache-Status: corral"));
	if (s->hit)
		buf_add_slice(out, SLICE("; hit"));
	if (s->fwd != NULL) {
		buf_add_slice(out, SLICE("; fwd="));
		buf_add_str(out, s->fwd);
	}
	/* 2.3: without it, it is the status that is sent. */
	if (s->fwd != NULL && s->fwd_status != 0 && s->fwd_status != sent) {
		buf_add_slice(out, SLICE("; fwd-status="));
		buf_add_u64(out, (uint64_t)s->fwd_status);
	}
	if (s->stored)
		buf_add_slice(out, SLICE("; stored"));
	if (s->collapsed)
		buf_add_slice(out, SLICE("; collapsed"));
	if (s->has_ttl) {
		buf_add_slice(out, SLICE("; ttl="));
		add_seconds(out, s->ttl);
	}
	if (s->detail != NULL) {
		buf_add_slice(out, SLICE("; detail="));
		buf_add_str(out, s->detail);
	}
	if (s->key.n > 0) {
		buf_add_slice(out, SLICE("; key="));
		add_string(out, s->key);
	}
	buf_add_slice(out, SLICE("\r\n"));
}
