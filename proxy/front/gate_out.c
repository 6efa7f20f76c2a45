/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Output.  While the output buffer is empty pieces go straight to the socket; what it doesn't take
 * is queued, copied or lent, and leaves by the loop.
 *
 *	pieces ── output empty ──> sendmsg ── not all ──> output buffer ── loop ──> ops->writable
 *	      └── output in use ─────────────────────────────^
 *
 * Invariants: each piece's release is called exactly once: here when the piece has left or can't be
 * queued, else by the output buffer when it drops the bytes (gate.c empties it before the user
 * hears GATE_LOST).  direct + added - pending is what the kernel has taken.  A failure is only
 * remembered in `broken`; the tick acts on it, so that no op comes from inside a gate_… call.
 *
 * A slow reader is judged by what its side has acknowledged (SIOCOUTQ), not by the buffer: large
 * kernel buffers hide its progress.
 *
 * Not bufferevent_write() for all: it copies, and sends a turn of the loop later.
 */
#include "front/gate.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <linux/sockios.h>

#include "base/stats.h"
#include "front/gate_priv.h"

#define SEND_IOV	64
#define INTERIM_MARK	((size_t)64 << 10)

/* A release that waits in an output buffer. */
struct lent {
	void	(*release)(void *arg);
	void	*arg;
};

/* Without waiting.  Bytes taken, 0 where the socket takes none now; a failure is remembered. */
static size_t
push(struct gate *g, struct iovec *iov, size_t n)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n };
	ssize_t r;

	do
		r = sendmsg(fd_of(g), &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (r == -1 && errno == EINTR);
	if (r == -1) {
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			g->broken = true;
		return 0;
	}
	g->direct += (size_t)r;
	return (size_t)r;
}

static void
lent_back(const void *p, size_t n, void *arg)
{
	struct lent *l = arg;

	(void)p;
	(void)n;
	l->release(l->arg);
	free(l);
}

static void
release(const struct gate_piece *piece)
{
	if (piece->release != NULL)
		piece->release(piece->arg);
}

/* Puts a piece, from skip on, into the output buffer. */
static void
queue(struct gate *g, const struct gate_piece *piece, size_t skip)
{
	const char *p = piece->p;
	size_t n = piece->n - skip;
	struct lent *l = NULL;
	int r;

	if (g->broken || n == 0) {
		release(piece);
		return;
	}
	if (piece->release == NULL) {
		r = evbuffer_add(output(g), p + skip, n);
	} else {
		l = XCALLOC(1, sizeof *l);
		l->release = piece->release;
		l->arg = piece->arg;
		r = evbuffer_add_reference(output(g), p + skip, n, lent_back, l);
	}
	if (r == 0) {
		g->added += n;
		return;
	}
	g->broken = true;
	if (l != NULL)
		lent_back(NULL, 0, l);
}

/* Past pieces[*i] by r bytes; *skip is how much of it is gone already. */
static void
advance(const struct gate_piece *pieces, unsigned n, unsigned *i, size_t *skip, size_t r)
{
	while (*i < n && r >= pieces[*i].n - *skip) {
		r -= pieces[*i].n - *skip;
		*skip = 0;
		release(&pieces[(*i)++]);
	}
	*skip += r;
}

/* Sends directly what the socket takes. */
static void
send_direct(struct gate *g, const struct gate_piece *pieces, unsigned n, unsigned *i, size_t *skip)
{
	struct iovec iov[SEND_IOV];
	size_t total, sent;
	unsigned k;

	advance(pieces, n, i, skip, 0);
	while (*i < n) {
		total = 0;
		for (k = 0; k < SEND_IOV && *i + k < n; k++) {
			const struct gate_piece *piece = &pieces[*i + k];
			size_t from = k == 0 ? *skip : 0;

			/* sendmsg() only reads */
			iov[k].iov_base = (void *)((uintptr_t)piece->p + from);
			iov[k].iov_len = piece->n - from;
			total += iov[k].iov_len;
		}
		sent = push(g, iov, k);
		advance(pieces, n, i, skip, sent);
		if (sent < total)
			break;
	}
}

/* What is left in the output leaves by the loop, and is watched for progress. */
static void
start_writing(struct gate *g)
{
	usec_t now = clock_mono();

	bufferevent_enable(g->bev, EV_WRITE);
	g->out_seen = now;
	g->acked = 0;
	gate_arm(g, now);
}

void
gate_send_pieces(struct gate *g, const struct gate_piece *pieces, unsigned n)
{
	bool was_empty = pending(g) == 0;
	size_t skip = 0;
	unsigned i = 0;

	if (was_empty && !g->broken)
		send_direct(g, pieces, n, &i, &skip);
	for (; i < n; i++, skip = 0)
		queue(g, &pieces[i], skip);
	if (g->broken)
		gate_hurry(g);
	else if (was_empty && pending(g) > 0)
		start_writing(g);
}

/* By what the peer's side has taken: a slow reader's progress doesn't show in the buffer. */
bool
gate_output_moves(struct gate *g, usec_t now)
{
	int outq = 0;
	uint64_t acked = g->direct + g->added - pending(g);

	if (ioctl(fd_of(g), SIOCOUTQ, &outq) == 0 && outq > 0)
		acked -= earlier((usec_t)acked, outq);
	if (acked != g->acked) {
		g->acked = acked;
		g->out_seen = now;
	}
	return now - g->out_seen < limits(g->gs)->send_timeout;
}

void
gate_count_sent(struct gate *g)
{
	uint64_t sent = g->direct + g->added - pending(g);

	if (g->gs->connections != NULL)
		stats_add(worker_stats(g->gs->w), STAT_bytes_sent, sent - g->counted);
	g->counted = sent;
}

/* The user's side */

/*
 * Not an answer yet: what hangs on expects and answered stays as it is, and nobody waits for it to
 * leave.  A client that takes none of it could make us hold as many as backends care to send, so
 * past a mark they are dropped, which a hint may be.
 */
void
gate_send_interim(struct gate *g, struct slice head)
{
	struct gate_piece piece = { .p = head.p, .n = head.n };

	check_busy(g);
	ASSERT(!g->answered);
	if (pending(g) < INTERIM_MARK)
		gate_send_pieces(g, &piece, 1);
}

size_t
gate_send(struct gate *g, const struct gate_piece *pieces, unsigned n)
{
	check_busy(g);
	g->expects = false;
	g->answered = true;
	gate_send_pieces(g, pieces, n);
	if (g->broken)
		return GATE_FAILED;
	g->unsent = pending(g) > 0;
	return pending(g);
}

size_t
gate_pending(const struct gate *g)
{
	check_busy(g);
	return g->broken ? GATE_FAILED : pending(g);
}

void
gate_set_low(struct gate *g, size_t low)
{
	check_busy(g);
	if (low != g->low)
		bufferevent_setwatermark(g->bev, EV_WRITE, low, 0);
	g->low = low;
}
