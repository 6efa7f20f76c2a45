/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/obj.h"
#include "cache/reader.h"

#include "tests/unit/cache/rig.h"

#define KIB	((uint64_t)1024)
#define MIB	(1024 * KIB)

static struct budget budget;

static int64_t
stored(void)
{
	return atomic_load(&budget.stored);
}

static int64_t
transit(void)
{
	return atomic_load(&budget.transit);
}

static struct obj *
new_obj(uint64_t length, uint64_t max_lag)
{
	struct obj_meta m;

	memset(&m, 0, sizeof m);
	hdr_add(&m.head, SLICE("Content-Type"), SLICE("text/plain"));
	hdr_emit(&m.head, &m.wire);
	m.length = length;
	return obj_new(&budget, &m, true, max_lag);
}

static void
append(struct obj *o, uint64_t off, size_t n)
{
	char *p = malloc(n);

	ck_assert_ptr_nonnull(p);
	rig_body(p, off, n);
	obj_append(o, p, n);
	free(p);
}

/* One more reader of a filling object. */
static void
open_reader(struct guest *g, struct worker *w, struct obj *o)
{
	memset(g, 0, sizeof *g);
	g->worker = w;
	obj_expect(o, 1);
	reader_open(&g->reader, o, true, w, guest_more, g);
}

static void
count_post(void *arg)
{
	++*(unsigned *)arg;
}

/* The end of every test: nothing counted, nothing held but by messages on their way. */
static void
nothing_left(struct worker *w)
{
	rig_turn(w);
	ck_assert_int_eq(stored(), 0);
	ck_assert_int_eq(transit(), 0);
	worker_free(w);
}

START_TEST(readers_follow_at_their_own_pace)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(OBJ_NO_LENGTH, MIB);
	struct guest fast, slow, late;

	ck_assert_int_eq(obj_state(o), OBJ_FILLING);
	ck_assert(slice_eq(buf_slice(&obj_meta(o)->wire), SLICE("Content-Type: text/plain\r\n")));
	open_reader(&fast, w, o);
	open_reader(&slow, w, o);
	ck_assert_uint_eq(guest_read(&fast, MIB), 0);
	ck_assert_int_eq(fast.state, READER_WAITING);
	append(o, 0, 10000);
	rig_turn(w);
	ck_assert_uint_eq(fast.body_wakes, 1);
	ck_assert_uint_eq(slow.body_wakes, 0);
	ck_assert_uint_eq(guest_read(&fast, MIB), 10000);
	ck_assert_int_eq(fast.state, READER_WAITING);
	ck_assert_uint_eq(guest_read(&slow, 3), 3);
	ck_assert_int_eq(slow.state, READER_DATA);
	append(o, 10000, 200000);
	obj_end(o);
	ck_assert_int_eq(obj_state(o), OBJ_SEALED);
	ck_assert_uint_eq(obj_total(o), 210000);
	rig_turn(w);
	ck_assert_uint_eq(fast.body_wakes, 2);
	ck_assert_uint_eq(guest_read(&fast, MIB), 200000);
	ck_assert_int_eq(fast.state, READER_END);
	ck_assert_uint_eq(guest_read(&slow, MIB), 209997);
	ck_assert_int_eq(slow.state, READER_END);
	/* Sealed: anybody may come, unexpected. */
	memset(&late, 0, sizeof late);
	reader_open(&late.reader, o, false, w, guest_more, &late);
	ck_assert_uint_eq(guest_read(&late, MIB), 210000);
	ck_assert_int_eq(late.state, READER_END);
	reader_close(&fast.reader);
	reader_close(&slow.reader);
	obj_unref(o);
	/* The last reader holds it. */
	ck_assert_int_gt(transit(), 210000);
	reader_close(&late.reader);
	reader_close(&late.reader);
	nothing_left(w);
}
END_TEST

START_TEST(a_hundred_thousand_tiny_pieces)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(OBJ_NO_LENGTH, MIB);
	struct guest g;
	uint64_t got = 0;

	open_reader(&g, w, o);
	for (uint64_t i = 0; i < 100000; i++) {
		char c = rig_byte(i);

		obj_append(o, &c, 1);
		if (i % 7 == 0)
			got += guest_read(&g, 5);
	}
	/* Tiny pieces don't cost more memory than large ones. */
	ck_assert_uint_lt(obj_bytes(o), 200 * KIB);
	obj_end(o);
	rig_turn(w);
	got += guest_read(&g, MIB);
	ck_assert_uint_eq(got, 100000);
	ck_assert_int_eq(g.state, READER_END);
	reader_close(&g.reader);
	obj_unref(o);
	nothing_left(w);
}
END_TEST

