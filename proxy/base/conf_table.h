/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every key of proxy.yaml, one row each.  The row feeds the reader, the defaults, the messages and
 * `corral config`; the manual proxy.yaml(5) must name each of them (a test holds it to that).
 *
 *   KEY(path, type, field, min, max, words, default, reload, sentence)
 *
 * path	"[]" stands for each member of a list, "*" for each name in a mapping
 * field	IN_CONF, IN_UPSTREAM, IN_ROUTE, IN_ADDR, IN_SERVER, IN_QUERY, NOWHERE: where it
 *		goes; AN_UPSTREAM, A_SERVER: into several of its fields
 * min, max	of counts, sizes (bytes), durations (microseconds), shares and weights (millionths)
 * words	"a|b": what may stand instead of a number, or the choices.  Last, "!a" is a value,
 *		and "!{}" the form of a mapping, that the language knows and this version does not
 * default	as written in the file; NULL: none, or made by conf_build
 *
 * Rows of type KEY_LATER are keys of the language that this version does not follow.  To use one is
 * a fault, never silently ignored.  Their words are the values that say what this version does
 * anyway, mostly "off", so that a file which spells its intent out is good; a default that promises
 * something which is not built is refused like any other value.
 */
#ifndef KEY
#error "define KEY(path, type, field, min, max, words, dflt, reload, sentence) first"
#endif

#define MS(n)	((uint64_t)(n) * 1000u)
#define SEC(n)	MS((uint64_t)(n) * 1000u)
#define HOURS(n)	SEC((uint64_t)(n) * 3600u)
#define DAYS(n)	HOURS((uint64_t)(n) * 24u)
#define KIB(n)	((uint64_t)(n) << 10)
#define MIB(n)	((uint64_t)(n) << 20)
#define TIB(n)	((uint64_t)(n) << 40)

KEY("listen", KEY_LISTEN, IN_CONF(listen), 0, 0, NULL, "127.0.0.1:8080", RESTART,
    "Where clients connect: an address, or a list of addresses and mappings.")
KEY("listen[].address", KEY_ADDR, IN_ADDR, 0, 0, NULL, NULL, RESTART,
    "The address of a listener that is written as a mapping.")
KEY("listen[].tls", KEY_LATER, NOWHERE, 0, 0, NULL, NULL, RESTART,
    "Certificate and key of a listener that speaks TLS.")
KEY("listen[].proxy_protocol", KEY_LATER, NOWHERE, 0, 0, "off", "false", RESTART,
    "Connections begin with a PROXY protocol header.")

KEY("admin", KEY_ADMIN, IN_CONF(admin), 0, 0, "off", "127.0.0.1:9080", RESTART,
    "Where the admin endpoint listens; off: there is none.")
KEY("admin.address", KEY_ADDR, IN_ADDR, 0, 0, NULL, NULL, RESTART,
    "The address of the admin endpoint when it is written as a mapping.")
KEY("admin.token_file", KEY_LATER, NOWHERE, 0, 0, "off", NULL, RESTART,
    "A file with the token that admin requests must carry.")

KEY("workers", KEY_COUNT, IN_CONF(workers), 1, 256, "auto", "auto", RESTART,
    "Threads that serve; auto: the number of processors.")
KEY("user", KEY_LATER, NOWHERE, 0, 0, "off", "off", RESTART,
    "Run as this user once the ports are bound.")
KEY("trusted", KEY_LATER, NOWHERE, 0, 0, "[]", "[]", RELOAD,
    "Addresses whose forwarding fields and PROXY protocol are believed.")

KEY("cache", KEY_SECTION, NOWHERE, 0, 0, NULL, NULL, RELOAD,
    "The store.")
KEY("cache.memory", KEY_SIZE, IN_CONF(cache_memory), MIB(1), TIB(16), NULL, "256MiB", RELOAD,
    "What the store may hold: bodies, heads and bookkeeping, all counted.")
KEY("cache.max_object", KEY_SIZE, IN_CONF(cache_max_object), KIB(1), TIB(16), NULL, "16MiB", RELOAD,
    "The largest response that is stored; never more than cache.memory.")
KEY("cache.policy", KEY_LATER, NOWHERE, 0, 0, "lru", "lru", RESTART,
    "Which object goes first when the store is full.")
