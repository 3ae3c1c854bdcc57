"""Suites find their sets, say what is absent, and measure anyone's own pictures by the task alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import pyvips

from pixelmend.data.published import LAYOUTS
from pixelmend.errors import DataError, UnknownNameError, UsageError
from pixelmend.evaluation import SUITES, Trial, own_trials, published_trials
from pixelmend.evaluation.cases import AsGiven, Chain, JpegQuality, Noise, Smaller

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, side: int = 16) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.name)).integers(0, 256, (side, side, 3), np.uint8)
    pyvips.Image.new_from_array(pixels).write_to_file(str(path))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A picture each of Kodak24, Set5, Classic5 and LIVE1, and a mask."""
    for name in ("kodak24/kodim01", "set5/baby", "classic5/lena", "live1/bikes", "masks/thin_000000"):
        write(tmp_path / "sets" / f"{name}.png")
    return tmp_path / "sets"


def found(name: str, root: Path, datasets: tuple[str, ...] = (), levels: tuple[float, ...] = ()) -> list[str]:
    trials = published_trials(name, root, datasets, levels, lambda _: None).trials
    return [f"{trial.benchmark.name} {trial.case.label}" for trial in trials]


def test_a_suite_is_its_sets_under_its_cases(root: Path) -> None:
    assert found("denoise", root) == [
        *(f"kodak24 σ {sigma}" for sigma in (15, 25, 50)),
        *(f"kodak24 σ {sigma}, blind" for sigma in (15, 25, 50)),
    ]
    assert found("super-resolve", root) == ["set5 ×2", "set5 ×3", "set5 ×4"]
    assert found("dejpeg", root)[:5] == [*(f"classic5 QF {q}, Y" for q in (10, 20, 30, 40)), "live1 QF 10, Y"]
    assert found("dejpeg", root)[-1] == "live1 QF 40"
    assert found("inpaint", root)[0] == "kodak24 50% of the pixels missing"
    assert found("inpaint", root)[-2:] == ["kodak24 RePaint thin", "kodak24 RePaint thick"]


def test_standard_is_all_of_them(root: Path) -> None:
    assert set(found("standard", root)) == {name for suite in SUITES for name in _there(suite, root)}


def _there(suite: str, root: Path) -> list[str]:
    try:
        return found(suite, root)
    except DataError:
        return []


def test_what_is_absent_is_told(root: Path) -> None:
    lines: list[str] = []
    published_trials("denoise", root, (), (), lines.append)
    assert lines == [f"not in {root}, so left out: cbsd68, mcmaster, bsd68, set12"]
    with pytest.raises(DataError, match="holds no folder cbsd68"):
        found("denoise", root, ("cbsd68",))
    with pytest.raises(DataError, match="holds no set of deblur"):
        found("deblur", root)


def test_levels_replace_those_of_the_suite(root: Path) -> None:
    assert found("denoise", root, levels=(10, 20)) == [f"kodak24 σ {s}{b}" for b in ("", ", blind") for s in (10, 20)]
    assert found("super-resolve", root, levels=(4,)) == ["set5 ×4"]
    assert found("dejpeg", root, levels=(7,)) == ["classic5 QF 7, Y", "live1 QF 7, Y", "live1 QF 7"]
    assert found("inpaint", root, levels=(0.3,)) == ["kodak24 30% of the pixels missing"]
    for half in ("noisy", "clean"):
        write(root / "polyu" / half / "Canon_1.png")
    with pytest.raises(UsageError, match="no levels"):
        found("real-noise", root, levels=(1,))


