/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the gate share: the structs, the doors between the files, and a few words.
 *
 *	gate.c		life and states; what the hold and the loop's callbacks do in each state
 *	gate_head.c	heads: read, judged, and evhttp made to dispatch
 *	gate_body.c	request bodies: flow, pause, skip
 *	gate_out.c	output: direct sends, lent pieces, progress of a slow reader
 *	gate_close.c	refusals, and connections that close
 *	gate_time.c	the tick: deadlines, and the watch over a silent socket
 *	gate_set.c	all gates of a worker
 */
#ifndef CORRAL_FRONT_GATE_PRIV_H
#define CORRAL_FRONT_GATE_PRIV_H

#include <sys/queue.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/contract.h"
#include "base/worker.h"
#include "front/gate.h"
#include "http/parse.h"

struct evhttp_connection;

#define HOLD_MARK	((size_t)60 << 10)	/* and one read more: 64 KiB */
#define SCRATCH		((size_t)64 << 10)
#define SCRATCH_READS	4		/* per event, so that one upload doesn't keep the loop */

enum gate_state {
	GS_NEW,
	GS_IDLE,
	GS_FED,
	GS_BUSY,
	GS_NEXT,
	GS_ANSWER,
	GS_LINGER,
	GS_DEAD,
};

enum body_state {
	BODY_NONE,		/* there is none, or it has been read to its end */
	BODY_UNREAD,		/* nobody asked for it yet */
	BODY_FLOW,		/* goes to the user as it comes */
	BODY_PAUSED,		/* the user wants no more for now */
	BODY_FAILED,		/* can't be read to its end: the connection closes */
};

/* Owned by its connection: born in gates_accept(), gone in closed().  On gates->all until then. */
struct gate {
	unsigned		 magic;
#define GATE_MAGIC		 0x6a7e0c31
	enum gate_state		 state;
	unsigned		 refs;		/* the connection's, and frames that call out */
	struct gates		*gs;
	TAILQ_ENTRY(gate)	 link;
	struct bufferevent	*bev;		/* the connection's; ours to hold only in GS_NEW */
	struct evbuffer_cb_entry *incb;
	struct evhttp_connection *evcon;	/* NULL in GS_NEW and GS_DEAD */
	struct evhttp_request	*req;		/* evhttp's, from dispatch to its reply's end */
	void			*user;

	struct event		 tick;
	usec_t			 armed;		/* when tick fires */
	usec_t			 deadline;	/* of IDLE, ANSWER and LINGER */

	struct buf		 hold;		/* bytes from off on are not looked at yet */
	size_t			 off;
	struct parse		 parse;

	struct parse_body	 body;
	enum body_state		 body_state;
	uint64_t		 body_limit;
	usec_t			 body_seen;	/* when body bytes last came */

	uint64_t		 direct;	/* bytes that went out without the output buffer */
	uint64_t		 added;		/* bytes put into the output buffer */
	uint64_t		 acked;		/* of both, taken by the peer when last looked at */
	uint64_t		 counted;	/* of both, in the worker's bytes_sent */
	usec_t			 out_seen;	/* when acked last grew */
	size_t			 low;
	size_t			 lingered;	/* bytes thrown away */

	bool			 counts;	/* in *gs->connections */
	bool			 over;		/* came past the limit of connections */
	bool			 parsing;	/* parse has begun a head */
	bool			 heads;		/* a head was read before */
	bool			 feeding;	/* the input changes by our own hand */
	bool			 half;		/* FIN has come */
	bool			 told_half;
	bool			 broken;	/* sending failed; the tick tells the user */
	bool			 close;		/* after this answer */
	bool			 expects;	/* 100-continue, and nothing was sent yet */
	bool			 answered;	/* a byte of this request's answer was sent */
	bool			 unsent;	/* the user waits for writable */
};

TAILQ_HEAD(gate_list, gate);

/* Owned by the listener. */
struct gates {
	unsigned		 magic;
#define GATES_MAGIC		 0x6a7e5e75
	struct worker		*w;
	const struct gate_ops	*ops;
	void			*arg;
	_Atomic unsigned	*connections;	/* NULL: not counted, no limit */
	struct gate_list	 all;
	unsigned		 n;		/* on all */
	unsigned		 nover;		/* of them past the limit of connections */
	bool			 draining;
	usec_t			 grace;
	struct gate		*fed;		/* in GS_FED: at most one */
	struct head		 fed_head;	/* its request */
	char			*scratch;
};

