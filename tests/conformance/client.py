# SPDX-License-Identifier: BSD-2-Clause
"""The client: sends a test's requests in order, judges each answer, then the origin's record.

A request says what a fetch() of the suite's own client would say.  A check that fails raises
Failure: "Setup" where the vector marks the checked thing as what the test only builds on, else
"Assertion".
"""

import asyncio
import json
import re
import uuid

from http1 import HEAD_LIMIT, Malformed, head, read_body, read_message
from magic import fix, leading_int

PAUSE = 3       # seconds after a request with pause_after: the suite prescribes them, for answers to age
PATIENCE = 10   # seconds, for one whole answer
BODILESS = {204, 304}
DEFAULTS = (("accept", "*/*"), ("accept-language", "*"), ("sec-fetch-mode", "cors"),
            ("user-agent", "corral-conformance"))


class Failure(Exception):
    def __init__(self, name, message):
        super().__init__(message)
        self.name = name


def check(setup, good, message):
    if not good:
        raise Failure("Setup" if setup else "Assertion", message)


def is_setup(vector, member):
    return vector.get("setup") is True or member in vector.get("setup_tests", [])


# --- the wire ---

class Connection:
    """One test's connection to the proxy, made again when the proxy has closed it."""

    def __init__(self, host, port):
        self.host, self.port = host, port
        self.reader = self.writer = None

    def close(self):
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None

    async def send(self, method, target, fields, body=None):
        """The final answer's head and the list of interim ones; text() reads the rest."""
        if self.reader is None or self.reader.at_eof():
            self.close()
            self.reader, self.writer = await asyncio.open_connection(self.host, self.port,
                                                                     limit=HEAD_LIMIT)
        fields = [("host", f"{self.host}:{self.port}"), ("connection", "keep-alive")] + fields
        if body is not None:
            fields.append(("content-length", str(len(body))))
        self.writer.write(head(f"{method} {target} HTTP/1.1", fields) + (body or b""))
        interim = []
        while True:
            answer = await read_message(self.reader)
            if answer is None:
                raise Malformed("the connection ended instead of an answer")
            status = re.match(r"HTTP/1\.[01] ([0-9]{3})( |\Z)", answer.start)
            if not status:
                raise Malformed(f"not a status line: {answer.start!r}")
            answer.status = int(status.group(1))
            if answer.status in (100, 101):
                raise Malformed(f"an unasked {answer.status}")
            if answer.status >= 200:
                answer.to_head = method == "HEAD"
                return answer, interim
            interim.append(answer)

    async def text(self, answer):
        """The body; content codings are not undone, as no vector has a known one."""
        body = b""
        if not answer.to_head and answer.status not in BODILESS:
            body = await read_body(answer, until_close=True)
        if answer.lists("connection", "close") or answer.start.startswith("HTTP/1.0"):
            self.close()
        return body.decode("utf-8-sig", "replace")


def request_fields(vector, number, before):
    """before(name): a field of the answer before this one."""
    # A fetch() without a store of its own would add no-cache, were these two not there.
    lines = [["Pragma", "foo"], ["Cache-Control", "nothing-to-see-here"]]
    for field in vector.get("request_headers", []):
        if vector.get("magic_ims") and field[0].lower() == "if-modified-since":
            fix(field, before, vector)
        lines.append(field)
    lines += [["Test-Name", vector["name"]], ["Test-ID", vector["id"]], ["Req-Num", number]]
    fields = {}
    for name, value in lines:
        value = str(value).strip(" \t")
        kept = fields.get(name.lower())
        fields[name.lower()] = (kept[0], f"{kept[1]}, {value}") if kept else (name, value)
    if "request_body" in vector:
        fields.setdefault("content-type", ("content-type", "text/plain;charset=UTF-8"))
    for name, value in DEFAULTS:
        fields.setdefault(name, (name, value))
    coding = "identity" if "range" in fields else "gzip, deflate"
    fields.setdefault("accept-encoding", ("accept-encoding", coding))
    return list(fields.values())


# --- one test ---