START_TEST(known_length_takes_just_that)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(100 * KIB, MIB);
	size_t before = obj_bytes(o);
	struct guest g;

	open_reader(&g, w, o);
	append(o, 0, 100 * KIB);
	ck_assert_uint_lt(obj_bytes(o), before + 37 * KIB);
	obj_end(o);
	rig_turn(w);
	ck_assert_uint_eq(guest_read(&g, MIB), 100 * KIB);
	reader_close(&g.reader);
	obj_unref(o);
	nothing_left(w);
}
END_TEST

START_TEST(no_body_at_all)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(0, MIB);
	struct guest g;

	open_reader(&g, w, o);
	ck_assert_uint_eq(guest_read(&g, MIB), 0);
	ck_assert_int_eq(g.state, READER_WAITING);
	obj_end(o);
	rig_turn(w);
	ck_assert_uint_eq(g.body_wakes, 1);
	ck_assert_uint_eq(guest_read(&g, MIB), 0);
	ck_assert_int_eq(g.state, READER_END);
	reader_close(&g.reader);
	obj_unref(o);
	nothing_left(w);
}
END_TEST

START_TEST(broken_cuts_readers)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(OBJ_NO_LENGTH, MIB);
	struct guest g;

	open_reader(&g, w, o);
	append(o, 0, 1000);
	ck_assert_uint_eq(guest_read(&g, MIB), 1000);
	ck_assert(!reader_is_cut(&g.reader));
	obj_fail(o);
	rig_turn(w);
	ck_assert_uint_eq(g.body_wakes, 1);
	ck_assert(reader_is_cut(&g.reader));
	ck_assert_uint_eq(guest_read(&g, MIB), 0);
	ck_assert_int_eq(g.state, READER_CUT);
	reader_close(&g.reader);
	obj_unref(o);
	nothing_left(w);
}
END_TEST

START_TEST(bytes_move_between_stored_and_transit)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(OBJ_NO_LENGTH, MIB);
	struct guest g;

	ck_assert_int_eq(transit(), (int64_t)obj_bytes(o));
	obj_link(o);
	ck_assert_int_eq(transit(), 0);
	append(o, 0, MIB);
	ck_assert_int_eq(stored(), (int64_t)obj_bytes(o));
	ck_assert_int_gt(stored(), (int64_t)MIB);
	ck_assert(obj_wanted(o));
	open_reader(&g, w, o);
	obj_unlink(o);
	ck_assert_int_eq(stored(), 0);
	/* It has the reader's place, so all of it, still. */
	ck_assert_int_gt(transit(), (int64_t)MIB);
	ck_assert_uint_eq(guest_read(&g, MIB / 2), MIB / 2);
	ck_assert_int_lt(transit(), (int64_t)(MIB * 3 / 4));
	obj_end(o);
	reader_close(&g.reader);
	obj_unref(o);
	nothing_left(w);
}
END_TEST

START_TEST(a_window_holds_the_producer_back)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(OBJ_NO_LENGTH, 16 * MIB);
	unsigned posts = 0;
	struct worker_msg msg = { .fn = count_post, .arg = &posts };
	struct guest g;
	uint64_t off = 0;
	int64_t peak = 0;

	obj_set_source(o, w, &msg);
	open_reader(&g, w, o);
	obj_forget(o);
	while (off < 20 * MIB) {
		unsigned before = posts;

		while (!obj_full(o)) {
			append(o, off, 32 * KIB);
			off += 32 * KIB;
		}
		peak = transit() > peak ? transit() : peak;
		/* Room is told once half the window is free, not before, and once. */
		rig_turn(w);
		ck_assert_uint_eq(posts, before);
		guest_read(&g, 64 * KIB);
		rig_turn(w);
		ck_assert_uint_eq(posts, before);
		guest_read(&g, 200 * KIB);
		rig_turn(w);
		ck_assert_uint_eq(posts, before + 1);
	}
	ck_assert_int_lt(peak, (int64_t)(OBJ_WINDOW + 32 * KIB + 192 * KIB));
	ck_assert(obj_wanted(o));
	reader_close(&g.reader);
	ck_assert(!obj_wanted(o));
	rig_turn(w);
	obj_fail(o);
	obj_unref(o);
	nothing_left(w);
}
END_TEST

