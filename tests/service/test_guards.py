"""What stands before the routes: sizes, times, names, origins, and headers of every answer."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from pixelmend.service.access import Access
from tests.service.waiting import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.service.conftest import Begin
    from tests.service.serving import Serving

PAGE = "https://pictures.example"


@pytest.fixture(scope="module")
def strict(serving: Begin) -> Serving:
    """A server that has little patience, and that a page elsewhere may use."""
    return serving(
        max_bytes=2**16, body_seconds=0.5, min_rate=10**6, header_seconds=0.5, idle_seconds=1, connections=4,
        access=Access(hosts=("mend.example",), origins=(PAGE,)),
    )  # fmt: skip


def said(port: int, *pieces: bytes, pause: float = 0.0) -> bytes:
    """Send raw bytes, and read until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as line:
        for piece in pieces:
            line.sendall(piece)
            time.sleep(pause)
        answer = b""
        try:
            while data := line.recv(2**16):
                answer += data
        except ConnectionResetError:
            return answer
        return answer


def head(method: str, path: str, *headers: str, host: str = "localhost") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]).encode()


def test_a_body_that_says_it_is_too_large_is_not_read(strict: Serving) -> None:
    answer = said(strict.port, head("POST", "/v1/restore", f"Content-Length: {2**16 + 1}"))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer
    assert b'"code":"body-too-large"' in answer


def test_a_body_that_turns_out_too_large(strict: Serving) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(20):
            yield b"\x89PNG\r\n\x1a\n" + bytes(2**12)

    answer = strict.client.post("/v1/restore", content=pieces())
    assert (answer.status_code, answer.json()["detail"][:27]) == (413, "the body is too large: want")
    until(lambda: strict.spooled == [])


def test_a_body_that_stands_still(strict: Serving) -> None:
    answer = said(strict.port, head("POST", "/v1/restore", "Content-Length: 100"), b"\x89PNG")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"nothing came for 0.5 s" in answer
    until(lambda: strict.spooled == [])


def test_a_body_that_comes_too_slowly(strict: Serving) -> None:
    pieces = [b"\x89PNG\r\n\x1a\n" + bytes(64)] + [b"0"] * 20
    answer = said(strict.port, head("POST", "/v1/restore", "Content-Length: 5000"), *pieces, pause=0.1)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"bytes a second" in answer


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("LOCALHOST:8400", 200), ("127.0.0.1:1", 200), ("[::1]:80", 200), ("mend.example", 200),
        ("mend.example:443", 200), ("evil.example", 421), ("localhost.evil.example", 421), ("10.0.0.1", 421),
        ("127.0.0.1.nip.io", 421),
    ],
)  # fmt: skip
def test_names_that_are_ours(strict: Serving, host: str, status: int) -> None:
    answer = strict.client.get("/healthz", headers={"host": host})
    assert answer.status_code == status
    if status == 421:
        assert answer.json()["code"] == "unknown-host"
        assert "--allow-host" in answer.json()["detail"]


def test_a_request_without_a_name(strict: Serving) -> None:
    answer = said(strict.port, b"GET /healthz HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"no-host"' in answer


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": PAGE}, 422),
        ({"sec-fetch-site": "same-origin"}, 422),
        ({}, 422),
    ],
)
def test_pages_elsewhere(strict: Serving, headers: dict[str, str], status: int) -> None:
    answer = strict.client.post("/v1/restore", headers=headers)
    assert answer.status_code == status
    assert (answer.json()["code"] == "foreign-origin") == (status == 403)
    assert strict.client.get("/healthz", headers=headers).status_code == 200


def test_our_own_page(strict: Serving) -> None:
    assert strict.client.post("/v1/restore", headers={"origin": strict.url}).status_code == 422


def test_an_origin_that_is_allowed_may_read(strict: Serving) -> None:
    answer = strict.client.post("/v1/restore", headers={"origin": PAGE})
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "Origin" in answer.headers["vary"]
    assert "Pixelmend-Report" in answer.headers["access-control-expose-headers"]
    asked = {"origin": PAGE, "access-control-request-method": "POST"}
    before = strict.client.options("/v1/restore", headers=asked)
    assert (before.status_code, before.headers["access-control-allow-methods"]) == (204, "GET, POST, DELETE")
    assert "Authorization" in before.headers["access-control-allow-headers"]


def test_other_origins_may_not(strict: Serving) -> None:
    for method in ("GET", "OPTIONS"):
        asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
        answer = strict.client.request(method, "/v1/models", headers=asked)
        assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize("path", ["/", "/healthz", "/nothing", "/v1/models", "/v1/jobs/x", "/docs"])
def test_headers_of_every_answer(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    wanted = {
        "x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "x-frame-options": "DENY",
        "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin",
    }  # fmt: skip
    assert wanted.items() <= dict(headers).items()
    assert headers["cache-control"] == ("no-store" if path.startswith(("/v1", "/healthz")) else "no-cache")
    assert "server" not in headers
    assert "strict-transport-security" not in headers


def test_a_picture_is_sealed(client: httpx.Client, picture: bytes) -> None:
    headers = client.post("/v1/restore?task=denoise", content=picture).headers
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
    assert headers["cache-control"] == "no-store"


def test_what_is_no_http_is_answered_as_all_else(service: Serving) -> None:
    answer = said(service.port, b"hello\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer
    assert b"x-content-type-options: nosniff" in answer


def test_a_head_that_is_too_long(service: Serving) -> None:
    answer = said(service.port, head("GET", "/healthz", "X-Long: " + "x" * 40_000))
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b'"code":"head-too-long"' in answer
