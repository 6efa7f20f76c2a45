# SPDX-License-Identifier: BSD-2-Clause
"""HTTP/1.1 as the origin and the client of the conformance run need it: heads and bodies, strictly.

Field names are kept as they came, values are decoded as ISO 8859-1, so every byte survives.
"""

import asyncio
import re

HEAD_LIMIT = 1 << 16
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")


class Malformed(Exception):
    """The peer's bytes are not HTTP/1.1, or end too early."""


class Message:
    """A start line, its fields in their order, and the reader at the first byte of the body."""

    def __init__(self, start, fields, reader):
        self.start = start
        self.fields = fields
        self.reader = reader

    def values(self, name):
        return [v for n, v in self.fields if n.lower() == name]

    def get(self, name):
        """All lines of a field as one value, or None."""
        lines = self.values(name.lower())
        return ", ".join(lines) if lines else None

    def lists(self, name, member):
        """Whether a comma separated field has this member."""
        members = (self.get(name) or "").lower().split(",")
        return member in (m.strip() for m in members)


async def read_message(reader):
    """The next head, or None where the connection ends in front of it."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as e:
        if e.partial:
            raise Malformed(f"the connection ended within a head: {e.partial[:80]!r}") from None
        return None
    except asyncio.LimitOverrunError:
        raise Malformed("an endless head") from None
    start, *lines = raw[:-4].decode("latin-1").split("\r\n")
    fields = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not TOKEN.match(name) or "\n" in value or "\r" in value:
            raise Malformed(f"not a field line: {line!r}")
        fields.append((name, value.strip(" \t")))
    return Message(start, fields, reader)


async def read_chunked(reader):
    body = bytearray()
    while True:
        line = await reader.readuntil(b"\r\n")
        size = line.split(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", size):
            raise Malformed(f"not a chunk size: {line[:80]!r}")
        if int(size, 16) == 0:
            break
        body += await reader.readexactly(int(size, 16))
        if await reader.readexactly(2) != b"\r\n":
            raise Malformed("no line end after a chunk")
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass  # a trailer line
    return bytes(body)


async def read_body(message, until_close):
    """The body by RFC 9112, 6.3; without framing it is empty, or all up to the connection's end."""
    coding, lengths = message.get("transfer-encoding"), message.values("content-length")
    try:
        if coding is not None:
            if coding.lower() != "chunked" or lengths:
                raise Malformed(f"Transfer-Encoding {coding!r}, Content-Length {lengths}")
            return await read_chunked(message.reader)
        if lengths:
            if len(lengths) != 1 or not re.fullmatch("[0-9]+", lengths[0]):
                raise Malformed(f"Content-Length {lengths}")
            return await message.reader.readexactly(int(lengths[0]))
        return await message.reader.read() if until_close else b""
    except asyncio.IncompleteReadError as e:
        raise Malformed(f"the body ended early: {e}") from None
    except asyncio.LimitOverrunError:
        raise Malformed("an endless chunk line") from None


def head(start, fields, charset="latin-1"):
    """The bytes of a head; a field whose value is a list has a line for each member."""
    lines = [start]
    for name, value in fields:
        for one in value if isinstance(value, list) else [value]:
            lines.append(f"{name}: {one}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode(charset)