KEY("cache.path", KEY_LATER, NOWHERE, 0, 0, "off", "off", RESTART,
    "A directory in which the store survives a restart.")

KEY("upstream", KEY_UPSTREAM, NOWHERE, 0, 0, NULL, NULL, RELOAD,
    "The URL of the one backend: short for upstreams with one called default.")
KEY("upstreams", KEY_UPSTREAMS, NOWHERE, 0, 0, NULL, NULL, RELOAD,
    "The backends, each under a name of your choice.")
KEY("upstreams.*.servers", KEY_SERVERS, AN_UPSTREAM, 0, 0, NULL, NULL, RELOAD,
    "Its servers: a list of URLs, http://host:port, and of mappings.")
KEY("upstreams.*.servers[].url", KEY_URL, A_SERVER, 0, 0, NULL, NULL, RELOAD,
    "The URL of a server that is written as a mapping.")
KEY("upstreams.*.servers[].weight", KEY_COUNT, IN_SERVER(weight), 1, 1000, NULL, "1", RELOAD,
    "Its share of the requests, among several servers.")
KEY("upstreams.*.servers[].backup", KEY_FLAG, IN_SERVER(backup), 0, 0, "false|true", "false",
    RELOAD,
    "Used only while no other server is up.")
KEY("upstreams.*.balance", KEY_CHOICE, IN_UPSTREAM(balance), 0, 0,
    "least_connections|round_robin|hash", "least_connections", RELOAD,
    "How a server is chosen among several.")
KEY("upstreams.*.max_connections", KEY_CONNECTIONS, AN_UPSTREAM, 1, 1000000, "auto", "64", RELOAD,
    "Connections to it, by the whole of Corral: what the backend can take; auto: found out.")
KEY("upstreams.*.max_connections.min", KEY_COUNT, IN_UPSTREAM(min_connections), 1, 100000, NULL,
    "1",
    RELOAD, "What auto never goes below.")
KEY("upstreams.*.max_connections.most", KEY_COUNT, IN_UPSTREAM(most_connections), 1, 100000, NULL,
    "256",
    RELOAD, "What auto never goes above.")
KEY("upstreams.*.queue", KEY_SECTION, NOWHERE, 0, 0, NULL, NULL, RELOAD,
    "Requests that wait for a connection.")
KEY("upstreams.*.queue.length", KEY_COUNT, IN_UPSTREAM(queue_length), 0, 10000000, NULL, "1024",
    RELOAD,
    "How many may wait; one more is answered 503 with Retry-After.")
KEY("upstreams.*.queue.timeout", KEY_TIME, IN_UPSTREAM(queue_timeout), MS(1), DAYS(1), NULL, "30s",
    RELOAD, "How long one may wait; then it is answered 503.")
KEY("upstreams.*.timeouts", KEY_SECTION, NOWHERE, 0, 0, NULL, NULL, RELOAD,
    "How long Corral waits for the backend.")
KEY("upstreams.*.timeouts.connect", KEY_TIME, IN_UPSTREAM(connect_timeout), MS(1), HOURS(1), NULL,
    "2s",
    RELOAD, "For a connection to be made, its name looked up included.")
KEY("upstreams.*.timeouts.first_byte", KEY_TIME, IN_UPSTREAM(first_byte_timeout), MS(1), DAYS(1),
    NULL,
    "60s", RELOAD, "From the request sent to the first byte of the answer.")
KEY("upstreams.*.timeouts.idle", KEY_TIME, IN_UPSTREAM(idle_timeout), MS(1), DAYS(1), NULL, "15s",
    RELOAD, "Between two reads of an answer.")
KEY("upstreams.*.timeouts.total", KEY_TIME, IN_UPSTREAM(total_timeout), MS(1), DAYS(7), "off",
    "off",
    RELOAD, "For the whole exchange.")
KEY("upstreams.*.keepalive", KEY_SECTION, NOWHERE, 0, 0, NULL, NULL, RELOAD,
    "Connections kept for the next request.")
KEY("upstreams.*.keepalive.connections", KEY_COUNT, IN_UPSTREAM(keepalive_connections), 0, 1000000,
    NULL,
    "64", RELOAD, "How many are kept open while idle; 0: none.")
