"""The pictures that choose: damaged the same way each time, scored by the plain formula."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from pixelmend.data.damage_files import plan_for
from pixelmend.data.validation import SIGMAS, Measures, ValidationSet, mean_scores, noise_cases
from pixelmend.degradations import PRESETS, Part, parse_chain, perform
from pixelmend.degradations.repeatable import gaussian_noise_for
from pixelmend.errors import DataError, UsageError
from pixelmend.metrics import ssim

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CPU = torch.device("cpu")


class Half(nn.Module):
    """Gives back half of what comes in, and notes the levels that it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: list[float] = []

    def forward(self, degraded: Tensor, noise_level: Tensor) -> Tensor:
        """Half of ``degraded``."""
        self.levels.append(255 * float(noise_level))
        return degraded / 2


def _psnr(pictures: ValidationSet, model: nn.Module, precision: torch.dtype = torch.float32) -> dict[str, float]:
    return mean_scores(pictures.score(model, ("noise_level",), precision=precision))["psnr"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for name, shape in (("a.png", (35, 50, 3)), ("b.png", (16, 16, 3))):
        Image.fromarray(generator.integers(0, 256, shape, dtype=np.uint8)).save(tmp_path / name)
    return tmp_path


def test_of_large_pictures_the_middle_is_taken(folder: Path) -> None:
    pictures = ValidationSet([folder / "a.png", folder / "b.png"], CPU, multiple_of=8, largest=24)
    assert [(name, tuple(clean.shape[2:])) for name, clean in pictures.clean] == [
        ("a.png", (24, 24)),
        ("b.png", (16, 16)),
    ]
    whole = np.asarray(Image.open(folder / "a.png"))
    middle = (pictures.clean[0][1][0].permute(1, 2, 0) * 255).round().byte().numpy()
    assert np.array_equal(middle, whole[5:29, 13:37])


def test_scores_are_the_plain_formula(folder: Path) -> None:
    scores = _psnr(ValidationSet([folder], CPU, multiple_of=16), Half())
    assert list(scores) == ["σ15", "σ25", "σ50"]
    for sigma, score in zip(SIGMAS, scores.values(), strict=True):
        each = []
        for name, (height, width) in (("a.png", (32, 48)), ("b.png", (16, 16))):
            clean = np.asarray(Image.open(folder / name)).astype(np.float64)[:height, :width] / 255
            degraded = clean + gaussian_noise_for(name, clean.shape, sigma, seed=0)
            restored = np.round(np.clip(degraded / 2, 0, 1) * 255) / 255
            each.append(-10 * np.log10(np.mean((restored - clean) ** 2)))
        assert score == pytest.approx(np.mean(each), abs=1e-3)


def test_the_network_is_told_the_level(folder: Path) -> None:
    model = Half()
    _psnr(ValidationSet([folder], CPU, multiple_of=8), model)
    assert model.levels == pytest.approx([s for s in SIGMAS for _ in range(2)], rel=1e-5)


def test_it_is_the_same_each_time(folder: Path) -> None:
    first = ValidationSet([folder], CPU, multiple_of=8)
    scores = _psnr(first, Half())
    assert _psnr(first, Half()) == scores
    assert _psnr(ValidationSet([folder], CPU, multiple_of=8), Half()) == scores


def test_half_precision_is_close(folder: Path) -> None:
    pictures = ValidationSet([folder], CPU, multiple_of=8)
    model = nn.Conv2d(3, 3, 1)

    class Wrapped(nn.Module):
        def forward(self, degraded: Tensor, _: Tensor) -> Tensor:
            restored: Tensor = model(degraded)
            assert restored.dtype == (torch.bfloat16 if torch.is_autocast_enabled("cpu") else torch.float32)
            return restored

    exact, rounded = (_psnr(pictures, Wrapped(), t) for t in (torch.float32, torch.bfloat16))
    assert exact != rounded
    assert list(rounded.values()) == pytest.approx(list(exact.values()), abs=0.1)


def test_a_picture_that_is_too_small_is_named(folder: Path) -> None:
    with pytest.raises(DataError, match=r"b\.png is smaller than 32×32"):
        ValidationSet([folder], CPU, multiple_of=32)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        ValidationSet([tmp_path / "none"], CPU, multiple_of=8)


def _cases(*chains: str) -> dict[str, Part | float]:
    return {chain: parse_chain(chain, PRESETS) for chain in chains}


class Told(nn.Module):
    """Enlarges by repeating pixels, and keeps what it was told."""

    def __init__(self, scale: int = 1) -> None:
        super().__init__()
        self.scale = scale
        self.seen: list[tuple[Tensor, Sequence[Tensor]]] = []

    def forward(self, degraded: Tensor, *conditions: Tensor) -> Tensor:
        """The picture, larger."""
        self.seen.append((degraded, conditions))
        return degraded.repeat_interleave(self.scale, 2).repeat_interleave(self.scale, 3)


def _clean(path: Path, height: int, width: int) -> Tensor:
    pixels = np.asarray(Image.open(path))[:height, :width]
    return torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1)[None]


