"""What is advised: one of the tasks that there are, with what that task has to be told, or nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pixelmend import catalog
from pixelmend.diagnosis.advice import Advice, advise
from pixelmend.diagnosis.findings import Blur, Compression, Darkness, Diagnosis, Lost, Noise, Resolution
from pixelmend.diagnosis.light import Brightness
from pixelmend.diagnosis.words import command, lines, sureness

CLEAN = Diagnosis(
    1200, 900, 3, "png", "nothing", 0.9,
    Noise(0.1, 1.0, "white"), Compression(0.1, None, ""), Blur(0.1, None, "motion"),
    Resolution(0.1, 1.0, small=False), Darkness(0.0, Brightness(0.4, 0.1, 0.4, 0.9)), Lost(0.05, 0.0), judged=True,
)  # fmt: skip


def found(main: str, **others: object) -> Advice:
    return advise(replace(CLEAN, main=main, **others))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("main", "task"),
    [
        ("nothing", None), ("noise", "denoise"), ("camera noise", "photo"), ("jpeg", "dejpeg"), ("blur", "deblur"),
        ("enlarged", "super-resolve"), ("several", "photo"), ("dark", None), ("lost pixels", None),
    ],
)  # fmt: skip
def test_each_main_damage_has_its_task(main: str, task: str | None) -> None:
    told = found(main)
    assert told.task == task
    assert task is None or task in catalog.tasks()
    assert told.reason


def test_denoise_is_told_the_level() -> None:
    assert found("noise", noise=Noise(0.9, 24.6, "white")).sigma == 24.6
    assert found("camera noise", noise=Noise(0.9, 24.6, "camera")).sigma is None


@pytest.mark.parametrize(("factor", "scale"), [(1.7, 2), (2.2, 2), (3.1, 3), (4.4, 4), (7.0, 4)])
def test_what_was_enlarged_is_made_smaller_first(factor: float, scale: int) -> None:
    told = found("enlarged", resolution=Resolution(0.9, factor, small=False))
    assert told.scale == scale
    assert catalog.find("super-resolve", scale=scale).scale == scale


def test_nothing_is_enlarged_unasked() -> None:
    small, large = found("several", width=320, height=240), found("several", width=3200, height=2400)
    assert (small.task, small.scale) == (large.task, large.scale) == ("photo", None)
    assert "super-resolve-real" in small.reason
    assert "super-resolve-real" not in large.reason


def test_dark_and_noisy_pictures_are_rid_of_noise() -> None:
    assert found("dark", noise=Noise(0.9, 12.0, "camera")).task == "photo"
    assert found("dark", noise=Noise(0.9, 1.0, "camera")).task is None


def test_a_small_clean_picture_is_left_alone_and_told_so() -> None:
    told = found("nothing", resolution=Resolution(0.1, 1.0, small=True))
    assert told.task is None
    assert "super-resolve" in told.reason


def test_the_command_is_what_a_shell_takes() -> None:
    noise = found("noise", noise=Noise(0.9, 24.6, "white"))
    assert command("my photo.png", noise) == "pixelmend restore 'my photo.png' --task denoise --sigma 25"
    assert command("a.png", found("jpeg")) == "pixelmend restore a.png --task dejpeg"
    assert command("a.png", found("nothing")) is None
    assert command("a.png", found("enlarged")) == "pixelmend restore a.png --task auto"


def test_words_tell_what_is_there_and_how_sure_that_is() -> None:
    bad = replace(
        CLEAN, noise=Noise(0.95, 20.0, "white"), jpeg=Compression(0.8, 31, "file"), blur=Blur(0.6, 12.4, "motion"),
        resolution=Resolution(0.7, 2.5, small=True), lost=Lost(0.95, 0.05),
        darkness=Darkness(0.9, Brightness(0.1, 0.0, 0.1, 0.25)),
    )  # fmt: skip
    told = dict(lines(bad))
    assert told["noise"] == "clear, level 20.0 of 255, the same everywhere (sure, 0.95)"
    assert told["jpeg"] == "quality 31, by the file's own tables (likely, 0.80)"
    assert told["blur"] == "motion, over about 12 pixels (perhaps, 0.60)"
    assert told["detail"].startswith("1200×900, which is small, enlarged about 2.5 times")
    assert told["light"] == "dark, mean 10 %, brightest parts 25 % (sure, 0.90)"
    assert told["lost"].startswith("5 % of the pixels")
    assert dict(lines(CLEAN))["noise"] == "none to speak of, level 1.0 of 255 (no sign, 0.10)"


def test_of_tiny_pictures_only_what_is_known_is_told() -> None:
    tiny = replace(CLEAN, judged=False, jpeg=Compression(0.5, 75, "file"))
    assert [name for name, _ in lines(tiny)] == ["jpeg", "light"]
    assert advise(tiny).task is None
    assert "too small" in advise(tiny).reason


@pytest.mark.parametrize(
    ("confidence", "word"), [(1.0, "sure"), (0.75, "likely"), (0.5, "perhaps"), (0.3, "hardly"), (0.0, "no sign")]
)
def test_sureness_in_words(confidence: float, word: str) -> None:
    assert sureness(confidence) == word