KEY("upstreams.*.keepalive.idle", KEY_TIME, IN_UPSTREAM(keepalive_idle), MS(1), DAYS(1), NULL,
    "30s",
    RELOAD, "How long an idle one is kept.")
KEY("upstreams.*.retries", KEY_COUNT, IN_UPSTREAM(retries), 0, 10, NULL, "1", RELOAD,
    "How often a failed idempotent request is sent again, before a byte of the answer was sent on.")
KEY("upstreams.*.retry_budget", KEY_SHARE, IN_UPSTREAM(retry_budget), 0, 1000000, "off", "0.1",
    RELOAD,
    "Retries and hedges together, at most this share of the requests.")
KEY("upstreams.*.hedge", KEY_FLAG, IN_UPSTREAM(hedge), 0, 0, "off|on", "off", RELOAD,
    "A second request, to another server, when the answer takes far longer than usual.")
KEY("upstreams.*.breaker", KEY_BREAKER, AN_UPSTREAM, 0, 0, "off", NULL, RELOAD,
    "When a server that fails is left alone.")
KEY("upstreams.*.breaker.failures", KEY_COUNT, IN_UPSTREAM(breaker.failures), 0, 100000, "off",
    "5",
    RELOAD, "So many failures in a row open it.")
KEY("upstreams.*.breaker.error_rate", KEY_SHARE, IN_UPSTREAM(breaker.error_rate), 0, 1000000,
    "off", "0.5",
    RELOAD, "This share of failures among the last exchanges opens it.")
KEY("upstreams.*.breaker.pause", KEY_TIME, IN_UPSTREAM(breaker.pause), MS(1), HOURS(1), NULL, "5s",
    RELOAD, "How long it is open; then one request probes.")
KEY("upstreams.*.tls", KEY_LATER, NOWHERE, 0, 0, NULL,
    "{ verify: true, ca: system, server_name: auto }",
    RELOAD, "How an https server is verified.")
KEY("upstreams.*.health", KEY_HEALTH, AN_UPSTREAM, 0, 0, "off", "off", RELOAD,
    "Requests that probe each server.")
KEY("upstreams.*.health.path", KEY_TARGET, IN_UPSTREAM(health.path), 0, 0, NULL, NULL, RELOAD,
    "What they ask for.")
KEY("upstreams.*.health.interval", KEY_TIME, IN_UPSTREAM(health.interval), MS(100), HOURS(1), NULL,
    "5s",
    RELOAD, "How long it is from one to the next.")
KEY("upstreams.*.health.timeout", KEY_TIME, IN_UPSTREAM(health.timeout), MS(1), HOURS(1), NULL,
    "2s",
    RELOAD, "How long one may take; then it has failed.")
KEY("upstreams.*.health.fall", KEY_COUNT, IN_UPSTREAM(health.fall), 1, 1000, NULL, "3", RELOAD,
    "So many failures in a row take a server out.")
KEY("upstreams.*.health.rise", KEY_COUNT, IN_UPSTREAM(health.rise), 1, 1000, NULL, "2", RELOAD,
    "So many successes in a row bring it back.")

KEY("routes", KEY_ROUTES, NOWHERE, 0, 0, NULL, NULL, RELOAD,
    "What is done with which request: the first that matches wins; without it, one for everything.")
KEY("routes[].match", KEY_SECTION, NOWHERE, 0, 0, NULL, NULL, RELOAD,
    "Which requests the route is for; all that is given must hold.")
KEY("routes[].match.host", KEY_HOST, IN_ROUTE(host), 0, 0, NULL, NULL, RELOAD,
    "The host that is asked for, without its port.")
KEY("routes[].match.path", KEY_PATH, IN_ROUTE(path), 0, 0, NULL, NULL, RELOAD,
    "What the path begins with.")
KEY("routes[].match.methods", KEY_LATER, NOWHERE, 0, 0, NULL, NULL, RELOAD,
    "The methods.")
KEY("routes[].match.headers", KEY_LATER, NOWHERE, 0, 0, NULL, NULL, RELOAD,
    "Fields of the request.")
KEY("routes[].match.regex", KEY_LATER, NOWHERE, 0, 0, NULL, NULL, RELOAD,
    "A regular expression for the path.")
KEY("routes[].upstream", KEY_REF, IN_ROUTE(upstream), 0, 0, NULL, NULL, RELOAD,
    "The name of the upstream; without it, the one called default, or the only one.")