def test_noise_levels_become_cases_by_name() -> None:
    assert noise_cases((5, 12.5)) == {"σ5": 5, "σ12.5": 12.5}


def test_chains_are_cases_of_their_own(folder: Path) -> None:
    chains = ("blur(kernel_sigma=1.5)", "noise(sigma=10..20) | jpeg(quality=30..50)")
    pictures = ValidationSet([folder], CPU, multiple_of=16, cases=_cases(*chains))
    assert len(pictures) == 2
    samples = list(pictures.samples())
    assert [(s.case, s.picture) for s in samples] == [(chain, name) for chain in chains for name in ("a.png", "b.png")]
    for sample in samples:
        sides = (32, 48) if sample.picture == "a.png" else (16, 16)
        clean = _clean(folder / sample.picture, *sides)
        assert torch.allclose(sample.clean, clean)
        # A function of the chain and the name, as `pixelmend degrade` does it with seed 0.
        plan = plan_for(parse_chain(sample.case, PRESETS), sample.picture.removesuffix(".png"), 0)
        assert torch.allclose(sample.degraded, perform(clean, [plan]).pictures, atol=1e-6)
        again = next(s for s in pictures.samples() if (s.case, s.picture) == (sample.case, sample.picture))
        assert torch.equal(again.degraded, sample.degraded)
        assert not sample.conditions["mask"].any()
    levels = [float(s.conditions["noise_level"]) * 255 for s in samples]
    assert levels[:2] == [0, 0]
    assert all(10 <= level <= 20 for level in levels[2:])
    assert levels[2] != levels[3]


def test_what_is_kept_is_in_the_clean_pictures_and_below_the_damage(folder: Path) -> None:
    kept, chain = parse_chain("blur(kernel_sigma=0.5..1.5)"), "noise(sigma=10) | jpeg(quality=30..50)"
    pictures = ValidationSet([folder], CPU, multiple_of=16, cases={**_cases(chain), "σ25": 25}, kept=kept)
    for sample in pictures.samples():
        sides = (32, 48) if sample.picture == "a.png" else (16, 16)
        stem = sample.picture.removesuffix(".png")
        soft = perform(_clean(folder / sample.picture, *sides), [plan_for(kept, f"{stem}, clean", 0)]).pictures
        assert torch.allclose(sample.clean, soft, atol=1e-6)
        if sample.case == chain:
            expected = perform(soft, [plan_for(parse_chain(chain, PRESETS), stem, 0)]).pictures
            assert torch.allclose(sample.degraded, expected, atol=1e-6)
        else:
            assert float((sample.degraded - soft).std()) == pytest.approx(25 / 255, rel=0.1)
    for wrong in ("downscale(scale=2)", "missing_pixels"):
        with pytest.raises(UsageError, match=r"damage\.kept changes the size"):
            ValidationSet([folder], CPU, multiple_of=16, kept=parse_chain(wrong))


def test_scores_of_chains_are_the_plain_formula(folder: Path) -> None:
    chain = "blur(kernel_sigma=1.5)"
    pictures = ValidationSet([folder], CPU, multiple_of=16, cases={**_cases(chain), "σ25": 25})
    scores = mean_scores(pictures.score(Told(), (), precision=torch.float32))
    expected = []
    for name, sides in (("a.png", (32, 48)), ("b.png", (16, 16))):
        clean = _clean(folder / name, *sides)
        blurred = perform(clean, [plan_for(parse_chain(chain, PRESETS), name[0], 0)]).pictures
        rounded = np.round(np.clip(blurred.numpy().astype(np.float64), 0, 1) * 255) / 255
        expected.append(-10 * np.log10(np.mean((rounded - clean.numpy()) ** 2)))
    assert scores["psnr"][chain] == pytest.approx(np.mean(expected), abs=1e-3)
    assert list(scores["psnr"]) == [chain, "σ25"]
    assert list(scores) == ["psnr"]


def test_the_network_is_told_what_it_asks_for_in_its_order(folder: Path) -> None:
    chain = "missing_pixels(share=0.5) | noise(sigma=30)"
    pictures = ValidationSet([folder], CPU, multiple_of=16, cases={**_cases(chain), "σ15": 15})
    model = Told()
    list(pictures.restored(model, ("mask", "noise_level"), precision=torch.float32))
    for degraded, (mask, level) in model.seen[:2]:
        assert mask.shape == (1, 1, *degraded.shape[2:])
        assert set(mask.flatten().tolist()) == {0.0, 1.0}
        assert 0.3 < float(mask.mean()) < 0.7
        assert float(level) == pytest.approx(30 / 255)
    for _, (mask, level) in model.seen[2:]:
        assert not mask.any()
        assert float(level) == pytest.approx(15 / 255)
    blind = Told()
    list(pictures.restored(blind, (), precision=torch.float32))
    assert all(told == () for _, told in blind.seen)


