"""What nobody should send: each is refused in words, or the connection is closed; nothing breaks, and others go on."""

from __future__ import annotations

import json
import pickle
import socket
import struct
import zipfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
import pytest

from benchmarks.serving.server import Server
from benchmarks.serving.server import serving as started
from pixelmend.images import encode
from pixelmend.service.access import Access, Keys
from tests.images import bombs
from tests.service.raw import Reply, ask, closed_after, form, head, opened, part, post, replies, send, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.service.conftest import Begin
    from tests.service.serving import Serving

RESTORE, DIAGNOSE = "/v1/restore?task=denoise", "/v1/diagnose"
GIGABYTE = 10**9


@pytest.fixture(scope="module")
def port(service: Serving) -> int:
    """Of a server with the usual limits."""
    return service.port


@pytest.fixture(scope="module")
def strict(serving: Begin) -> int:
    """The port of a server with no patience."""
    return serving(
        max_bytes=2**20, header_seconds=1.0, body_seconds=1.0, idle_seconds=1.0, min_rate=1000.0, connections=16
    ).port


@pytest.fixture(scope="module")
def keyed(serving: Begin) -> tuple[int, str]:
    """The port of a server that wants a key, and the key."""
    key = "a-key-that-nobody-guesses"
    return serving(access=Access(Keys([key]))).port, key


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server in a process of its own, whose memory can be looked at."""
    with started(tmp_path_factory.mktemp("watched"), "--workers", "1", "--max-mb", "4", "--log", "off") as server:
        yield server


@pytest.fixture(autouse=True)
def _goes_on(port: int) -> Iterator[None]:
    """After every abuse, the server says that it is well."""
    yield
    reply = told(port, head("GET", "/healthz"))
    assert (reply.status, json.loads(reply.body)["status"]) == (200, "ok")


def refused(reply: Reply | None) -> bool:
    """Whether a request was turned away: in words, by the server or by its parser, or by closing."""
    return reply is None or 400 <= reply.status < 500


# Bodies


@pytest.mark.parametrize("more", [(), ("Expect: 100-continue",)])
def test_a_body_that_says_it_is_too_large_is_not_waited_for(port: int, more: tuple[str, ...]) -> None:
    reply = told(port, head("POST", RESTORE, f"Content-Length: {10 * GIGABYTE}", *more))
    assert (reply.status, reply.code) == (413, "body-too-large")
    assert reply.header("connection") == "close"


def test_a_full_queue_waits_for_no_body(serving: Begin, large: bytes) -> None:
    server = serving(queue=0)
    job = server.client.post("/v1/restore", params={"task": "denoise", "wait": 0}, content=large)
    assert job.status_code == 202
    reply = told(server.port, head("POST", RESTORE, "Content-Length: 1000000"))
    assert (reply.status, reply.code) == (429, "queue-full")
    assert int(reply.header("retry-after")) >= 1
    assert server.client.delete(job.headers["location"]).status_code == 204


def test_a_length_that_no_number_holds_is_refused(port: int) -> None:
    reply = ask(port, head("POST", RESTORE, f"Content-Length: {'9' * 5000}"))
    assert reply is None or reply.status in {400, 413}


def test_a_body_in_chunks_is_counted(strict: int) -> None:
    chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
    with opened(strict) as connection:
        start = b"\x89PNG\r\n\x1a\n"
        first = b"8\r\n" + start + b"\r\n"
        # A little more than the limit of 1 MiB, so that the answer is not lost among what is unread.
        send(connection, [head("POST", RESTORE, "Transfer-Encoding: chunked"), first, *[chunk] * 16])
        found = replies(connection, most=1)
    assert [(reply.status, reply.code) for reply in found] == [(413, "body-too-large")]


def test_a_head_that_drips_is_cut_off(strict: int) -> None:
    with opened(strict) as connection:
        reply = closed_after(connection, [b"POST / HTTP/1.1\r\nHost: a\r\n", *[b"x"] * 1200])
    assert reply is None or reply.status == 408


def test_a_connection_that_says_nothing_is_closed(strict: int) -> None:
    with opened(strict) as connection:
        assert replies(connection) == []
        assert connection.recv(1) == b""


def test_a_body_that_drips_is_cut_off(strict: int) -> None:
    with opened(strict) as connection:
        start = head("POST", RESTORE, "Content-Length: 500000") + b"\x89PNG\r\n\x1a\n"
        reply = closed_after(connection, [start, *[b"x"] * 1200])
    assert reply is not None
    assert (reply.status, reply.code) == (408, "too-slow")


def test_a_body_that_stands_still_is_cut_off(strict: int) -> None:
    reply = told(strict, head("POST", RESTORE, "Content-Length: 500000") + b"\x89PNG\r\n\x1a\n")
    assert (reply.status, reply.code) == (408, "too-slow")


@pytest.mark.parametrize("cut", [0, 1, 8, 100, -1])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_cut_short_is_no_picture(port: int, picture: bytes, cut: int, *, chunked: bool) -> None:
    kept = picture[:cut]
    with opened(port) as connection:
        if chunked:
            sent = b"%x\r\n%s" % (len(picture), kept)
            send(connection, [head("POST", RESTORE, "Transfer-Encoding: chunked"), sent])
        else:
            send(connection, [head("POST", RESTORE, f"Content-Length: {len(picture)}"), kept])
        connection.shutdown(socket.SHUT_WR)
        assert all(map(refused, replies(connection)))


def test_an_empty_body_is_told(port: int) -> None:
    reply = told(port, post(RESTORE, b""))
    assert (reply.status, reply.code) == (422, "no-picture")


def test_memory_stays_where_it_is_when_bodies_are_refused(watched: Server) -> None:
    def peak() -> int:
        """The most that the server ever held, kilobytes."""
        lines = Path(f"/proc/{watched.process.pid}/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

    def abuse() -> None:
        """Send 400 MB in two requests."""
        with opened(watched.port) as connection:
            send(connection, [head("POST", RESTORE, f"Content-Length: {GIGABYTE}"), *[bytes(2**20)] * 200])
        with opened(watched.port) as connection:
            start = b"8\r\n\x89PNG\r\n\x1a\n\r\n"
            chunk = b"100000\r\n" + bytes(2**20) + b"\r\n"
            send(connection, [head("POST", RESTORE, "Transfer-Encoding: chunked"), start, *[chunk] * 200])

    abuse()
    before = peak()
    for _ in range(5):
        abuse()
    assert peak() - before < 20_000
    assert watched.files() == 0


# Forms


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=other",
        f"multipart/form-data; boundary={'b' * 5000}", 'multipart/form-data; boundary="a\\"b',
        "multipart/form-data;;;=;",
    ],
)  # fmt: skip
def test_a_form_with_a_wrong_boundary_is_refused(port: int, picture: bytes, kind: str) -> None:
    body, _ = form(part("picture", picture, "a.png"))
    assert refused(ask(port, post(RESTORE, body, f"Content-Type: {kind}")))


BAD_PARTS = {
    "thousands of fields": [part(f"f{n}", b"1") for n in range(3000)],
    "thousands of files": [part("picture", b"\x89PNG\r\n\x1a\n", "a.png")] * 3000,
    "the same option thousands of times": [part("sigma", b"1")] * 3000,
    "a long field": [part("task", b"d" * 2**20)],
    "a long name": [part("n" * 2**20, b"1")],
    "a long head": [b"X-A: " + b"a" * 2**20 + b"\r\n" + part("picture", b"1")],
    "thousands of heads": [b"X-A: a\r\n" * 20000 + part("picture", b"1")],
    "no name": [b"Content-Disposition: form-data\r\n\r\n1"],
    "no head": [b"\r\n1"],
    "a head without a colon": [b"Content-Disposition form-data\r\n\r\n1"],
    "bytes that are no text": [b'Content-Disposition: form-data; name="\xff\xfe\x00"\r\n\r\n\xff'],
    "a value that is no text": [part("task", b"\xff\xfe\x00\x80")],
    "an encoding": [b"Content-Transfer-Encoding: base64\r\n" + part("picture", b"iVBORw0KGgo=", "a.png")],
    "forms in a form": [b"Content-Type: multipart/mixed; boundary=q\r\n" + part("picture", b"--q\r\n\r\nx\r\n--q--")],
    "a picture that is a field": [part("picture", b"http://127.0.0.1/a.png")],
    "an empty picture": [part("picture", b"", "a.png")],
    "only a mask": [part("mask", b"\x89PNG\r\n\x1a\n", "a.png")],
    "nothing": [],
}


@pytest.mark.parametrize("name", BAD_PARTS)
def test_a_form_that_is_none_of_ours_is_refused(port: int, name: str) -> None:
    body, kind = form(*BAD_PARTS[name])
    assert refused(ask(port, post(RESTORE, body, kind)))


def test_a_broken_form_leaves_no_word_in_the_log(watched: Server) -> None:
    for parts in BAD_PARTS.values():
        body, kind = form(*parts)
        assert refused(ask(watched.port, post(RESTORE, body, kind)))
    assert watched.log.read_text(encoding="utf-8") == f"open http://127.0.0.1:{watched.port}/\n"


def test_a_form_that_never_ends_is_refused(port: int, picture: bytes) -> None:
    body, kind = form(part("picture", picture, "a.png"))
    reply = told(port, post(RESTORE, body.removesuffix(b"--x1y2--\r\n"), kind))
    assert (reply.status, reply.code) == (400, "bad-form")


@pytest.mark.parametrize("filename", ["../../../../tmp/pwned.png", "/etc/passwd", "..\\..\\a.png", "a\x00.png", "con"])
def test_a_file_name_says_nothing(port: int, picture: bytes, filename: str, tmp_path: Path) -> None:
    body, kind = form(part("picture", picture, filename), part("task", b"denoise"))
    reply = told(port, post("/v1/restore", body, kind))
    assert reply.status == 200
    assert reply.header("content-disposition") == 'attachment; filename="restored.png"'


# Paths, names and what comes back of them


@pytest.mark.parametrize("base", ["/", "/assets/", "/examples/", "/v1/jobs/", "/docs/"])
@pytest.mark.parametrize(
    "path",
    [
        "../../../../../../etc/passwd", "..%2f..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "/etc/passwd",
        "%2fetc%2fpasswd", "..\\..\\etc\\passwd", "..%5c..%5cetc%5cpasswd", "....//....//etc/passwd", "%00", "a%00.css",
        "%ff%fe", "..", ".", "../__init__.py", "%2e%2e%2fapp.py", "a" * 4000, "x/events/../../..",
    ],
)  # fmt: skip
def test_no_path_leads_out(port: int, base: str, path: str) -> None:
    reply = told(port, head("GET", base + path))
    assert reply.status in {400, 404, 405, 414} or (base + path in {"/.", "/.."} and reply.status == 200)
    assert b"root:" not in reply.body
    assert b"import" not in reply.body


NASTY = [
    "<script>alert(1)</script>",
    "a\r\nX-Evil: 1",
    '"><img src=x onerror=alert(1)>',
    "a\nSet-Cookie: b=c",
    "\x00\x1b[31m",
]


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("option", ["task", "format", "size", "region", "wait", "<b>"])
def test_what_was_sent_comes_back_as_data(port: int, picture: bytes, text: str, option: str) -> None:
    body, kind = form(part("picture", picture, "a.png"), b'Content-Disposition: form-data; name="%s"\r\n\r\n%s' % (
        option.encode(), text.encode()))  # fmt: skip
    for request in (post(f"/v1/restore?{quote(option)}={quote(text)}", picture), post("/v1/restore", body, kind)):
        reply = told(port, request)
        assert reply.status in {400, 422}
        assert not {"x-evil", "set-cookie"} & {name for name, _ in reply.headers}
        assert not any("<" in value or "\n" in value for _, value in reply.headers)
        assert reply.header("content-type") == "application/problem+json"
        assert reply.header("x-content-type-options") == "nosniff"
        json.loads(reply.body)  # no bare newlines, no control characters


@pytest.mark.parametrize("text", NASTY)
def test_a_path_comes_back_as_data(port: int, text: str) -> None:
    for base in ("/", "/assets/", "/v1/jobs/", "/examples/"):
        reply = told(port, head("GET", base + quote(text, safe="")))
        assert reply.status in {400, 404}
        assert reply.header("content-type") == "application/problem+json"
        assert "x-evil" not in {name for name, _ in reply.headers}


# Pictures


def _avif() -> bytes:
    return bombs.resized_avif(encode(np.zeros((16, 16, 3), np.uint8), "avif"), 60000, 60000)


BOMBS: dict[str, Callable[[], bytes]] = {
    "png": lambda: bombs.png(60000, 60000),
    "interlaced png": lambda: bombs.png(60000, 60000, interlaced=True),
    "jpeg": lambda: bombs.jpeg(65000, 65000),
    "progressive jpeg": lambda: bombs.jpeg(65000, 65000, progressive=True),
    "webp": lambda: bombs.webp(16383, 16383),
    "tiff": lambda: bombs.tiff([bombs.page(100000, 100000)]),
    "tiff in tiles": lambda: bombs.tiff([bombs.page(100000, 100000, tile=(256, 256))]),
    "bigtiff": lambda: bombs.tiff([bombs.page(100000, 100000)], big=True),
    "gif": lambda: bombs.gif(65000),
    "avif": _avif,
    "larger than is taken": lambda: bombs.png(8000, 8000),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_by_its_head(port: int, name: str) -> None:
    data = BOMBS[name]()
    for path in (RESTORE, DIAGNOSE):
        reply = told(port, post(path, data))
        # A file that is broken beyond its head may also be told to be that.
        assert (reply.status, reply.code) in {(413, "too-large"), (422, "unreadable")}
    if name in {"png", "jpeg", "webp", "tiff", "gif", "larger than is taken"}:
        assert (reply.status, reply.code) == (413, "too-large")


def test_a_mask_may_be_a_bomb_as_well(port: int, picture: bytes) -> None:
    body, kind = form(
        part("picture", picture, "a"), part("mask", bombs.png(60000, 60000), "b"), part("task", b"inpaint")
    )
    reply = told(port, post("/v1/restore", body, kind))
    assert (reply.status, reply.code) == (413, "too-large")


def test_a_result_may_be_too_large(port: int) -> None:
    flat = encode(np.full((4000, 4000, 1), 128, np.uint8), "png")
    reply = told(port, post("/v1/restore?task=super-resolve&scale=4", flat))
    assert (reply.status, reply.code) == (413, "too-large")


def test_a_loop_of_pages_ends(port: int) -> None:
    reply = told(port, post(RESTORE, bombs.tiff([bombs.page(8, 8)] * 3, loop=True)))
    assert reply.status == 422


def _zip() -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.png", b"\x89PNG\r\n\x1a\n")
    return file.getvalue()


class _Evil:
    """What runs a command where it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return exec, ("raise SystemExit",)


