"""HTTP that nobody should send, names and origins that are not ours, and keys that are none."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

from pixelmend.service.access import Access, Keys
from tests.service.raw import ask, head, is_well, opened, post, refused, replies, send, told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service.conftest import Begin

RESTORE, DIAGNOSE = "/v1/restore?task=denoise", "/v1/diagnose"


@pytest.fixture(scope="module")
def keyed(serving: Begin) -> tuple[int, str]:
    """The port of a server that wants a key, and the key."""
    key = "a-key-that-nobody-guesses"
    return serving(access=Access(Keys([key]))).port, key


@pytest.fixture(autouse=True)
def _goes_on(port: int) -> Iterator[None]:
    """After every abuse, the server says that it is well."""
    yield
    assert is_well(port)


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
