/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fetch and its place: what the pool is told of the exchange, and what it says.
 *
 * Each connection tried is reported at most once: when the final head came, or when it failed
 * before that by the server's fault.  What happens to a body later says little of whether the next
 * request will be answered, and a cancelled exchange says nothing.
 */
#include "upstream/fetch.h"

#include <string.h>

#include "base/clock.h"
#include "base/contract.h"
#include "base/stats.h"

#include "upstream/fetch_priv.h"

void
fetch_ask_place(struct fetch *f, const struct fetch_request *req, usec_t max_idle)
{
	f->place.worker = f->worker;
	f->place.arg = f;
	f->place.max_idle = max_idle;
	f->place.client = req->client;
	f->place.key = req->key;
	f->place.wanted = req->wanted;
	f->place.background = req->background;
	f->place.tried = req->avoid;
	f->route = req->route;
	/* Ours until the pool has it in its line. */
	f->state = F_READY;
	f->answer_of_pool = pool_acquire(f->u->runtime, &f->place, f->started);
	if (f->answer_of_pool == POOL_QUEUED)
		f->state = F_QUEUED;
}

void
fetch_have_place(struct fetch *f)
{
	f->placed = true;
	f->spare_fd = f->place.fd;
	f->state = F_READY;
	stats_time(worker_stats(f->worker), HISTO_queue, f->waited);
}

void
fetch_report_head(struct fetch *f, int status)
{
	usec_t mono = clock_mono(), took = mono - f->progress;
	bool overloaded = status == 503 || status == 429;

	pool_report(&f->place, overloaded ? POOL_OVERLOADED : POOL_ANSWERED, took, mono);
	/* An error is answered in another time than the page. */
	if (status < 500)
		pool_learn_time(f->u->runtime, f->route, took);
	stats_time(worker_stats(f->worker), HISTO_fetch, took);
}

void
fetch_report_failure(struct fetch *f)
{
	if (f->placed && !f->place.reported)
		pool_report(&f->place, f->state == F_DIALING ? POOL_UNREACHABLE : POOL_FAILED, 0,
		    clock_mono());
}

/* An error that is not ours, nor that of a client who is slow to send its body. */
static bool
is_servers(const struct fetch *f, enum fetch_error error)
{
	return error != FETCH_RESOURCES && (error != FETCH_TOTAL_TIMEOUT || f->upload_ended);
}

/* As long-lived as our upstream; NULL when a reload has put in another since. */
static const char *
url_of_server(const struct fetch *f)
{
	const char *url = pool_server(&f->place)->url;

	for (unsigned i = 0; url != NULL && i < f->u->nservers; i++)
		if (f->u->servers[i].url != NULL && strcmp(f->u->servers[i].url, url) == 0)
			return f->u->servers[i].url;
	return NULL;
}

struct fetch_failure
fetch_failure_of(struct fetch *f, enum fetch_error error, const char *why)
{
	struct fetch_failure failure = { .error = error, .why = why };

	if (f->placed && is_servers(f, error))
		fetch_report_failure(f);
	if (f->placed)
		failure.server = url_of_server(f);
	else if (error == FETCH_QUEUE_TIMEOUT)
		failure.retry_after = pool_retry_after(f->u->runtime);
	else if (f->state == F_READY)
		failure.retry_after = f->place.retry_after;
	return failure;
}

void
fetch_leave_server(struct fetch *f)
{
	f->place.tried |= pool_server_bit(&f->place);
	f->spare_fd = f->u->nservers > 1 && pool_other_server(&f->place, true, clock_mono()) ?
	    f->place.fd : -1;
}

bool
fetch_other_server(struct fetch *f, bool untried)
{
	usec_t mono = clock_mono();
	/* What left on a kept connection and again on this one has been tried twice. */
	unsigned retries = f->retries + (f->resent && f->left);

	if (retries >= f->u->retries || (untried && f->u->nservers == 1) ||
	    !pool_spend_retry(f->u->runtime, mono))
		return false;
	fetch_report_failure(f);
	f->place.tried |= pool_server_bit(&f->place);
	if (!pool_other_server(&f->place, untried, mono))
		return false;
	f->retries++;
	f->spare_fd = f->place.fd;
	return true;
}

/* What the caller asks */

void
fetch_want(struct fetch *f, unsigned wanted)
{
	CHECK(f, FETCH_MAGIC);
	if (f->state == F_QUEUED)
		pool_want(&f->place, wanted);
}

bool
fetch_is_under_way(const struct fetch *f)
{
	CHECK(f, FETCH_MAGIC);
	return f->placed;
}

bool
fetch_orphan(struct fetch *f)
{
	CHECK(f, FETCH_MAGIC);
	return f->placed && pool_orphan(&f->place);
}

uint64_t
fetch_server_bit(const struct fetch *f)
{
	CHECK(f, FETCH_MAGIC);
	return f->placed ? pool_server_bit(&f->place) : 0;
}
