"""Adapting: from noisy pictures alone, held-out pixels left out, ends well or writes nothing."""

from __future__ import annotations

import math
import signal
from typing import TYPE_CHECKING

import numpy as np
import pytest
import pyvips
import torch

from pixelmend.diagnosis import estimate_sigma
from pixelmend.errors import DataError, ModelError, UsageError
from pixelmend.metrics import Color, psnr
from pixelmend.models import Hybrid, HybridConfig
from pixelmend.training.adapt import Adapted, AdaptOptions, adapt, hear_only, smallest_side
from pixelmend.training.neighbors import draw_pairing, take
from pixelmend.training.noise_law import REACH, NoiseLaw, measure_noise
from pixelmend.training.noisy import HELD_OUT, PIECE, Cutter, NoisyPicture, read_noisy
from pixelmend.training.selfmade import ALPHA, best_quarter, from_neighbors, from_recorruption, lesson_error

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TINY = HybridConfig(
    widths=(8, 16), encoder_blocks=(1, 1), decoder_blocks=(1,), context=("window",), window=4, head_width=8
)


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of a sixteenth of the usual pixels, and as few crops to judge by."""
    monkeypatch.setattr("pixelmend.training.adapt.PIXELS", 64**2)
    monkeypatch.setattr("pixelmend.training.adapt.JUDGED", 8)


def network(*, finite: bool = True) -> Hybrid:
    """A network before its first step: it changes nothing, but its level is heard in the layers before the last."""
    torch.manual_seed(0)
    model = Hybrid(TINY).eval()
    if not finite:
        with torch.no_grad():
            model.head.weight[0, 0, 0, 0] = math.nan
    return model


def scene(side: int, seed: int) -> np.ndarray:
    """Smooth waves, (side, side) float32 in [0.1, 0.9]."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    a, b = np.random.default_rng(seed).uniform(10, 30, 2)
    waves: np.ndarray = (0.5 + 0.4 * np.sin(x / a) * np.cos(y / b)).astype(np.float32)
    return waves


def noisy(side: int, seed: int, *, channels: int = 1) -> NoisyPicture:
    """A scene with noise that grows with brightness."""
    clean = np.repeat(scene(side, seed)[..., None], channels, axis=2)
    noise = np.random.default_rng(seed + 100).standard_normal(clean.shape).astype(np.float32)
    pixels = (clean + noise * np.sqrt(0.02 * clean)).astype(np.float32)
    return NoisyPicture(f"{seed}", pixels, estimate_sigma(pixels))


def run(
    pictures: list[NoisyPicture], *, steps: int = 20, seed: int = 0, tell: Callable[[str], None] = lambda _: None
) -> Adapted:
    options = AdaptOptions(steps=steps, seed=seed, device="cpu", precision="fp32")
    return adapt(network(), pictures, options, tell=tell)


def restored(model: Hybrid, picture: NoisyPicture) -> np.ndarray:
    """What the network makes of a picture, (H, W, C), the channels of a grey one averaged."""
    whole = torch.from_numpy(picture.pixels.transpose(2, 0, 1).copy())[None].expand(1, 3, -1, -1)
    with torch.inference_mode():
        made = model(whole, torch.full((1, 1, 1, 1), picture.sigma / 255))[0]
    pixels: np.ndarray = (made.mean(0, keepdim=True) if picture.gray else made).permute(1, 2, 0).numpy()
    return pixels