/*
 * Doors.  All on the worker's thread, with a gate that is not GS_DEAD.  Those marked (may end it)
 * can leave it GS_DEAD, so their caller holds a reference and looks at the state afterwards.
 */

/* gate.c */
struct gate	*gate_new(struct gates *gs, struct event_base *base);
struct gate	*gate_ref(struct gate *g);
void	gate_unref(struct gate *g);
/* evhttp has put the connection together, or given up on it (may end it). */
void	gate_meet(struct gate *g);
/* Frees the connection; a user that is still attached hears GATE_LOST. */
void	gate_cut(struct gate *g);
/* The same, so that the peer can't take what it has for a whole answer. */
void	gate_cut_reset(struct gate *g);
/* From here on the bufferevent calls us, not evhttp. */
void	gate_take_callbacks(struct gate *g);
void	gate_hold_add(struct gate *g, const char *p, size_t n);
void	gate_hold_trim(struct gate *g);
/* Reading is flow control towards the client: on while the hold is below its mark. */
void	gate_set_reading(struct gate *g);

/* gate_head.c */
/* In GS_IDLE with bytes held, or GS_NEXT (may end it). */
void	gate_find_head(struct gate *g, bool in_input);
/* Gives the connection back to evhttp, for the next request.  False: evhttp ended it. */
bool	gate_give_back(struct gate *g);

/* gate_body.c; in GS_BUSY, which the user may leave from within (may end it). */
/* Hands on what is held of the body. */
void	gate_body_pump(struct gate *g);
/* And what the socket has besides. */
void	gate_body_read(struct gate *g);
void	gate_body_over(struct gate *g, enum body_state end, int status);
/* True when what is held has the rest of the body. */
bool	gate_body_is_here(const struct gate *g);
void	gate_body_skip(struct gate *g);

/* gate_out.c */
void	gate_send_pieces(struct gate *g, const struct gate_piece *pieces, unsigned n);
/* False: the peer has taken nothing for limits.send_timeout. */
bool	gate_output_moves(struct gate *g, usec_t now);
/* What has left since the last call goes into the worker's bytes_sent. */
void	gate_count_sent(struct gate *g);

/* gate_close.c (all may end it) */
void	gate_refuse(struct gate *g, int status, const char *text, bool to_head);
void	gate_linger(struct gate *g);
void	gate_throw_away(struct gate *g, struct evbuffer *in);

/* gate_time.c */
void	gate_tick(evutil_socket_t fd, short what, void *arg);
/* Sets the tick earlier if something is due earlier now. */
void	gate_arm(struct gate *g, usec_t now);
/* The tick comes from the loop, at once. */
void	gate_hurry(struct gate *g);
void	gate_set_idle(struct gate *g, usec_t now, usec_t timeout);

/* gate_set.c */
/* SCRATCH bytes, good until the next read of any gate of the worker. */
char	*gates_scratch(struct gates *gs);
void	gates_remove(struct gates *gs, struct gate *g);

/* Words, short because every file says them often */

static inline const struct conf_limits *
limits(const struct gates *gs)
{
	return &worker_conf(gs->w)->limits;
}

static inline usec_t
after(usec_t now, usec_t d)
{
	return d >= USEC_NEVER - now ? USEC_NEVER : now + d;
}

static inline usec_t
earlier(usec_t a, usec_t b)
{
	return a < b ? a : b;
}

static inline int
fd_of(const struct gate *g)
{
	return bufferevent_getfd(g->bev);
}

static inline struct evbuffer *
output(const struct gate *g)
{
	return bufferevent_get_output(g->bev);
}

static inline size_t
pending(const struct gate *g)
{
	return evbuffer_get_length(output(g));
}

static inline size_t
held(const struct gate *g)
{
	return g->hold.n - g->off;
}

static inline const char *
held_p(const struct gate *g)
{
	return g->hold.p == NULL ? "" : g->hold.p + g->off;
}

static inline void
check_busy(const struct gate *g)
{
	CHECK(g, GATE_MAGIC);
	ASSERT(g->state == GS_BUSY);
}

#endif
