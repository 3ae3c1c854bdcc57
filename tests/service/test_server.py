"""The command and its server: how it begins, what it refuses, how it stops, and what a client that goes away leaves."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pixelmend.errors import UsageError
from pixelmend.service.limits import Limits
from pixelmend.service.server import Place
from tests.service.conftest import noisy
from tests.service.serving import Serving
from tests.service.waiting import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.running import Run

_SERVE = (sys.executable, "-m", "pixelmend", "serve", "--log", "json")


class Command:
    """The command in a process of its own, from the line that says where it is."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._said = (folder / "log").open("w+")
        aside = folder / "put-aside"
        aside.mkdir()
        self.process = subprocess.Popen(
            [*_SERVE, "--port", "0", "--workers", "1", *options],
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            env={**os.environ, "TMPDIR": str(aside)},
        )
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        self.url = self.line.removeprefix("open ").rstrip("/\n")
        self.client = httpx.Client(base_url=self.url, timeout=PATIENCE)

    def health(self) -> dict[str, Any]:
        """What it says of itself."""
        told: dict[str, Any] = self.client.get("/healthz").json()
        return told

    def ended(self) -> int:
        """Its exit code, once it has ended."""
        return self.process.wait(PATIENCE)

    def close(self) -> str:
        """End it; what it logged."""
        self.client.close()
        self.process.kill()
        self.process.communicate()
        self._said.seek(0)
        with self._said:
            return self._said.read()


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    found = Command(tmp_path)
    yield found
    found.close()


def test_a_stop_brings_what_was_begun_to_its_end(tmp_path: Path) -> None:
    command = Command(tmp_path)
    assert re.fullmatch(r"open http://127\.0\.0\.1:\d+/\n", command.line)
    answers: list[httpx.Response] = []

    def ask() -> None:
        url = f"{command.url}/v1/restore?task=denoise&size=base"
        answers.append(httpx.post(url, content=noisy(400, 600, form="jpeg"), timeout=PATIENCE))

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: command.health()["running"] == 1)
    promised = command.client.post("/v1/restore?wait=0&task=denoise", content=noisy(48, 64)).json()
    command.process.send_signal(signal.SIGTERM)
    until(lambda: command.health()["status"] == "stopping")
    assert command.client.get("/healthz").status_code == 503
    refused = command.client.post("/v1/restore", content=noisy(48, 64))
    assert (refused.status_code, refused.json()["code"]) == (503, "stopping")
    assert int(refused.headers["retry-after"]) >= 1
    asking.join(PATIENCE)
    assert answers[0].status_code == 200
    until(lambda: command.client.get(promised["links"]["self"]).json()["state"] == "done")
    assert command.client.get(promised["links"]["result"]).status_code == 200
    assert command.ended() == 0
    log = command.close()
    assert '"event": "stopped"' in log
    assert '"event": "fault"' not in log
    assert list((tmp_path / "put-aside").glob("pixelmend-*")) == []


def test_told_twice_it_stops_at_once(command: Command) -> None:
    asking = threading.Thread(target=lambda: _lost(command), daemon=True)
    asking.start()
    until(lambda: command.health()["running"] == 1)
    command.process.send_signal(signal.SIGINT)
    until(lambda: command.health()["status"] == "stopping")
    command.process.send_signal(signal.SIGINT)
    assert command.ended() == 0
    asking.join(PATIENCE)


def _lost(command: Command) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.post(f"{command.url}/v1/restore?task=denoise&size=base", content=noisy(1500, 2000), timeout=PATIENCE)


def test_a_client_that_goes_away_cancels_its_job(service: Serving, large: bytes) -> None:
    cancelled = _outcomes(service, "cancelled")
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{service.url}/v1/restore?task=denoise&size=base", content=large, timeout=httpx.Timeout(PATIENCE, read=1)
        )
    until(lambda: _outcomes(service, "cancelled") == cancelled + 1)
    until(lambda: service.spooled == [])
    until(lambda: service.lines[-1].get("status") == 499 or any(line.get("status") == 499 for line in service.lines))


def test_a_client_that_goes_away_while_it_sends_leaves_nothing(service: Serving) -> None:
    with socket.create_connection(("127.0.0.1", service.port)) as line:
        line.sendall(
            b"POST /v1/restore HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n\x89PNG\r\n\x1a\n"
            + bytes(8000)
        )
        until(lambda: service.spooled != [])
    until(lambda: service.spooled == [])


def _outcomes(service: Serving, outcome: str) -> int:
    assert service.running.house is not None
    return service.running.house.pool.stats.outcomes[outcome]


