/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The values of proxy.yaml: texts to durations, sizes, addresses and URLs, and back.  Pure, but for
 * the environment, which conf_expand() reads.
 *
 * Strict on purpose.  A number without its unit, a port without its address, a URL with a path:
 * each has two readings, and the message that asks costs less than the wrong guess.
 */
#include "base/conf_priv.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdlib.h>

struct unit {
	const char	*name;
	uint64_t	 n;
};

/* Ascending. */
static const struct unit time_units[] = {
	{ "ms", 1000 }, { "s", 1000000 }, { "m", 60000000 }, { "h", 3600000000 },
	{ "d", 86400000000 },
};
static const struct unit size_units[] = {
	{ "B", 1 }, { "KiB", 1 << 10 }, { "MiB", 1 << 20 }, { "GiB", 1 << 30 },
	{ "TiB", (uint64_t)1 << 40 },
};
#define NUNITS		5

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int
unit_parse(const char *s, const struct unit *units, uint64_t *out)
{
	size_t digits = strspn(s, "0123456789");
	uint64_t v;
	unsigned i;

	if (slice_u64(slice_of(s, digits), &v) < 0)
		return -1;
	for (i = 0; i < NUNITS; i++)
		if (strcmp(s + digits, units[i].name) == 0)
			return __builtin_mul_overflow(v, units[i].n, out) ? -1 : 0;
	return -1;
}

static void
unit_print(struct buf *out, const struct unit *units, uint64_t v, unsigned zero)
{
	unsigned i = NUNITS - 1;

	/* One minute is 60s to everyone who sets a timeout; two are 2m. */
	while (i > 0 && (v % units[i].n != 0 || v < units[i].n ||
	    (v == units[i].n && strcmp(units[i].name, "m") == 0)))
		i--;
	buf_add_u64(out, v / units[i].n);
	buf_add_str(out, v == 0 ? units[zero].name : units[i].name);
}

int
conf_time_parse(const char *s, usec_t *out)
{
	uint64_t v;

	if (unit_parse(s, time_units, &v) < 0 || v >= (uint64_t)USEC_NEVER)
		return -1;
	*out = (usec_t)v;
	return 0;
}

int
conf_size_parse(const char *s, uint64_t *out)
{
	return unit_parse(s, size_units, out);
}

void
conf_time_print(struct buf *out, usec_t t)
{
	unit_print(out, time_units, (uint64_t)t, 1);
}

void
conf_size_print(struct buf *out, uint64_t n)
{
	unit_print(out, size_units, n, 0);
}

#define SHARE_DIGITS	6	/* after the point */

int
conf_share_parse(const char *s, uint64_t *out)
{
	size_t whole = strspn(s, "0123456789"), part = 0;
	char digits[SHARE_DIGITS + 1] = "000000";
	uint64_t v, millionths;

	if (slice_u64(slice_of(s, whole), &v) < 0 || v > 1000)
		return -1;
	if (s[whole] == '.') {
		part = strspn(s + whole + 1, "0123456789");
		if (part == 0 || part > SHARE_DIGITS)
			return -1;
		memcpy(digits, s + whole + 1, part++);
	}
	if (s[whole + part] != '\0' || slice_u64(slice_of(digits, SHARE_DIGITS), &millionths) < 0)
		return -1;
	*out = v * 1000000 + millionths;
	return 0;
}

void
conf_share_print(struct buf *out, double share)
{
	uint64_t v = (uint64_t)(share * 1e6 + 0.5);

	buf_add_u64(out, v / 1000000);
	if ((v %= 1000000) == 0)
		return;
	buf_addf(out, ".%06u", (unsigned)v);
	while (out->p[out->n - 1] == '0')
		out->n--;
}

/* ---- addresses and URLs ---- */

#define HOST_MAX	253	/* bytes of a name, RFC 1035 */

