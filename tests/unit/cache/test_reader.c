/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Readers that want a part: sent ahead, sent back, content before the end.  What readers do from
 * the first byte to the last is in test_obj.c.
 */
#include "cache/obj.h"
#include "cache/reader.h"

#include "tests/unit/cache/rig.h"

#define KIB	((uint64_t)1024)
#define MIB	(1024 * KIB)

static struct budget budget;

static int64_t
transit(void)
{
	return atomic_load(&budget.transit);
}

static struct obj *
new_obj(uint64_t length)
{
	struct obj_meta m;

	memset(&m, 0, sizeof m);
	m.length = length;
	return obj_new(&budget, &m, true, OBJ_WINDOW);
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

static struct obj *
sealed_obj(size_t n)
{
	struct obj *o = new_obj(n);

	append(o, 0, n);
	obj_end(o);
	return o;
}

static void
count_post(void *arg)
{
	++*(unsigned *)arg;
}

static void
open_reader(struct reader *r, struct worker *w, struct obj *o, unsigned *wakes)
{
	obj_expect(o, 1);
	reader_open(r, o, true, w, count_post, wakes);
}

/* Reads what there is, at most limit bytes, and checks that it is what stands before the reader. */
static size_t
take(struct reader *r, size_t limit, enum reader_state *state)
{
	struct obj_piece piece[4];
	size_t all = 0;
	unsigned n;

	while (limit > 0 && (n = reader_read(r, piece, 4, limit, state)) > 0) {
		uint64_t off = r->off;

		for (unsigned i = 0; i < n; i++)
			off -= piece[i].n;
		for (unsigned i = 0; i < n; i++) {
			for (size_t k = 0; k < piece[i].n; k++)
				ASSERT(piece[i].p[k] == rig_byte(off + k));
			off += piece[i].n;
			all += piece[i].n;
			limit -= piece[i].n;
			seg_unref(piece[i].seg);
		}
	}
	return all;
}

static void
nothing_left(struct worker *w)
{
	rig_turn(w);
	ck_assert_int_eq(atomic_load(&budget.stored), 0);
	ck_assert_int_eq(transit(), 0);
	worker_free(w);
}

/* Ahead and back over the ends of segments: each reads from just there. */
START_TEST(sealed_read_from_anywhere)
{
	static const uint64_t at[] = {
		0, 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 500 * KIB, 3, 300 * KIB, 2,
		512 * KIB - 1, 0,
	};
	struct worker *w = worker_new(0, NULL);
	struct obj *o = sealed_obj(512 * KIB);
	enum reader_state state;
	unsigned wakes = 0;
	struct reader r;

	reader_open(&r, o, false, w, count_post, &wakes);
	ck_assert(reader_keep(&r));
	for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
		size_t want = at[i] + 100 > 512 * KIB ? (size_t)(512 * KIB - at[i]) : 100;

		reader_seek(&r, at[i]);
		ck_assert_uint_eq(take(&r, 100, &state), want);
		ck_assert_uint_eq(r.off, at[i] + want);
	}
	reader_seek(&r, 512 * KIB);
	ck_assert_uint_eq(take(&r, 100, &state), 0);
	ck_assert_int_eq(state, READER_END);
	reader_close(&r);
	reader_close(&r);
	obj_unref(o);
	nothing_left(w);
}
END_TEST

/* The window goes on under who waits for a later part: nothing is held back, memory stays low. */
START_TEST(passes_over_as_it_comes)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(8 * MIB);
	enum reader_state state;
	unsigned wakes = 0;
	struct reader r;
	int64_t peak = 0;

	open_reader(&r, w, o, &wakes);
	obj_forget(o);
	reader_seek(&r, 6 * MIB + 5);
	for (uint64_t off = 0; off < 6 * MIB; off += 32 * KIB) {
		ck_assert_uint_eq(take(&r, MIB, &state), 0);
		ck_assert_int_eq(state, READER_WAITING);
		append(o, off, 32 * KIB);
		peak = transit() > peak ? transit() : peak;
		rig_turn(w);
		ck_assert_uint_eq(wakes, off / (32 * KIB) + 1);
		ck_assert_uint_eq(take(&r, MIB, &state), 0);
		ck_assert(!obj_full(o));
	}
	ck_assert_int_lt(peak, (int64_t)(192 * KIB));
	append(o, 6 * MIB, 100);
	ck_assert_uint_eq(take(&r, 10, &state), 10);
	ck_assert_uint_eq(r.off, 6 * MIB + 15);
	reader_close(&r);
	ck_assert(!obj_wanted(o));
	obj_fail(o);
	obj_unref(o);
	nothing_left(w);
}
END_TEST