/* The only reader is never a laggard, however small max_object is. */
START_TEST(the_fastest_is_not_cut)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(OBJ_NO_LENGTH, 1);
	struct guest g;

	open_reader(&g, w, o);
	obj_forget(o);
	append(o, 0, OBJ_WINDOW + 128 * KIB);
	append(o, OBJ_WINDOW + 128 * KIB, 1);
	ck_assert(obj_full(o));
	ck_assert(!reader_is_cut(&g.reader));
	ck_assert_uint_eq(guest_read(&g, MIB), OBJ_WINDOW + 128 * KIB + 1);
	ck_assert(!obj_full(o));
	obj_end(o);
	reader_close(&g.reader);
	obj_unref(o);
	nothing_left(w);
}
END_TEST

START_TEST(a_laggard_is_cut_and_memory_bounded)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(OBJ_NO_LENGTH, MIB);
	struct guest fast, slow, stuck;
	uint64_t off = 0;
	int64_t peak = 0;

	open_reader(&fast, w, o);
	open_reader(&slow, w, o);
	open_reader(&stuck, w, o);
	obj_forget(o);
	while (off < 8 * MIB) {
		append(o, off, 64 * KIB);
		off += 64 * KIB;
		guest_read(&fast, 64 * KIB);
		guest_read(&slow, 63 * KIB);
		peak = transit() > peak ? transit() : peak;
		if (obj_full(o)) {
			ck_assert(obj_lagging(o));
			obj_cut_laggards(o);
			ck_assert(!obj_full(o));
		}
		rig_turn(w);
		if (stuck.reader.obj != NULL && reader_is_cut(&stuck.reader)) {
			ck_assert_uint_gt(stuck.body_wakes, 0);
			ck_assert_uint_gt(off, MIB);
			ck_assert_uint_eq(guest_read(&stuck, MIB), 0);
			ck_assert_int_eq(stuck.state, READER_CUT);
			reader_close(&stuck.reader);
		}
	}
	ck_assert_ptr_null(stuck.reader.obj);
	ck_assert(!reader_is_cut(&slow.reader));
	ck_assert_int_lt(peak, (int64_t)(MIB + OBJ_WINDOW + 256 * KIB));
	obj_end(o);
	guest_read(&slow, 8 * MIB);
	ck_assert_int_eq(slow.state, READER_END);
	reader_close(&fast.reader);
	reader_close(&slow.reader);
	obj_unref(o);
	nothing_left(w);
}
END_TEST

/* The one that is cut is called once, not for every piece that comes. */
START_TEST(a_cut_reader_is_called_once)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(OBJ_NO_LENGTH, OBJ_WINDOW);
	struct guest fast, stuck;

	open_reader(&fast, w, o);
	open_reader(&stuck, w, o);
	obj_forget(o);
	for (uint64_t off = 0; off < 2 * MIB; off += 64 * KIB) {
		append(o, off, 64 * KIB);
		guest_read(&fast, 64 * KIB);
		if (obj_full(o))
			obj_cut_laggards(o);
		rig_turn(w);
	}
	ck_assert_uint_eq(stuck.body_wakes, 1);
	reader_close(&stuck.reader);
	reader_close(&fast.reader);
	obj_fail(o);
	obj_unref(o);
	nothing_left(w);
}
END_TEST

/* It holds up the others, who are told so, until it reads or leaves. */
START_TEST(a_laggard_may_catch_up)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(OBJ_NO_LENGTH, OBJ_WINDOW);
	unsigned posts = 0;
	struct worker_msg msg = { .fn = count_post, .arg = &posts };
	struct guest fast, slow;

	obj_set_source(o, w, &msg);
	open_reader(&fast, w, o);
	open_reader(&slow, w, o);
	obj_forget(o);
	append(o, 0, 2 * OBJ_WINDOW);
	ck_assert(obj_full(o));
	ck_assert(!obj_lagging(o));
	guest_read(&fast, 2 * OBJ_WINDOW);
	rig_turn(w);
	ck_assert_uint_eq(posts, 1);
	ck_assert(obj_full(o) && obj_lagging(o));
	guest_read(&slow, OBJ_WINDOW / 2);
	rig_turn(w);
	ck_assert(obj_full(o) && obj_lagging(o));
	guest_read(&slow, OBJ_WINDOW);
	rig_turn(w);
	ck_assert_uint_eq(posts, 2);
	ck_assert(!obj_full(o) && !obj_lagging(o));
	ck_assert(!reader_is_cut(&slow.reader));

	append(o, 2 * OBJ_WINDOW, OBJ_WINDOW);
	guest_read(&fast, OBJ_WINDOW);
	ck_assert(obj_full(o) && obj_lagging(o));
	reader_close(&slow.reader);
	rig_turn(w);
	ck_assert_uint_eq(posts, 3);
	ck_assert(!obj_full(o));
	obj_end(o);
	reader_close(&fast.reader);
	obj_unref(o);
	nothing_left(w);
}
END_TEST

