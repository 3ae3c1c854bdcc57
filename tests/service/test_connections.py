"""Connections that say nothing, or too little, and too many of them."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.service.test_guards import head, said
from tests.service.waiting import PATIENCE

if TYPE_CHECKING:
    from tests.service.conftest import Begin
    from tests.service.serving import Serving


@pytest.fixture(scope="module")
def impatient(serving: Begin) -> Serving:
    """A server that waits half a second for the head of a request, and has room for four connections."""
    return serving(header_seconds=0.5, idle_seconds=1, connections=4)


def closed(impatient: Serving, why: str) -> float:
    text = impatient.client.get("/metrics").text
    line = f'pixelmend_connections_closed_total{{why="{why}"}} '
    return next((float(each.removeprefix(line)) for each in text.splitlines() if each.startswith(line)), 0.0)


def is_closed(line: socket.socket) -> bool:
    """Whether the server has closed a line, from which nothing else is to come."""
    try:
        assert line.recv(2**16) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True
    return True


@pytest.mark.parametrize("begun", [b"", b"GET /healthz HTTP/1.1\r\nHost: local"])
def test_a_head_that_never_ends(impatient: Serving, begun: bytes) -> None:
    before = closed(impatient, "slow head")
    assert said(impatient.port, begun) == b""
    assert closed(impatient, "slow head") == before + 1


def test_a_head_that_is_dripped(impatient: Serving) -> None:
    before = closed(impatient, "slow head")
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=PATIENCE) as line:
        line.sendall(head("GET", "/healthz").removesuffix(b"\r\n"))
        line.settimeout(0.1)
        while not is_closed(line):
            line.sendall(b"X: y\r\n")
    assert closed(impatient, "slow head") == before + 1


def test_the_second_head_on_a_line_is_timed_as_well(impatient: Serving) -> None:
    before = closed(impatient, "slow head")
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=PATIENCE) as line:
        line.sendall(head("GET", "/healthz"))
        answer = b""
        while not answer.endswith(b"}"):
            answer += line.recv(2**16)
        line.sendall(b"GET /he")
        while not is_closed(line):
            pass
    assert closed(impatient, "slow head") == before + 1


def test_a_line_on_which_nothing_is_asked_is_closed_in_peace(impatient: Serving) -> None:
    before = closed(impatient, "slow head")
    assert said(impatient.port, head("GET", "/healthz")).startswith(b"HTTP/1.1 200 ")
    assert closed(impatient, "slow head") == before


def test_one_line_carries_many_requests(impatient: Serving) -> None:
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=PATIENCE) as line:
        line.sendall(head("GET", "/v1/models") + head("GET", "/healthz") + head("GET", "/nothing", "Connection: close"))
        answer = b"".join(iter(lambda: line.recv(2**16), b""))
    assert [answer.count(f"HTTP/1.1 {status} ".encode()) for status in (200, 404)] == [2, 1]


def test_too_many_are_closed_and_those_before_go_on(impatient: Serving) -> None:
    with ExitStack() as stack:
        lines = [
            stack.enter_context(socket.create_connection(("127.0.0.1", impatient.port), timeout=PATIENCE))
            for _ in range(8)
        ]
        for line in lines:
            line.sendall(head("GET", "/healthz"))
        answered = 0
        for line in lines:
            try:
                answered += line.recv(2**16).startswith(b"HTTP/1.1 200 ")
            except ConnectionResetError:
                continue
    assert 3 <= answered <= 4  # the client of the tests may hold one
    assert closed(impatient, "too many") >= 4


def test_the_rest_of_a_body_that_was_refused_is_read_for_a_while(service: Serving) -> None:
    body = b"x" * 2_000_000
    answer = service.client.post("/v1/restore?sigma=300", content=body)
    assert answer.status_code == 422
    assert service.client.get("/healthz").status_code == 200
