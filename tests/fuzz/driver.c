/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The main() of a fuzz target where there is no libFuzzer, so that targets run with any compiler in
 * every `make check`: first all seeds, then a bounded number of inputs made of them.
 *
 * usage: fuzz_NAME [FILE | DIRECTORY]...	default: NAME in the directory FUZZ_CORPUS
 *	FUZZ_RUNS=N	inputs after the seeds, 20000; with a FILE alone none
 *	FUZZ_SEED=N	of the random numbers, 1: each run is the same unless one asks for others
 *
 * An input that aborts, trips a sanitizer or takes longer than RUN_SECONDS is written to NAME.crash
 * in the current directory; give it as the FILE to see it again.
 *
 * Why not libFuzzer only: it is clang's, and what it does best, looking for new paths for hours, is
 * not what a test run is for.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/contract.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX	4096
#define SEEDS_MAX	1000
#define RUN_SECONDS	10

/* Asked by the sanitizers' runtimes, where there are any: they abort, so that caught() sees it. */
const char	*__asan_default_options(void);
const char	*__tsan_default_options(void);
const char	*__ubsan_default_options(void);

static struct {
	char		 name[64];		/* of the target, without "fuzz_" */
	char		 crash[80];
	struct buf	 seeds[SEEDS_MAX];
	unsigned	 nseeds;
	unsigned	 nwords;
	uint64_t	 random;
	const char	*input;			/* what the target is looking at */
	size_t		 n;
} driver;

/* --- when it goes wrong: async-signal-safe --- */

const char *
__asan_default_options(void)
{
	return "abort_on_error=1";
}

const char *
__tsan_default_options(void)
{
	return "abort_on_error=1";
}

const char *
__ubsan_default_options(void)
{
	return "abort_on_error=1";
}

static void
say(const char *s)
{
	if (write(STDERR_FILENO, s, strlen(s)) < 0)
		return;
}

static void
save(void)
{
	int fd;

	if (driver.input == NULL)
		return;
	fd = open(driver.crash, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd >= 0 && write(fd, driver.input, driver.n) == (ssize_t)driver.n)
		say("the input is in ");
	say(driver.crash);
	say("\n");
	driver.input = NULL;
}

static void
caught(int sig)
{
	if (sig == SIGALRM)
		say("one input takes too long\n");
	save();
	signal(sig, SIG_DFL);
	raise(sig);
}

/* --- random numbers: splitmix64 --- */

static uint64_t
next_random(void)
{
	uint64_t z = driver.random += 0x9e3779b97f4a7c15U;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
	return z ^ (z >> 31);
}

/* From 0 up to and without n; n > 0. */
static size_t
below(size_t n)
{
	return (size_t)(next_random() % n);
}

/* --- mutations --- */

static void
insert(struct buf *b, size_t at, const char *p, size_t n)
{
	buf_reserve(b, n);
	memmove(b->p + at + n, b->p + at, b->n - at);
	memcpy(b->p + at, p, n);
	b->n += n;
}

static void
erase(struct buf *b, size_t at, size_t n)
{
	memmove(b->p + at, b->p + at + n, b->n - at - n);
	b->n -= n;
}

/* Its first part, then the last part of another seed. */
static void
splice_with_another(struct buf *b)
{
	const struct buf *other = &driver.seeds[below(driver.nseeds)];
	size_t from = below(other->n + 1);

	b->n = below(b->n + 1);
	buf_add(b, other->p + from, other->n - from);
}

/* A piece of itself once more, at another place. */
static void
repeat(struct buf *b)
{
	size_t from = below(b->n), n = 1 + below(b->n - from);
	struct buf piece = { 0 };

	buf_add(&piece, b->p + from, n);
	insert(b, below(b->n + 1), piece.p, n);
	buf_fini(&piece);
}

static void
mutate(struct buf *b)
{
	static const char telling[] = "\"\\,;=:-*/ \t\n()0123456789aW";
	const char *word = driver.nwords == 0 ? "," : fuzz_words[below(driver.nwords)];
	char any = (char)next_random();

	buf_reserve(b, 1);
	if (b->n == 0) {
		insert(b, 0, word, strlen(word));
		return;
	}
	switch (below(8)) {
	case 0:
		b->p[below(b->n)] ^= (char)(1 << below(8));
		break;
	case 1:
		insert(b, below(b->n + 1), &any, 1);
		break;
	case 2:
		b->p[below(b->n)] = telling[below(sizeof telling - 1)];
		break;
	case 3:
		insert(b, below(b->n + 1), &telling[below(sizeof telling - 1)], 1);
		break;
	case 4: {
		size_t at = below(b->n), most = b->n - at < 16 ? b->n - at : 16;

		erase(b, at, 1 + below(most));
		break;
	}
	case 5:
		splice_with_another(b);
		break;
	case 6:
		repeat(b);
		break;
	default:
		insert(b, below(b->n + 1), word, strlen(word));
		break;
	}
	if (b->n > INPUT_MAX)
		b->n = INPUT_MAX;
}