def test_names_that_do_not_exist_are_told(root: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'denoise'"):
        found("denoize", root)
    with pytest.raises(UnknownNameError, match="kodak24"):
        found("denoise", root, ("kodak",))


def quiet(_: str) -> None:
    pass


def own(folder: Path, task: str, levels: tuple[float, ...] = (), chain: str = "") -> tuple[Trial, ...]:
    return own_trials(folder, task, levels, chain, quiet).trials


def test_own_clean_pictures_are_damaged_as_the_task_has_it(tmp_path: Path) -> None:
    write(tmp_path / "mine" / "a.png")
    write(tmp_path / "mine" / "deep" / "b.png")

    def cases(task: str, levels: tuple[float, ...] = (), chain: str = "") -> list[object]:
        trials = own(tmp_path / "mine", task, levels, chain)
        assert all([item.stem for item in t.benchmark.items] == ["a", "deep/b"] for t in trials)
        return [trial.case for trial in trials]

    assert cases("denoise") == [Noise(15), Noise(25), Noise(50)]
    assert cases("denoise", (5,)) == [Noise(5)]
    assert cases("super-resolve", (3,)) == [Smaller(3)]
    assert cases("dejpeg", (10, 30)) == [JpegQuality(10), JpegQuality(30)]
    assert cases("deblur") == [Chain("deblur", "hand-shake", "hand-shake")]
    assert cases("photo", (), "noise(sigma=5)") == [Chain("photo", "noise(sigma=5)", "noise(sigma=5)")]
    labels = [trial.case.label for trial in own(tmp_path / "mine", "inpaint", (0.121, 0.119))]
    assert labels == ["12.1% of the pixels missing", "11.9% of the pixels missing"]
    with pytest.raises(UnknownNameError, match="did you mean 'deblur'"):
        cases("deblurr")


@pytest.mark.parametrize(
    ("task", "levels", "chain", "message"),
    [
        ("deconvolve", (), "", "--suite deconvolve"),
        ("deblur", (3,), "", "--damage"),
        ("super-resolve", (2.5,), "", "whole number"),
        ("dejpeg", (10.4,), "", "whole number"),
        ("inpaint", (1.0,), "", "below 1"),
        ("super-resolve", (), "bicubic-x2", "--damage"),
    ],
)
def test_what_cannot_be_asked_of_own_pictures_is_refused(
    tmp_path: Path, task: str, levels: tuple[float, ...], chain: str, message: str
) -> None:
    write(tmp_path / "mine" / "a.png")
    with pytest.raises(UsageError, match=message):
        own(tmp_path / "mine", task, levels, chain)


def test_own_pairs_are_taken_as_they_are(tmp_path: Path) -> None:
    for name in ("clean/a", "clean/b", "noisy/a"):
        write(tmp_path / "mine" / f"{name}.png")
    lines: list[str] = []
    (trial,) = own_trials(tmp_path / "mine", "photo", (), "", lines.append).trials
    assert trial.case == AsGiven("photo", "as given")
    assert [item.stem for item in trial.benchmark.items] == ["a"]
    assert [name for name, _ in trial.faults] == ["clean/b.png"]
    assert "1 pairs" in lines[0]
    (trial,) = own(tmp_path / "mine", "denoise", (5,))
    assert [item.stem for item in trial.benchmark.items] == ["clean/a"]


def test_own_pairs_for_super_resolution_have_their_scale(tmp_path: Path) -> None:
    for name, side in (("hr/a", 32), ("lr/a", 16), ("hr/b", 32), ("lr/b", 8)):
        write(tmp_path / "mine" / f"{name}.png", side)
    (trial,) = own(tmp_path / "mine", "super-resolve")
    case, benchmark = trial.case, trial.benchmark
    assert (case.scale, case.crop_border, case.color(benchmark)) == (2, 2, "y")
    clean, problem = case.make(benchmark, benchmark.items[0], 0)
    assert (clean.shape, problem.degraded.shape, problem.scale) == ((32, 32, 3), (16, 16, 3), 2)
    with pytest.raises(DataError, match="2 times as high and wide"):
        case.make(benchmark, benchmark.items[1], 0)
    write(tmp_path / "mine" / "hr" / "a.png", 16 * 5)
    with pytest.raises(UsageError, match="5 times"):
        own(tmp_path / "mine", "super-resolve")


def test_a_set_that_cannot_be_used_is_told_and_the_others_go_on(root: Path) -> None:
    write(root / "kodak24" / "stranger.png")
    write(root / "bsd68" / "test001.png")
    found_sets = published_trials("denoise", root, (), (25,), quiet)
    assert {trial.benchmark.name for trial in found_sets.trials} == {"bsd68"}
    assert "stranger" in found_sets.failed["kodak24"]


def test_every_set_of_a_suite_is_known() -> None:
    names = {name for suite in SUITES.values() for name, _ in suite.parts}
    assert names <= LAYOUTS.keys()
    assert {"set12", "mcmaster", "div2k", "reds"} <= names


def test_sets_are_found_as_their_publishers_pack_them(tmp_path: Path) -> None:
    write(tmp_path / "DIV2K" / "DIV2K_valid_HR" / "0801.png")
    write(tmp_path / "REDS" / "val_sharp" / "000" / "00000000.png")
    write(tmp_path / "REDS" / "val_blur" / "000" / "00000000.png")
    write(tmp_path / "Set12" / "01.png")
    write(tmp_path / "McMaster" / "1.png")
    assert found("super-resolve", tmp_path) == ["div2k ×2", "div2k ×3", "div2k ×4"]
    assert found("deblur", tmp_path) == ["reds as given"]
    assert found("denoise", tmp_path, levels=(25,))[::2] == ["mcmaster σ 25", "set12 σ 25"]
    (trial,) = published_trials("deblur", tmp_path, (), (), quiet).trials
    clean, problem = trial.case.make(trial.benchmark, trial.benchmark.items[0], 0)
    assert clean.shape == problem.degraded.shape == (16, 16, 3)
    assert trial.case.expected(trial.benchmark) == 3000