static int
port_parse(const char *s, uint16_t *out)
{
	uint64_t v;

	if (strlen(s) > 5 || slice_u64(slice_str(s), &v) < 0 || v > UINT16_MAX)
		return -1;
	*out = (uint16_t)v;
	return 0;
}

static bool
is_ip(int family, const char *s)
{
	struct in6_addr any;

	return inet_pton(family, s, &any) == 1;
}

/*
 * host in lower case into a buffer of HOST_MAX + 3: a name, an IPv4 address, or an IPv6 address in
 * brackets.  NULL, or what is wrong.
 */
static const char *
host_check(struct slice s, char out[])
{
	size_t i, last = 0;

	if (s.n == 0 || s.n > HOST_MAX)
		return s.n == 0 ? "has no host" : "has a host that is too long";
	for (i = 0; i < s.n; i++)
		out[i] = (char)tolower((unsigned char)s.p[i]);
	out[s.n] = '\0';
	if (out[0] == '[') {
		if (out[s.n - 1] != ']')
			return "has a host that is not valid";
		out[s.n - 1] = '\0';
		if (!is_ip(AF_INET6, out + 1))
			return "has an IPv6 address that is not valid";
		out[s.n - 1] = ']';
		return NULL;
	}
	for (i = 0; i < s.n; i++) {
		if (out[i] == '.' && (i == 0 || out[i - 1] == '.'))
			return "has a host that is not valid";
		if (out[i] == '.' && i + 1 < s.n)
			last = i + 1;
		if (!(out[i] >= 'a' && out[i] <= 'z') && !is_digit(out[i]) &&
		    strchr("-_.", out[i]) == NULL)
			return "has a host that is not valid";
	}
	/* What ends in a number is meant as an address (WHATWG URL 3.5), and must be one. */
	if (out[last + strspn(out + last, "0123456789")] == '\0' && !is_ip(AF_INET, out))
		return "has an IPv4 address that is not valid";
	return NULL;
}

static const char *
addr_shape(const char *s)
{
	if (s[0] == '\0')
		return "is not an address; write one such as 127.0.0.1:8080";
	if (strncmp(s, "unix:", 5) == 0)
		return "is a unix socket, which is not available in this version; "
		    "write an address such as 127.0.0.1:8080";
	if (strstr(s, "://") != NULL)
		return "is a URL; write an address such as 127.0.0.1:8080";
	if (s[s[0] == ':' ? 1 + strspn(s + 1, "0123456789") : strspn(s, "0123456789")] == '\0')
		return "has no address; write 127.0.0.1:PORT for this machine alone, "
		    "0.0.0.0:PORT for all";
	if (s[0] == '*')
		return "is not an address; write 0.0.0.0:PORT, or \"[::]:PORT\" for IPv6 too";
	if (s[0] != '[' && strchr(s, ':') != strrchr(s, ':'))
		return "is not an address; IPv6 is written \"[::1]:8080\"";
	if (strrchr(s, ':') == NULL || s[strlen(s) - 1] == ']')
		return "has no port; write one such as 127.0.0.1:8080";
	return NULL;
}

const char *
conf_addr_parse(const char *s, struct arena *a, struct conf_addr *out)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&out->sa;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&out->sa;
	char host[INET6_ADDRSTRLEN + 2];
	const char *why, *colon;
	uint16_t port;
	size_t n;

	if ((why = addr_shape(s)) != NULL)
		return why;
	colon = strrchr(s, ':');
	if (port_parse(colon + 1, &port) < 0)
		return "has a port that is not a number from 0 to 65535";
	n = (size_t)(colon - s);
	if (n >= sizeof host)
		return "is not an address; names are not looked up here";
	memcpy(host, s, n);
	host[n] = '\0';
	memset(&out->sa, 0, sizeof out->sa);
	if (host[0] == '[') {
		host[n - 1] = host[n - 1] == ']' ? '\0' : 'x';
		if (inet_pton(AF_INET6, host + 1, &in6->sin6_addr) != 1)
			return "is not an address; IPv6 is written \"[::1]:8080\"";
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		out->len = sizeof *in6;
	} else {
		if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
			return "is not an address; names are not looked up here, "
			    "write one such as 127.0.0.1:8080";
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		out->len = sizeof *in;
	}
	out->text = conf_strdup(a, s);
	return NULL;
}

