# Varnish as a shield for a slow backend.  @NAMES@ are filled in by peers.py; the parameters are on
# the command line there.  Sources: vcl-backend(7), varnishd(1).
vcl 4.1;

backend open {
	.host = "127.0.0.1";
	.port = "@ORIGIN@";
	.connect_timeout = 2s;
	.first_byte_timeout = 60s;
	.between_bytes_timeout = 60s;
}

backend limited {
	.host = "127.0.0.1";
	.port = "@ORIGIN@";
	# This version has no queue for what is past the bound: that is answered 503.
	.max_connections = @LIMIT@;
	.connect_timeout = 2s;
	.first_byte_timeout = 60s;
	.between_bytes_timeout = 60s;
}

sub vcl_recv {
	if (req.url ~ "^/limited/") {
		set req.backend_hint = limited;
	}
}

# Coalescing, hit-for-miss and stale-while-revalidate are built in.  As Corral's error_ttl: one
# failure answers a second of clients.
sub vcl_backend_response {
	if (beresp.status >= 500 && beresp.ttl <= 0s) {
		set beresp.ttl = 1s;
		set beresp.grace = 0s;
		return (deliver);
	}
}

sub vcl_backend_error {
	set beresp.ttl = 1s;
	set beresp.grace = 0s;
}
