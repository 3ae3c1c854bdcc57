"""docs/service.md: its commands and its Python run against a service, and its tables are those of the code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import fields
from typing import TYPE_CHECKING

import httpx
import pytest

from benchmarks.serving.page import BEGIN, END, text
from benchmarks.serving.record import Report
from pixelmend.images import decode
from pixelmend.service.limits import Limits
from pixelmend.service.options import RestoreAsked
from pixelmend.service.problems import _TITLES
from tests.documents import ROOT, blocks, read
from tests.service.serving import Serving
from tests.service.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = read("docs/service.md")
PLACE = "http://127.0.0.1:8400"
STORED = ROOT / "docs" / "results" / "service.json"
SOURCES = sorted((ROOT / "src" / "pixelmend" / "service").rglob("*.py"))


@pytest.fixture(scope="module")
def running() -> Iterator[Serving]:
    """A service with the usual limits."""
    with Serving() as serving:
        yield serving


def here(block: str, running: Serving) -> str:
    """A block as it reads where the service is."""
    return block.replace(PLACE, running.url)


def table(heading: str) -> list[list[str]]:
    """The cells of the rows of the first table below a heading."""
    below = PAGE.partition(f"\n{heading}\n")[2]
    rows = re.search(r"^\|[^\n]*\n\|[-:| ]+\n((?:\|[^\n]*\n)+)", below, re.MULTILINE)
    assert rows, heading
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in rows[1].splitlines()]


def named(cell: str) -> list[str]:
    """What a cell has between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def shell(block: str) -> str:
    """What a block for a shell prints."""
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", block], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (block, done.stdout, done.stderr)
    return done.stdout


def test_the_commands_run_one_after_the_other(elsewhere: Path, running: Serving) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    said = [shell(here(block, running)) for block in blocks(PAGE, "sh")]
    assert len(said) == 5
    for name, form in (
        ("restored.png", "png"),
        ("filled.jpg", "jpeg"),
        ("parrots.png", "png"),
        ("parrots.webp", "webp"),
    ):
        assert decode(elsewhere / name).format == form
    assert {"diagnosis", "advice", "words", "shown"} <= json.loads(said[2]).keys()
    states = re.findall(r'"state":"(\w+)"', said[3])
    assert states[-1] == "done"
    assert json.loads(said[4])["code"] == "unsupported-format"


def test_the_python_runs(elsewhere: Path, running: Serving, capsys: pytest.CaptureFixture[str]) -> None:
    found = blocks(PAGE, "python")
    assert len(found) == 2
    for block in found:
        exec(compile(here(block, running), "service.md", "exec"), {})  # noqa: S102  (the document is ours)
    assert "denoise-nano" in capsys.readouterr().out
    assert {decode(elsewhere / name).format for name in ("restored.png", "houses.jpg")} == {"png", "jpeg"}
    until(lambda: running.spooled == [])


def test_options_are_those_of_the_code() -> None:
    rows = {named(cells[0])[0]: cells[2] for cells in table("### Options")}
    assert list(rows) == list(RestoreAsked.model_fields)
    for name, field in RestoreAsked.model_fields.items():
        default = field.default
        if default is not None:
            assert rows[name].strip("`") == (f"{default:g}" if type(default) is float else f"{default}".lower())


def test_every_problem_is_listed() -> None:
    listed = {(int(status), code) for status, codes, _ in table("## Errors") for code in named(codes)}
    wanted = {(status, code) for code, (status, _) in _TITLES.items()}
    for path in SOURCES:
        found = re.findall(r"(?:refusal|Problem)\(\s*(\d{3}), \"([a-z-]+)\"", path.read_text(encoding="utf-8"))
        wanted |= {(int(status), code) for status, code in found}
    assert len(wanted) > 20
    assert listed == wanted


LIMITS = {
    "bytes of a body": "max_bytes", "megapixels of a picture": "max_megapixels",
    "megapixels of a result": "max_output_megapixels", "seconds that a job": "job_seconds",
    "memory of a process": "worker_memory", "jobs that wait": "queue", "seconds that a result": "keep_seconds",
    "bytes of results": "keep_bytes", "seconds in which the head": "header_seconds",
    "seconds for which a body": "body_seconds", "bytes a second": "min_rate", "seconds after which": "idle_seconds",
    "connections": "connections", "seconds that a stop": "grace_seconds",
}  # fmt: skip


def test_limits_are_those_of_the_code() -> None:
    assert {each.name for each in fields(Limits)} == {*LIMITS.values(), "workers", "formats"}
    rows = table("## Limits")
    assert len(rows) == len(LIMITS)
    for words, shown, _ in rows:
        name = next(name for start, name in LIMITS.items() if words.startswith(start))
        number, _, unit = shown.partition(" ")
        assert float(number) * (2**20 if unit == "MiB" else 1) == getattr(Limits(), name), words


def test_metrics_are_those_that_are_told(running: Serving) -> None:
    listed = {name: kind for names, kind, _ in table("## Metrics") for name in named(names)}
    told = running.client.get("/metrics").text
    types = dict(re.findall(r"^# TYPE (pixelmend_\w+) (\w+)$", told, re.MULTILINE))
    ours = {name: kind for name, kind in types.items() if not name.endswith("_created")}
    assert listed == ours
    for name in re.findall(r"\b(pixelmend_\w+)", "".join(blocks(read("docs/deploy.md"), "yaml"))):
        assert re.sub(r"_bucket$", "", name) in ours
    assert "process_resident_memory_bytes" in told


def test_addresses_are_those_of_the_document(running: Serving) -> None:
    document = httpx.get(f"{running.url}/openapi.json").json()
    paths = {path.partition("{")[0].rstrip("/") or "/" for path in document["paths"]}
    listed = {path.split()[1] for cells in table("## Everything else") for path in named(cells[0])}
    assert {path.removesuffix("/NAME") for path in listed} <= paths
    answered = running.client.get("/v1/models").json()["limits"]
    assert answered.items() <= {each.name: getattr(Limits(), each.name) for each in fields(Limits)}.items()


def test_headers_are_those_of_an_answer(running: Serving, elsewhere: Path) -> None:
    data = (elsewhere / "examples" / "boats_small.png").read_bytes()
    answer = running.client.post("/v1/restore", params={"task": "denoise", "size": "nano"}, content=data)
    listed = {name for cells in table("## Restore a picture") for name in named(cells[0])}
    assert listed <= {name.title() for name in answer.headers}


def test_figures_are_those_that_were_measured() -> None:
    if not STORED.is_file():
        pytest.skip("docs/results/service.json does not exist yet: python benchmarks/service.py writes it")
    between = PAGE.partition(f"{BEGIN}\n")[2].partition(f"\n{END}")[0]
    assert between == text(Report.read(STORED))