OTHERS = {
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><image href='file:///etc/passwd'/></svg>",
    "xml": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
    "pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "mp4": struct.pack(">I", 32) + b"ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(64),
    "pickle": pickle.dumps(_Evil()),
    "zip": _zip(),
    "gzip": b"\x1f\x8b\x08" + bytes(32),
    "html": b"<!doctype html><script>alert(1)</script>",
    "program": b"\x7fELF\x02\x01\x01" + bytes(64),
    "numpy": b"\x93NUMPY\x01\x00" + bytes(64),
    "exr": b"\x76\x2f\x31\x01" + bytes(64),
    "csv": b"1,2,3\n4,5,6\n",
    "address": b"http://127.0.0.1/a.png",
    "imagemagick": b"push graphic-context\nfill 'url(https://127.0.0.1/a.png)'\npop graphic-context\n",
    "one byte": b"\x89",
    "zeros": bytes(100_000),
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("path", [RESTORE, DIAGNOSE])
def test_what_is_no_picture_is_not_taken(port: int, name: str, path: str) -> None:
    body, kind = form(part("picture", OTHERS[name], "picture.png"))
    for request in (post(path, OTHERS[name], "Content-Type: image/png"), post(path, body, kind)):
        reply = told(port, request)
        assert (reply.status, reply.code) == (415, "unsupported-format")


def test_a_picture_that_is_something_else_behind_its_head_is_unreadable(port: int, picture: bytes) -> None:
    for data in (picture[:8] + OTHERS["zip"], picture[:60], b"\xff\xd8\xff\xe0" + OTHERS["svg"], b"P6\n9 9\n255\nx"):
        reply = told(port, post(RESTORE, data))
        assert (reply.status, reply.code) == (422, "unreadable")


def test_no_address_is_fetched_and_no_file_is_opened(port: int, picture: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/a.png"
        for text in (address, "/etc/passwd", "file:///etc/passwd", "../../etc/passwd", "/dev/zero", "|id"):
            for option in ("task", "mask", "picture", "format", "region", "size"):
                body, kind = form(part("picture", picture, "a.png"), part(option, text.encode()))
                for request in (post(f"/v1/restore?{option}={quote(text, safe='')}", picture),
                                post("/v1/restore", body, kind)):  # fmt: skip
                    reply = told(port, request)
                    assert reply.status in {400, 415, 422}
                    assert b"root:" not in reply.body
        with pytest.raises(BlockingIOError):
            listening.accept()


# The protocol


SMUGGLED = b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
SMUGGLING = {
    "both lengths": (("Content-Length: 6", "Transfer-Encoding: chunked"), b"0\r\n\r\n" + SMUGGLED),
    "both, the other way": (("Transfer-Encoding: chunked", "Content-Length: 4"), b"1\r\nZ\r\n0\r\n\r\n" + SMUGGLED),
    "two lengths": (("Content-Length: 0", f"Content-Length: {len(SMUGGLED)}"), SMUGGLED),
    "a list of lengths": ((f"Content-Length: 0, {len(SMUGGLED)}",), SMUGGLED),
    "a length with a sign": (("Content-Length: +0",), SMUGGLED),
    "a negative length": (("Content-Length: -1",), SMUGGLED),
    "a length in hexadecimal": (("Content-Length: 0x0",), SMUGGLED),
    "a space before the colon": (("Content-Length : 0",), SMUGGLED),
    "a coding that is none": (("Transfer-Encoding: xchunked",), b"0\r\n\r\n" + SMUGGLED),
    "two codings": (("Transfer-Encoding: chunked, identity",), b"0\r\n\r\n" + SMUGGLED),
    "a coding twice": (("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), b"0\r\n\r\n" + SMUGGLED),
    "a tab in the name": (("Transfer-Encoding\t: chunked",), b"0\r\n\r\n" + SMUGGLED),
    "a chunk that is no number": (("Transfer-Encoding: chunked",), b"zz\r\n" + SMUGGLED),
    "a negative chunk": (("Transfer-Encoding: chunked",), b"-1\r\n" + SMUGGLED),
    "a chunk of all bytes": (("Transfer-Encoding: chunked",), b"fffffffffffffffff\r\n" + SMUGGLED),
    "a chunk with a long word": (("Transfer-Encoding: chunked",), b"1;" + b"a" * 2**20),
}  # fmt: skip


@pytest.mark.parametrize("name", SMUGGLING)
def test_no_request_is_smuggled(strict: int, name: str) -> None:
    lines, body = SMUGGLING[name]
    with opened(strict) as connection:
        send(connection, [head("POST", RESTORE, *lines) + body])
        found = replies(connection)
    assert len(found) <= 1
    assert all(map(refused, found))


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00" * 100, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nA: \x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n: b\r\n\r\n", b"G\xc3\x89T / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused(port: int, sent: bytes) -> None:
    with opened(port) as connection:
        send(connection, [sent])
        connection.shutdown(socket.SHUT_WR)
        assert all(map(refused, replies(connection)))


@pytest.mark.parametrize("lines", [("X-A: " + "a" * 2**20,), tuple(f"X-{n}: {'a' * 50}" for n in range(20000))])
def test_a_huge_head_is_refused(port: int, lines: tuple[str, ...]) -> None:
    reply = ask(port, head("GET", "/healthz", *lines))
    assert reply is None or reply.status in {400, 431}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE", "OPTIONS", "DELETE", "BREW"])
def test_other_methods_do_nothing(port: int, picture: bytes, method: str) -> None:
    reply = told(port, head(method, "/v1/restore", f"Content-Length: {len(picture)}") + picture)
    assert reply.status in {400, 404, 405}


def test_a_name_that_is_not_ours_is_refused(port: int) -> None:
    for host in (
        "evil.example",
        f"evil.example:{port}",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "192.0.2.1",
        "",
    ):
        reply = told(port, head("GET", "/v1/models", host=host))
        assert reply.status in {400, 421}
    for host in ("127.0.0.1", f"localhost:{port}", f"127.0.0.1:{port}"):
        reply = told(port, head("GET", "/v1/models", host=host))
        assert reply.status == 200


@pytest.mark.parametrize(
    "lines",
    [
        ("Origin: https://evil.example",), ("Origin: null",), ("Origin: http://127.0.0.1:1",),
        ("Sec-Fetch-Site: cross-site",),
        ("Sec-Fetch-Site: same-site",), ("Origin: ",), ("Origin: http://127.0.0.1@evil.example",),
    ],
)  # fmt: skip
def test_a_page_elsewhere_is_refused(port: int, picture: bytes, lines: tuple[str, ...]) -> None:
    for request in (
        post(RESTORE, picture, "Content-Type: text/plain", *lines, host=f"127.0.0.1:{port}"),
        head("DELETE", "/v1/jobs/a", *lines, host=f"127.0.0.1:{port}"),
    ):
        reply = told(port, request)
        assert (reply.status, reply.code) == (403, "foreign-origin")
        assert reply.header("access-control-allow-origin") == ""


def test_more_connections_than_are_allowed_are_closed(strict: int) -> None:
    held = [socket.create_connection(("127.0.0.1", strict), 60) for _ in range(40)]  # the limit is 16
    try:
        start = head("GET", "/healthz")
        answered = []
        for connection in held:
            send(connection, [start])
            answered.append(bool(replies(connection, most=1)))
        assert sum(answered) <= 16
        assert sum(answered) > 0
    finally:
        for connection in held:
            connection.close()
    reply = None
    while reply is None:  # until the server has noticed that they are gone
        reply = ask(strict, start)
    assert reply.status == 200


# Keys


@pytest.mark.parametrize(
    "value",
    ["", "Bearer", "Bearer ", "Bearer wrong-key-wrong-key-wrong", "Basic dXNlcjpwYXNz", "Bearer \xff\xfe\xfd",
     "bearer {key} x", "Bearer {key}x", "Bearer " + "k" * 8000, "{key}", "Bearer ' OR 1=1 --"],
)  # fmt: skip
def test_without_its_key_nothing_is_done(keyed: tuple[int, str], picture: bytes, value: str) -> None:
    port, key = keyed
    line = f"Authorization: {value.replace('{key}', key)}"
    for request in (
        post(RESTORE, picture, line), post(DIAGNOSE, picture, line), head("GET", "/v1/models", line),
        head("GET", "/metrics", line), head("GET", "/v1/jobs/abc", line), head("DELETE", "/v1/jobs/abc", line),
        head("GET", "/v1/jobs/abc/result", line), head("GET", "/v1/jobs/abc/events", line),
    ):  # fmt: skip
        reply = told(port, request)
        assert (reply.status, reply.code) == (401, "no-key")
        assert reply.header("www-authenticate").startswith("Bearer")


def test_with_its_key_it_is(keyed: tuple[int, str], picture: bytes) -> None:
    port, key = keyed
    line = f"Authorization: Bearer {key}"
    found = [ask(port, post(RESTORE, picture, line)), ask(port, head("GET", "/metrics", line))]
    assert [reply.status for reply in found if reply] == [200, 200]
    assert [reply.status for path in ("/healthz", "/") if (reply := ask(port, head("GET", path)))] == [200, 200]


# Nobody else's


def test_names_of_jobs_are_not_guessed_from_others(port: int, picture: bytes) -> None:
    found = []
    for _ in range(2):
        reply = told(port, post(f"{RESTORE}&wait=0", picture))
        assert reply.status == 202
        found.append(json.loads(reply.body)["id"])
    assert len(set(found)) == 2
    assert all(len(each) >= 20 for each in found)
    for name in found:
        assert told(port, head("DELETE", f"/v1/jobs/{name}")).status == 204
        reply = told(port, head("GET", f"/v1/jobs/{name}/result"))
        assert reply.status in {404, 410}  # it was forgotten; or taken back before it was done


def test_after_all_of_it_a_picture_is_restored(port: int, strict: int, picture: bytes) -> None:
    for each in (port, strict):
        reply = told(each, post(RESTORE, picture, "Content-Type: image/png"))
        assert (reply.status, reply.header("content-type")) == (200, "image/png")
