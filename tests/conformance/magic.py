# SPDX-License-Identifier: BSD-2-Clause
"""What the vectors leave to both ends: dates as offsets from the origin's now, and locations."""

import re
from datetime import datetime, timedelta, timezone

DATES = {"date", "expires", "last-modified", "if-modified-since", "if-unmodified-since"}
LOCATIONS = {"location", "content-location"}
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Fields of the origin's own that both ends fill the vectors in by.
NOW, BASE = "server-now", "server-base-url"


def leading_int(text):
    """The number that a text begins with, or None: "3, 3" is 3."""
    found = re.match(r"\s*[+-]?[0-9]+", text or "")
    return int(found.group()) if found else None


def http_date(now_ms, offset, rfc850=False):
    if now_ms is None:
        return "no date"
    t = datetime.fromtimestamp(now_ms // 1000, timezone.utc) + timedelta(seconds=offset)
    day, month = DAYS[t.weekday()], MONTHS[t.month - 1]
    if rfc850:
        return f"{day}, {t:%d}-{month}-{t:%y} {t:%H:%M:%S} GMT"
    return f"{day[:3]}, {t:%d} {month} {t:%Y} {t:%H:%M:%S} GMT"


def fix(field, origin, request):
    """Fills in a [name, value, ...] of a vector, in place: later steps compare with what was sent.

    origin(name) is the value of a field that the origin's answer has.
    """
    name = field[0].lower()
    if name in DATES and isinstance(field[1], int):
        field[1] = http_date(leading_int(origin(NOW)), field[1],
                             name in request.get("rfc850date", []))
    if name in LOCATIONS and request.get("magic_locations"):
        base = origin(BASE)
        field[1] = f"{base}/{field[1]}" if field[1] else f"{base}"
    return field
