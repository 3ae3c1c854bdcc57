"""Bodies, forms, names and paths that nobody should send: each is refused in words, and others go on."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from benchmarks.serving.server import Server
from benchmarks.serving.server import serving as started
from tests.service.raw import ask, closed_after, form, head, is_well, opened, part, post, refused, replies, send, told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service.conftest import Begin

RESTORE, DIAGNOSE = "/v1/restore?task=denoise", "/v1/diagnose"
GIGABYTE = 10**9


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server in a process of its own, whose memory can be looked at."""
    with started(tmp_path_factory.mktemp("watched"), "--workers", "1", "--max-mb", "4", "--log", "off") as server:
        yield server


@pytest.fixture(autouse=True)
def _goes_on(port: int) -> Iterator[None]:
    """After every abuse, the server says that it is well."""
    yield
    assert is_well(port)


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
