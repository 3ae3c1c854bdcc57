"""The guide to many machines: its commands run, the cluster's file says what the guide says, its arithmetic adds up."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from pixelmend.cli import app
from pixelmend.inference.clusters.batches import MOST_BYTES, MOST_PICTURES
from pixelmend.inference.clusters.rounds import TELL_EVERY
from pixelmend.inference.clusters.walk import RUN
from pixelmend.inference.folders import find_pictures
from tests.documents import ROOT, commands, read
from tests.inference.clusters.conftest import without_ray  # noqa: F401  (a fixture)
from tests.object_stores import S3, serving

if TYPE_CHECKING:
    from pathlib import Path

PAGE = read("docs/clusters.md")
CLUSTER = ROOT / "examples" / "cluster.yaml"
PICTURES = len(find_pictures([ROOT / "examples"], ROOT / "out").pictures)
INSTALL, FAR, HERE = commands(PAGE)
PATIENCE = 580
"""Seconds that a machine on which much else runs may take."""


def run(line: str, more: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A line of the guide, as a reader runs it."""
    words = shlex.split(line)
    assert words[0] == "pixelmend"
    env = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    asked = [sys.executable, "-m", *words]
    env = {**env, "PYTHONPATH": path, **(more or {})}
    return subprocess.run(asked, capture_output=True, text=True, check=False, timeout=PATIENCE, env=env)


@pytest.mark.usefixtures("without_ray")
def test_the_command_for_one_machine_runs(elsewhere: Path) -> None:
    done = CliRunner().invoke(app, shlex.split(HERE)[1:])
    assert done.exit_code == 0, (done.output, done.exception)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["left", "restored", "wrote"]
    assert len(find_pictures([elsewhere / "restored"], elsewhere).pictures) == PICTURES


def test_the_command_for_a_bucket_runs(elsewhere: Path) -> None:
    pytest.importorskip("ray")
    with serving(S3, "bucket") as (address, bucket):
        bucket.put("photos/sub/a.png", (elsewhere / "examples/boats_small.png").read_bytes())
        bucket.put("photos/broken.png", b"no picture")
        keys = {"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "anybody", "AWS_SECRET_ACCESS_KEY": "anything"}
        done = run(f"{FAR} --json -", keys)
        assert done.returncode == 1, done.stderr
        assert [line.split()[0] for line in done.stderr.splitlines()] == ["failed", "restored", "wrote"]
        report = json.loads(done.stdout)  # nothing else is said there
        assert (report["counts"]["done"], report["counts"]["failed"]) == (1, 1)
        failed = [each["input"] for each in report["pictures"] if each["state"] == "failed"]
        assert failed == ["s3://bucket/photos/broken.png"]
        results = [key for key in bucket.objects if key.startswith("restored/") and RUN not in key]
        assert results == ["restored/sub/a.png"]


def test_a_bucket_needs_many_machines(elsewhere: Path) -> None:
    done = run(FAR.replace(" --engine ray", ""))
    assert (done.returncode, done.stdout) == (2, "")
    assert "give --engine ray" in done.stderr


def test_what_is_installed_is_the_extra() -> None:
    assert INSTALL == "pip install 'pixelmend[ray]'"


def test_the_clusters_file_says_what_the_guide_says() -> None:
    yaml = pytest.importorskip("yaml")
    text = CLUSTER.read_text(encoding="utf-8")
    told: dict[str, Any] = yaml.safe_load(text)
    worker = told["available_node_types"]["worker"]
    assert worker["node_config"]["InstanceMarketOptions"]["MarketType"] == "spot"
    assert f"up to {worker['max_workers']} spot instances of {worker['resources']['CPU']} cores" in PAGE.replace(
        "\n", " "
    )
    assert told["available_node_types"][told["head_node_type"]]["resources"]["CPU"] == 0
    assert told["max_workers"] == worker["max_workers"]
    assert any("pixelmend[ray]" in line for line in told["setup_commands"])
    for line in re.findall(r"^ray .*", PAGE, flags=re.MULTILINE):
        assert f"#   {line}\n" in text


def test_sizes_are_those_of_the_code() -> None:
    assert f"at most {MOST_PICTURES} pictures of one folder and {MOST_BYTES >> 20} MB" in PAGE
    assert TELL_EVERY == 60
    assert "once a minute" in PAGE
    assert f"`OUT/{RUN}/parts/FOLDER/RUN-NUMBER-PART.jsonl`" in PAGE


def test_the_arithmetic_adds_up() -> None:
    rows = {
        name: (large, small)
        for name, large, small in re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
    }
    count = 1e8
    seconds = (12 * 2 / 1.82, 1 * 2 / 1.84)  # of a core, for a picture
    hours = [count * each / 3600 for each in seconds]
    assert [number(each) for each in rows["core-hours"]] == pytest.approx(hours, rel=0.005)
    assert [number(each) for each in rows["cores, at $0.02 an hour"]] == pytest.approx(
        [0.02 * each for each in hours], rel=0.005
    )
    days, small = (number(each) for each in rows["at 2,048 cores"])
    assert (days * 24, small) == pytest.approx([each / 2048 for each in hours], rel=0.01)
    assert [number(each) for each in rows["at 256 cores"]] == pytest.approx(
        [each / 256 / 24 for each in hours], rel=0.01
    )
    batches = [count / min(MOST_PICTURES, MOST_BYTES // size) for size in (5_000_000, 400_000)]
    parts = next(cells for name, cells in rows.items() if name.startswith("parts"))
    assert [number(each) for each in parts] == pytest.approx([2 * each * 0.005 / 1000 for each in batches], rel=0.03)
    written = next(cells for name, cells in rows.items() if name.startswith("writes"))
    assert [number(each) for each in written] == [count * 0.005 / 1000] * 2
    stays = next(cells for name, cells in rows.items() if name.startswith("results that stay"))
    assert [number(each) for each in stays] == pytest.approx([count * size / 1000 * 0.023 for size in (4, 0.4)])
    moved = next(cells for name, cells in rows.items() if name.startswith("read and written"))
    wanted = [32 / each * size for each, size in zip(seconds, (9, 0.8), strict=True)]
    assert [number(each) for each in moved] == pytest.approx(wanted, rel=0.02)


def number(text: str) -> float:
    """The first number of a cell."""
    found = re.search(r"[\d,.]+", text)
    assert found is not None
    return float(found[0].replace(",", ""))