@pytest.mark.parametrize("scale", [2, 3])
def test_pictures_shrink_by_the_scale_and_are_scored_whole(folder: Path, scale: int) -> None:
    chain = f"downscale(scale={scale})"
    pictures = ValidationSet([folder], CPU, multiple_of=4, cases=_cases(chain), scale=scale)
    step = 4 * scale
    model = Told(scale)
    restored = list(pictures.restored(model, (), precision=torch.float32))
    for (sample, result), (height, width) in zip(restored, ((35, 50), (16, 16)), strict=True):
        assert sample.clean.shape[2:] == (height // step * step, width // step * step)
        assert sample.degraded.shape[2:] == tuple(side // scale for side in sample.clean.shape[2:])
        assert result.shape == sample.clean.shape
    assert mean_scores(pictures.score(model, (), precision=torch.float32))["psnr"][chain] > 3


@pytest.mark.parametrize(
    ("chain", "scale", "message"),
    [
        ("downscale(scale=2)", 1, r"makes \(16, 24\) of \(32, 48\), wanted \(32, 48\): give"),
        ("blur(kernel_sigma=1)", 2, r"makes \(32, 32\) of \(32, 32\), wanted \(16, 16\): give"),
        ("downscale(scale=4)", 2, r"makes \(8, 8\) of \(32, 32\), wanted \(16, 16\): give"),
    ],
)
def test_a_chain_of_another_size_is_told_at_once(folder: Path, chain: str, scale: int, message: str) -> None:
    (folder / "b.png").unlink()
    with pytest.raises(UsageError, match=message) as caught:
        ValidationSet([folder], CPU, multiple_of=16, cases=_cases(chain), scale=scale)
    assert repr(chain) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_the_shares_of_processes_add_up_to_the_whole(folder: Path, count: int) -> None:
    pictures = ValidationSet([folder], CPU, multiple_of=16)
    whole = pictures.score(Half(), ("noise_level",), precision=torch.float32)
    assert len(whole) == 6
    shares = [
        pictures.score(Half(), ("noise_level",), precision=torch.float32, share=(rank, count)) for rank in range(count)
    ]
    assert [shares[number % count][number // count] for number in range(6)] == whole
    assert sum(len(share) for share in shares) == 6


def test_ssim_and_lpips_are_measured_where_asked(folder: Path) -> None:
    pictures = ValidationSet([folder], CPU, multiple_of=16, cases={"σ25": 25})
    calls: list[tuple[Tensor, Tensor]] = []

    def lpips(restored: Tensor, clean: Tensor) -> Tensor:
        calls.append((restored, clean))
        return (restored - clean).abs().mean(dim=(1, 2, 3))

    scores = pictures.score(
        Half(), ("noise_level",), precision=torch.float32, measures=Measures(ssim=True, lpips=lpips)
    )
    assert [set(each) for each in scores] == [{"case", "picture", "psnr", "ssim", "lpips"}] * 2
    for each, (restored, clean) in zip(scores, calls, strict=True):
        noise = gaussian_noise_for(str(each["picture"]), (*clean.shape[2:], 3), 25.0, seed=0)
        expected = (clean[0].permute(1, 2, 0).numpy() + noise) / 2
        expected = np.round(np.clip(expected, 0, 1) * 255) / 255
        found = restored[0].permute(1, 2, 0).numpy()
        assert np.abs(found - expected).max() < 1.01 / 255
        assert np.mean(found != expected.astype(np.float32)) < 0.01
        assert np.allclose(found * 255, np.round(found * 255), atol=1e-4)
        plain = clean[0].permute(1, 2, 0).numpy()
        assert each["ssim"] == pytest.approx(ssim(found, plain, data_range=1.0), abs=1e-4)
        assert each["lpips"] == pytest.approx(float(np.abs(found - plain).mean()), rel=1e-4)


def test_means_are_kept_apart_by_measure_and_case() -> None:
    scores: list[dict[str, str | float]] = [
        {"case": "b", "picture": "1", "psnr": 10.0, "ssim": 0.5},
        {"case": "b", "picture": "2", "psnr": 20.0, "ssim": 0.7},
        {"case": "a", "picture": "1", "psnr": 1.0, "ssim": 0.1},
    ]
    means = mean_scores(scores)
    assert means == {"psnr": {"b": 15.0, "a": 1.0}, "ssim": {"b": pytest.approx(0.6), "a": 0.1}}
    assert list(means["psnr"]) == ["b", "a"]


def test_the_network_does_not_learn_from_validation(folder: Path) -> None:
    model = nn.Conv2d(3, 3, 1)
    pictures = ValidationSet([folder], CPU, multiple_of=16, cases={"σ25": 25})
    assert not any(restored.requires_grad for _, restored in pictures.restored(model, (), precision=torch.float32))