def test_too_many_jobs(serving: Callable[..., Serving], large: bytes, picture: bytes) -> None:
    busy = serving(queue=1)
    jobs = [busy.client.post("/v1/restore?wait=0&task=denoise&size=base", content=large) for _ in range(2)]
    assert [job.status_code for job in jobs] == [202, 202]
    refused = busy.client.post("/v1/restore?task=denoise", content=picture)
    assert (refused.status_code, refused.json()["code"]) == (429, "queue-full")
    assert int(refused.headers["retry-after"]) >= 1
    assert busy.client.get(jobs[1].json()["links"]["self"]).json()["ahead"] == 0
    for job in jobs:
        assert busy.client.delete(job.json()["links"]["self"]).status_code == 204
    assert busy.client.post("/v1/restore?task=denoise", content=picture).status_code == 200


def test_a_port_that_is_taken(service: Serving, run: Run) -> None:
    ran = run("serve", "--port", service.port)
    assert (ran.code, ran.out) == (2, "")
    assert (
        ran.err == f"pixelmend: port {service.port} is taken: choose another with --port, or 0 for any that is free\n"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0 is reached from other machines, and there are no keys"),  # noqa: S104
        (["--host", "nowhere.invalid", "--without-keys"], "--host nowhere.invalid: there is no such name"),
        (["--port", "70000"], "got --port 70000, wanted 1 to 65535"),
        (["--tls-cert", "a.pem"], "got one of --tls-cert and --tls-key: give both"),
        (["--tls-cert", "a.pem", "--tls-key", "b.pem"], "--tls-cert a.pem: there is no such file"),
        (["--workers", "many"], "got --workers 'many', wanted a whole number or 'auto'"),
        (["--workers", "0"], "got workers 0, wanted 1 or more"),
        (["--job-seconds", "0"], "got job seconds 0, wanted more than 0"),
        (["--keys", "nothing.txt"], "cannot read --keys nothing.txt"),
        (["--log", "loud"], "unknown form of the log 'loud'"),
        (["--engine", "steam", "--port", "0"], "unknown engine 'steam'"),
        (["--precision", "int3"], "unknown precision 'int3'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line(
    run: Run, options: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run("serve", *options)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"pixelmend: {said}")
    assert ran.err.count("\n") == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate that nobody signed, and its key."""
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("no openssl")
    folder = tmp_path_factory.mktemp("tls")
    made = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", made[1], "-out", made[0]],
        check=True, capture_output=True,
    )  # fmt: skip
    return made


def test_tls(certificate: tuple[Path, Path], picture: bytes) -> None:
    with Serving(place=Place("localhost", 0, *certificate)) as secret:
        assert secret.url.startswith("https://localhost:")
        answer = secret.client.post("/v1/restore?task=denoise", content=picture)
        assert answer.status_code == 200
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        refused = secret.client.post("/v1/restore?sigma=300", content=bytes(3_000_000))
        assert refused.json()["code"] == "bad-option"


def test_a_certificate_without_its_key(certificate: tuple[Path, Path], run: Run) -> None:
    ran = run("serve", "--port", "0", "--workers", "1", "--tls-cert", certificate[0], "--tls-key", certificate[0])
    assert ran.code == 2
    assert ran.err.startswith("pixelmend: cannot use --tls-cert and --tls-key: ")


@pytest.mark.parametrize(
    ("place", "address"),
    [
        (Place(), "http://127.0.0.1:80/"),
        (Place("::1"), "http://[::1]:80/"),
        (Place("0.0.0.0"), "http://127.0.0.1:80/"),  # noqa: S104
        (Place("pictures.example"), "http://pictures.example:80/"),
    ],
)
def test_what_to_open(place: Place, address: str) -> None:
    assert place.address(80) == address


def test_limits_of_the_command_are_those_of_the_class() -> None:
    """What a command line says of usual values is what they are."""
    from inspect import signature

    from pixelmend.cli.serve import serve

    usual, told = Limits(), {name: each.default for name, each in signature(serve).parameters.items()}
    assert (told["max_mb"] * 2**20, told["worker_mb"] * 2**20) == (usual.max_bytes, usual.worker_memory)
    for name in ("queue", "max_megapixels", "max_output_megapixels", "job_seconds", "keep_seconds", "grace_seconds"):
        assert told[name] == getattr(usual, name)


def test_impossible_places() -> None:
    with pytest.raises(UsageError, match="wanted 1 to 65535"):
        Place(port=-1)
