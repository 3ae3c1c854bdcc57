"""benchmarks/service.py: what follows from measured figures, what it puts on the page, and its own client."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import pytest

from benchmarks.serving.client import Connection, LostError
from benchmarks.serving.page import BEGIN, END, put, text
from benchmarks.serving.record import Load, Mix, Moment, Overhead, Report, goals, percentile, unevenness
from pixelmend.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

T = TypeVar("T")


@pytest.fixture
def report() -> Report:
    """A run in which everything is reached; figures are made up."""
    steady = tuple(Moment(float(second), 100.0, 400.0 + second % 2) for second in range(100))
    return Report(
        machine={"processor": "made up", "cores": "2", "flags": ""},
        busy=0.5,
        seconds=300.0,
        overhead=Overhead(512, (0.21, 0.3, 0.22), (0.2, 0.295, 0.21), (0.008, 0.009, 0.01)),
        load=Load(100, 2, 300.0, 0.1, 0.1, {"200": 3000}, {}, (10.0, 11.0, 12.0, 30.0), steady),
        mix=Mix(100, 60.0, {"200": 300, "202": 200, "429": 400}, {}, 200, 5, 4, 90, True, 0.4, 0, 0.1, steady),
    )


def states(report: Report) -> dict[str, str]:
    return {goal.what: goal.state for goal in goals(report)}


def test_all_is_met_where_all_is_reached(report: Report) -> None:
    assert set(states(report).values()) == {"met"}
    found = {goal.what: goal for goal in goals(report)}
    assert found["a request of 512×512 over the plain call"].value == pytest.approx(10)
    assert found["median of all requests over as many alone"].value == pytest.approx(11 / 10)


def test_what_is_missed_is_told(report: Report) -> None:
    grown = tuple(Moment(float(second), 100.0 + second, 400.0) for second in range(100))
    worse = replace(
        report,
        overhead=replace(report.overhead, served=(0.3, 0.4, 0.3)),
        load=replace(report.load, lost={"a wrong picture": 1}, seconds=(13.0,), moments=grown),
        mix=replace(report.mix, lost={"GET of events: EOFError": 2}, replaced=False, left_bytes=9, statuses={"500": 1}),
    )
    missed = {what for what, state in states(worse).items() if state == "missed"}
    assert missed == set(states(report)) - {"memory of the workers strays by"}
    assert "lost or wrong | 1 × a wrong picture |" in text(worse)


def test_a_trial_too_short_to_say_says_nothing(report: Report) -> None:
    short = replace(report, load=replace(report.load, seconds=(), moments=report.load.moments[:2]))
    assert states(short)["median of all requests over as many alone"] == "not measured"
    assert states(short)["memory of the server strays by"] == "not measured"
    assert "p50, p95, p99, s | –, –, – |" in text(short)


def test_memory_that_only_flickers_is_flat() -> None:
    assert unevenness([1.0, 1.0, 3.0] * 100) == 0.0
    assert unevenness([*[0.5] * 60, *[1.0] * 240]) == 0.0  # it warmed up
    found = unevenness([1.0 + second / 300 for second in range(300)])
    assert found is not None
    assert found == pytest.approx(25, abs=2)
    assert percentile([5.0], 99) == 5.0


def test_what_was_measured_is_read_as_it_was_written(report: Report, tmp_path: Path) -> None:
    report.write(tmp_path / "service.json")
    assert Report.read(tmp_path / "service.json") == report


@pytest.mark.parametrize("content", ["", "[]", '{"format": 1}', '{"format": 1, "overhead": {"side": 1}}'])
def test_a_file_that_is_not_ours_is_told(content: str, tmp_path: Path) -> None:
    (tmp_path / "service.json").write_text(content)
    with pytest.raises(DataError, match=r"run benchmarks/service\.py"):
        Report.read(tmp_path / "service.json")


def test_figures_stand_between_the_marks(report: Report) -> None:
    page = f"# A\n\n{BEGIN}\nold\n{END}\n\nmore\n"
    assert put(page, report) == f"# A\n\n{BEGIN}\n{text(report)}\n{END}\n\nmore\n"
    assert put(put(page, report), report) == put(page, report)
    with pytest.raises(DataError, match="the page lacks"):
        put("# A\n", report)


# The client, against what a server may do


def answers(*sent: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """A server that answers each request of a connection with the next of these, and then closes it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for each in sent:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(each)
            await writer.drain()
        writer.close()

    return serve


def with_server(sent: tuple[bytes, ...], use: Callable[[Connection], Awaitable[T]]) -> T:
    async def main() -> T:
        server = await asyncio.start_server(answers(*sent), "127.0.0.1", 0)
        async with server, Connection(server.sockets[0].getsockname()[1], patience=30) as connection:
            return await use(connection)

    return asyncio.run(main())


def test_the_client_reads_both_kinds_of_bodies_and_comes_back() -> None:
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-A: b\r\n\r\nabc"
    chunked = b"HTTP/1.1 429 No\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunked += b"2\r\nde\r\n1;x=y\r\nf\r\n0\r\n\r\n"

    async def use(connection: Connection) -> list[tuple[int, bytes]]:
        found = [await connection.ask("GET", "/") for _ in range(3)]  # the third over a connection of its own
        assert found[0].headers["x-a"] == "b"
        return [(each.status, each.body) for each in found]

    assert with_server((whole, chunked), use) == [(200, b"abc"), (429, b"def"), (200, b"abc")]


def test_the_client_follows_events() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    pieces = (b'event: job\ndata: {"a": ', b"1}\n\n: still here\n\n", b'event: job\ndata: {"a": 2}\n\n')
    sent = head + b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in pieces) + b"0\r\n\r\n"

    async def use(connection: Connection) -> list[dict[str, int]]:
        return [each async for each in connection.events("/")]

    assert with_server((sent,), use) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na", b"?\r\n\r\n"]
)
def test_an_answer_that_is_not_whole_is_lost(sent: bytes) -> None:
    async def use(connection: Connection) -> None:
        with pytest.raises(LostError, match="GET /a"):
            await connection.ask("GET", "/a?b")

    with_server((sent,), use)