/* The fastest leaves: the next one sets the pace, with the old front forgotten. */
START_TEST(the_front_goes_back)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(OBJ_NO_LENGTH, 16 * MIB);
	unsigned posts = 0;
	struct worker_msg msg = { .fn = count_post, .arg = &posts };
	struct guest fast, slow;

	obj_set_source(o, w, &msg);
	obj_link(o);
	open_reader(&fast, w, o);
	open_reader(&slow, w, o);
	append(o, 0, MIB);
	guest_read(&fast, MIB);
	guest_read(&slow, 10);
	/* It leaves while the store has it; then the store gives it up. */
	reader_close(&fast.reader);
	obj_unlink(o);
	ck_assert(obj_full(o));
	guest_read(&slow, MIB - OBJ_WINDOW);
	rig_turn(w);
	ck_assert_uint_eq(posts, 0);
	guest_read(&slow, MIB);
	rig_turn(w);
	ck_assert_uint_eq(posts, 1);
	ck_assert(!obj_full(o));
	reader_close(&slow.reader);
	obj_fail(o);
	obj_unref(o);
	rig_turn(w);
	nothing_left(w);
}
END_TEST

START_TEST(wanted_by_whom)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(OBJ_NO_LENGTH, MIB);
	unsigned posts = 0;
	struct worker_msg msg = { .fn = count_post, .arg = &posts };
	struct guest g;

	obj_set_source(o, w, &msg);
	ck_assert(!obj_wanted(o));
	obj_expect(o, 2);
	obj_forget(o);
	ck_assert(obj_wanted(o));
	obj_unexpect(o);
	rig_turn(w);
	ck_assert_uint_eq(posts, 0);
	memset(&g, 0, sizeof g);
	reader_open(&g.reader, o, true, w, guest_more, &g);
	ck_assert(obj_wanted(o));
	reader_close(&g.reader);
	ck_assert(!obj_wanted(o));
	rig_turn(w);
	ck_assert_uint_eq(posts, 1);
	/* No more messages after this. */
	obj_expect(o, 1);
	obj_set_source(o, NULL, NULL);
	obj_unexpect(o);
	rig_turn(w);
	ck_assert_uint_eq(posts, 1);
	obj_fail(o);
	obj_unref(o);
	nothing_left(w);
}
END_TEST

/* An expected reader finds the beginning, also after the object was forgotten. */
START_TEST(expected_readers_keep_the_beginning)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(OBJ_NO_LENGTH, MIB);
	struct guest g;

	obj_link(o);
	append(o, 0, 300 * KIB);
	obj_expect(o, 1);
	obj_unlink(o);
	append(o, 300 * KIB, KIB);
	memset(&g, 0, sizeof g);
	reader_open(&g.reader, o, true, w, guest_more, &g);
	ck_assert_uint_eq(guest_read(&g, MIB), 301 * KIB);
	ck_assert_int_lt(transit(), (int64_t)(70 * KIB));
	obj_end(o);
	reader_close(&g.reader);
	obj_unref(o);
	nothing_left(w);
}
END_TEST

/* What was lent outlives the reader and the object. */
START_TEST(lent_pieces_stay)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(OBJ_NO_LENGTH, MIB);
	struct obj_piece piece[16];
	enum reader_state state;
	struct guest g;
	uint64_t off = 0;
	unsigned n;

	open_reader(&g, w, o);
	append(o, 0, 200 * KIB);
	obj_end(o);
	n = reader_read(&g.reader, piece, 16, MIB, &state);
	ck_assert_uint_gt(n, 1);
	reader_close(&g.reader);
	obj_unref(o);
	ck_assert_int_gt(transit(), (int64_t)(200 * KIB));
	for (unsigned i = 0; i < n; i++) {
		for (size_t k = 0; k < piece[i].n; k++)
			ck_assert_int_eq(piece[i].p[k], rig_byte(off + k));
		off += piece[i].n;
		seg_unref(piece[i].seg);
	}
	ck_assert_uint_eq(off, 200 * KIB);
	nothing_left(w);
}
END_TEST