/* It was far behind with what it wants still to come: no laggard once it has passed over. */
START_TEST(passing_over_is_catching_up)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(8 * MIB);
	unsigned wakes = 0, posts = 0;
	struct worker_msg msg = { .fn = count_post, .arg = &posts };
	enum reader_state state;
	struct reader fast, later;

	obj_set_source(o, w, &msg);
	open_reader(&fast, w, o, &wakes);
	open_reader(&later, w, o, &wakes);
	obj_forget(o);
	reader_seek(&later, 4 * MIB);
	append(o, 0, 2 * OBJ_WINDOW);
	take(&fast, 2 * OBJ_WINDOW, &state);
	ck_assert(obj_full(o) && obj_lagging(o));
	ck_assert_uint_eq(take(&later, MIB, &state), 0);
	rig_turn(w);
	ck_assert_uint_eq(posts, 1);
	ck_assert(!obj_full(o) && !obj_lagging(o));
	reader_close(&fast);
	reader_close(&later);
	obj_fail(o);
	obj_unref(o);
	nothing_left(w);
}
END_TEST

START_TEST(goes_back_while_it_fills)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(MIB);
	enum reader_state state;
	unsigned wakes = 0;
	struct reader r;

	obj_link(o);
	open_reader(&r, w, o, &wakes);
	ck_assert(reader_keep(&r));
	append(o, 0, 300 * KIB);
	reader_seek(&r, 200 * KIB);
	ck_assert_uint_eq(take(&r, 10, &state), 10);
	/* The store gives it up, and the beginning stays where it is needed. */
	obj_unlink(o);
	append(o, 300 * KIB, 100 * KIB);
	reader_seek(&r, 5);
	ck_assert_uint_eq(take(&r, 10, &state), 10);
	ck_assert_uint_eq(r.off, 15);
	reader_seek(&r, 600 * KIB);
	ck_assert_uint_eq(take(&r, 10, &state), 0);
	ck_assert_int_eq(state, READER_WAITING);
	reader_seek(&r, 0);
	append(o, 400 * KIB, 624 * KIB);
	obj_end(o);
	ck_assert_uint_eq(take(&r, 2 * MIB, &state), MIB);
	ck_assert_int_eq(state, READER_END);
	reader_close(&r);
	obj_unref(o);
	nothing_left(w);
}
END_TEST

/* The front goes back with the fastest, so that the producer doesn't run away from the others. */
START_TEST(the_front_goes_back_too)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(8 * MIB);
	enum reader_state state;
	unsigned wakes = 0;
	struct reader back, slow;

	obj_link(o);
	open_reader(&back, w, o, &wakes);
	open_reader(&slow, w, o, &wakes);
	ck_assert(reader_keep(&back));
	append(o, 0, 2 * OBJ_WINDOW);
	take(&back, 2 * OBJ_WINDOW, &state);
	take(&slow, 10, &state);
	reader_seek(&back, 5);
	obj_unlink(o);
	ck_assert(obj_full(o) && !obj_lagging(o));
	take(&slow, 2 * OBJ_WINDOW, &state);
	ck_assert(obj_full(o) && obj_lagging(o));
	take(&back, 2 * OBJ_WINDOW, &state);
	ck_assert(!obj_full(o));
	reader_close(&back);
	reader_close(&slow);
	obj_fail(o);
	obj_unref(o);
	nothing_left(w);
}
END_TEST

/* Also where all were further on when that was looked for last. */
START_TEST(who_goes_back_is_a_laggard)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(8 * MIB);
	enum reader_state state;
	unsigned wakes = 0;
	struct reader back, other;

	obj_link(o);
	open_reader(&back, w, o, &wakes);
	open_reader(&other, w, o, &wakes);
	ck_assert(reader_keep(&back));
	append(o, 0, 2 * OBJ_WINDOW);
	take(&back, 2 * OBJ_WINDOW, &state);
	take(&other, 2 * OBJ_WINDOW, &state);
	obj_unlink(o);
	ck_assert(!obj_lagging(o));
	reader_seek(&back, 0);
	ck_assert(obj_lagging(o));
	reader_close(&back);
	reader_close(&other);
	obj_fail(o);
	obj_unref(o);
	nothing_left(w);
}
END_TEST

START_TEST(a_window_has_no_way_back)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(8 * MIB);
	unsigned wakes = 0;
	struct reader r;

	open_reader(&r, w, o, &wakes);
	obj_forget(o);
	ck_assert(!reader_keep(&r));
	reader_close(&r);
	obj_fail(o);
	obj_unref(o);
	nothing_left(w);
}
END_TEST

