"""docs/control.md: its commands run as they stand, what it says of options and limits is so, its picture is there."""

from __future__ import annotations

import inspect
import json
import re
import shlex
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import pixelmend
from pixelmend.cli import app
from pixelmend.images import decode, read_rgb8
from pixelmend.inference import Report, anchor, grain, region
from tests.documents import ROOT, commands, read

PAGE = read("docs/control.md")
COMMANDS = commands(PAGE)


def run(line: str) -> None:
    done = CliRunner().invoke(app, shlex.split(line)[1:])
    assert done.exit_code == 0, (line, done.output)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_runs_as_it_stands(line: str, elsewhere: Path) -> None:
    run(line)
    name = re.search(r"-o (\S+)", line)
    assert name is not None
    assert decode(elsewhere / name[1]).width > 100


def test_the_region_of_the_page_leaves_the_rest_bit_for_bit(elsewhere: Path) -> None:
    line = next(line for line in COMMANDS if "--region" in line)
    run(f"{line} --json report.json")
    before, after = read_rgb8("examples/lighthouse_noisy.png"), read_rgb8("sky.png")
    np.testing.assert_array_equal(after[250:], before[250:])
    assert (after[:240] != before[:240]).mean() > 0.8
    assert json.loads(Path("report.json").read_text())["region"] == [0, 0, 500, 250]


def test_every_field_that_is_named_is_one() -> None:
    options, report = set(inspect.signature(pixelmend.restore).parameters), {field.name for field in fields(Report)}
    part = PAGE[PAGE.index("From Python") : PAGE.index("| option |")]
    of_options, of_report = part.split("The report")
    named = [set(re.findall(r"`(\w+)`", text)) for text in (of_options, of_report)]
    assert [len(names) for names in named] == [6, 5]
    assert named[0] <= options
    assert named[1] <= report


def test_the_figures_are_those_of_the_code() -> None:
    assert f"blocks of {anchor._BLOCK}×{anchor._BLOCK} pixels" in PAGE
    assert f"below {anchor._DOUBT} standard deviations" in PAGE
    assert f"{100 * (1 - 2.0**-anchor._SHARPNESS):.0f} % is taken back" in PAGE
    assert f"fades in over {region._FADE} pixels" in PAGE
    assert f"a Gaussian of {grain._WIDTH} pixels" in PAGE
    assert grain._LIMIT == 2
    assert "two standard deviations" in PAGE


def test_holding_colours_costs_no_more_than_it_may() -> None:
    rows = re.findall(r"^\| [^|]+ \| [\d.]+ \| ([+-][\d.]+) \|", PAGE, flags=re.MULTILINE)
    assert len(rows) == 14
    assert min(float(change) for change in rows) >= -0.03


def test_what_is_linked_exists() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