def test_pairs_touch_and_are_two() -> None:
    places = torch.arange(16.0).reshape(1, 4, 4).expand(3, 4, 4)
    first, second = (take(places, each) for each in draw_pairing(4, 4, torch.Generator().manual_seed(0)))
    assert first.shape == second.shape == (3, 2, 2)
    assert torch.equal(first[0], first[2])  # the same pixels of every channel
    for row, column in np.ndindex(2, 2):
        one, other = (divmod(int(each[0, row, column]), 4) for each in (first, second))
        assert {one[0] // 2, other[0] // 2} == {row}
        assert {one[1] // 2, other[1] // 2} == {column}
        assert abs(one[0] - other[0]) + abs(one[1] - other[1]) == 1


def test_every_way_to_pair_is_drawn_alike() -> None:
    first, second = draw_pairing(400, 400, torch.Generator().manual_seed(0))
    ways, counts = np.unique((10 * first + second).numpy(), return_counts=True)
    assert ways.tolist() == [1, 2, 10, 13, 20, 23, 31, 32]
    assert counts.min() > 0.9 * counts.max()


def test_the_error_counts_the_mask_alone() -> None:
    mask = torch.zeros(1, 4, 4, dtype=torch.bool)
    mask[:, 2:] = True
    lesson = from_neighbors(torch.zeros(3, 4, 4), mask, torch.Generator().manual_seed(0))
    restored = torch.full((1, 3, 2, 2), 7.0)
    restored[..., 1, :] = 2.0
    assert lesson_error(restored, lesson).tolist() == [4.0]
    assert best_quarter(mask) == (slice(2, 4), slice(0, 2))


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_recorruption_tells_the_error_from_clean_without_the_clean_picture(share: float) -> None:
    """For a filter that keeps a share of what it gets, on white noise of a known law."""
    generator = torch.Generator().manual_seed(0)
    clean, deviation = torch.full((3, 400, 400), 0.5), 0.1
    noisy = clean + deviation * torch.randn(clean.shape, generator=generator)
    law = NoiseLaw(np.array([0.0, 1.0]), np.full(2, deviation**2), np.zeros(REACH))
    lesson = from_recorruption(noisy, law.draw(clean, generator), torch.ones(1, 400, 400, dtype=torch.bool))
    restored = 0.5 + share * (lesson.given - 0.5)
    wanted = ((restored - clean) ** 2).mean() + deviation**2
    assert float(lesson_error(restored, lesson).mean()) == pytest.approx(float(wanted), rel=0.05)
    assert float(wanted) == pytest.approx(deviation**2 * (1 + share**2 * (1 + ALPHA**2)), rel=0.02)


@pytest.mark.parametrize("correlations", [(0.0, 0.0), (0.55, 0.1), (0.67, 0.33)])
def test_the_law_of_noise_is_found(correlations: tuple[float, float]) -> None:
    """On noise that grows with brightness, alone or spread, where restoring took some of the picture away as well."""
    generator = torch.Generator().manual_seed(0)
    clean = torch.from_numpy(scene(384, 0))[None]
    given = NoiseLaw(np.array([0.0, 1.0]), np.array([0.0005, 0.0105]), np.array([*correlations, 0, 0, 0]))
    noise = given.draw(clean, generator)
    for apart, wanted in enumerate((1.0, *correlations, 0.0)):
        alike = float((noise[:, :, apart:] * noise[:, :, : 384 - apart]).mean() / noise.square().mean())
        assert alike == pytest.approx(wanted, abs=0.03)
    found = measure_noise(clean + noise, clean + 0.01 * torch.sin(torch.arange(384) / 9.0))
    np.testing.assert_allclose(found.correlations, given.correlations, atol=0.05)
    light = np.linspace(0.15, 0.85, 8)
    np.testing.assert_allclose(
        np.sqrt(np.interp(light, found.brightness, found.variance)), np.sqrt(0.0005 + 0.01 * light), rtol=0.12
    )
    deviation = float((noise / torch.from_numpy(np.sqrt(0.0005 + 0.01 * clean.numpy()))).std())
    assert deviation == pytest.approx(1, abs=0.03)  # spread noise is as strong
    assert found.as_white == pytest.approx(255 * math.sqrt(0.0055) * (1 + 2 * sum(correlations)), rel=0.1)


def test_what_was_lost_of_the_picture_is_not_taken_for_noise_that_spreads() -> None:
    generator = torch.Generator().manual_seed(0)
    clean = torch.from_numpy(scene(256, 1))[None]
    rough = torch.nn.functional.avg_pool2d(torch.randn(1, 260, 260, generator=generator), 5, stride=1)
    noise = 0.01 * torch.randn(clean.shape, generator=generator)
    assert not measure_noise(clean + 0.2 * rough + noise, clean).spreads


def test_a_black_background_does_not_look_like_noise_that_spreads() -> None:
    """Faint light: most pixels are 0, the others hold a few photons; the network leaves a faint wave of its own."""
    photons = np.random.default_rng(0).poisson(np.clip(scene(256, 0) - 0.5, 0, 1) * 8).astype(np.float32)
    noisy = torch.from_numpy(np.minimum(photons / 16, 1))[None]
    wave = 0.001 * torch.sin(torch.arange(256) / 5.0)
    restored = torch.from_numpy(np.clip(scene(256, 0) - 0.5, 0, 1) / 2)[None] + wave
    assert measure_noise(noisy, restored).spreads is False
    assert measure_noise(noisy, noisy).spreads is False
    assert measure_noise(torch.zeros(1, 64, 64), wave[:64].expand(1, 64, 64)).spreads is False


def test_a_tenth_of_each_picture_is_held_out_and_stays_so() -> None:
    pictures = [noisy(320, 0), noisy(96, 1), noisy(32, 2)]
    cutter = Cutter(pictures, 32, seed=3)
    judged = cutter.to_judge(12, np.random.default_rng(0))
    assert bool(judged.held_out.flatten(1).any(1).all())
    assert judged.picture.tolist() == [0, 1, 2] * 4
    again = Cutter(pictures, 32, seed=3)
    for mine, same in zip(cutter._held_out, again._held_out, strict=True):
        assert np.array_equal(mine, same)
    assert [int(each.sum()) for each in cutter._held_out] == [round(HELD_OUT * (320 / PIECE) ** 2), 1, 1]


def test_crops_are_of_the_picture_turned_and_mirrored_with_their_marks() -> None:
    y, x = np.mgrid[0:96, 0:128].astype(np.float32)
    pixels = ((y * 128 + x) / (96 * 128))[..., None]
    cutter = Cutter([NoisyPicture("", pixels, 25.5)], 32, seed=0)
    crops = cutter.draw(64, np.random.default_rng(0))
    assert crops.noisy.shape == (64, 3, 32, 32)
    assert crops.level.flatten().tolist() == pytest.approx([0.1] * 64)
    assert bool(crops.gray.all())
    corners = set()
    for crop, held in zip(crops.noisy[:, 0].numpy(), crops.held_out[:, 0].numpy(), strict=True):
        rows, columns = np.divmod(np.rint(crop * 96 * 128).astype(int), 128)
        assert np.array_equal(held, cutter._held_out[0][rows // PIECE, columns // PIECE])
        corners.add((rows[0, 0] < rows[-1, -1], columns[0, 0] < columns[-1, -1], rows[0, 0] == rows[0, -1]))
    assert len(corners) == 8


def test_built_in_levels_are_as_if_told() -> None:
    model, told = network(), network()
    for each in (model, told):
        torch.manual_seed(1)
        torch.nn.init.normal_(each.head.weight, std=0.1)
    hear_only(model, 30)
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted = told(picture, torch.full((1, 1, 1, 1), 30 / 255))
        got = [model(picture, torch.full((1, 1, 1, 1), level)) for level in (0.0, 0.3)]
        other = told(picture, torch.zeros(1, 1, 1, 1))
    assert torch.equal(*got)
    inside = (..., slice(24, 40), slice(24, 40))  # away from the padding, through which the edge differs
    torch.testing.assert_close(got[0][inside], wanted[inside], atol=1e-5, rtol=0)
    assert float((other - wanted)[inside].abs().max()) > 1e-4


@pytest.mark.parametrize("channels", [1, 3])
def test_it_learns_from_noisy_pictures_alone(channels: int) -> None:
    pictures = [noisy(96, seed, channels=channels) for seed in range(3)]
    told: list[str] = []
    adapted = run(pictures, steps=150, tell=told.append)
    assert adapted.gain > 0.1
    assert adapted.step > 100
    assert adapted.mpx == pytest.approx(adapted.step * 48**2 / 1e6)
    for seed, picture in enumerate(pictures):
        clean = np.repeat(scene(96, seed)[..., None], channels, axis=2)
        color: Color = "gray" if channels == 1 else "rgb"
        before = psnr(picture.pixels, clean, data_range=1, color=color)
        assert psnr(restored(adapted.model, picture), clean, data_range=1, color=color) > before + 1
    assert told[0] == "noise spreads to neighbouring pixels in 0 of 3 pictures"
    assert told[1].startswith("noise level ")
    assert "Mpx/s" in told[-1]
    assert "0:00 left" in told[-1]
    assert "best so far" in " ".join(told)


def test_the_same_seed_gives_the_same_weights_and_the_start_is_not_changed() -> None:
    model, pictures = network(), [noisy(64, 0), noisy(80, 1)]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    options = [AdaptOptions(steps=6, seed=seed, device="cpu", precision="fp32") for seed in (1, 1, 2)]
    states = []
    for each in options:
        states.append(adapt(model, pictures, each, tell=lambda _: None).model.state_dict())
        torch.rand(3)  # whatever the program draws beside it must not matter
    assert all(torch.equal(states[0][name], states[1][name]) for name in before)
    assert not all(torch.equal(states[0][name], states[2][name]) for name in before)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_clean_pictures_leave_nothing_to_gain() -> None:
    flat = np.full((64, 64, 1), 0.5, np.float32)
    flat[:32] = 0.25
    adapted = run([NoisyPicture("flat", flat, 0.0)], steps=2)
    assert adapted.gain == 0


def test_minutes_end_on_time() -> None:
    adapted = adapt(network(), [noisy(64, 0)], AdaptOptions(minutes=0.03, device="cpu"), tell=lambda _: None)
    assert 0.02 < adapted.minutes < 0.2


@pytest.mark.parametrize("times", [1, 2])
def test_asked_to_stop_it_keeps_the_best_and_asked_twice_it_ends_at_once(times: int) -> None:
    def tell(line: str) -> None:
        if line.startswith("step 10/"):
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if times == 2:
            with pytest.raises(KeyboardInterrupt):
                run([noisy(64, 0)], steps=200, tell=tell)
        else:
            adapted = run([noisy(64, 0)], steps=200, tell=tell)
            assert adapted.interrupted
            assert adapted.step <= 10
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_loss_that_is_no_number_ends_it() -> None:
    with pytest.raises(ModelError, match=r"the loss is nan at step \d+: nothing was written"):
        adapt(network(finite=False), [noisy(64, 0)], AdaptOptions(steps=20, device="cpu"), tell=lambda _: None)


def test_what_cannot_be_adapted_is_told() -> None:
    assert smallest_side(network()) == 16
    with pytest.raises(DataError, match="has a side of 12: leave out all below 16"):
        run([noisy(64, 0), noisy(12, 1)])
    larger = Hybrid(TINY.model_copy(update={"scale": 2}))
    with pytest.raises(UsageError, match="are not those of a denoiser"):
        adapt(larger, [noisy(64, 0)], AdaptOptions(steps=1), tell=lambda _: None)


def test_folders_are_read_whatever_lies_there(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    generator = np.random.default_rng(0)
    for name, shape, kind in (
        ("gray8.png", (40, 48), np.uint8),
        ("deeper/colour16.tif", (64, 32, 3), np.uint16),
        ("small.png", (8, 40), np.uint8),
    ):
        pixels = generator.integers(0, np.iinfo(kind).max, shape, dtype=kind)
        pyvips.Image.new_from_array(pixels).write_to_file(str(tmp_path / name))
    pyvips.Image.new_from_array(np.full((40, 40), 9, np.uint8)).write_to_file(str(tmp_path / "flat.png"))
    (tmp_path / "text.png").write_text("no picture")
    whole = (tmp_path / "gray8.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    told: list[str] = []
    pictures = read_noisy(tmp_path, smallest=16, tell=told.append)
    assert [(each.name, each.pixels.shape, each.pixels.dtype.name) for each in pictures] == [
        ("gray8.png", (40, 48, 1), "uint8"),
        ("deeper/colour16.tif", (64, 32, 3), "uint16"),
    ]
    assert pictures[0].sigma == estimate_sigma(pictures[0].pixels)
    assert all(line.startswith("left out: ") for line in told)
    assert [any(name in line for line in told) for name in ("cut.png", "flat.png", "small.png", "text.png")] == [
        True
    ] * 4
    assert any("small.png is 40×8, wanted 16×16 or more" in line for line in told)
    run(pictures, steps=1)


def test_folders_without_pictures_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no folder .*none"):
        read_noisy(tmp_path / "none", smallest=16, tell=lambda _: None)
    with pytest.raises(DataError, match=r"no pictures in .*wanted files that end in"):
        read_noisy(tmp_path, smallest=16, tell=lambda _: None)
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(DataError, match=r"none of the 1 pictures in .* can be used \(cannot read .*text.png"):
        read_noisy(tmp_path, smallest=16, tell=lambda _: None)