static const char *
url_shape(const char *s)
{
	if (strncasecmp(s, "https://", 8) == 0)
		return "speaks TLS, which is not available in this version; use http://";
	if (strncmp(s, "unix:", 5) == 0 || s[0] == '/')
		return "is a unix socket, which is not available in this version; "
		    "use a URL such as http://127.0.0.1:3000";
	if (strncasecmp(s, "http://", 7) != 0)
		return strstr(s, "://") != NULL ? "has a scheme that is not http" :
		    "is not a URL; write one such as http://127.0.0.1:3000";
	return NULL;
}

const char *
conf_url_parse(const char *s, struct arena *a, struct conf_server *out)
{
	char host[HOST_MAX + 3];
	const char *why, *p, *colon;
	struct buf authority = { 0 };
	size_t n, nhost;
	uint16_t port = 80;

	if ((why = url_shape(s)) != NULL)
		return why;
	p = s + strlen("http://");
	n = strcspn(p, "/?#");
	if (memchr(p, '@', n) != NULL)
		return "has a user name in it, which is not sent to backends; leave it out";
	if (p[n] != '\0' && strcmp(p + n, "/") != 0)
		return "has a path; requests keep their own, so write only http://HOST:PORT";
	colon = memrchr(p, ':', n);
	if (colon != NULL && memchr(colon, ']', n - (size_t)(colon - p)) != NULL)
		colon = NULL;
	nhost = colon == NULL ? n : (size_t)(colon - p);
	if ((why = host_check(slice_of(p, nhost), host)) != NULL)
		return why;
	if (colon != NULL) {
		char digits[8] = "";
		size_t nport = n - nhost - 1;

		if (nport < sizeof digits)
			memcpy(digits, colon + 1, nport);
		if (port_parse(digits, &port) < 0 || port == 0)
			return "has a port that is not a number from 1 to 65535";
	}
	buf_add_str(&authority, host);
	if (port != 80)
		buf_addf(&authority, ":%u", port);
	out->url = conf_strdup(a, s);
	out->authority = conf_strdup(a, buf_str(&authority));
	out->port = port;
	if (host[0] == '[') {
		host[nhost - 1] = '\0';
		out->host = conf_strdup(a, host + 1);
	} else
		out->host = conf_strdup(a, host);
	buf_fini(&authority);
	return NULL;
}

const char *
conf_host_parse(const char *s, struct arena *a, char **out)
{
	char host[HOST_MAX + 3];

	if (strchr(s, '*') != NULL)
		return "is a pattern, which is not available in this version; leave it out to "
		    "match any host";
	if (strstr(s, "://") != NULL || strchr(s, '/') != NULL)
		return "is not a host name; write no more than example.com";
	if (s[0] != '[' && strchr(s, ':') != NULL)
		return "has a port, which plays no part here; leave it out";
	if (host_check(slice_str(s), host) != NULL)
		return "is not a host name";
	*out = conf_strdup(a, host);
	return NULL;
}

bool
conf_is_broken_triplet(const char *p)
{
	return *p == '%' && (!isxdigit((unsigned char)p[1]) || !isxdigit((unsigned char)p[2]));
}