/* Content before the end, with a piece still lent: nobody else reads, so the rest needn't come. */
START_TEST(the_only_reader_leaves)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(8 * MIB);
	unsigned wakes = 0, posts = 0;
	struct worker_msg msg = { .fn = count_post, .arg = &posts };
	struct obj_piece piece;
	enum reader_state state;
	struct reader r;

	obj_set_source(o, w, &msg);
	open_reader(&r, w, o, &wakes);
	obj_forget(o);
	append(o, 0, 100);
	ck_assert_uint_eq(reader_read(&r, &piece, 1, 10, &state), 1);
	ck_assert(reader_leave(&r));
	ck_assert(!obj_wanted(o));
	rig_turn(w);
	ck_assert_uint_eq(posts, 1);
	ck_assert(reader_leave(&r));
	seg_unref(piece.seg);
	obj_fail(o);
	obj_unref(o);
	nothing_left(w);
}
END_TEST

/*
 * The piece that is lent would hold all that the other reads: so it stays, and is cut in its turn.
 */
START_TEST(one_of_two_stays_a_laggard)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(64 * MIB);
	unsigned wakes = 0, wakes_other = 0;
	struct obj_piece piece;
	enum reader_state state;
	struct reader r, other;
	bool left = true;

	open_reader(&r, w, o, &wakes);
	open_reader(&other, w, o, &wakes_other);
	obj_forget(o);
	append(o, 0, 100);
	ck_assert_uint_eq(reader_read(&r, &piece, 1, 10, &state), 1);
	for (uint64_t off = 100; left; off += 32 * KIB) {
		left = reader_leave(&r);
		append(o, off, 32 * KIB);
		take(&other, MIB, &state);
		if (obj_full(o)) {
			ck_assert(obj_lagging(o));
			obj_cut_laggards(o);
		}
		rig_turn(w);
		ck_assert_int_lt(transit(), (int64_t)(2 * OBJ_WINDOW));
	}
	ck_assert_uint_gt(wakes, 0);
	reader_close(&r);
	seg_unref(piece.seg);
	ck_assert_int_lt(transit(), (int64_t)(192 * KIB));
	reader_close(&other);
	obj_fail(o);
	obj_unref(o);
	nothing_left(w);
}
END_TEST

/* 0: the store has it; 1: it is sealed; 2: it broke, which is nothing to who has what it wanted. */
START_TEST(leaves_what_cannot_pile_up)
{
	struct worker *w = worker_new(0, NULL);
	struct obj *o = new_obj(MIB);
	struct obj_piece piece;
	enum reader_state state;
	unsigned wakes = 0;
	struct reader r, other;

	if (_i == 0)
		obj_link(o);
	open_reader(&r, w, o, &wakes);
	open_reader(&other, w, o, &wakes);
	append(o, 0, MIB);
	ck_assert_uint_eq(reader_read(&r, &piece, 1, 10, &state), 1);
	if (_i == 1)
		obj_end(o);
	if (_i == 2)
		obj_fail(o);
	ck_assert(reader_leave(&r));
	ck_assert_ptr_null(r.obj);
	seg_unref(piece.seg);
	reader_close(&other);
	if (_i == 0) {
		obj_end(o);
		obj_unlink(o);
	}
	obj_unref(o);
	nothing_left(w);
}
END_TEST

/* Threads. */

#define WORKERS		4
#define PER_WORKER	6
#define BODY		(3 * MIB)

/* A reader that takes a part here and a part there. */
struct picker {
	struct reader		 r;
	struct worker		*worker;
	struct worker_msg	 step;
	unsigned		 seed, parts;
	uint64_t		 end;		/* of the part */
	bool			 back;		/* it may go back */
	bool			 over;
	struct rig_count	*left;
};

static void
next_part(struct picker *p)
{
	uint64_t from = p->back ? 0 : p->r.off;
	uint64_t first = from + rig_random(&p->seed) % (BODY - from);

	p->end = first + 1 + rig_random(&p->seed) % (BODY - first);
	reader_seek(&p->r, first);
	p->parts--;
}

static void
picker_over(struct picker *p)
{
	if (p->seed % 2 == 0)
		reader_leave(&p->r);
	p->over = true;
	worker_unpost(p->worker, &p->step);
	reader_close(&p->r);
	rig_count_add(p->left, -1);
}

static void
pick(void *arg)
{
	struct picker *p = arg;
	enum reader_state state = READER_DATA;
	uint64_t at;

	if (p->over)
		return;
	if (p->r.off >= p->end) {
		if (p->parts == 0 || (!p->back && p->r.off == BODY)) {
			picker_over(p);
			return;
		}
		next_part(p);
	}
	at = p->r.off > p->r.goal ? p->r.off : p->r.goal;
	at = p->end - at < 200 * KIB ? p->end - at : 200 * KIB;
	take(&p->r, 1 + rig_random(&p->seed) % at, &state);
	ASSERT(state == READER_DATA || state == READER_WAITING);
	if (state == READER_DATA)
		worker_post(p->worker, &p->step);
}

