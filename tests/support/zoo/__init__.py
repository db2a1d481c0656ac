"""A zoo of servers: one small server that answers well, with one quirk of a real server or gateway switched on at a time.

`server` runs it in a thread of the test, `quirk` says what a quirk declares, and the other modules hold the quirks by
subject. `QUIRKS` is all of them by name.
"""

from tests.support.zoo import bodies_of_200, errors, fields, gateways, thinking, transport
from tests.support.zoo.quirk import QUIRKS, Ends, Quirk, Same

__all__ = ["QUIRKS", "Ends", "Quirk", "Same", "bodies_of_200", "errors", "fields", "gateways", "thinking", "transport"]
