"""Memory at its peak is seen, distances are of what is inside the border, and scores survive JSON."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pixelmend.evaluation import PictureScore
from pixelmend.evaluation.memory import PeakMemory
from pixelmend.evaluation.scores import score
from pixelmend.metrics import Protocol

if TYPE_CHECKING:
    from torch import Tensor

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux begins a peak anew")


@linux
def test_the_peak_of_a_call_is_what_it_held_at_once() -> None:
    memory = PeakMemory()
    assert memory.known

    def hold(megabytes: int) -> float:
        held = np.ones(megabytes * 10**6, np.uint8)
        return float(held[0])

    large, small = memory.of(lambda: hold(200)), memory.of(lambda: hold(20))
    assert large is not None
    assert small is not None
    assert 195 < large < 230
    assert small < 60  # the peak of the call before is forgotten


def test_where_the_system_does_not_tell_there_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError("no such file")

    monkeypatch.setattr("pixelmend.evaluation.memory.Path.write_text", refuse)
    memory = PeakMemory()
    called: list[int] = []
    assert not memory.known
    assert memory.of(lambda: called.append(1)) is None
    assert called == [1]


def test_distances_see_what_is_inside_the_border(photo: np.ndarray) -> None:
    seen: list[tuple[Tensor, Tensor]] = []

    def distance(restored: Tensor, clean: Tensor) -> Tensor:
        seen.append((restored, clean))
        return (restored - clean).abs().mean(dim=(1, 2, 3))

    spoilt = photo.copy()
    spoilt[:4] = spoilt[-4:] = 0
    spoilt[:, :4] = spoilt[:, -4:] = 0
    spoilt[40:50, 40:50] += 0.1
    protocol = Protocol(color="rgb", dataset_checksum="", damage="none", crop_border=4, rounding="none")
    cost = {"seconds": 1.0, "memory_mb": None, "gmacs": 2.0}
    found = score(spoilt, photo, protocol, {"lpips": distance}, cost)
    assert seen[0][0].shape == (1, 3, 88, 120)
    assert found.lpips == pytest.approx(0.1 * 100 / (88 * 120), rel=0.1)
    gray = score(spoilt[..., 0], photo[..., 0], Protocol("gray", "", "none", crop_border=4), {"dists": distance}, cost)
    assert seen[1][0].shape == (1, 3, 88, 120)
    assert (gray.lpips, gray.dists is None, gray.gmacs) == (None, False, 2.0)


def test_small_pictures_have_no_window_and_no_features() -> None:
    def refuse(restored: Tensor, clean: Tensor) -> Tensor:
        raise AssertionError

    rng = np.random.default_rng(1)
    clean, restored = rng.random((2, 10, 40, 3))
    found = score(restored, clean, Protocol("rgb", "", "none"), {"lpips": refuse}, {"seconds": 1.0})
    assert (found.ssim, found.lpips) == (None, None)
    assert found.psnr > 0


def test_scores_survive_json() -> None:
    for one in (PictureScore(30.0, 0.9, 1.5, lpips=0.2, gmacs=7.0), PictureScore(30.0, None, 1.5)):
        assert PictureScore.from_dict(one.to_dict()) == one
    with pytest.raises(TypeError):
        PictureScore.from_dict({"psnr": 1.0, "seconds": 1.0, "depth": 3.0})