struct producer {
	struct obj		*obj;
	struct worker		*worker;
	struct worker_msg	 step, room;
	unsigned		 seed;
	uint64_t		 off;
	bool			 held, over;
	struct rig_count	*left;
};

static void
producer_over(struct producer *p)
{
	p->over = true;
	if (p->off == BODY)
		obj_end(p->obj);
	else
		obj_fail(p->obj);
	worker_unpost(p->worker, &p->step);
	worker_unpost(p->worker, &p->room);
	rig_count_add(p->left, -1);
}

static void
produce(void *arg)
{
	struct producer *p = arg;
	size_t n = 1 + rig_random(&p->seed) % (40 * KIB);

	if (!obj_wanted(p->obj)) {
		producer_over(p);
		return;
	}
	if (n > BODY - p->off)
		n = BODY - p->off;
	append(p->obj, p->off, n);
	p->off += n;
	if (p->off == BODY)
		producer_over(p);
	else if (obj_full(p->obj))
		p->held = true;
	else
		worker_post(p->worker, &p->step);
}

static void
room(void *arg)
{
	struct producer *p = arg;

	if (p->over || !p->held || (obj_wanted(p->obj) && obj_full(p->obj)))
		return;
	p->held = false;
	worker_post(p->worker, &p->step);
}

/* mode 0: kept to the end, some go back; 1: a window; 2: given up by the store on the way. */
START_TEST(parts_picked_on_all_workers)
{
	static struct picker r[WORKERS * PER_WORKER];
	struct worker *w[WORKERS];
	struct rig_count left;
	struct producer p = { .seed = (unsigned)_i + 1, .left = &left };

	rig_workers_start(w, WORKERS);
	rig_count_init(&left, WORKERS * PER_WORKER + 1);
	p.obj = new_obj(BODY);
	p.worker = w[0];
	p.step = (struct worker_msg){ .fn = produce, .arg = &p };
	p.room = (struct worker_msg){ .fn = room, .arg = &p };
	obj_set_source(p.obj, p.worker, &p.room);
	if (_i != 1)
		obj_link(p.obj);
	for (unsigned i = 0; i < WORKERS * PER_WORKER; i++) {
		memset(&r[i], 0, sizeof r[i]);
		r[i].worker = w[i % WORKERS];
		r[i].seed = i;
		r[i].parts = 1 + i % 10;
		r[i].left = &left;
		r[i].step = (struct worker_msg){ .fn = pick, .arg = &r[i] };
		obj_expect(p.obj, 1);
		reader_open(&r[i].r, p.obj, true, r[i].worker, pick, &r[i]);
		r[i].back = i % 2 == 0 && reader_keep(&r[i].r);
	}
	if (_i == 1)
		obj_forget(p.obj);
	for (unsigned i = 0; i < WORKERS * PER_WORKER; i++)
		worker_post(r[i].worker, &r[i].step);
	worker_post(p.worker, &p.step);
	if (_i == 2)
		obj_unlink(p.obj);
	rig_count_wait(&left);
	if (_i == 0)
		obj_unlink(p.obj);
	rig_workers_stop(w, WORKERS);
	obj_unref(p.obj);
	ck_assert_int_eq(atomic_load(&budget.stored), 0);
	ck_assert_int_eq(transit(), 0);
}
END_TEST

static Suite *
reader_suite(void)
{
	Suite *s = suite_create("reader");
	TCase *tc = tcase_create("seek"), *leave = tcase_create("leave");
	TCase *threads = tcase_create("threads");

	tcase_add_test(tc, sealed_read_from_anywhere);
	tcase_add_test(tc, passes_over_as_it_comes);
	tcase_add_test(tc, passing_over_is_catching_up);
	tcase_add_test(tc, goes_back_while_it_fills);
	tcase_add_test(tc, the_front_goes_back_too);
	tcase_add_test(tc, who_goes_back_is_a_laggard);
	tcase_add_test(tc, a_window_has_no_way_back);
	suite_add_tcase(s, tc);
	tcase_add_test(leave, the_only_reader_leaves);
	tcase_add_test(leave, one_of_two_stays_a_laggard);
	tcase_add_loop_test(leave, leaves_what_cannot_pile_up, 0, 3);
	suite_add_tcase(s, leave);
	tcase_add_loop_test(threads, parts_picked_on_all_workers, 0, 3);
	suite_add_tcase(s, threads);
	return s;
}

UNIT_MAIN(reader_suite)