KEY("routes[].cache", KEY_FLAG, IN_ROUTE(cache), 0, 0, "off|on|!{}", "on", RELOAD,
    "Whether answers are stored and shared; off: every request is sent on.")
KEY("routes[].key", KEY_SECTION, NOWHERE, 0, 0, NULL, NULL, RELOAD,
    "What tells two requests apart.")
KEY("routes[].key.query", KEY_QUERY, IN_ROUTE(key), 0, 0, "all|none|sorted", "all", RELOAD,
    "Which parameters of the query, and whether their order counts.")
KEY("routes[].key.query.keep", KEY_PARAMS, IN_QUERY, 0, 0, NULL, NULL, RELOAD,
    "The only parameters that count.")
KEY("routes[].key.query.drop", KEY_PARAMS, IN_QUERY, 0, 0, NULL, NULL, RELOAD,
    "Parameters that do not count, such as utm_*.")
KEY("routes[].key.headers", KEY_FIELDS, IN_ROUTE(key.headers), 0, 0, NULL, "[]", RELOAD,
    "Which fields of the request.")
KEY("routes[].key.cookies", KEY_COOKIES, IN_ROUTE(key.cookies), 0, 0, NULL, "[]", RELOAD,
    "Which cookies.")
KEY("routes[].ttl", KEY_TTL, IN_ROUTE(ttl), 0, DAYS(3650), NULL, "0s", RELOAD,
    "How long an answer is fresh when it does not say so itself; or a mapping of statuses.")
KEY("routes[].override_ttl", KEY_LATER, NOWHERE, 0, 0, "off", "off", RELOAD,
    "A freshness that the answer cannot change.")
KEY("routes[].stale_while_revalidate", KEY_SPAN, IN_ROUTE(stale_while_revalidate), 0, DAYS(3650),
    "off", "off", RELOAD,
    "How long a stale answer may be served while a fresh one is fetched.")
KEY("routes[].stale_if_error", KEY_SPAN, IN_ROUTE(stale_if_error), 0, DAYS(3650), "off", "1h",
    RELOAD,
    "How long a stale answer may be served instead of an error.")
KEY("routes[].error_ttl", KEY_SPAN, IN_ROUTE(error_ttl), 0, DAYS(1), "off", "1s", RELOAD,
    "How long one failure answers everyone who asks.")
KEY("routes[].heuristic", KEY_SHARE, IN_ROUTE(heuristic), 0, 1000000, "off", "0.1", RELOAD,
    "A guessed freshness, as a share of the Last-Modified age.")
KEY("routes[].client_control", KEY_FLAG, IN_ROUTE(client_control), 0, 0, "ignore|obey", "ignore",
    RELOAD,
    "Whether a client's Cache-Control is obeyed.")
KEY("routes[].refresh_ahead", KEY_WEIGHT, IN_ROUTE(refresh_ahead), 100000, 10000000, "auto|off",
    "auto", RELOAD,
    "Refresh popular objects in the background, before they expire.")
KEY("routes[].jitter", KEY_SHARE, IN_ROUTE(jitter), 0, 500000, "off", "0.05", RELOAD,
    "Expire up to this share of the lifetime earlier, to spread expiry.")
KEY("routes[].admit", KEY_SECTION, NOWHERE, 0, 0, NULL, NULL, RELOAD,
    "Store only what is slow, or asked for often.")
KEY("routes[].admit.min_fetch_time", KEY_TIME, IN_ROUTE(admit.min_fetch_time), 0, HOURS(1), NULL,
    "0ms",
    RELOAD, "Store what took at least this long.")
KEY("routes[].admit.min_requests", KEY_COUNT, IN_ROUTE(admit.min_requests), 1, 1000000, NULL, "1",
    RELOAD,
    "Store what was asked for this often.")
KEY("routes[].admit.window", KEY_TIME, IN_ROUTE(admit.window), SEC(1), DAYS(1), NULL, "30s",
    RELOAD,
    "The time in which min_requests are counted.")
KEY("routes[].sliding_ttl", KEY_FLAG, IN_ROUTE(sliding_ttl), 0, 0, "false|true", "false", RELOAD,
    "Each hit renews what ttl gave.")
