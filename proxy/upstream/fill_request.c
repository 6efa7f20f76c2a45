/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The request that goes upstream, written anew from what was understood.
 *
 * The client was relieved of hop-by-hop fields (RFC 9110 7.6.1) and of X-Forwarded-* before the
 * lookup; here we say what we know.  Via is appended (7.6.3).  Of what may be shared, Host, path
 * and the lists of Accept go up in the normal form of the key and of Vary: two spellings that are
 * one to us must not get two answers from the backend.  Else they go up as they came.
 *
 * Pure but for what it is given; its worker's thread.
 */
#include "upstream/fill_priv.h"

#include <string.h>

#include "http/fresh.h"
#include "http/key.h"
#include "http/vary.h"

/* RFC 9110 7.6.3: a pseudonym, and a comment by which we know our own. */
static void
add_via(const struct cache *c, struct buf *out)
{
	buf_addf(out, "corral (%08x)", (unsigned)cache_identity(c));
}

bool
fill_is_loop(const struct cache *c, const struct head *req)
{
	const struct hdr_field *f = NULL;
	struct buf mine = { 0 };
	bool loop = false;

	if (hdr_get(req, SLICE("Via")) == NULL)
		return false;
	add_via(c, &mine);
	while (!loop && (f = hdr_next(req, SLICE("Via"), f)) != NULL)
		loop = memmem(f->value.p, f->value.n, mine.p, mine.n) != NULL;
	buf_fini(&mine);
	return loop;
}

/* Said anew by us, or no business of the upstream's. */
static bool
is_ours(struct slice name)
{
	static const struct slice ours[] = {
		SLICE_INIT("Host"), SLICE_INIT("Content-Length"), SLICE_INIT("Expect"),
	};

	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
		if (slice_caseeq(name, ours[i]))
			return true;
	return false;
}

/*
 * What a client asks of caches, which the route has us ignore: then one that stands between us and
 * the backend must not follow it either.
 */
static bool
is_control(struct slice name)
{
	return slice_caseeq(name, SLICE("Cache-Control")) || slice_caseeq(name, SLICE("Pragma"));
}

static void
write_body_framing(struct buf *out, const struct head *req)
{
	if (req->framing == FRAMING_LENGTH) {
		buf_add_str(out, "Content-Length: ");
		buf_add_u64(out, req->length);
		buf_add_str(out, "\r\n");
	} else if (req->framing == FRAMING_CHUNKED) {
		buf_add_str(out, "Transfer-Encoding: chunked\r\n");
	}
}

void
fill_write_request(struct buf *out, const struct fill_request *r, const struct head *req,
    const struct conf_upstream *u, const struct cache *c)
{
	struct slice authority, path;
	struct buf host = { 0 };

	key_split(r->key, &authority, &path);
	if (req->authority.n == 0)
		buf_add_str(&host, u->servers[0].authority);
	else if (r->whole)
		key_authority(req, &host);
	else
		buf_add_slice(&host, req->authority);
	buf_add_slice(out, req->method);
	buf_add_str(out, " ");
	buf_add_slice(out, r->whole ? path : req->path);
	buf_add_str(out, " HTTP/1.1\r\n");
	hdr_emit_field(out, SLICE("Host"), buf_slice(&host));
	for (unsigned i = 0; i < req->n; i++) {
		const struct hdr_field *f = &req->f[i];

		if (is_ours(f->name) || (r->whole && (fresh_field_partial(f->name) ||
		    (!r->route->client_control && is_control(f->name)))))
			continue;
		if (!r->whole || !vary_respell(req, f, out))
			hdr_emit_field(out, f->name, f->value);
	}
	buf_addf(out, "Via: 1.%d ", req->minor);
	add_via(c, out);
	buf_add_str(out, "\r\n");
	hdr_emit_field(out, SLICE("X-Forwarded-For"), slice_str(r->peer));
	hdr_emit_field(out, SLICE("X-Forwarded-Proto"), SLICE("http"));
	if (req->authority.n > 0)
		hdr_emit_field(out, SLICE("X-Forwarded-Host"), buf_slice(&host));
	write_body_framing(out, req);
	buf_fini(&host);
}
