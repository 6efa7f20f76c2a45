/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a fetch that came to nothing is to those who wait for it: a status, a word for Cache-Status,
 * a sentence for people, and whose fault it is.
 *
 * Invariant: every error is somebody's; a new one without a case breaks the build, as no switch has
 * a default.  Pure.
 */
#include "upstream/fill_priv.h"

static const char *
failure_text(enum fetch_error error)
{
	switch (error) {
	case FETCH_RESOLVE:
		return "the upstream's name has no address";
	case FETCH_CONNECT:
		return "the upstream could not be reached";
	case FETCH_CLOSED:
		return "the upstream closed the connection without an answer";
	case FETCH_QUEUE_FULL:
		return "too many requests wait for the upstream";
	case FETCH_BUSY:
		return "the upstream has no connection to spare";
	case FETCH_NO_SERVER:
		return "no server of the upstream is up";
	case FETCH_QUEUE_TIMEOUT:
		return "no connection to the upstream became free in time";
	case FETCH_CONNECT_TIMEOUT:
		return "the upstream's name was not resolved, or its connection not made, in time";
	case FETCH_FIRST_BYTE_TIMEOUT:
		return "the upstream did not answer in time";
	case FETCH_IDLE_TIMEOUT:
		return "the upstream stopped in the middle of its answer";
	case FETCH_TOTAL_TIMEOUT:
		return "the upstream's answer took too long";
	case FETCH_MALFORMED:
		return "the upstream's answer was not valid HTTP, or its head too large";
	case FETCH_TRUNCATED:
		return "the upstream's answer was cut short";
	case FETCH_RESOURCES:
		return "Corral is out of sockets for the upstream";
	}
	return "the upstream failed";
}

/*
 * What says that the backend can't be reached is so for all.  The rest may be what this very
 * request did to it: not to be held against others who say who they are.
 */
static enum flight_blame
blame(enum fetch_error error)
{
	switch (error) {
	case FETCH_RESOLVE:
	case FETCH_CONNECT:
	case FETCH_CONNECT_TIMEOUT:
		return BLAME_BACKEND;
	case FETCH_CLOSED:
	case FETCH_FIRST_BYTE_TIMEOUT:
	case FETCH_IDLE_TIMEOUT:
	case FETCH_TOTAL_TIMEOUT:
	case FETCH_MALFORMED:
	case FETCH_TRUNCATED:
		return BLAME_EXCHANGE;
	case FETCH_QUEUE_FULL:
	case FETCH_QUEUE_TIMEOUT:
	case FETCH_BUSY:
	case FETCH_NO_SERVER:
	case FETCH_RESOURCES:
		return BLAME_NOBODY;
	}
	return BLAME_NOBODY;
}

struct flight_failure
fill_failure(const struct fetch_failure *f)
{
	return (struct flight_failure){
		.status = fetch_error_status(f->error), .detail = fetch_error_name(f->error),
		.text = failure_text(f->error), .blame = blame(f->error),
		.dropped = f->error == FETCH_BUSY, .retry_after = f->retry_after,
	};
}