/* --- inputs --- */

/* From a block of its own size, so that a read past its end is seen. */
static void
run(const struct buf *input)
{
	char *copy = malloc(input->n);

	ASSERT(input->n == 0 || copy != NULL);
	if (input->n > 0)
		memcpy(copy, input->p, input->n);
	driver.input = copy;
	driver.n = input->n;
	alarm(RUN_SECONDS);
	LLVMFuzzerTestOneInput((const uint8_t *)copy, input->n);
	alarm(0);
	driver.input = NULL;
	free(copy);
}

static bool
load_file(const char *path)
{
	struct buf *b = &driver.seeds[driver.nseeds];
	FILE *f = fopen(path, "rb");
	size_t n = 0;

	if (f == NULL || driver.nseeds == SEEDS_MAX) {
		fprintf(stderr, "%s: %s\n", path, f == NULL ? "can't be read" : "too many seeds");
		if (f != NULL)
			fclose(f);
		return false;
	}
	do {
		b->n += n;
		buf_reserve(b, INPUT_MAX);
	} while ((n = fread(b->p + b->n, 1, INPUT_MAX, f)) > 0);
	fclose(f);
	driver.nseeds++;
	return true;
}

/* In the order of their names, so that a seed of the random numbers means the same everywhere. */
static bool
load_directory(const char *path)
{
	struct dirent **names = NULL;
	int n = scandir(path, &names, NULL, alphasort);
	bool good = n >= 0;

	for (int i = 0; i < n; i++) {
		struct buf full = { 0 };

		buf_addf(&full, "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.' && good)
			good = load_file(buf_str(&full));
		buf_fini(&full);
		free(names[i]);
	}
	free(names);
	if (n < 0)
		fprintf(stderr, "%s: can't be read\n", path);
	return good;
}

/* *directory is set if it is one. */
static bool
load(const char *path, bool *directory)
{
	struct stat st;

	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return load_file(path);
	*directory = true;
	return load_directory(path);
}

static bool
load_all(int argc, char **argv, bool *directory)
{
	const char *base = getenv("FUZZ_CORPUS");
	struct buf path = { 0 };
	bool good = true;

	for (int i = 1; i < argc && good; i++)
		good = load(argv[i], directory);
	if (argc < 2) {
		buf_addf(&path, "%s/%s", base == NULL ? "tests/fuzz/corpus" : base, driver.name);
		good = load(buf_str(&path), directory);
		buf_fini(&path);
	}
	if (good && driver.nseeds == 0)
		fprintf(stderr, "%s: no seeds\n", driver.name);
	return good && driver.nseeds > 0;
}

static uint64_t
number_from(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);
	uint64_t v;

	return text != NULL && slice_u64(slice_str(text), &v) == 0 ? v : otherwise;
}

static void
prepare(const char *program)
{
	const char *slash = strrchr(program, '/'), *base = slash == NULL ? program : slash + 1;
	struct sigaction sa = { .sa_handler = caught };

	if (strncmp(base, "fuzz_", 5) == 0)
		base += 5;
	snprintf(driver.name, sizeof driver.name, "%s", base);
	snprintf(driver.crash, sizeof driver.crash, "%s.crash", driver.name);
	while (fuzz_words[driver.nwords] != NULL)
		driver.nwords++;
	sigaction(SIGABRT, &sa, NULL);
	sigaction(SIGALRM, &sa, NULL);
}

int
main(int argc, char **argv)
{
	uint64_t seed = number_from("FUZZ_SEED", 1), runs;
	bool directory = false;

	prepare(argv[0]);
	if (!load_all(argc, argv, &directory))
		return EXIT_FAILURE;
	runs = directory ? number_from("FUZZ_RUNS", 20000) : 0;
	printf("%s: %u seeds, then %llu runs, FUZZ_SEED=%llu\n", driver.name, driver.nseeds,
	    (unsigned long long)runs, (unsigned long long)seed);
	fflush(stdout);
	for (unsigned i = 0; i < driver.nseeds; i++)
		run(&driver.seeds[i]);
	driver.random = seed;
	for (uint64_t i = 0; i < runs; i++) {
		struct buf b = { 0 };

		buf_add_slice(&b, buf_slice(&driver.seeds[below(driver.nseeds)]));
		for (size_t k = 1 + below(5); k > 0; k--)
			mutate(&b);
		run(&b);
		buf_fini(&b);
	}
	for (unsigned i = 0; i < driver.nseeds; i++)
		buf_fini(&driver.seeds[i]);
	return EXIT_SUCCESS;
}
