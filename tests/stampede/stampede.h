/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What scenarios are made of: a run, its result, and the means to judge.  A scenario talks to the
 * proxy and to its origin, and says in the result what it saw; only what it finds wrong fails it.
 */
#ifndef CORRAL_TESTS_STAMPEDE_STAMPEDE_H
#define CORRAL_TESTS_STAMPEDE_STAMPEDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/lib/origin.h"
#include "tests/stampede/load.h"

#define MS		INT64_C(1000)		/* microseconds */
#define PATH_SIZE	256
#define WORDS_SIZE	768

#define FRESH		"Cache-Control: max-age=3600\r\n"
#define PAGE		10000			/* bytes of a page */
/* How long the answers to one herd may take before the rest of them counts as lost. */
#define PATIENCE	(15000 * MS)

enum verdict {
	PASSED,
	FAILED,
	SKIPPED,
};

/* Answers that are none, by what is wrong with them. */
struct errors {
	unsigned	 none;		/* cut, malformed, late or no answer at all */
	unsigned	 server;	/* 5xx where the origin said something else */
	unsigned	 status;	/* any other wrong status */
	unsigned	 body;		/* wrong length or bytes, or what is another's */
	unsigned	 stale;		/* an answer whose lifetime was over, or that was purged */
	const char	*example;	/* a fault of one of `none` */
	int		 example_status;
};

struct result {
	enum verdict	 verdict;
	char		 words[WORDS_SIZE];	/* why it failed or was skipped */
	char		 notes[WORDS_SIZE];	/* further figures */
	char		 ideal[64];		/* origin requests, in words */
	unsigned	 requests;		/* at the origin */
	unsigned	 most_at_once;
	unsigned	 answers;
	struct errors	 errors;
	int64_t		*first;		/* from asking to the first byte, of complete answers */
	size_t		 firsts, room;
	int64_t		 p50, p99, max;		/* of these, when all is over */
	int64_t		 took;
};

/* The whole run, and the scenario that is on. */
struct run {
	const char	*proxy, *admin, *name;
	const char	*purge_all, *restart;	/* commands, or NULL */
	unsigned	 clients, keys;
	unsigned	 limit;		/* on requests at once under /limited/; 0: none was said */
	bool		 times;		/* judge by times, too */
	struct origin	*origin;
	char		 nonce[24];

	char		 prefix[PATH_SIZE];	/* of all its targets */
	struct origin_watch *watch;	/* of that prefix */
};

enum needs {
	NOTHING,
	A_PURGE,			/* --purge-all or --admin */
	A_RESTART,			/* --restart */
};

struct scenario {
	const char	*name;
	const char	*sentence;
	const char	*root;		/* "/open/", "/limited/" */
	enum needs	 needs;
	void		(*run)(struct run *r, struct result *res);
};

/* NULL ends them. */
extern const struct scenario *const	scenarios[];

/* --- of one theme each, listed in scenarios.c --- */

extern const struct scenario	cold_herd, slow_origin, uncacheable, max_age_0, leader_leaves,
    vary_groups, streamed_body, new_query, head_and_get, ranges, not_found, redirect;
extern const struct scenario	expired, expired_swr, hot_expiry, mass_expiry;
extern const struct scenario	errors_500, refused, origin_cut;
extern const struct scenario	purge_all, restart;

/* --- judge.c --- */

/* It has failed, for that reason; further reasons are added. */
void	result_fail(struct result *res, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void	result_note(struct result *res, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void	result_ideal(struct result *res, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A target of this scenario: prefix, then that; p has PATH_SIZE bytes. */
void	run_target(const struct run *r, char *p, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* What the origin has seen of the scenario since the last call; added to the result. */
unsigned	run_requests(const struct run *r, struct result *res);
/* The same, and fails it if that is not between the two; for: "the first herd". */
unsigned	run_expect(const struct run *r, struct result *res, const char *who, unsigned least,
    unsigned most);
/* Turns the load until the origin has seen so many requests since run_requests(); false: late. */
bool	run_wait_requests(const struct run *r, struct load *l, unsigned n, int64_t deadline);
/* No more than that many clients, whatever was asked for. */
unsigned	run_clients(const struct run *r, unsigned most);

/* The right answer. */
struct want {
	int		 status;	/* 0: 200 */
	const char	*numbered;	/* the target of a numbered body, and its first number */
	unsigned	 least;		/* that is not over */
	uint64_t	 length, sum;	/* else its length and test_sum() */
	bool		 any_body;
};
/* Counts one reply; true if it is right. */
bool	judge(const struct run *r, struct result *res, const struct reply *rep,
	    const struct want *w);
/* All replies from the i-th on. */
void	judge_all(const struct run *r, struct result *res, const struct load *l, size_t i,
	    const struct want *w);
/* Fails it for the errors counted so far that a scenario has not forgiven. */
void	judge_errors(struct result *res);
/* The slowest last byte among the replies from the i-th on, from its asking. */
int64_t	judge_slowest(const struct load *l, size_t i);

/* Clients from first to last (not included) ask for one target. */
void	all_ask(struct load *l, unsigned first, unsigned last, const char *target,
	    const char *fields);
/* All of n ask for one target and have their answers judged; how many replies came before. */
size_t	herd_of(const struct run *r, struct result *res, struct load *l, unsigned n,
	    const char *target, const struct want *w);

double	in_ms(int64_t usec);

/* --- hook.c --- */

enum hook_kind {
	PURGE_ALL,
	RESTART,
};
enum hook_state {
	HOOK_RUNS,
	HOOK_DONE,
	HOOK_FAILED,
};
struct hook;
struct hook	*hook_start(const struct run *r, enum hook_kind kind);
/* Does what can be done at once. */
enum hook_state	hook_turn(struct hook *h);
void	hook_free(struct hook *h);

#endif
