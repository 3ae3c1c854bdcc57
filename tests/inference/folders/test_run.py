"""Runs over folders: the same bytes by any number of processes, failures that cost one picture, and going on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pixelmend.errors import ModelError, UnwritableError, UsageError
from pixelmend.images import decode
from pixelmend.inference import Options, Settings, Wish
from pixelmend.inference.folders import State, Summary, Way, plan_folder, run_folder, write_page
from pixelmend.inference.folders.manifest import NAME
from pixelmend.inference.folders.worker import _is_full
from tests.inference.folders.conftest import noisy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Snapshot = Callable[[Path], dict[str, bytes]]

PLACES = ["a.jpg", "b.png", "sub/c.png", "sub/deep/d.webp", "sub/e.tif"]


def run(source: Path, out: Path, settings: Settings, **way: Any) -> Summary:
    return run_folder(plan_folder([source], out), settings, Way(**{"jobs": 1, **way}))


def test_results_lie_as_their_pictures_do_and_are_the_same_by_two_processes(
    photos: Path, tmp_path: Path, settings: Settings, snapshot: Snapshot
) -> None:
    noisy(photos / "large.png", 300, 260)  # in several pieces
    before = snapshot(photos)
    one = run(photos, tmp_path / "one", settings, jobs=1)
    two = run(photos, tmp_path / "two", settings, jobs=2)
    assert [one.jobs, two.jobs] == [1, 2]
    assert one.exit_code == two.exit_code == 0
    assert one.counts["done"] == 6
    assert list(snapshot(tmp_path / "one")) == [*PLACES[:2], "large.png", *PLACES[2:]]
    assert snapshot(tmp_path / "one") == snapshot(tmp_path / "two")
    assert snapshot(photos) == before
    assert decode(tmp_path / "one" / "sub/deep/d.webp").width == 56
    assert snapshot(tmp_path / "one")["b.png"] != before["b.png"]


def test_it_is_told_how_far_it_is(photos: Path, tmp_path: Path, settings: Settings) -> None:
    told: list[State] = []
    summary = run_folder(plan_folder([photos], tmp_path / "out"), settings, Way(jobs=2), told.append)
    assert [(state.finished, state.total) for state in told if state.latest] == [(n, 5) for n in range(1, 6)]
    shares = [state.share for state in told]
    assert shares[0] == 0 == told[0].finished
    assert shares[-1] == 1
    assert shares == sorted(shares)
    assert told[-1].seconds_left == 0
    assert {state.name for state in told if state.latest} == set(PLACES)
    assert summary.lines()[-2].startswith("restored  5 done; ")
    assert "megapixels/s (ONNX Runtime" in summary.lines()[-2]


def test_what_does_not_work_is_told_and_the_rest_is_done(photos: Path, tmp_path: Path, settings: Settings) -> None:
    (photos / "a.jpg").write_bytes((photos / "a.jpg").read_bytes()[:400])
    (photos / "empty").mkdir()
    (photos / "empty" / "empty.png").touch()
    (photos / "gone.png").symlink_to(tmp_path / "nothing")
    summary = run(photos, tmp_path / "out", settings)
    assert summary.exit_code == 1
    assert summary.counts == {"done": 4, "done earlier": 0, "kept": 0, "failed": 3, "not begun": 0}
    failed = {entry.name: entry.error for entry in summary.entries if entry.state == "failed"}
    assert list(failed) == ["a.jpg", "empty/empty.png", "gone.png"]
    assert all(str(photos / name) in error or "No such file" in error for name, error in failed.items())
    assert sum(line.startswith("failed ") for line in summary.lines()) == 3
    assert not (tmp_path / "out" / "a.jpg").exists()
    assert not (tmp_path / "out" / "empty").exists()


def test_stop_ends_at_the_first_failure(photos: Path, tmp_path: Path, settings: Settings) -> None:
    (photos / "b.png").write_bytes(b"no picture")
    summary = run(photos, tmp_path / "out", settings, on_error="stop")
    assert summary.exit_code == 1
    assert summary.counts == {"done": 1, "done earlier": 0, "kept": 0, "failed": 1, "not begun": 3}
    assert "stopped   at the first picture that failed; the same command with --resume" in summary.lines()[-2]
    noisy(photos / "b.png")
    assert run(photos, tmp_path / "out", settings, existing="resume").counts["done"] == 4


def test_resume_does_what_is_not_as_it_was_left(
    photos: Path, tmp_path: Path, settings: Settings, snapshot: Snapshot
) -> None:
    out = tmp_path / "out"
    run(photos, out, settings)
    wanted = snapshot(out)
    assert run(photos, out, settings, existing="resume").counts["done earlier"] == 5
    (out / "a.jpg").unlink()
    (out / "b.png").write_bytes(wanted["b.png"][:-1] + b"x")
    os.utime(out / "sub/c.png", ns=(1, 1))  # copied, but the same
    noisy(photos / "sub/e.tif", seed=77)
    noisy(photos / "new.png")
    (out / f".b.{'0' * 12}.part").write_bytes(b"half")
    (out / f".other.{'0' * 12}.part").write_bytes(b"of somebody else")
    again = run(photos, out, settings, existing="resume")
    assert [entry.name for entry in again.entries if entry.name not in again.earlier] == [
        "a.jpg", "b.png", "new.png", "sub/e.tif",
    ]  # fmt: skip
    now = snapshot(out)
    assert {name: now[name] for name in PLACES[:4]} == {name: wanted[name] for name in PLACES[:4]}
    assert now["sub/e.tif"] != wanted["sub/e.tif"]
    assert set(now) == {*PLACES, "new.png", f".other.{'0' * 12}.part"}


def test_resume_refuses_other_settings_and_says_which(
    photos: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    run(photos, out, settings)
    (out / "a.jpg").unlink()
    other = replace(settings, options=Options(sigma=10, tile=64))
    with pytest.raises(UsageError, match=r"other settings: sigma \(30 before, 10 now\); tile \(none before, 64 now\)"):
        run(photos, out, other, existing="resume")
    # lanes decide nothing
    run(photos, out, replace(settings, wish=Wish(lanes=3)), existing="resume")
    path = out / NAME
    path.write_text(path.read_text().replace('"precision": "float32"', '"precision": "bfloat16"', 1))
    (out / "a.jpg").unlink()
    with pytest.raises(UsageError, match=r"begun with ONNX Runtime .*, cpu, bfloat16; here .*, cpu, float32 would run"):
        run(photos, out, settings, existing="resume")


def test_the_engine_stays_the_one_it_was_begun_with(
    photos: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    monkeypatch.setenv("PIXELMEND_ENGINE", "openvino")
    out = tmp_path / "out"
    run(photos, out, settings)
    (out / "a.jpg").unlink()
    monkeypatch.setenv("PIXELMEND_ENGINE", "onnxruntime")
    assert run(photos, out, settings, existing="resume").runs["engine"].startswith("OpenVINO")


def test_results_that_are_there_are_not_written_over_unasked(
    photos: Path, tmp_path: Path, settings: Settings, snapshot: Snapshot
) -> None:
    out = tmp_path / "out"
    (out / "sub").mkdir(parents=True)
    (out / "sub/c.png").write_bytes(b"somebody's")
    for existing in ("refuse", "resume"):
        with pytest.raises(UsageError, match=r"c\.png.* --skip-existing .*leave"):
            run(photos, out, settings, existing=existing)
    assert snapshot(out) == {"sub/c.png": b"somebody's"}
    assert not (out / NAME).exists()
    kept = run(photos, out, settings, existing="skip")
    assert (kept.counts["done"], kept.counts["kept"]) == (4, 1)
    # and later runs leave it alone as well
    assert run(photos, out, settings, existing="resume").counts["done"] == 0
    assert run(photos, out, replace(settings, options=Options(sigma=1)), existing="skip").counts["kept"] == 5
    assert (out / "sub/c.png").read_bytes() == b"somebody's"
    with pytest.raises(UsageError, match=r"holds a run that did 4 pictures: give --resume .* --skip-existing"):
        run(photos, out, settings)
    assert run(photos, out, settings, existing="replace").counts["done"] == 5
    assert decode(out / "sub/c.png").width == 56


def test_misuse_is_told_before_anything_is_done(photos: Path, tmp_path: Path, settings: Settings) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match=r"unknown engine"):
        run(photos, out, replace(settings, wish=Wish(engine="steam")))
    with pytest.raises(UsageError, match=r"fills nothing in"):  # which no picture would change
        run(photos, out, replace(settings, options=Options(mask=photos / "b.png")))
    assert not out.exists()
    with pytest.raises(UnwritableError, match="cannot make the folder"):
        run(photos, photos / "b.png" / "out", settings)


def test_a_model_that_is_broken_is_no_fault_of_the_pictures(photos: Path, tmp_path: Path, settings: Settings) -> None:
    assert not isinstance(settings.task, str)
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    card = replace(settings.task, folder=tmp_path, file="broken.onnx")
    with pytest.raises(ModelError, match="not a model that can be run"):
        run(photos, tmp_path / "out", replace(settings, task=card))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Processes that were started, in order."""
    found: list[subprocess.Popen[bytes]] = []

    class Seen(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            found.append(self)

    monkeypatch.setattr(subprocess, "Popen", Seen)
    return found


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_process_that_dies_costs_its_picture_alone(
    photos: Path,
    tmp_path: Path,
    settings: Settings,
    snapshot: Snapshot,
    started: list[subprocess.Popen[bytes]],
    deaths: int,
) -> None:
    noisy(photos / "b.png", 700, 700)  # takes a while after its first piece
    run(photos, tmp_path / "calm", settings)
    times = 0

    def kill(state: State) -> None:
        nonlocal times
        if state.name == "b.png" and state.latest is None and times < deaths:
            times += 1
            started[-1].kill()

    summary = run_folder(plan_folder([photos], tmp_path / "out"), settings, Way(jobs=1), kill)
    assert times == deaths
    wanted, got = snapshot(tmp_path / "calm"), snapshot(tmp_path / "out")
    if deaths == 2:  # the second time it had all memory for itself
        failed = [entry for entry in summary.entries if entry.state == "failed"]
        assert [entry.name for entry in failed] == ["b.png"]
        assert "its process was killed" in failed[0].error
        del wanted["b.png"]
    assert got == wanted
    assert summary.exit_code == deaths - 1
    assert all(process.returncode is not None for process in started)


def test_ctrl_c_ends_it_and_it_goes_on_later(
    photos: Path, tmp_path: Path, settings: Settings, snapshot: Snapshot, started: list[subprocess.Popen[bytes]]
) -> None:
    noisy(photos / "sub/c.png", 700, 700)
    run(photos, tmp_path / "calm", settings)

    def interrupt(state: State) -> None:
        if state.name == "sub/c.png":
            os.kill(os.getpid(), signal.SIGINT)

    out = tmp_path / "out"
    summary = run_folder(plan_folder([photos], out), settings, Way(jobs=1), interrupt)
    assert (summary.interrupted, summary.exit_code) == (True, 130)
    assert list(snapshot(out)) == PLACES[:2]  # and no half of the third
    assert "stopped   interrupted; the same command with --resume goes on from here" in summary.lines()
    assert all(process.returncode is not None for process in started)
    assert run(photos, out, settings, existing="resume").exit_code == 0
    assert snapshot(out) == snapshot(tmp_path / "calm")


def test_a_disk_that_is_full_ends_it(photos: Path, tmp_path: Path, tiny_card: Path) -> None:
    """A file system of 200 kB, which the system lets us have in a namespace of our own."""
    code = (
        "import sys; from pathlib import Path; from pixelmend import catalog\n"
        "from pixelmend.inference import Settings, Options\n"
        "from pixelmend.inference.folders import Way, plan_folder, run_folder\n"
        "source, out, card = map(Path, sys.argv[1:])\n"
        "settings = Settings(catalog.load(card), options=Options(sigma=30))\n"
        "summary = run_folder(plan_folder([source], out), settings, Way(jobs=1))\n"
        "print(summary.exit_code, *summary.lines(), sep='\\n')\n"
    )
    for number in range(12):
        noisy(photos / f"z{number:02}.png", 150, 150, seed=number)
    small = tmp_path / "small"
    small.mkdir()
    inside = f'mount -t tmpfs -o size=200k tmpfs "{small}" && exec "$@"'
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    try:
        subprocess.run([*unshare, inside, "sh", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("the system lends no small file system")
    program = [sys.executable, "-c", code, str(photos), str(small), str(tiny_card)]
    done = subprocess.run([*unshare, inside, "sh", *program], check=True, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert lines[0] == "1"
    stopped = next(line for line in lines if line.startswith("stopped "))
    assert "there is no room left on the disk" in stopped or "No space left on device" in stopped
    assert "--resume" in stopped
    assert ", 0 not begun" not in done.stdout
    assert " not begun" in done.stdout


def test_what_a_full_disk_is(tmp_path: Path) -> None:
    full = UnwritableError("cannot write")
    full.__cause__ = OSError(28, "No space left on device")
    assert _is_full(tmp_path, full)
    assert _is_full(tmp_path, OSError(28, "No space left on device"))
    assert not _is_full(tmp_path, UnwritableError("holds at most 65535 a side"))
    assert not _is_full(tmp_path, OSError(13, "Permission denied"))


def test_the_report_for_programs(photos: Path, tmp_path: Path, settings: Settings) -> None:
    (photos / "a.jpg").write_bytes(b"no")
    told = run(photos, tmp_path / "out", settings).to_dict()
    assert json.loads(json.dumps(told)) == told
    assert told["counts"]["done"] == 4
    assert told["settings"]["sigma"] == 30
    assert [picture["state"] for picture in told["pictures"]] == ["failed", "done", "done", "done", "done"]
    assert told["pictures"][1]["sigma"] == 30
    assert len(told["pictures"][1]["sha256"]) == 64
    assert "it is not a picture" in told["pictures"][0]["error"]


def test_the_page_shows_every_picture_also_those_done_before_it_was_asked_for(
    photos: Path, tmp_path: Path, settings: Settings
) -> None:
    out, page = tmp_path / "out", tmp_path / "page.html"
    run(photos, out, settings)
    noisy(photos / "new.png")
    (photos / "broken.png").write_bytes(b"no")
    summary = run(photos, out, settings, existing="resume", page=page)
    write_page(summary, page)
    text = page.read_text()
    assert text.count("<article") == 7
    assert text.index("broken.png") < text.index("a.jpg")
    crops = tmp_path / "page_crops"
    first = {path: path.stat().st_mtime_ns for path in crops.iterdir()}
    assert len(first) == 12
    assert all(f"page_crops/{path.name}" in text for path in first)
    run(photos, out, settings, existing="resume", page=page)  # what is there is not made again
    assert {path: path.stat().st_mtime_ns for path in crops.iterdir()} == first


@pytest.mark.skipif(sys.platform in {"darwin", "win32"}, reason="names there are text")
def test_names_that_are_no_text_go_all_the_way(tmp_path: Path, settings: Settings, snapshot: Snapshot) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    noisy(tmp_path / "in" / "plain.png").rename(tmp_path / "in" / name)
    (tmp_path / "in" / os.fsdecode(b"\xff.png")).write_bytes(b"no")
    page = tmp_path / "page.html"
    summary = run(tmp_path / "in", tmp_path / "out", settings, page=page)
    write_page(summary, page)
    assert list(snapshot(tmp_path / "out")) == [name]
    assert "caf�.png" in page.read_text(encoding="utf-8")
    "\n".join(summary.lines()).encode()
    json.dumps(summary.to_dict(), ensure_ascii=False).encode()
    assert run(tmp_path / "in", tmp_path / "out", settings, existing="resume").counts["done earlier"] == 1
