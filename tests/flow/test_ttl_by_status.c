/* SPDX-License-Identifier: BSD-2-Clause */
/* ttl by status: each of those named for its own time, others not at all; what an answer says of
 * itself comes first. */
#include "tests/lib/flow.h"

#define SECOND	INT64_C(1000000)

static const struct {
	const char	*path;
	int		 status;
	const char	*fields;
	int		 ttl;		/* seconds; 0: it isn't kept */
} answers[] = {
	{ "/200", 200, "", 60 },
	{ "/404", 404, "", 10 },
	{ "/500", 500, "", 30 },
	{ "/410", 410, "", 0 },
	{ "/301", 301, "Location: /200\r\n", 0 },
	{ "/own", 200, "Cache-Control: max-age=20\r\n", 20 },
	{ "/own404", 404, "Cache-Control: max-age=40\r\n", 40 },
	{ "/never", 200, "Cache-Control: no-store\r\n", 0 },
};
#define ANSWERS	(sizeof answers / sizeof answers[0])

static void
ask_all(struct daemon *d)
{
	for (size_t i = 0; i < ANSWERS; i++)
		ck_assert_int_eq(client_status(daemon_addr(d), answers[i].path, ""),
		    answers[i].status);
	daemon_wait_stat(d, "flights", 0);
}

FLOW(ttl_by_status)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("workers: 2\nupstream: %s\nroutes:\n"
	    "- { ttl: { 200: 60s, 404: 10s, 500: 30s }, jitter: off, refresh_ahead: off,\n"
	    "    stale_if_error: off }\n", origin_url(o));
	unsigned requests[ANSWERS], now;

	for (size_t i = 0; i < ANSWERS; i++)
		origin_answer(o, .path = answers[i].path, .status = answers[i].status,
		    .text = "x", .fields = answers[i].fields);
	ask_all(d);
	/* Between the seconds that are in the table, since real time goes by as well. */
	for (int t = 5; t < 65; t += 10) {
		for (size_t i = 0; i < ANSWERS; i++)
			requests[i] = origin_requests(o, answers[i].path);
		daemon_advance_clock(d, (t == 5 ? 5 : 10) * SECOND);
		ask_all(d);
		for (size_t i = 0; i < ANSWERS; i++) {
			now = origin_requests(o, answers[i].path) - requests[i];
			/* Each is fetched anew by the first who asks after its time. */
			ck_assert_msg(now == (answers[i].ttl == 0 || (t > answers[i].ttl &&
			    t % answers[i].ttl == 5)), "%s: %u requests after %d s",
			    answers[i].path, now, t);
		}
	}
	daemon_stop(d);
	origin_stop(o);
}
