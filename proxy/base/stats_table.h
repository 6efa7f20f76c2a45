/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every counter a worker keeps: name, unit, sentence; then every histogram of durations: name,
 * sentence.  One row feeds the enum, /stats and the manual (tests/manual.sh holds the manual to
 * it).  The first seven are the outcomes: each request ends in exactly one of them, and `requests`
 * is their sum, computed when it is read.
 *
 * Includers define the one they want, STAT or HISTO; both are undefined at the end.
 */
#if !defined(STAT) && !defined(HISTO)
#error "define STAT(name, unit, sentence) or HISTO(name, sentence) before including this table"
#endif
#ifndef STAT
#define STAT(name, unit, sentence)
#endif
#ifndef HISTO
#define HISTO(name, sentence)
#endif

STAT(hit,		"requests",	"served from the store, fresh")
STAT(stale,		"requests",	"served from the store, stale: while it is refreshed, "
    "instead of an error or a refusal, or as the client allowed")
STAT(miss,		"requests",	"led a fetch, or a revalidation that it waited for")
STAT(coalesced,		"requests",	"answered by a fetch that another request led")
STAT(pass,		"requests",	"sent on alone: method, route, pass marker, or an "
    "unshareable answer")
STAT(shed,		"requests",	"refused to protect Corral or the backend")
STAT(error,		"requests",	"ended in an error made by Corral, or by a client that "
    "left or spoke no HTTP")
STAT(upstream_fetches,	"requests",	"sent to upstreams, retries and health checks apart")
STAT(upstream_retries,	"requests",	"sent to upstreams again after a connection failed")
STAT(upstream_errors,	"exchanges",	"with an upstream that failed")
STAT(refreshes,		"requests",	"fetches begun in the background, before or after an "
    "object expired")
STAT(refreshes_dropped,	"requests",	"those of them that found the backend busy")
STAT(hedges,		"requests",	"second requests sent since the first took longer than "
    "usual")
STAT(hedges_won,	"requests",	"hedges whose answer came first, and was used")
STAT(kept_errors,	"requests",	"answered by a failure that was kept for error_ttl; also "
    "counted as hit, error or shed")
STAT(revalidated,	"exchanges",	"conditional fetches answered 304")
STAT(saved_ms,		"milliseconds",	"backend time saved: for each hit, stale or coalesced, "
    "the time its object took to fetch")
STAT(connections,	"connections",	"accepted from clients")
STAT(bytes_sent,	"bytes",	"sent to clients")

HISTO(fetch,	"time from a request sent upstream to the head of its answer")
HISTO(queue,	"time a request waited for a connection")
HISTO(park,	"time a client waited for a flight")

#undef STAT
#undef HISTO