/* A thousand segments hang on one reader and go at once: no recursion, so a small stack will do. */
static void *
close_reader(void *arg)
{
	reader_close(&((struct guest *)arg)->reader);
	return NULL;
}

START_TEST(a_long_chain_goes_without_recursion)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(OBJ_NO_LENGTH, UINT64_MAX);
	static char block[64 * 1024];
	pthread_attr_t attr;
	pthread_t t;
	struct guest g;

	open_reader(&g, w, o);
	for (unsigned i = 0; i < 1000; i++)
		obj_append(o, block, sizeof block);
	obj_forget(o);
	obj_end(o);
	obj_unref(o);
	pthread_attr_init(&attr);
	ck_assert_int_eq(pthread_attr_setstacksize(&attr, 32 * KIB), 0);
	ck_assert_int_eq(pthread_create(&t, &attr, close_reader, &g), 0);
	pthread_join(t, NULL);
	pthread_attr_destroy(&attr);
	nothing_left(w);
}
END_TEST

/* 200,000 appends through a window: what was passed is gone at once. */
START_TEST(many_segments_through_a_window)
{
	struct worker *w = worker_new(0, NULL);
	const unsigned appends = 200000;
	struct obj *o = new_obj(OBJ_NO_LENGTH, MIB);
	static char block[1024];
	struct obj_piece piece[4];
	enum reader_state state;
	struct guest g;
	int64_t peak = 0;

	open_reader(&g, w, o);
	obj_forget(o);
	for (unsigned i = 0; i < appends; i++) {
		unsigned n;

		obj_append(o, block, sizeof block);
		while ((n = reader_read(&g.reader, piece, 4, MIB, &state)) > 0)
			while (n-- > 0)
				seg_unref(piece[n].seg);
		peak = transit() > peak ? transit() : peak;
	}
	ck_assert_int_lt(peak, (int64_t)(192 * KIB));
	obj_end(o);
	reader_close(&g.reader);
	obj_unref(o);
	nothing_left(w);
}
END_TEST

/* Threads. */

#define WORKERS		4
#define PER_WORKER	6
#define BODY		(3 * MIB)

/* A reader that goes on by chance: a bit now, some later, keeps what it was lent for a while. */
struct wanderer {
	struct guest		 g;
	struct worker_msg	 step;
	unsigned		 seed;
	bool			 leaves;	/* somewhere on the way */
	bool			 over;
	struct obj_piece	 held[4];
	unsigned		 nheld;
	struct rig_count	*left;
};

static void
wanderer_over(struct wanderer *r)
{
	r->over = true;
	while (r->nheld > 0)
		seg_unref(r->held[--r->nheld].seg);
	worker_unpost(r->g.worker, &r->step);
	reader_close(&r->g.reader);
	rig_count_add(r->left, -1);
}

static void
check_held(struct wanderer *r, uint64_t off)
{
	for (unsigned i = 0; i < r->nheld; i++) {
		for (size_t k = 0; k < r->held[i].n; k += 17)
			ASSERT(r->held[i].p[k] == rig_byte(off + k));
		off += r->held[i].n;
	}
	ASSERT(off == r->g.reader.off);
}

static void
wander(void *arg)
{
	struct wanderer *r = arg;
	unsigned dice = rig_random(&r->seed);
	uint64_t off = r->g.reader.off;
	enum reader_state state;

	ASSERT(!r->over);
	while (r->nheld > 0)
		seg_unref(r->held[--r->nheld].seg);
	if (r->leaves && dice % 64 == 0) {
		wanderer_over(r);
		return;
	}
	r->nheld = reader_read(&r->g.reader, r->held, 1 + dice % 4, 1 + dice % (100 * KIB), &state);
	check_held(r, off);
	switch (state) {
	case READER_DATA:
		worker_post(r->g.worker, &r->step);
		return;
	case READER_WAITING:
		return;
	case READER_END:
		ASSERT(r->g.reader.off == BODY);
		wanderer_over(r);
		return;
	case READER_CUT:
		ASSERT(r->leaves);
		wanderer_over(r);
		return;
	}
}

