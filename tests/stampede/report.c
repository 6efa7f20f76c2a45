/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nothing here judges.  Words come from the command line and from the proxy's faults, so each
 * format escapes them in its own way.
 */
#include "tests/stampede/report.h"

#include <string.h>
#include <time.h>

static const char *const verdicts[] = {
	[PASSED] = "passed",
	[FAILED] = "failed",
	[SKIPPED] = "skipped",
};

static unsigned
all_errors(const struct errors *e)
{
	return e->none + e->server + e->status + e->body + e->stale;
}

struct score
report_score(const struct line *lines, size_t n)
{
	struct score s = { 0 };

	for (size_t i = 0; i < n; i++) {
		switch (lines[i].result.verdict) {
		case PASSED:
			s.passed++;
			break;
		case FAILED:
			s.failed++;
			break;
		case SKIPPED:
			s.skipped++;
			break;
		}
	}
	return s;
}

static const char *
name_of(const struct run *r)
{
	return r->name != NULL ? r->name : r->proxy;
}

void
report_begin(FILE *f, const struct run *r)
{
	fprintf(f, "Stampede conformance of %s: %u clients, %u keys%s\n\n", name_of(r), r->clients,
	    r->keys, r->times ? "" : ", times not judged");
	fprintf(f, "%-14s %-8s %9s %-24s %8s %9s %9s %9s %7s %6s\n", "", "", "origin", "",
	    "most at", "p50", "p99", "max", "", "");
	fprintf(f, "%-14s %-8s %9s %-24s %8s %9s %9s %9s %7s %6s\n", "scenario", "", "requests",
	    "(ideal)", "once", "ms", "ms", "ms", "errors", "s");
}

void
report_line(FILE *f, const struct line *line)
{
	const struct result *res = &line->result;
	char ideal[sizeof res->ideal + 2];

	if (res->verdict == SKIPPED) {
		fprintf(f, "%-14s %-8s %s\n", line->scenario->name, verdicts[SKIPPED], res->words);
		return;
	}
	snprintf(ideal, sizeof ideal, "(%s)", res->ideal);
	fprintf(f, "%-14s %-8s %9u %-24s %8u %9.1f %9.1f %9.1f %7u %6.1f\n", line->scenario->name,
	    res->verdict == FAILED ? "FAILED" : verdicts[res->verdict], res->requests, ideal,
	    res->most_at_once, in_ms(res->p50), in_ms(res->p99), in_ms(res->max),
	    all_errors(&res->errors), in_ms(res->took) / 1000);
	if (res->words[0] != '\0')
		fprintf(f, "%-14s ! %s\n", "", res->words);
	if (res->notes[0] != '\0')
		fprintf(f, "%-14s   %s\n", "", res->notes);
}

void
report_end(FILE *f, const struct run *r, const struct line *lines, size_t n)
{
	struct score s = report_score(lines, n);

	fprintf(f, "\n%s: %u of %u passed", name_of(r), s.passed, s.passed + s.failed);
	if (s.skipped > 0)
		fprintf(f, ", %u skipped", s.skipped);
	fprintf(f, "\n");
}

static void
json_text(FILE *f, const char *name, const char *text)
{
	fprintf(f, "\"%s\": \"", name);
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			fprintf(f, "\\%c", *p);
		else if ((unsigned char)*p < 0x20)
			fprintf(f, "\\u%04x", (unsigned)*p);
		else
			putc(*p, f);
	}
	putc('"', f);
}

static void
json_line(FILE *f, const struct line *line)
{
	const struct result *res = &line->result;
	const struct errors *e = &res->errors;

	fprintf(f, "    { ");
	json_text(f, "scenario", line->scenario->name);
	fprintf(f, ", ");
	json_text(f, "verdict", verdicts[res->verdict]);
	fprintf(f, ",\n      ");
	json_text(f, "sentence", line->scenario->sentence);
	fprintf(f, ",\n      ");
	json_text(f, "reason", res->words);
	fprintf(f, ",\n      ");
	json_text(f, "notes", res->notes);
	if (res->verdict != SKIPPED) {
		fprintf(f, ",\n      \"origin_requests\": %u, ", res->requests);
		json_text(f, "ideal", res->ideal);
		fprintf(f, ", \"most_at_once\": %u,\n      \"answers\": %u, ", res->most_at_once,
		    res->answers);
		fprintf(f, "\"first_byte_ms\": { \"p50\": %.1f, \"p99\": %.1f, \"max\": %.1f },\n",
		    in_ms(res->p50), in_ms(res->p99), in_ms(res->max));
		fprintf(f, "      \"errors\": { \"no_answer\": %u, \"server\": %u, \"status\": %u, "
		    "\"body\": %u, \"stale\": %u },\n      \"seconds\": %.1f", e->none, e->server,
		    e->status, e->body, e->stale, in_ms(res->took) / 1000);
	}
	fprintf(f, " }");
}

/* Closes it; false if not all of it was written. */
static bool
written(FILE *f)
{
	bool bad = ferror(f) != 0;

	return fclose(f) == 0 && !bad;
}