static int
hex(char c)
{
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

void
conf_normalise(char *s, bool (*is_plain)(char c))
{
	char *to = s, c;

	for (; *s != '\0'; s++) {
		if (*s != '%') {
			*to++ = *s;
			continue;
		}
		c = (char)(hex(s[1]) << 4 | hex(s[2]));
		if (is_plain(c)) {
			*to++ = c;
		} else {
			*to++ = '%';
			*to++ = (char)toupper((unsigned char)s[1]);
			*to++ = (char)toupper((unsigned char)s[2]);
		}
		s += 2;
	}
	*to = '\0';
}

/* RFC 3986 2.3, as in keys (http/key.h), which a path is compared with. */
static bool
is_unreserved(char c)
{
	return c > ' ' && c < 0x7f && (isalnum((unsigned char)c) || strchr("-._~", c) != NULL);
}

/* "/" begins every path, so it becomes NULL: any. */
const char *
conf_path_parse(const char *s, struct arena *a, char **out)
{
	const char *p;

	if (s[0] != '/')
		return "does not begin with /";
	for (p = s; *p != '\0'; p++) {
		if (*p == '*')
			return "is a pattern; a path matches all that begins with it, so leave "
			    "out the *";
		if (*p == '?' || *p == '#')
			return "has a query in it; only the path is matched";
		if (*p <= ' ' || *p == 0x7f)
			return "has a byte that no path has; write it as %XX";
		if (conf_is_broken_triplet(p))
			return "has a % without its two digits; % itself is written %25";
	}
	*out = NULL;
	if (strcmp(s, "/") == 0)
		return NULL;
	*out = conf_strdup(a, s);
	conf_normalise(*out, is_unreserved);
	return NULL;
}

/* RFC 9112 3.2.1: a path and perhaps a query, as they stand in the request line. */
const char *
conf_target_parse(const char *s, struct arena *a, char **out)
{
	const char *p;

	if (s[0] != '/')
		return "does not begin with /";
	for (p = s; *p != '\0'; p++) {
		if (*p == '#')
			return "has a # in it; what follows one is never sent, so leave it out";
		if (conf_is_broken_triplet(p))
			return "has a % without its two digits; % itself is written %25";
		if (!is_unreserved(*p) && strchr("%/?:@!$&'()*+,;=", *p) == NULL)
			return "has a character that no request has; write it as %XX";
	}
	*out = conf_strdup(a, s);
	return NULL;
}

/* ---- the environment ---- */

static bool
is_name(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '_')
			return false;
	return n > 0 && !is_digit(s[0]);
}

/* ref is what stands between the braces. */
static const char *
expand_one(const char *ref, size_t n, struct buf *out)
{
	const char *dflt = memmem(ref, n, ":-", 2), *value;
	size_t nname = dflt == NULL ? n : (size_t)(dflt - ref);
	char name[256];

	if (nname >= sizeof name || !is_name(ref, nname))
		return "has a ${...} that is not ${NAME} or ${NAME:-default}; $${ stands for ${";
	memcpy(name, ref, nname);
	name[nname] = '\0';
	value = getenv(name);
	if (value != NULL && (value[0] != '\0' || dflt == NULL))
		buf_add_str(out, value);
	else if (dflt != NULL)
		buf_add(out, dflt + 2, n - nname - 2);
	else
		return "names a variable that is not set in the environment; set it, or write "
		    "${NAME:-default}";
	return NULL;
}

char *
conf_expand(const char *text, struct arena *a, const char **why)
{
	struct buf out = { 0 };
	const char *p = text, *end;
	char *result = NULL;

	*why = NULL;
	while (*why == NULL && *p != '\0') {
		if (strncmp(p, "$${", 3) == 0) {
			buf_add_str(&out, "${");
			p += 3;
		} else if (strncmp(p, "${", 2) != 0) {
			buf_add(&out, p++, 1);
		} else if ((end = strchr(p, '}')) == NULL) {
			*why = "has a ${ without its }; $${ stands for ${";
		} else {
			*why = expand_one(p + 2, (size_t)(end - p) - 2, &out);
			p = end + 1;
		}
		if (out.n > CONF_FILE_MAX)
			*why = "is too long with the environment in it";
	}
	if (*why == NULL)
		result = conf_strdup(a, buf_str(&out));
	buf_fini(&out);
	return result;
}