class Run:
    """One test, run once."""

    def __init__(self, test, host, port):
        # A copy, because offsets are filled in.
        self.vectors = json.loads(json.dumps(test["requests"]))
        for vector in self.vectors:
            vector.update(name=test["name"], id=test["id"])
        self.ident = str(uuid.uuid4())
        self.connection = Connection(host, port)
        self.answers = []

    async def result(self):
        """True, or the Failure."""
        try:
            await self.bounded(self.configure())
            for number, vector in enumerate(self.vectors, 1):
                await self.bounded(self.request(number, vector))
                if vector.get("pause_after") is True:
                    await asyncio.sleep(PAUSE)
            check_record(self.vectors, self.answers, await self.bounded(self.record()))
        except Failure as e:
            return e
        except (Malformed, OSError) as e:
            return Failure("TypeError", str(e))
        finally:
            self.connection.close()
        return True

    @staticmethod
    async def bounded(step):
        try:
            return await asyncio.wait_for(step, PATIENCE)
        except asyncio.TimeoutError:
            raise Failure("AbortError", f"no whole answer within {PATIENCE} s") from None

    async def configure(self):
        answer, _ = await self.connection.send(
            "PUT", f"/config/{self.ident}", [("content-type", "application/json"), *DEFAULTS],
            json.dumps(self.vectors).encode())
        text = await self.connection.text(answer)
        check(True, answer.status == 201, f"PUT of the vector: status {answer.status}: {text}")

    async def record(self):
        answer, _ = await self.connection.send("GET", f"/state/{self.ident}", list(DEFAULTS))
        text = await self.connection.text(answer)
        return json.loads(text) if answer.status == 200 else []

    async def request(self, number, vector):
        target = f"/test/{self.ident}"
        if "filename" in vector:
            target += "/" + vector["filename"]
        if "query_arg" in vector:
            target += "?" + vector["query_arg"]
        before = self.answers[-1].get if self.answers else None
        body = vector["request_body"].encode() if "request_body" in vector else None
        answer, interim = await self.connection.send(
            vector.get("request_method", "GET"), target,
            request_fields(vector, number, before), body)
        self.answers.append(answer)
        check_answer(vector, number, answer)
        check_interim(vector, number, interim)
        check_body(vector, number, answer, await self.connection.text(answer), self.ident)


# --- what an answer must be ---

def check_answer(vector, number, answer):
    numbers = answer.get("request-numbers")
    if numbers is not None:
        numbers = [leading_int(n) for n in numbers.split(" ")]
        check(True, len(numbers) == len(set(numbers)), "retry")
    check_type(vector, number, answer)
    check_status(vector, number, answer.status)
    setup = is_setup(vector, "expected_response_headers")
    for field in vector.get("expected_response_headers", []):
        check_field(vector, setup, number, answer, field)
    setup = is_setup(vector, "expected_response_headers_missing")
    for field in vector.get("expected_response_headers_missing", []):
        # The suite checks nothing for a pair of name and value (nine headers-store-* tests); nor
        # does a run that is to agree with it.
        if isinstance(field, str):
            check(setup, answer.get(field) is None,
                  f"response {number} has {field}: {answer.get(field)}")


def check_type(vector, number, answer):
    count = leading_int(answer.get("server-request-count"))
    setup = is_setup(vector, "expected_type")
    kind = vector.get("expected_type")
    if kind == "cached" and not (answer.status == 304 and count is None):
        check(setup, count is not None and count < number,
              f"response {number} is not from the cache")
    if kind == "not_cached":
        check(setup, count == number, f"response {number} is from the cache")


def check_status(vector, number, status):
    if "expected_status" in vector:
        setup, want = is_setup(vector, "expected_status"), vector["expected_status"]
        if want is None:
            return
    elif "response_status" in vector:
        setup, want = True, vector["response_status"][0]
    elif status == 999:
        check(is_setup(vector, "expected_type"), False, f"request {number} was not conditional")
    else:
        setup, want = True, 200
    check(setup, status == want, f"response {number} has status {status}, not {want}")


