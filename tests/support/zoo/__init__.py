"""A zoo of servers: one small server that answers well, with one quirk of a real server or gateway switched on at a time.

`server` runs it in a thread of the test, `quirk` describes what a quirk declares, and the other modules hold the quirks by
subject. `QUIRKS` contains all of them by name.
"""

from tests.support.zoo import bodies_of_200, errors, fields, gateways, thinking, transport
from tests.support.zoo.quirk import QUIRKS, Ends, Quirk, Same

__all__ = [
    "QUIRKS",
    "WAITING",
    "Ends",
    "Quirk",
    "Same",
    "bodies_of_200",
    "errors",
    "fields",
    "gateways",
    "thinking",
    "transport",
]

WAITING = (  # each of these waits for more than a second
    "hangs for ever", "hangs now and then", "hangs for ever beside a clean server", "503 for ever",
    "200, error is a text for ever", "stops in the middle of the body",
)  # fmt: skip
