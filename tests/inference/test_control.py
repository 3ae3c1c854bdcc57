"""How much, where and in which colours a picture is changed: whatever its kind, exactly that and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelmend.errors import UsageError
from pixelmend.images import full_scale, to_unit
from pixelmend.inference import Options, restore_picture
from pixelmend.inference.enlarge import as_given
from tests.inference.made_up import (
    Gamma,
    Values,
    Working,
    made_card,
    picture_of,
    restored,
    smooth,
    stored,
    tinted,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pixelmend.images import ArrayPicture

SPACE = Gamma()


@st.composite
def pictures(draw: st.DrawFn, least: int = 1) -> ArrayPicture:
    """Any depth, grey or colour, with and without transparency, in sRGB or not; floats leave [0, 1]."""
    dtype = np.dtype(draw(st.sampled_from(["uint8", "uint16", "float32"])))
    height, width = draw(st.integers(least, 150)), draw(st.integers(least, 150))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    unit = rng.random((height, width, draw(st.sampled_from([1, 3]))))
    pixels = stored(unit * 1.4 - 0.2 if dtype == np.float32 else unit, dtype)
    kind = draw(st.sampled_from(["none", "opaque", "soft", "holes"]))
    soft = rng.random((height, width, 1)) * 1.5
    masks = {"opaque": np.ones_like(soft), "soft": np.minimum(soft, 1), "holes": (soft > 0.5) * 1.0}
    alpha = None if kind == "none" else stored(masks[kind], dtype)
    return picture_of(pixels, alpha, draw(st.sampled_from([None, SPACE])))


@st.composite
def regions(draw: st.DrawFn, picture: ArrayPicture) -> tuple[int, int, int, int]:
    """Any rectangle within a picture."""
    left, top = draw(st.integers(0, picture.width - 1)), draw(st.integers(0, picture.height - 1))
    return left, top, draw(st.integers(1, picture.width - left)), draw(st.integers(1, picture.height - top))


@given(pictures())
@settings(max_examples=60, deadline=None)
def test_at_strength_0_all_comes_back_bit_for_bit_and_nothing_is_run(picture: ArrayPicture) -> None:
    engine = Working(tinted)
    card = made_card(conditions=("noise_level",))
    same, report = restore_picture(picture, card, engine, Options(strength=0))
    np.testing.assert_array_equal(same, picture.pixels)
    assert same.dtype == picture.dtype
    assert engine.calls == []
    assert (report.strength, report.tiles, report.anchored, report.sigma) == (0, 0, None, None)
    assert "strength is 0: nothing was restored" in report.notes
    same[...] = 0  # the caller's own
    assert picture.pixels.any() or picture.pixels.size < 10


@given(pictures(least=12), st.data())
@settings(max_examples=60, deadline=None)
def test_outside_of_a_region_all_comes_back_bit_for_bit(picture: ArrayPicture, data: st.DataObject) -> None:
    left, top, width, height = region = data.draw(regions(picture))
    got, report = restored(picture, tinted, region=region)
    outside = np.ones(got.shape[:2], bool)
    outside[top : top + height, left : left + width] = False
    np.testing.assert_array_equal(got[outside], picture.pixels[outside])
    assert report.region == region


@given(pictures(), st.sampled_from([{}, {"anchor": False}, {"strength": 0.7, "keep_grain": 0.5, "sigma": 20.0}]))
@settings(max_examples=60, deadline=None)
def test_pieces_give_what_the_whole_gives(picture: ArrayPicture, wishes: dict[str, Any]) -> None:
    card = made_card(conditions=("noise_level",))
    options = {"sigma": 20.0, **wishes}
    pieces, _ = restored(picture, tinted, card=card, **options)
    whole, one = restored(picture, tinted, card=made_card(conditions=("noise_level",), tile=512), **options)
    assert one.tiles == 1
    # What divides by the least opacity makes small differences larger; then whole numbers are rounded.
    level = 0 if picture.dtype == np.float32 else 1
    assert np.abs(pieces.astype(float) - whole.astype(float)).max() <= level + 2e-4


@given(pictures(), st.floats(0.01, 0.99))
@settings(max_examples=60, deadline=None)
def test_strength_is_the_share_of_the_change_that_is_taken(picture: ArrayPicture, strength: float) -> None:
    full, _ = restored(picture, tinted, anchor=False)
    some, report = restored(picture, tinted, anchor=False, strength=strength)
    given = picture.pixels.astype(float)
    wanted = np.clip(given + strength * (full - given), 0, full_scale(picture.dtype))
    hidden = picture.alpha is not None and (picture.alpha == 0)
    wanted = np.where(hidden, given, wanted)
    assert np.abs(some - wanted).max() <= (1e-5 if picture.dtype == np.float32 else 1.01)
    assert report.strength == strength


@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize("alpha", [False, True])
def test_what_is_not_restored_is_enlarged(scale: int, alpha: bool) -> None:  # noqa: FBT001
    rng = np.random.default_rng(0)
    pixels = stored(rng.random((90, 110, 3)), np.uint8)
    picture = picture_of(pixels, stored(rng.random((90, 110, 1)) > 0.5, np.uint8) if alpha else None)
    card = made_card(scale)
    larger = as_given(picture, (0, 0, 90, 110), scale)
    nothing, _ = restored(picture, tinted, card=card, strength=0)
    np.testing.assert_array_equal(nothing, larger)
    got, _ = restored(picture, tinted, card=card, region=(20, 30, 50, 40))
    inside = (slice(30 * scale, 70 * scale), slice(20 * scale, 70 * scale))
    changed = got != larger
    assert changed[inside].mean() > 0.8
    changed[inside] = False
    assert not changed.any()
    half, _ = restored(picture, tinted, card=card, strength=0.5, anchor=False)
    full, _ = restored(picture, tinted, card=card, anchor=False)
    np.testing.assert_allclose(half, (larger.astype(float) + full) / 2, atol=1.01)


def test_a_region_is_restored_as_in_the_whole_and_fades_in() -> None:
    pixels = np.random.default_rng(1).random((300, 260, 3), dtype=np.float32)
    engine = Working(tinted)
    left, top, width, height = region = (70, 90, 100, 60)
    got, report = restore_picture(picture_of(pixels), made_card(), engine, Options(region=region, anchor=False))
    whole, all_of_it = restored(picture_of(pixels), tinted, anchor=False)
    place = (slice(top, top + height), slice(left, left + width))
    inner = (slice(top + 8, top + height - 8), slice(left + 8, left + width - 8))
    np.testing.assert_allclose(got[inner], whole[inner], atol=1e-6)
    share = np.abs(got - pixels)[place].sum(axis=2) / np.abs(whole - pixels)[place].sum(axis=2)
    np.testing.assert_allclose(share[30, :9], [*(np.arange(8) + 0.5) / 8, 1], atol=1e-3)
    np.testing.assert_allclose(share[:, 50], share[::-1, 50], atol=1e-3)
    # what is far away is not looked at
    assert report.tiles == len(engine.calls) < all_of_it.tiles / 2


def test_a_region_that_ends_where_the_picture_does_does_not_fade_there() -> None:
    pixels = np.random.default_rng(2).random((90, 80, 3), dtype=np.float32)
    whole, _ = restored(picture_of(pixels), tinted, anchor=False)
    got, _ = restored(picture_of(pixels), tinted, anchor=False, region=(0, 0, 80, 50))
    np.testing.assert_allclose(got[:40], whole[:40], atol=1e-6)
    all_of_it, _ = restored(picture_of(pixels), tinted, anchor=False, region=(0, 0, 80, 90))
    np.testing.assert_array_equal(all_of_it, whole)


def test_with_a_mask_what_is_lost_within_the_region_is_filled_whole() -> None:
    pixels = stored(np.random.default_rng(3).random((120, 100, 3)), np.uint8)
    lost = np.random.default_rng(4).random((120, 100)) < 0.2
    card = made_card(conditions=("mask",))
    got, report = restored(picture_of(pixels), tinted, card=card, mask=lost, region=(30, 40, 50, 60))
    whole, _ = restored(picture_of(pixels), tinted, card=card, mask=lost)
    inside = np.zeros((120, 100), bool)
    inside[40:100, 30:80] = True
    np.testing.assert_array_equal(got[~(lost & inside)], pixels[~(lost & inside)])
    np.testing.assert_allclose(got[50:90, 40:70], whole[50:90, 40:70], atol=1)
    assert (got[lost & inside] != pixels[lost & inside]).any(axis=1).mean() > 0.95
    assert report.lost == pytest.approx((lost & inside).mean())
    assert report.anchored is None
    _, report = restored(picture_of(pixels), tinted, card=card, mask=lost & ~inside, region=(30, 40, 50, 60))
    assert report.notes == ("the mask has no white in the region: nothing is lost, and nothing was changed",)
    _, report = restored(picture_of(pixels), tinted, card=card, mask=lost, keep_grain=0.5)
    assert report.keep_grain == 0
    assert report.notes == ("what is filled in had no grain that could be kept: keep_grain was not used",)


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"strength": 1.5}, r"got strength 1.5, wanted 0 \(as it was\) to 1"),
        ({"strength": -0.1}, "got strength -0.1"),
        ({"strength": float("nan")}, "got strength nan"),
        ({"keep_grain": 2}, r"got keep_grain 2, wanted 0 \(none\) to 1"),
        ({"region": (0, 0, 0, 5)}, "got region 0,0,0,5, wanted left,top,width,height"),
        ({"region": (-1, 0, 5, 5)}, "got region -1,0,5,5, wanted"),
        ({"region": (1, 2, 3)}, "got a region of 3 numbers, wanted"),
        ({"region": (10, 0, 50, 20)}, "ends at 60,20: wanted left,top,width,height within the picture's 40×30 pixels"),
    ],
)
def test_wishes_that_cannot_be_met(wish: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        restored(picture_of(np.zeros((30, 40, 3), np.uint8)), tinted, **wish)


# Colour spaces


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_in_another_space_what_a_network_leaves_alone_stays_bit_for_bit(dtype: type, channels: int) -> None:
    pixels = stored(np.random.default_rng(5).random((70, 90, channels)), dtype)
    picture = picture_of(pixels, space=SPACE)
    assert (SPACE.to_srgb(to_unit(pixels)) > 1).any() or channels == 1  # colours that sRGB does not hold
    engine = Working(lambda planes: planes, lanes=1)
    same, _ = restore_picture(picture, made_card(), engine, Options())
    np.testing.assert_array_equal(same, pixels)
    shown = engine.calls[0][0].transpose(1, 2, 0)[:40, :40]
    np.testing.assert_allclose(shown, np.broadcast_to(SPACE.to_srgb(to_unit(pixels[:40, :40])), shown.shape), atol=1e-6)


def test_in_another_space_the_change_is_that_of_srgb() -> None:
    meant = np.random.default_rng(6).uniform(0.3, 0.6, (60, 50, 3)).astype(np.float32)
    own = SPACE.from_srgb(meant)
    got, _ = restored(picture_of(own, space=SPACE), smooth, anchor=False)
    wanted, _ = restored(picture_of(meant), smooth, anchor=False)
    np.testing.assert_allclose(SPACE.to_srgb(got), wanted, atol=1e-5)


# Transparency


@given(pictures(), st.sampled_from([1, 2]))
@settings(max_examples=40, deadline=None)
def test_what_is_hidden_does_not_show(picture: ArrayPicture, scale: int) -> None:
    if picture.alpha is None:
        return
    other = np.where(picture.alpha > 0, picture.pixels, picture.pixels[::-1, ::-1])
    card = made_card(scale, conditions=("noise_level",))
    first, _ = restored(picture, tinted, card=card, anchor=False)
    second, _ = restored(picture_of(other, picture.alpha, picture.space), tinted, card=card, anchor=False)
    if scale == 1:
        seen = np.broadcast_to(picture.alpha > 0, first.shape)
        np.testing.assert_array_equal(first[~seen], picture.pixels[~seen])
    else:
        alpha = np.repeat(np.repeat(picture.alpha == full_scale(picture.dtype), scale, 0), scale, 1)
        inner = alpha.copy()
        for axis in (0, 1):  # all that the enlargement of opacity looks at is opaque
            for step in range(-2 * scale, 2 * scale + 1):
                inner &= np.roll(alpha, step, axis)
        seen = np.broadcast_to(inner, first.shape)
    np.testing.assert_array_equal(first[seen], second[seen])


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("space", [None, SPACE])
def test_opaque_is_what_it_is_without_transparency(scale: int, space: Gamma | None) -> None:
    rng = np.random.default_rng(7)
    pixels = stored(0.5 + rng.normal(0, 0.05, (200, 180, 3)), np.uint8)
    card = made_card(scale, conditions=("noise_level",))
    opaque = picture_of(pixels, np.full((200, 180, 1), 255, np.uint8), space)
    got, with_alpha = restored(opaque, tinted, card=card, strength=0.8, keep_grain=0.3)
    wanted, without = restored(picture_of(pixels, None, space), tinted, card=card, strength=0.8, keep_grain=0.3)
    np.testing.assert_array_equal(got, wanted)
    assert (with_alpha.sigma, with_alpha.anchored) == (without.sigma, without.anchored)


def test_the_network_sees_colour_times_opacity_and_the_result_is_divided() -> None:
    pixels = np.random.default_rng(8).uniform(0.2, 0.6, (40, 48, 3)).astype(np.float32)
    alpha = np.linspace(0, 1, 48, dtype=np.float32)[None, :, None].repeat(40, axis=0)
    engine = Working(lambda planes: planes * 1.25)
    got, _ = restore_picture(picture_of(pixels, alpha), made_card(), engine, Options(anchor=False))
    shown = engine.calls[0][0].transpose(1, 2, 0)[:40, :48]
    np.testing.assert_allclose(shown, pixels * alpha, atol=1e-7)
    visible = alpha[0, :, 0] > 1 / 16
    np.testing.assert_allclose(got[:, visible], pixels[:, visible] * 1.25, rtol=1e-5)
    np.testing.assert_array_equal(got[:, 0], pixels[:, 0])


def test_the_level_that_the_network_is_told_fades_with_the_colour() -> None:
    told: list[Values] = []

    class Told(Working):
        def run(self, degraded: Values, conditions: Mapping[str, Values], *, left: int = 0) -> Values:
            told.append(conditions["noise_level"])
            return super().run(degraded, conditions, left=left)

    alpha = np.linspace(0, 1, 48, dtype=np.float32)[None, :, None].repeat(40, axis=0)
    picture = picture_of(np.full((40, 48, 3), 0.5, np.float32), alpha)
    restore_picture(picture, made_card(conditions=("noise_level",)), Told(smooth), Options(sigma=51))
    np.testing.assert_allclose(told[0][0, 0, :40, :48], 0.2 * alpha[..., 0], atol=1e-7)


def test_where_all_is_hidden_nothing_is_run() -> None:
    pixels = stored(np.random.default_rng(9).random((60, 200, 3)), np.uint8)
    alpha = np.zeros((60, 200, 1), np.uint8)
    alpha[:, :20] = 255
    engine = Working(tinted)
    _, report = restore_picture(picture_of(pixels, alpha), made_card(), engine, Options())
    assert 0 < len(engine.calls) < report.tiles


def noise(shape: tuple[int, ...], sigma: float) -> NDArray[np.float64]:
    return np.random.default_rng(10).normal(0, sigma / 255, shape)


def told(picture: ArrayPicture) -> float:
    _, report = restored(picture, smooth, card=made_card(conditions=("noise_level",)))
    assert report.sigma is not None
    return report.sigma


@pytest.mark.parametrize("shape", ["half", "disc", "stripes"])
def test_the_level_is_that_of_what_is_seen(shape: str) -> None:
    y, x = np.mgrid[0:300, 0:400]
    seen = {"half": x < 150, "disc": (x - 200) ** 2 + (y - 150) ** 2 < 80**2, "stripes": x % 40 < 24}[shape]
    noisy = stored(0.5 + 0.2 * np.sin(x / 90)[..., None] + noise((300, 400, 3), 20), np.uint8)
    alpha = stored(seen[..., None], np.uint8)
    for hidden in (np.zeros_like(noisy), np.full_like(noisy, 90), noisy[:, ::-1] // 2):
        picture = picture_of(np.where(seen[..., None], noisy, hidden), alpha)
        assert told(picture) == pytest.approx(20, rel=0.15)


def test_the_level_is_that_of_srgb() -> None:
    class Steep:
        """Numbers half as far apart as those of sRGB."""

        def to_srgb(self, unit: Values) -> Values:
            return (2 * unit - 0.5).astype(np.float32)

        def from_srgb(self, unit: Values) -> Values:
            return ((unit + 0.5) / 2).astype(np.float32)

    picture = picture_of(stored(0.5 + noise((200, 200, 3), 12), np.uint16), space=Steep())
    assert told(picture) == pytest.approx(24, rel=0.06)