def check_field(vector, setup, number, answer, field):
    """field: a name; or name and value; or name, comparison and the other side of it."""
    name = field if isinstance(field, str) else field[0]
    have = answer.get(name)
    if isinstance(field, str) or len(field) > 2:
        check(setup, have is not None, f"response {number} has no {name}")
    if isinstance(field, str):
        return
    if len(field) == 2:
        want = fix(field, answer.get, vector)[1]
        good = have == want
    elif field[1] == "=":
        want = f"that of {field[2]}, {answer.get(field[2])}"
        good = have == answer.get(field[2])
    elif field[1] == ">":
        want = f"more than {field[2]}"
        have = leading_int(have)
        good = have is not None and have > field[2]
    else:
        raise ValueError(f"{vector['id']}: what is {field}?")
    check(setup, good, f"response {number}: {name} is {have}, not {want}")


def check_interim(vector, number, interim):
    if "expected_interim_responses" not in vector:
        return
    setup = is_setup(vector, "expected_interim_responses")
    expected = vector["expected_interim_responses"]
    for i, (status, *fields) in enumerate(expected):
        check(setup, i < len(interim), f"interim response {i + 1} to {number} was not received")
        check(setup, interim[i].status == status,
              f"interim response {i + 1} to {number} is {interim[i].status}, not {status}")
        for name, _ in fields[0] if fields else []:
            check(setup, interim[i].get(name) is not None,
                  f"interim response {i + 1} to {number} has no {name}")
    check(setup, len(interim) == len(expected), f"{len(interim)} interim responses to {number}")


def check_body(vector, number, answer, text, ident):
    if vector.get("check_body") is False:
        return
    if "expected_response_text" in vector:
        setup, want = is_setup(vector, "expected_response_text"), vector["expected_response_text"]
    elif vector.get("response_body") is not None:
        setup, want = True, vector["response_body"]
    elif answer.status in BODILESS or answer.to_head:
        return
    else:
        setup, want = True, ident
    check(setup, want is None or text == want,
          f"response {number}: the body is {text!r}, not {want!r}")


# --- what the origin must have seen ---

def check_record(vectors, answers, record):
    seen = iter(record)
    for number, vector in enumerate(vectors, 1):
        if vector.get("expected_type") == "cached":
            continue  # no business of the origin
        check_seen(vector, number, answers[number - 1], next(seen, None))


def check_seen(vector, number, answer, seen):
    """seen: the origin's record of the request, None where it is missing."""
    sent = {} if seen is None else seen["request_headers"]
    kind, setup = vector.get("expected_type"), is_setup(vector, "expected_type")
    demands = {"not_cached", "expected_method", "expected_request_headers",
               "expected_request_headers_missing"}
    if seen is None and (kind in demands or demands & vector.keys()):
        raise Failure("TypeError", f"request {number} did not reach the origin")
    if kind == "not_cached":
        check(setup, seen["request_num"] == number, f"response {number} is from the cache")
    condition = {"etag_validated": "if-none-match", "lm_validated": "if-modified-since"}.get(kind)
    check(setup, condition is None or condition in sent,
          f"request {number} came without {condition}")
    check_sent(vector, number, sent)
    for name, value in [] if seen is None else seen["response_headers"]:
        value = ", ".join(value) if isinstance(value, list) else value
        check(True, name.lower() == "date" or answer.get(name) == value,
              f"response {number}: {name} is {answer.get(name)}, not {value}")
    if "expected_method" in vector:
        method = seen["request_method"]
        check(is_setup(vector, "expected_method"), method == vector["expected_method"],
              f"request {number} had the method {method}")


def check_sent(vector, number, sent):
    for member, wanted in (("expected_request_headers", True),
                           ("expected_request_headers_missing", False)):
        setup = is_setup(vector, member)
        for field in vector.get(member, []):
            name = field if isinstance(field, str) else field[0]
            have = sent.get(name.lower())
            there = have is not None if isinstance(field, str) else have == field[1]
            check(setup, there == wanted,
                  f"request {number} came with {name}: {have}, against {field}")
