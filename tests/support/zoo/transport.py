"""What can happen to the bytes: pauses, resets, wrong lengths, encodings, large sizes."""

import gzip
import zlib

import orjson

from tests.support.zoo.errors import SOME, always, at_first
from tests.support.zoo.quirk import Ends, Same, quirk
from tests.support.zoo.server import Request, Response, http

HUGE = 50_000_000  # bytes


def body(request: Request) -> bytes:
    return orjson.dumps(request.body())


def chunked(request: Request) -> Response:
    data, head = (
        body(request),
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
    )
    parts = [data[at : at + 50] for at in range(0, len(data), 50)]
    return Response(head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n")


def half(request: Request, then: str) -> Response:
    whole = http(200, body(request))
    return Response(whole[: len(whole) - len(body(request)) // 2], then)


def some(response: object) -> object:
    """Return a behaviour that only some requests meet."""
    return lambda request: response(request) if request.number in SOME else None  # type: ignore[operator]


quirk("gzip", Same())(lambda r: Response(http(200, gzip.compress(body(r)), content_encoding="gzip")))
quirk("deflate", Same())(lambda r: Response(http(200, zlib.compress(body(r)), content_encoding="deflate")))
quirk("gzip that is none", Same(len(SOME)))(some(lambda r: Response(http(200, body(r), content_encoding="gzip"))))  # type: ignore[arg-type]
quirk("chunked", Same())(chunked)
quirk("HTTP/1.0 that ends by closing", Same())(
    lambda r: Response(b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n" + body(r), "close")
)
quirk("connection closed after each reply", Same())(lambda r: Response(http(200, body(r), connection="close"), "close"))
quirk("reset before anything", Same(len(SOME)))(at_first(Response(then="abort")))
quirk("reset in the middle of the body", Same(len(SOME)))(some(lambda r: half(r, "abort")))  # type: ignore[arg-type]
quirk("closed in the middle of the body", Same(len(SOME)))(some(lambda r: half(r, "close")))  # type: ignore[arg-type]
quirk("truncated JSON with the right length", Same(len(SOME)))(
    some(lambda r: Response(http(200, body(r)[: len(body(r)) // 2])))  # type: ignore[arg-type]
)
quirk("length too short", Same(2 * len(SOME)))(
    some(lambda r: Response(http(200, body(r)).replace(b"content-length: ", b"content-length: 1\r\nx-was: ")))  # type: ignore[arg-type]
)
quirk("length too long", Same(len(SOME)))(
    some(lambda r: Response(http(200, body(r)).replace(b"content-length: ", b"content-length: 9"), "close"))  # type: ignore[arg-type]
)
quirk("not HTTP at all", Same(len(SOME)))(at_first(Response(b"SSH-2.0-server\r\n", "close")))
quirk("slow headers", Same(), speed=4.0)(lambda r: Response(http(200, body(r)), delay=0.4 if r.number in SOME else 0.0))
quirk("hangs now and then", Same(len(SOME)), timeout=10.0)(at_first(Response(then="hang")))
quirk("stops in the middle of the body", Same(len(SOME)), timeout=10.0)(some(lambda r: half(r, "keep")))  # type: ignore[arg-type]
quirk("hangs for ever", Ends((1,), r"--timeout", 40), timeout=30.0, speed=200.0)(always(Response(then="hang")))
quirk("hangs for ever beside a clean server", Same(24), timeout=10.0, beside_clean=True)(always(Response(then="hang")))
quirk("resets for ever beside a clean server", Same(24), beside_clean=True)(always(Response(then="abort")))
quirk("a huge body of junk, once", Same(1), speed=5.0)(
    lambda r: Response(http(200, b"[" + b"0," * (HUGE // 2) + b"0]")) if r.number == 2 else None
)
quirk("a huge reply in one line, once", Same(1), speed=5.0)(
    lambda r: r.ok(padding="x" * HUGE) if r.number == 2 else None
)
quirk("deeply nested JSON, once", Same(1))(lambda r: Response(http(200, b"[" * 200_000)) if r.number == 2 else None)
