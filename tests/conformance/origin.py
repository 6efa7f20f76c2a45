# SPDX-License-Identifier: BSD-2-Clause
"""The origin: one resource per test, told by a PUT what to answer, asked by a GET what it saw.

PUT /config/ID takes a test's requests as JSON; anything under /test/ID is answered as the request
of the number that the field Req-Num names says; GET /state/ID is the record of what came, in order.
All three come through the proxy.  Connections are kept open for five idle seconds, as the proxy is
promised in Keep-Alive: two vectors announce more than they send, and end by that.
"""

import asyncio
import json
import time

from http1 import HEAD_LIMIT, Malformed, head, read_body, read_message
from magic import BASE, NOW, fix, leading_int

IDLE = 5
BODILESS = {204, 304}
# Of these a second line is dropped; the lines of all others are joined.
SINGLE = {"age", "authorization", "content-length", "content-type", "etag", "expires", "from",
          "host", "if-modified-since", "if-unmodified-since", "last-modified", "location",
          "max-forwards", "proxy-authorization", "referer", "retry-after", "server", "user-agent"}


def request_fields(message):
    fields = {}
    for name, value in message.fields:
        name = name.lower()
        if name not in fields:
            fields[name] = value
        elif name not in SINGLE:
            fields[name] += ("; " if name == "cookie" else ", ") + value
    return fields


def last_value(vector, name):
    """The value of the last line of that name among a vector's response fields."""
    found = [f[1] for f in vector.get("response_headers", []) if f[0].lower() == name]
    return found[-1] if found else None


class Answer:
    """A response in the making."""

    def __init__(self, status, reason):
        self.status, self.reason = status, reason
        self.fields = {}  # lower case name -> [name, value, or list of values]

    def add(self, name, value):
        kept = self.fields.get(name.lower())
        if kept is None:
            self.fields[name.lower()] = [name, value]
        else:
            kept[1] = (kept[1] if isinstance(kept[1], list) else [kept[1]]) + [value]

    def default(self, name, value):
        self.fields.setdefault(name.lower(), [name, value])

    def get(self, name):
        kept = self.fields.get(name.lower())
        return kept[1] if kept else None


def text_answer(status, reason, text):
    answer = Answer(status, reason)
    answer.add("Content-Type", "text/plain")
    return answer, text.encode()


class Origin:
    def __init__(self):
        self.configs = {}   # a test's ID -> its requests; dates are filled in as they are sent
        self.states = {}    # a test's ID -> what came for it
        self.server = None

    async def start(self):
        """Listens on a port of the kernel's choice and returns it."""
        self.server = await asyncio.start_server(self.connection, "127.0.0.1", 0, limit=HEAD_LIMIT,
                                                 backlog=1024)
        return self.server.sockets[0].getsockname()[1]

    async def connection(self, reader, writer):
        idle = None
        try:
            while True:
                message = await asyncio.wait_for(read_message(reader), idle)
                if message is None:
                    break
                body = await read_body(message, until_close=False)
                if not await self.answer(writer, message, body):
                    break
                await writer.drain()
                idle = IDLE
        except (asyncio.TimeoutError, Malformed, OSError):
            pass  # the proxy's fault shows in the test's result
        finally:
            writer.close()

    async def answer(self, writer, message, body):
        """False: the connection is to end."""
        method, target, version = message.start.split(" ", 2)
        room, _, ident = target.split("?")[0].lstrip("/").partition("/")
        ident = ident.split("/")[0]
        if room == "config":
            self.configs.setdefault(ident, json.loads(body))
            answer, content = Answer(201, "Created"), b"OK"
        elif room == "state" and ident in self.states:
            answer, content = text_answer(200, "OK", json.dumps(self.states[ident]))
        elif room == "test" and ident in self.configs:
            answer, content = await self.answer_test(writer, ident, message, method, target)
        else:
            answer, content = text_answer(404, "Not Found", f"{method} {target} is not here\n")
        if answer is None:
            return False
        keep = version == "HTTP/1.1" and not message.lists("connection", "close")
        self.send(writer, answer, content, keep, bodiless=method == "HEAD")
        return keep

    @staticmethod
    def send(writer, answer, content, keep, bodiless):
        """Adds the fields that a server adds by itself, and only those."""
        answer.default("Date", time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()))
        if answer.get("connection") is None:
            answer.add("Connection", "keep-alive" if keep else "close")
            if keep:
                answer.default("Keep-Alive", f"timeout={IDLE}")
        bodiless = bodiless or answer.status in BODILESS
        if not bodiless and answer.get("transfer-encoding") is None:
            answer.default("Content-Length", str(len(content)))
        start = f"HTTP/1.1 {answer.status} {answer.reason}"
        # The suite's origin joins head and body in one text and sends that as UTF-8.
        charset = "latin-1" if bodiless else "utf-8"
        writer.write(head(start, answer.fields.values(), charset) + (b"" if bodiless else content))

    async def answer_test(self, writer, ident, message, method, target):
        requests = self.configs[ident]
        state = self.states.get(ident, [])
        told = leading_int(message.get("req-num"))
        number = told or len(state) + 1
        if number > len(requests):
            return text_answer(409, "Conflict", f"there is no request {number}\n")
        vector = requests[number - 1]
        if "response_pause" in vector:
            # The vector prescribes how slow this backend is.
            await asyncio.sleep(vector["response_pause"])
        self.send_interim(writer, vector)

        sent = request_fields(message)
        answer = Answer(*self.status(vector, requests[number - 2] if number > 1 else {}, sent))
        answer.add(BASE.title(), target)
        answer.add("Server-Request-Count", str(len(state) + 1))
        answer.add("Client-Request-Count", str(told))
        answer.add(NOW.title(), str(time.time_ns() // 1000000))
        promised = {}  # what the client is to receive: all but the fields marked false
        for field in vector.get("response_headers", []):
            fix(field, answer.get, vector)
            answer.add(field[0], str(field[1]))
            if len(field) < 3 or field[2] is True:
                promised[field[0]] = answer.get(field[0])
        answer.default("Content-Type", "text/plain")
        state.append({"request_num": told, "request_method": method, "request_headers": sent,
                      "response_headers": list(promised.items())})
        self.states[ident] = state
        answer.add("Request-Numbers", " ".join(str(seen["request_num"]) for seen in state))
        if vector.get("disconnect"):
            return None, b""
        return answer, (vector.get("response_body") or ident).encode()

    @staticmethod
    def send_interim(writer, vector):
        for status, *fields in vector.get("interim_responses", []):
            reason = {102: "Processing", 103: "Early Hints"}[status]
            writer.write(head(f"HTTP/1.1 {status} {reason}", fields[0] if fields else []))

    @staticmethod
    def status(vector, before, sent):
        """304 to a validation with what was sent before; 999 where one was to come and did not."""
        if not vector.get("expected_type", "").endswith("validated"):
            return vector.get("response_status", [200, "OK"])
        for name, condition in (("last-modified", "if-modified-since"), ("etag", "if-none-match")):
            validator = last_value(before, name)
            if validator and sent.get(condition) == validator:
                return 304, "Not Modified"
        return 999, "Not Conditional"
