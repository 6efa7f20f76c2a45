/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A scripted backend on 127.0.0.1: rules say what is answered to which target, barriers say when,
 * and everything that comes is recorded.  It serves from a thread of its own; the functions here
 * are for the test's thread.
 */
#ifndef CORRAL_TESTS_LIB_ORIGIN_H
#define CORRAL_TESTS_LIB_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct origin;

enum origin_framing {
	ORIGIN_LENGTH,
	ORIGIN_CHUNKED,
	ORIGIN_CLOSE,			/* until the connection closes */
};

/* What to answer.  Texts must live as long as the origin; the path is copied. */
struct origin_rule {
	const char	*path;		/* "/a": that target; "/a*": all that begin so */
	const char	*method;	/* NULL: any */
	unsigned	 times;		/* for so many requests, then the next rule; 0: all */
	int		 status;	/* 0: 200 */
	const char	*fields;	/* "Cache-Control: max-age=60\r\n" */
	const char	*text;		/* the body; or */
	uint64_t	 bytes;		/* the length of a generated one; or */
	bool		 numbered;	/* origin_numbered(): never one twice */
	enum origin_framing framing;
	const char	*raw;		/* instead of head and body */
	size_t		 raw_len;	/* 0: up to its NUL */
	const char	*before;	/* sent before the head: 1xx */
	bool		 cookie;	/* also Set-Cookie: n=1, n=2, ...: never one twice */
	const char	*echo;		/* a request field: its value is body and cookie */
	const char	*fields_304;	/* for If-None-Match: 304 with these instead */
	const char	*after;		/* sent past the end of the answer */
	bool		 close;		/* then close */
	bool		 cut;		/* close after cut_at bytes of body */
	uint64_t	 cut_at;
	bool		 reset;		/* closing is a reset */
	int		 delay_ms;	/* the backend's own slowness */
	uint64_t piece; /* the body goes in pieces of this length, let go one by one: */
	int		 piece_ms;	/* each after this time; 0: by origin_piece() */
	bool		 early;		/* answer before the request's body was read */
	bool		 slow_body;	/* read the request's body only after origin_release() */
};

struct origin_request {
	char		 method[32];
	char		 target[512];
	const char	*head;		/* as it came, with the empty line; the origin's own */
	bool		 chunked;
	bool		 whole;		/* the body has come completely */
	uint64_t	 body_length;
	uint64_t	 body_sum;	/* test_sum() */
	char		 body[256];	/* its beginning */
	unsigned	 trailers;	/* lines of its trailer section */
	unsigned	 connection;	/* the number of the connection it came on */
	unsigned	 number;	/* of the requests for its target; the first is 1 */
	int64_t		 came;		/* test_now() when its head was there */
};

struct origin	*origin_start(void);
/* The same on a port that others have been told. */
struct origin	*origin_start_at(unsigned port);
/* Fails the test if something came that is no request. */
void	origin_stop(struct origin *o);
/* "http://127.0.0.1:40001" */
const char	*origin_url(const struct origin *o);
unsigned	origin_port(const struct origin *o);
/* Later rules for a target come after earlier ones. */
void	origin_rule(struct origin *o, const struct origin_rule *rule);
#define origin_answer(o, ...)	origin_rule((o), &(struct origin_rule){ __VA_ARGS__ })

/* Barriers, by target: requests wait before they are answered; until released. */
void	origin_hold(struct origin *o, const char *target);
void	origin_release(struct origin *o, const char *target);
/* Of those held, one goes; the others and all that come stay held. */
void	origin_release_one(struct origin *o, const char *target);
/* Lets n more pieces of its body go. */
void	origin_piece(struct origin *o, const char *target, unsigned n);
/* Closes the connections on which no request is waiting for its answer. */
void	origin_close_idle(struct origin *o);
/* Sends that to whoever waits for the answer to this target: 1xx. */
void	origin_say(struct origin *o, const char *target, const char *text);
/* From now on it refuses connections; the idle ones are closed. */
void	origin_refuse(struct origin *o);
/* And accepts them again. */
void	origin_accept(struct origin *o);
/* The rules of exactly this path are over, for the requests that come from now on. */
void	origin_drop_rules(struct origin *o, const char *path);
/* What came that is no request, and forgets it; false: nothing. */
bool	origin_take_fault(struct origin *o, char *text, size_t n);

/* Requests whose head has come; target NULL: all. */
unsigned	origin_requests(struct origin *o, const char *target);
void	origin_wait_requests(struct origin *o, const char *target, unsigned n);
/* Until the n-th request for it has come with its whole body. */
void	origin_wait_whole(struct origin *o, const char *target, unsigned n);
/* Until n requests for it were given up by the peer before their answer was whole. */
void	origin_wait_given_up(struct origin *o, const char *target, unsigned n);
/* The i-th request for it (a copy). */
struct origin_request	origin_request(struct origin *o, const char *target, unsigned i);
/* The value of a field in a request's head, on until the next call; NULL: not there. */
const char	*origin_field(const struct origin_request *r, const char *name);

/* Body bytes handed to the kernel, and received, for a target. */
uint64_t	origin_sent(struct origin *o, const char *target);
uint64_t	origin_received(struct origin *o, const char *target);
/* test_now() when the first byte of a body left; 0: not yet. */
int64_t	origin_first_sent(struct origin *o, const char *target);
/*
 * Requests being answered at one time, the most; connections ever, and the most open at one time.
 */
unsigned	origin_most_at_once(struct origin *o);
unsigned	origin_connections(struct origin *o);
unsigned	origin_open(struct origin *o);
unsigned	origin_most_open(struct origin *o);
/* Until that many connections are open. */
void	origin_wait_open(struct origin *o, unsigned n);

/* Requests for targets that begin alike, counted apart from all others. */
struct origin_watch;
/* Before the first of them comes; a target belongs to the last watch that fits.  The origin's. */
struct origin_watch	*origin_watch(struct origin *o, const char *prefix);
struct origin_watched {
	unsigned	 requests;
	unsigned	 most_at_once;	/* being answered at one time */
};
struct origin_watched	origin_watched(struct origin *o, const struct origin_watch *w);
/* The same, and counting begins anew. */
struct origin_watched	origin_watch_take(struct origin *o, struct origin_watch *w);

/* The body by the rule `numbered`, for the number of a request for a target.  Its length. */
size_t	origin_numbered(char *p, size_t n, const char *target, unsigned number);

/* A port of 127.0.0.1 where nobody listens, kept so until the descriptor is closed. */
int	origin_refusing(char *url, size_t n);

#endif
