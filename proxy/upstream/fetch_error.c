/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an error of a fetch is called in logs and in Cache-Status, and which status our client gets
 * for it: 502 when the origin's answer, or the way to it, is bad; 503 when it wasn't asked, for
 * want of room here or since it is known to be down; 504 when it took too long.
 *
 * Invariant: every error has a row; a new one without breaks the build, as no switch has a default.
 * Not a table: an enum that is out of range then has a name too.
 */
#include "upstream/fetch.h"

const char *
fetch_error_name(enum fetch_error error)
{
	switch (error) {
	case FETCH_RESOLVE:
		return "resolve";
	case FETCH_CONNECT:
		return "connect";
	case FETCH_CLOSED:
		return "closed";
	case FETCH_QUEUE_FULL:
		return "queue-full";
	case FETCH_QUEUE_TIMEOUT:
		return "queue-timeout";
	case FETCH_BUSY:
		return "busy";
	case FETCH_NO_SERVER:
		return "no-server";
	case FETCH_CONNECT_TIMEOUT:
		return "connect-timeout";
	case FETCH_FIRST_BYTE_TIMEOUT:
		return "first-byte-timeout";
	case FETCH_IDLE_TIMEOUT:
		return "idle-timeout";
	case FETCH_TOTAL_TIMEOUT:
		return "total-timeout";
	case FETCH_MALFORMED:
		return "malformed";
	case FETCH_TRUNCATED:
		return "truncated";
	case FETCH_RESOURCES:
		return "resources";
	}
	return "unknown";
}

int
fetch_error_status(enum fetch_error error)
{
	switch (error) {
	case FETCH_RESOLVE:
	case FETCH_CONNECT:
	case FETCH_CLOSED:
	case FETCH_MALFORMED:
	case FETCH_TRUNCATED:
		return 502;
	case FETCH_QUEUE_FULL:
	case FETCH_QUEUE_TIMEOUT:
	case FETCH_BUSY:
	case FETCH_NO_SERVER:
	case FETCH_RESOURCES:
		return 503;
	case FETCH_CONNECT_TIMEOUT:
	case FETCH_FIRST_BYTE_TIMEOUT:
	case FETCH_IDLE_TIMEOUT:
	case FETCH_TOTAL_TIMEOUT:
		return 504;
	}
	return 502;
}
