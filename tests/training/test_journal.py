"""What a run leaves to look at: every number is kept through kills, resumes and new columns, and can be seen."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from pixelmend.errors import DataError, UnwritableError, UsageError
from pixelmend.figures import picture_of
from pixelmend.images import read_rgb8
from pixelmend.training.curves import SMOOTH_FROM, draw, run_panels, running_mean
from pixelmend.training.journal import GAP, Journal, picture_rows, plot_curves, read_rows


def _quiet(folder: Path) -> Journal:
    return Journal(folder, tensorboard=False)


def _events(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return events


def _scalars(folder: Path, tag: str) -> dict[int, float]:
    return {event.step: event.value for event in _events(folder).Scalars(tag)}


def _train_rows(count: int, **more: float) -> list[dict[str, float]]:
    return [{"step": k, "mpx": k / 2, "minutes": k / 60, "loss": 1 / k, "rate_factor": 0.5, **more}
            for k in range(1, count + 1)]  # fmt: skip


def test_rows_are_there_at_once_and_read_back(tmp_path: Path) -> None:
    journal = _quiet(tmp_path / "runs" / "one")
    assert not (tmp_path / "runs").exists()  # a run that fails before its first step leaves nothing
    journal.train(50, 1.25, 0.5, {"loss": 0.125, "mpx_per_second": 1234567.8})
    path = tmp_path / "runs" / "one" / "train.csv"
    assert path.read_text() == "step,mpx,minutes,loss,mpx_per_second\n50,1.25,0.5,0.125,1234567.8\n"
    journal.train(100, 2.5, 1, {"loss": math.nan, "mpx_per_second": math.inf})
    journal.validated(100, 2.5, 1, {"psnr": 30})
    first, second = read_rows(path)
    assert first == {"step": 50, "mpx": 1.25, "minutes": 0.5, "loss": 0.125, "mpx_per_second": 1234567.8}
    assert math.isnan(second["loss"])
    assert second["mpx_per_second"] == math.inf
    assert read_rows(path.with_name("validation.csv")) == [{"step": 100, "mpx": 2.5, "minutes": 1, "psnr": 30}]
    journal.close()
    assert not (path.parent / "tensorboard").exists()


def test_a_new_column_is_added_and_a_missing_value_is_an_empty_cell(tmp_path: Path) -> None:
    journal = _quiet(tmp_path)
    journal.train(1, 1, 1, {"loss": 0.5, "rate_factor": 1})
    journal.train(2, 2, 2, {"loss": 0.25, "adversarial_loss": -1})
    _quiet(tmp_path).train(3, 3, 3, {"rate_factor": 0.5})  # a journal opened anew knows the columns
    assert (tmp_path / "train.csv").read_text().splitlines() == [
        "step,mpx,minutes,loss,rate_factor,adversarial_loss",
        "1,1,1,0.5,1,",
        "2,2,2,0.25,,-1",
        "3,3,3,,0.5,",
    ]
    assert read_rows(tmp_path / "train.csv")[1] == {
        "step": 2, "mpx": 2, "minutes": 2, "loss": 0.25, "adversarial_loss": -1
    }  # fmt: skip


@pytest.mark.parametrize("name", ["a,b", "", "two words", "line\nbreak", 'quo"te', "step", "mpx", "1st"])
def test_a_name_that_would_break_the_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="choose another name"):
        _quiet(tmp_path).train(1, 1, 1, {name: 1})
    assert not (tmp_path / "train.csv").exists()


def test_a_line_that_a_kill_cut_short_is_taken_away(tmp_path: Path) -> None:
    """Whatever the byte at which the process died, every whole row stays and the next one is whole."""
    journal = _quiet(tmp_path)
    for step in (1, 2):
        journal.train(step, step, step, {"loss": 0.5})
    path = tmp_path / "train.csv"
    whole = path.read_bytes()
    header, first, second = whole.splitlines(keepends=True)
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        rows = sum(length >= end for end in (len(header + first), len(header + first + second)))
        assert [row["step"] for row in read_rows(path)] == [1, 2][:rows]  # also before anybody mends it
        _quiet(tmp_path).train(9, 9, 9, {"loss": 0.25})
        assert path.read_bytes() == header + b"".join([first, second][:rows]) + b"9,9,9,0.25\n"


def test_a_run_that_goes_back_has_no_step_twice(tmp_path: Path) -> None:
    journal = _quiet(tmp_path)
    for step in (10, 20, 30):
        journal.train(step, step, step, {"loss": 1})
        journal.validated(step, step, step, {"psnr": 30})
        journal.samples(step, [(np.zeros((4, 4, 3), np.uint8),)])
    journal.rewind(20)
    journal.train(30, 30, 30, {"loss": 2})
    assert [(row["step"], row["loss"]) for row in read_rows(tmp_path / "train.csv")] == [(10, 1), (20, 1), (30, 2)]
    assert [row["step"] for row in read_rows(tmp_path / "validation.csv")] == [10, 20]
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == ["step-0000010.png", "step-0000020.png"]
    journal.rewind(0)
    assert read_rows(tmp_path / "train.csv") == []
    _quiet(tmp_path).rewind(5)
    _quiet(tmp_path / "nothing").rewind(5)
    assert not (tmp_path / "nothing").exists()


def test_tensorboard_shows_the_same_and_hides_what_was_gone_back_over(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert not (tmp_path / "tensorboard").exists()
    for step in (10, 20, 30):
        journal.train(step, step, step, {"loss": 1 / step, "rate_factor": 0.5})
    journal.validated(30, 30, 30, {"psnr": 30.5, "psnr_sigma15": 34})
    assert _scalars(tmp_path, "train/loss") == pytest.approx({10: 0.1, 20: 0.05, 30: 1 / 30})  # before it is closed
    assert _scalars(tmp_path, "validation/psnr_sigma15") == {30: 34}
    journal.close()

    resumed = Journal(tmp_path)
    resumed.rewind(20)
    resumed.train(25, 25, 25, {"loss": 3})
    resumed.rewind(25)  # and back once more within one process
    resumed.train(26, 26, 26, {"loss": 4})
    resumed.samples(26, [(np.zeros((4, 6, 3), np.uint8), np.ones((4, 6, 3)))])
    resumed.close()
    resumed.close()
    assert _scalars(tmp_path, "train/loss") == pytest.approx({10: 0.1, 20: 0.05, 25: 3, 26: 4})
    (image,) = _events(tmp_path).Images("samples")
    assert (image.step, image.height, image.width) == (26, 4, 12 + GAP)


def test_samples_stand_side_by_side_and_small_ones_are_enlarged(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    small = generator.random((3, 4, 3), np.float32)
    clean = generator.integers(0, 256, (6, 8, 3), np.uint8)
    restored = np.where(generator.random((6, 8, 3)) < 0.5, -0.5, 1.5)  # a network's output is not clipped
    alone = generator.integers(0, 256, (2, 5, 3), np.uint8)
    journal = _quiet(tmp_path)
    journal.samples(1234, [(small, restored, clean), (alone,)])
    journal.samples(1, [])
    assert [path.name for path in (tmp_path / "samples").iterdir()] == ["step-0001234.png"]
    sheet = read_rgb8(tmp_path / "samples" / "step-0001234.png")
    assert sheet.shape == (6 + GAP + 2, 3 * 8 + 2 * GAP, 3)
    enlarged = np.rint(255 * small).astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    assert np.array_equal(sheet[:6, :8], enlarged)
    assert np.array_equal(sheet[:6, 8 + GAP : 16 + GAP], np.uint8(255 * (restored > 0)))
    assert np.array_equal(sheet[:6, -8:], clean)
    assert np.array_equal(sheet[6 + GAP :, :5], alone)
    rest = [sheet[:6, 8 : 8 + GAP], sheet[6 : 6 + GAP], sheet[6 + GAP :, 5:]]
    assert all((each == 255).all() for each in rest)


def test_samples_that_are_not_finite_are_black_and_no_pictures_are_refused() -> None:
    broken = np.array([[[math.nan, math.inf, 0.5]]], np.float32)
    assert picture_rows([(broken,)]).tolist() == [[[0, 0, 128]]]
    for wrong in (np.zeros((4, 4)), np.zeros((4, 4, 1)), np.zeros((4, 4, 3), np.int64), np.zeros((0, 4, 3))):
        with pytest.raises(UsageError, match=r"wanted \(H, W, 3\) of uint8 or float"):
            picture_rows([(wrong,)])


def test_the_curves_are_drawn_from_the_first_row_on(tmp_path: Path) -> None:
    journal = _quiet(tmp_path / "run")
    for step in range(4):
        path = journal.plot()
        picture = read_rgb8(path)
        assert path == tmp_path / "run" / "curves.png"
        assert picture.shape[1] == 1200
        assert 0.001 < (picture < 128).mean() < 0.3
        journal.train(step, step, step, {"loss": math.nan if step == 1 else 0.1, "rate_factor": step / 4})
        journal.validated(step, step, step, {"psnr": math.nan if step == 0 else 30 + step, "ssim": math.nan})


def _titles(train: list[dict[str, float]], validation: list[dict[str, float]]) -> list[str]:
    figure = draw(run_panels(train, validation), "run")
    assert figure.get_suptitle() == "run"
    picture_of(figure)
    return [axes.get_title(loc="left") for axes in figure.axes]


def test_there_is_a_panel_for_everything_that_has_values() -> None:
    plain = ["training loss", "learning rate", "validation PSNR"]
    assert _titles([], []) == plain
    validation: dict[str, float] = {"step": 1, "mpx": 1, "minutes": 1, "psnr": 30}
    assert _titles(_train_rows(1), [validation]) == plain
    adversarial = _train_rows(SMOOTH_FROM + 1, pixel_loss=0.1, adversarial_loss=-0.5, discriminator_loss=1)
    scores = {**validation, "psnr_sigma15": 34, "psnr_sigma50": 27, "ssim": 0.9, "lpips": 0.1}
    assert _titles(adversarial, [scores, validation]) == [
        "training loss", "training loss: adversarial", "learning rate",
        "validation PSNR", "validation PSNR, each kind", "validation SSIM", "validation LPIPS",
    ]  # fmt: skip
    signed = [{**row, "loss": -1.0} for row in _train_rows(3)]
    assert _titles(signed, []) == ["training loss: total", "learning rate", "validation PSNR"]


def test_what_is_drawn_is_what_was_told() -> None:
    validation = [{"mpx": float(k), "psnr": y, "lpips": 1 - y} for k, y in enumerate((0.25, math.nan, 0.75, 0.5))]
    figure = draw(run_panels([], validation), "run")
    psnr, lpips = figure.axes[2:]
    line, best = psnr.lines
    assert np.array_equal(np.asarray(line.get_ydata()), [0.25, math.nan, 0.75, 0.5], equal_nan=True)
    assert np.array(best.get_data()).tolist() == [[2.0], [0.75]]
    assert np.array(lpips.lines[1].get_data()).tolist() == [[2.0], [0.25]]
    assert figure.axes[0].get_yscale() == "linear"  # there is no loss yet
    assert draw(run_panels(_train_rows(2), []), "").axes[0].get_yscale() == "log"


def test_the_running_mean_is_that_of_the_neighbours() -> None:
    values = np.array([1.0, 2, math.nan, 6, 8])
    assert np.allclose(running_mean(values, 1), [1.5, 1.5, math.nan, 7, 7], equal_nan=True)
    assert np.allclose(running_mean(values, 9), [4.25, 4.25, math.nan, 4.25, 4.25], equal_nan=True)


def test_runs_are_drawn_over_each_other(tmp_path: Path) -> None:
    for name, gain in (("a", 1), ("b", 2)):
        journal = _quiet(tmp_path / name)
        for step in range(3):
            journal.validated(step, step, step, {"psnr": 30 + gain * step, "lpips": 0.1})
    runs = {"first": tmp_path / "a", "a long name that has no place beside a title of some length": tmp_path / "b"}
    plot_curves(runs, tmp_path / "both.webp")
    both = read_rgb8(tmp_path / "both.webp")
    plot_curves({"first": tmp_path / "a"}, tmp_path / "one.png")
    assert both.shape == read_rgb8(tmp_path / "one.png").shape
    assert both.shape[1] == 1200
    orange = np.array([0xD5, 0x5E, 0x00])  # the second line's colour
    assert (np.abs(both.astype(int) - orange).max(axis=2) < 8).sum() > 100
    assert not (np.abs(read_rgb8(tmp_path / "one.png").astype(int) - orange).max(axis=2) < 8).any()
    with pytest.raises(DataError, match=r"cannot read .*validation.csv"):
        plot_curves({"none": tmp_path / "nowhere"}, tmp_path / "none.png")
    with pytest.raises(UsageError, match="got no runs to draw"):
        plot_curves({}, tmp_path / "none.png")


def test_a_file_that_is_none_of_ours_is_told(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"train.csv begins with 'a,b', wanted step,mpx,minutes"):
        Journal(tmp_path)
    path.write_text("step,mpx,minutes,loss\n1,1,1\n")
    with pytest.raises(DataError, match=r"train.csv, line 2: got '1,1,1', wanted 4 cells"):
        read_rows(path)
    path.write_text("step,mpx,minutes,loss\none,1,1,2\n")
    with pytest.raises(DataError, match="line 2: got 'one,1,1,2', wanted a line that begins with a step"):
        Journal(tmp_path).rewind(0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here that is always full")
@pytest.mark.parametrize("name", ["train", "validation"])
def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path: Path, name: str) -> None:
    journal = _quiet(tmp_path)
    tell = journal.train if name == "train" else journal.validated
    tell(1, 1, 1, {"loss": 1})
    path = tmp_path / f"{name}.csv"
    path.unlink()
    path.symlink_to("/dev/full")
    with pytest.raises(UnwritableError, match=rf"cannot write .*{name}.csv: No space left on device"):
        tell(2, 2, 2, {"loss": 1})


def test_half_a_row_on_a_full_disk_does_not_spoil_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = _quiet(tmp_path)
    journal.train(1, 1, 1, {"loss": 1})
    opened = Path.open

    def full(self: Path, *arguments: Any, **more: Any) -> Any:
        with opened(self, "ab") as file:
            file.write(b"2,2,")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        with pytest.raises(UnwritableError, match="No space left"):
            journal.train(2, 2, 2, {"loss": 1})
    journal.train(3, 3, 3, {"loss": 1})
    assert [row["step"] for row in read_rows(tmp_path / "train.csv")] == [1, 3]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file is in the way")
    journal = _quiet(tmp_path / "run")
    with pytest.raises(UnwritableError, match="cannot make the folder"):
        journal.train(1, 1, 1, {"loss": 1})
    (tmp_path / "tensorboard").write_text("here too")
    with pytest.raises(UnwritableError, match=r"cannot make the folder .*tensorboard"):
        Journal(tmp_path).train(1, 1, 1, {"loss": 1})