struct producer {
	struct obj		*obj;
	struct worker		*worker;
	struct worker_msg	 step, room;
	struct wanderer		*readers;
	unsigned		 seed;
	uint64_t		 off;
	bool			 held;
	struct rig_count	*left;
};

static void
produce(void *arg)
{
	struct producer *p = arg;
	size_t n = 1 + rig_random(&p->seed) % (40 * KIB);

	if (n > BODY - p->off)
		n = BODY - p->off;
	append(p->obj, p->off, n);
	p->off += n;
	if (p->off == BODY) {
		obj_end(p->obj);
		rig_count_add(p->left, -1);
	} else if (obj_full(p->obj)) {
		p->held = true;
	} else {
		worker_post(p->worker, &p->step);
	}
}

static void
room(void *arg)
{
	struct producer *p = arg;

	if (p->held && !obj_full(p->obj)) {
		p->held = false;
		worker_post(p->worker, &p->step);
	}
}

/* mode 0: kept to the end; 1: a window from the start; 2: given up by the store on the way. */
START_TEST(filled_on_one_worker_read_on_all)
{
	static struct wanderer r[WORKERS * PER_WORKER];
	struct worker *w[WORKERS];
	struct rig_count left;
	struct producer p = { .seed = (unsigned)_i + 1, .left = &left };

	rig_workers_start(w, WORKERS);
	rig_count_init(&left, WORKERS * PER_WORKER + 1);
	p.obj = new_obj(_i % 2 == 0 ? OBJ_NO_LENGTH : BODY, 64 * MIB);
	p.worker = w[0];
	p.step = (struct worker_msg){ .fn = produce, .arg = &p };
	p.room = (struct worker_msg){ .fn = room, .arg = &p };
	obj_set_source(p.obj, p.worker, &p.room);
	if (_i == 2)
		obj_link(p.obj);
	for (unsigned i = 0; i < WORKERS * PER_WORKER; i++) {
		memset(&r[i], 0, sizeof r[i]);
		r[i].g.worker = w[i % WORKERS];
		r[i].seed = i;
		/* Most read to the end, so that the producer is always wanted. */
		r[i].leaves = i % 3 == 2;
		r[i].left = &left;
		r[i].step = (struct worker_msg){ .fn = wander, .arg = &r[i] };
		obj_expect(p.obj, 1);
		reader_open(&r[i].g.reader, p.obj, true, r[i].g.worker, wander, &r[i]);
	}
	if (_i == 1)
		obj_forget(p.obj);
	for (unsigned i = 0; i < WORKERS * PER_WORKER; i++)
		worker_post(r[i].g.worker, &r[i].step);
	worker_post(p.worker, &p.step);
	if (_i == 2)
		obj_unlink(p.obj);
	rig_count_wait(&left);
	rig_workers_stop(w, WORKERS);
	obj_unref(p.obj);
	ck_assert_int_eq(stored(), 0);
	ck_assert_int_eq(transit(), 0);
}
END_TEST

static Suite *
obj_suite(void)
{
	Suite *s = suite_create("obj");
	TCase *tc = tcase_create("obj"), *window = tcase_create("window");
	TCase *threads = tcase_create("threads");

	tcase_add_test(tc, readers_follow_at_their_own_pace);
	tcase_add_test(tc, a_hundred_thousand_tiny_pieces);
	tcase_add_test(tc, known_length_takes_just_that);
	tcase_add_test(tc, no_body_at_all);
	tcase_add_test(tc, broken_cuts_readers);
	tcase_add_test(tc, bytes_move_between_stored_and_transit);
	tcase_add_test(tc, wanted_by_whom);
	tcase_add_test(tc, lent_pieces_stay);
	tcase_add_test(tc, a_long_chain_goes_without_recursion);
	suite_add_tcase(s, tc);
	tcase_add_test(window, a_window_holds_the_producer_back);
	tcase_add_test(window, the_fastest_is_not_cut);
	tcase_add_test(window, a_laggard_is_cut_and_memory_bounded);
	tcase_add_test(window, a_cut_reader_is_called_once);
	tcase_add_test(window, a_laggard_may_catch_up);
	tcase_add_test(window, the_front_goes_back);
	tcase_add_test(window, expected_readers_keep_the_beginning);
	tcase_add_test(window, many_segments_through_a_window);
	suite_add_tcase(s, window);
	tcase_add_loop_test(threads, filled_on_one_worker_read_on_all, 0, 3);
	suite_add_tcase(s, threads);
	return s;
}

UNIT_MAIN(obj_suite)
