"""The manifest: every line stands once it was written, whatever cut the last one off; one run at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pixelmend.errors import UnwritableError, UsageError
from pixelmend.inference.folders import manifest as module
from pixelmend.inference.folders.manifest import DONE, FAILED, NAME, Entry, Manifest, Stamp

if TYPE_CHECKING:
    from pathlib import Path

HEADER = {"settings": {"sigma": 25}, "runs": {}}


def entry(name: str, state: str = DONE) -> Entry:
    return Entry(name, f"in/{name}", state, Stamp(10, 20, "ab"), Stamp(30, 40, "cd"), 0.5, "", {"width": 3})


def filled(folder: Path, *names: str) -> Path:
    with Manifest(folder) as manifest:
        manifest.begin(HEADER)
        for name in names:
            manifest.add(entry(name))
    return folder / NAME


def test_what_was_told_is_known_again(tmp_path: Path) -> None:
    odd = os.fsdecode(b"caf\xe9\n.png")
    filled(tmp_path, "a.png", odd)
    with Manifest(tmp_path) as manifest:
        assert manifest.header == HEADER
        assert manifest.entries == {"a.png": entry("a.png"), odd: entry(odd)}
        failed = Entry("a.png", "in/a.png", FAILED, error="broken")
        manifest.add(failed)
    with Manifest(tmp_path) as manifest:  # the last word counts
        assert manifest.entries["a.png"] == failed


def test_cut_off_anywhere_all_lines_before_stand(tmp_path: Path) -> None:
    path = filled(tmp_path, "a.png", "b.png")
    data = path.read_bytes()
    ends = [index + 1 for index, byte in enumerate(data) if byte == 10]
    for length in sorted({*range(0, len(data), 7), *ends, *(end - 1 for end in ends)}):
        path.write_bytes(data[:length])
        whole = sum(end <= length for end in ends)
        with Manifest(tmp_path) as manifest:
            assert (manifest.header is not None) == (whole > 0)
            assert list(manifest.entries) == ["a.png", "b.png"][: max(0, whole - 1)]
            if whole:
                manifest.add(entry("c.png"))
        if whole:
            with Manifest(tmp_path) as manifest:
                assert "c.png" in manifest.entries
        assert path.exists() == bool(whole)


def test_lines_of_something_else_are_passed_over(tmp_path: Path) -> None:
    path = filled(tmp_path, "a.png")
    with path.open("ab") as file:
        file.write(
            b'\x00\x00\x00\n[1]\n{"name": 1, "other": 2}\n{"name": "x", "source": "x", "state": "done", "after": 7}\n'
        )
    with Manifest(tmp_path) as manifest:
        assert list(manifest.entries) == ["a.png"]


def test_another_form_is_not_guessed_at(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('{"pixelmend": 99, "settings": {}}\n')
    with pytest.raises(UsageError, match="of another version"):
        Manifest(tmp_path)


def test_one_run_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.1)
    code = (
        "import sys, pathlib; from pixelmend.inference.folders.manifest import Manifest; "
        "m = Manifest(pathlib.Path(sys.argv[1])); print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(UsageError, match="another run writes into"):
            Manifest(tmp_path)
        other.kill()
    Manifest(tmp_path).__exit__(None, None, None)  # a killed run holds nothing


def test_a_folder_that_cannot_be_written_into(tmp_path: Path) -> None:
    with pytest.raises(UnwritableError, match=r"cannot write into .*; choose another place"):
        Manifest(tmp_path / "absent")


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with Manifest(tmp_path) as manifest:
        manifest.begin(HEADER)
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(UnwritableError, match="No space left on device; make space, and go on with --resume"):
            manifest.add(entry("a.png"))


def test_stamps(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1234")
    stamp, quick = Stamp.of(path, whole=True), Stamp.of(path)
    assert stamp.fits(path)
    assert not stamp.fits(tmp_path / "b")
    os.utime(path, ns=(1, 1))
    assert stamp.fits(path)  # copied, but the same
    assert not quick.fits(path)  # may be another
    path.write_bytes(b"1235")
    assert not stamp.fits(path)
    path.write_bytes(b"12345")
    assert not stamp.fits(path)