KEY("routes[].set_cookie", KEY_CHOICE, IN_ROUTE(set_cookie), 0, 0, "private|strip|store",
    "private", RELOAD,
    "What becomes of an answer that sets a cookie.")
KEY("routes[].coalesce", KEY_CHOICE, IN_ROUTE(coalesce), 0, 0, "off|shareable|always", "shareable",
    RELOAD, "Whether requests for one thing share one fetch.")
KEY("routes[].park", KEY_SECTION, NOWHERE, 0, 0, NULL, NULL, RELOAD,
    "Clients that wait on one fetch.")
KEY("routes[].park.limit", KEY_COUNT, IN_ROUTE(park_limit), 1, 10000000, NULL, "100000", RELOAD,
    "How many may wait; one more gets a stale answer if there is one, else 503.")
KEY("routes[].park.timeout", KEY_TIME, IN_ROUTE(park_timeout), MS(1), DAYS(1), NULL, "60s", RELOAD,
    "How long one may wait; then it gets a stale answer if there is one, else 503.")
KEY("routes[].purge", KEY_LATER, NOWHERE, 0, 0, "[]", "[]", RELOAD,
    "Addresses that may send PURGE to a listener.")
KEY("routes[].upgrade", KEY_LATER, NOWHERE, 0, 0, "off", "off", RELOAD,
    "Tunnel requests that upgrade to WebSocket.")
KEY("routes[].tags", KEY_TAGS, IN_ROUTE(tags), 0, 0, NULL,
    "[ Surrogate-Key, Cache-Tag, Cache-Groups ]", RELOAD,
    "Response fields that name purge tags.")

KEY("limits", KEY_SECTION, NOWHERE, 0, 0, NULL, NULL, RELOAD,
    "What clients may ask of Corral.")
KEY("limits.connections", KEY_COUNT, IN_CONF(limits.connections), 1, 10000000, NULL, "100000",
    RELOAD,
    "Client connections at one time.")
KEY("limits.header_bytes", KEY_SIZE, IN_CONF(limits.header_bytes), KIB(1), MIB(1), NULL, "32KiB",
    RELOAD,
    "The head of a request, its first line included; more is answered 431.")
KEY("limits.header_fields", KEY_COUNT, IN_CONF(limits.header_fields), 8, 1000, NULL, "100", RELOAD,
    "Header fields of a request; more are answered 431.")
KEY("limits.body", KEY_SIZE64, IN_CONF(limits.body), 0, TIB(16), NULL, "64MiB", RELOAD,
    "The body of a request; more is answered 413.")
KEY("limits.uri", KEY_SIZE, IN_CONF(limits.uri), 64, MIB(1), NULL, "16KiB", RELOAD,
    "The target of a request; more is answered 414.")
KEY("limits.header_timeout", KEY_TIME, IN_CONF(limits.header_timeout), MS(1), HOURS(1), NULL, "10s",
    RELOAD, "How long the head of a request may take to arrive; then it is answered 408.")
KEY("limits.idle_timeout", KEY_TIME, IN_CONF(limits.idle_timeout), MS(1), DAYS(1), NULL, "60s",
    RELOAD,
    "How long a connection may stay open between two requests.")
KEY("limits.send_timeout", KEY_TIME, IN_CONF(limits.send_timeout), MS(1), DAYS(1), NULL, "60s",
    RELOAD,
    "How long a client may take nothing of its answer.")
KEY("limits.drain", KEY_TIME, IN_CONF(limits.drain), 0, DAYS(1), NULL, "30s", RELOAD,
    "How long a stop waits for requests in flight.")

KEY("log", KEY_SECTION, NOWHERE, 0, 0, NULL, NULL, RELOAD,
    "What Corral reports on standard error.")
KEY("log.level", KEY_CHOICE, IN_CONF(log_level), 0, 0, "error|warn|info|debug", "info", RELOAD,
    "The least that is reported.")
KEY("log.format", KEY_FLAG, IN_CONF(log_json), 0, 0, "text|json", "text", RELOAD,
    "Lines for people, or one JSON object a line.")
KEY("log.access", KEY_LATER, NOWHERE, 0, 0, "off", "off", RELOAD,
    "A line for every request.")

#undef MS
#undef SEC
#undef HOURS
#undef DAYS
#undef KIB
#undef MIB
#undef TIB