bool
report_json(const char *path, const struct run *r, const struct line *lines, size_t n)
{
	struct score s = report_score(lines, n);
	FILE *f = fopen(path, "we");

	if (f == NULL)
		return false;
	fprintf(f, "{\n  ");
	json_text(f, "name", name_of(r));
	fprintf(f, ",\n  \"clients\": %u, \"keys\": %u, \"limit\": %u, \"times_judged\": %s,\n",
	    r->clients, r->keys, r->limit, r->times ? "true" : "false");
	fprintf(f, "  \"passed\": %u, \"failed\": %u, \"skipped\": %u,\n  \"results\": [\n",
	    s.passed, s.failed, s.skipped);
	for (size_t i = 0; i < n; i++) {
		json_line(f, &lines[i]);
		fprintf(f, "%s\n", i + 1 < n ? "," : "");
	}
	fprintf(f, "  ]\n}\n");
	return written(f);
}

static void
html_text(FILE *f, const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		switch (*p) {
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '&':
			fputs("&amp;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		default:
			putc(*p, f);
			break;
		}
	}
}

static const char html_style[] =
    ":root { color-scheme: light dark; --ink: #1c2430; --paper: #fbfbf9; --faint: #66707c;\n"
    "  --line: #dcdfe3; --good: #1a7f37; --bad: #b42318; --skip: #8a6d00; }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "  :root { --ink: #e6e8eb; --paper: #15181d; --faint: #97a1ad; --line: #30363e;\n"
    "    --good: #58c271; --bad: #ff7b6b; --skip: #e0b84a; } }\n"
    "body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);\n"
    "  max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }\n"
    "h1 { font-size: 1.5rem; margin-bottom: 0; }\n"
    ".faint, small { color: var(--faint); }\n"
    ".wide { overflow-x: auto; }\n"
    "table { border-collapse: collapse; width: 100%; }\n"
    "th, td { text-align: right; padding: .35rem .6rem; vertical-align: top; white-space: nowrap;\n"
    "  border-top: 1px solid var(--line); font-variant-numeric: tabular-nums; }\n"
    "th { font-weight: 600; border-top: 0; vertical-align: bottom; }\n"
    "th:first-child, td:first-child { text-align: left; white-space: normal; min-width: 24rem; }\n"
    "td:nth-child(2), th:nth-child(2) { text-align: left; }\n"
    ".passed { color: var(--good); } .failed { color: var(--bad); }\n"
    ".skipped { color: var(--skip); }\n"
    "small { display: block; } small.failed { color: var(--bad); }\n";

static void
html_small(FILE *f, const char *class, const char *text)
{
	if (text[0] == '\0')
		return;
	fprintf(f, "<small class=\"%s\">", class);
	html_text(f, text);
	fprintf(f, "</small>");
}

static void
html_line(FILE *f, const struct line *line)
{
	const struct result *res = &line->result;

	fprintf(f, "<tr><td><b>");
	html_text(f, line->scenario->name);
	fprintf(f, "</b>");
	html_small(f, "faint", line->scenario->sentence);
	html_small(f, verdicts[res->verdict], res->words);
	html_small(f, "faint", res->notes);
	fprintf(f, "</td><td class=\"%s\">%s</td>", verdicts[res->verdict],
	    verdicts[res->verdict]);
	if (res->verdict == SKIPPED) {
		fprintf(f, "<td colspan=\"6\"></td></tr>\n");
		return;
	}
	fprintf(f, "<td>%u<small>ideal: ", res->requests);
	html_text(f, res->ideal);
	fprintf(f, "</small></td><td>%u</td><td>%.1f</td><td>%.1f</td><td>%.1f</td><td>%u"
	    "<small>of %u</small></td></tr>\n", res->most_at_once, in_ms(res->p50),
	    in_ms(res->p99), in_ms(res->max), all_errors(&res->errors), res->answers);
}

bool
report_html(const char *path, const struct run *r, const struct line *lines, size_t n)
{
	struct score s = report_score(lines, n);
	time_t now = time(NULL);
	char when[32] = "";
	struct tm tm;
	FILE *f = fopen(path, "we");

	if (f == NULL)
		return false;
	if (gmtime_r(&now, &tm) != NULL)
		strftime(when, sizeof when, "%Y-%m-%d %H:%M UTC", &tm);
	fprintf(f, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
	html_text(f, name_of(r));
	fprintf(f, ": stampede conformance</title>\n<style>\n%s</style></head><body>\n<h1>",
	    html_style);
	html_text(f, name_of(r));
	fprintf(f, ": %u of %u passed</h1>\n<p class=\"faint\">Stampede conformance, %s. %u "
	    "clients, %u keys; %u scenarios skipped%s.</p>\n", s.passed, s.passed + s.failed, when,
	    r->clients, r->keys, s.skipped, r->times ? "" : "; times not judged");
	fprintf(f, "<div class=\"wide\"><table><tr><th>scenario</th><th>verdict</th>"
	    "<th>origin requests</th><th>most at once</th><th>first byte p50, ms</th>"
	    "<th>p99, ms</th><th>max, ms</th><th>errors</th></tr>\n");
	for (size_t i = 0; i < n; i++)
		html_line(f, &lines[i]);
	fprintf(f, "</table></div>\n</body></html>\n");
	return written(f);
}
