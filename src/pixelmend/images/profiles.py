"""What the numbers of a picture mean: ICC profiles, and the way to sRGB and back.

Networks learnt from sRGB, so that is what they are shown; the file keeps its own profile and its own numbers. Profiles
of the cameras and screens of today (Display P3, Adobe RGB, ProPhoto, BT.2020, sRGB itself, and all grey ones) are a
matrix and curves: these are computed here, in double precision and without clipping, so that colours beyond sRGB
survive the way there and back. A profile that holds tables in place of a matrix goes through libvips, which rounds to
16 bits and clips.

Source of the formulas: ICC.1:2022 (profile version 4.4), 8.3, 8.4, 10.6 and 10.18; IEC 61966-2-1 (sRGB).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.images.vips import pyvips

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pixelmend.images.picture import ColourSpace

    Doubles = NDArray[np.float64]

SPACES = {b"RGB ": 3, b"GRAY": 1, b"CMYK": 4}
"""Channels of a picture by the kind of numbers that a profile says it is for."""

_NO_CHANGE = 2 / 255
"""A profile that moves no colour as far as this, on the [0, 1] scale, is sRGB in effect.

The profiles of sRGB that are in use have rounded figures, which move a dark saturated colour by 0.6 to 1.6 levels of 8
bits; the nearest that is none (a power of 2.2) moves some by 8.
"""
_TO_D50 = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
"""Linear sRGB to XYZ under D50, the white of ICC profiles; Bradford adaptation."""
_FROM_D50 = np.linalg.inv(_TO_D50)
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


_STEEPEST = 20.0
"""The greatest exponent of a curve: those of real profiles are 1 to 3, damaged ones lead beyond all numbers."""


class UnusableProfileError(ValueError):
    """A profile that is broken, or of a kind that says nothing of grey or RGB."""


@dataclass(frozen=True, eq=False)
class _Curve:
    """A tone curve, both ways: odd, so that values below 0 and above 1 have their place too."""

    forth: Callable[[Doubles], Doubles]
    back: Callable[[Doubles], Doubles]


@dataclass(frozen=True, eq=False)
class MatrixSpace:
    """A profile of three curves and a matrix, or of one curve for grey.

    Attributes:
        curves: Stored value to linear light, one for each channel.
        matrix: Linear light to linear sRGB, (3, 3); None for grey.
    """

    curves: tuple[_Curve, ...]
    matrix: Doubles | None

    def to_srgb(self, unit: NDArray[np.float32]) -> NDArray[np.float32]:
        """As `ColourSpace`; grey given to a profile of colour is looked up as a neutral one."""
        linear = self._each(unit, forth=True)
        if self.matrix is not None and linear.shape[2] == 3:
            linear = linear @ self.matrix.T
        srgb: NDArray[np.float32] = _SRGB.back(linear).astype(np.float32)
        return srgb

    def from_srgb(self, unit: NDArray[np.float32]) -> NDArray[np.float32]:
        """As `ColourSpace`."""
        linear = _SRGB.forth(unit.astype(np.float64))
        if self.matrix is not None and linear.shape[2] == 3:
            linear = linear @ np.linalg.inv(self.matrix).T
        own: NDArray[np.float32] = np.clip(self._each(linear, forth=False), 0, 1).astype(np.float32)
        return own

    def _each(self, values: NDArray[Any], *, forth: bool) -> Doubles:
        doubles = values.astype(np.float64)
        for channel in range(doubles.shape[2]):
            curve = self.curves[min(channel, len(self.curves) - 1)]
            doubles[:, :, channel] = (curve.forth if forth else curve.back)(doubles[:, :, channel])
        return doubles


@dataclass(frozen=True, eq=False)
class TableSpace:
    """A profile of tables, through libvips: rounded to 16 bits on the way, and clipped to what it holds.

    Attributes:
        profile: The profile as it lies in the file, for RGB.
    """

    profile: bytes

    def to_srgb(self, unit: NDArray[np.float32]) -> NDArray[np.float32]:
        """As `ColourSpace`."""
        stored = np.rint(np.clip(unit, 0, 1) * 65535).astype(np.uint16)
        colour = np.repeat(stored, 3, axis=2) if stored.shape[2] == 1 else stored
        image = self._image(colour, "ushort", "rgb16").icc_import(pcs="lab", embedded=True, intent="relative")
        xyz = _xyz_of_lab(image.numpy().astype(np.float64))
        srgb: NDArray[np.float32] = _SRGB.back(xyz @ _FROM_D50.T).astype(np.float32)
        return srgb.mean(axis=2, keepdims=True) if stored.shape[2] == 1 else srgb

    def from_srgb(self, unit: NDArray[np.float32]) -> NDArray[np.float32]:
        """As `ColourSpace`."""
        colour = np.repeat(unit, 3, axis=2) if unit.shape[2] == 1 else unit
        lab = _lab_of_xyz(_SRGB.forth(colour.astype(np.float64)) @ _TO_D50.T).astype(np.float32)
        image = self._image(lab, "float", "lab").icc_export(pcs="lab", depth=16, intent="relative")
        own: NDArray[np.float32] = image.numpy().astype(np.float32) / np.float32(65535)
        return own.mean(axis=2, keepdims=True) if unit.shape[2] == 1 else own

    def _image(self, values: NDArray[Any], kind: str, interpretation: str) -> Any:
        height, width, bands = values.shape
        image = pyvips.Image.new_from_memory(np.ascontiguousarray(values), width, height, bands, kind)
        image = image.copy(interpretation=interpretation)
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", self.profile)
        return image


@lru_cache(maxsize=32)
def space_of(profile: bytes) -> ColourSpace | None:
    """The way between a profile's numbers and sRGB; None where it is sRGB in effect.

    Args:
        profile: An ICC profile, for RGB or grey.

    Raises:
        UnusableProfileError: It is broken, or for another kind of numbers.
    """
    channels = SPACES.get(profile[16:20])
    if channels not in {1, 3} or profile[36:40] != b"acsp":
        raise UnusableProfileError("no ICC profile of grey or RGB")
    try:
        space = _read(profile, channels)
        lattice = _lattice(channels)
        # Clipped: a matrix of rounded figures throws the darkest colours a little beyond sRGB.
        moved = np.abs(np.clip(space.to_srgb(lattice), 0, 1) - lattice).max()
    except (struct.error, LookupError, ValueError, np.linalg.LinAlgError, pyvips.Error) as error:
        raise UnusableProfileError(f"the profile is broken ({error})") from None
    if not np.isfinite(moved):
        raise UnusableProfileError("its numbers lead nowhere")
    return None if moved < _NO_CHANGE else space


def space_for(profile: bytes | None, channels: int) -> tuple[ColourSpace | None, list[str]]:
    """What the numbers of a picture mean, and what is to be said where its profile cannot be used.

    Args:
        profile: What came with it.
        channels: 1 or 3; grey with a profile of colour is as neutral colour.
    """
    if profile is None:
        return None, []
    try:
        space = space_of(profile)
    except UnusableProfileError as error:
        return None, [f"the colour profile was not used: {error}; colours were taken for sRGB"]
    if SPACES[profile[16:20]] == 1 and channels == 3:
        return None, ["the colour profile was not used: it is for grey; colours were taken for sRGB"]
    return space, []


def _read(profile: bytes, channels: int) -> ColourSpace:
    tags = _tags(profile)
    if channels == 1:
        return MatrixSpace((_curve(tags[b"kTRC"]),), None)
    if b"rXYZ" not in tags:
        return TableSpace(profile)
    curves = tuple(_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC"))
    columns = np.stack([_fixed(tags[name][8:20]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")], axis=1)
    matrix = _FROM_D50 @ columns
    # Three figures in a profile are rounded; that its white is white is certain.
    return MatrixSpace(curves, matrix / matrix.sum(axis=1, keepdims=True))


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    if count > 1000:
        raise UnusableProfileError(f"{count} tags")
    found = {}
    for number in range(count):
        name, start, size = struct.unpack_from(">4sII", profile, 132 + 12 * number)
        found[name] = profile[start : start + size]
    return found


def _fixed(data: bytes) -> Doubles:
    """Numbers with 16 bits before the point and 16 behind."""
    return np.frombuffer(data, ">i4").astype(np.float64) / 65536


def _curve(data: bytes) -> _Curve:
    kind = data[:4]
    if kind == b"curv":
        (count,) = struct.unpack_from(">I", data, 8)
        if count == 0:
            return _power(1.0)
        if count == 1:
            return _power(struct.unpack_from(">H", data, 12)[0] / 256)
        return _table(np.frombuffer(data, ">u2", count, 12).astype(np.float64) / 65535)
    if kind != b"para":
        raise UnusableProfileError(f"a curve of type {kind!r}")
    (form,) = struct.unpack_from(">H", data, 8)
    numbers = _fixed(data[12 : 12 + 4 * (1, 3, 4, 5, 7)[form]])
    if form == 0:
        return _power(float(numbers[0]))
    if form == 3:
        return _bent(tuple(numbers.tolist()))
    # The other forms are rare: they are looked up, finely.
    return _table(_sampled(form, numbers))


def _sampled(form: int, numbers: Doubles) -> Doubles:
    x = np.linspace(0, 1, 65536)
    g, a, b, c, d, e, f = [*numbers.tolist(), 0, 0, 0, 0, 0, 0][:7]
    if form == 4:
        return np.asarray(np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f))
    shift = c if form == 2 else 0.0
    return np.asarray(np.where(x >= -b / a, np.maximum(a * x + b, 0) ** g + shift, shift))


def _power(exponent: float) -> _Curve:
    if not 1 / _STEEPEST <= exponent <= _STEEPEST:
        raise UnusableProfileError(f"a curve of exponent {exponent}")
    return _Curve(
        lambda x: np.sign(x) * np.abs(x) ** exponent, lambda y: np.sign(y) * np.abs(y) ** (1 / exponent)
    )  # fmt: skip


def _bent(numbers: tuple[float, ...]) -> _Curve:
    """A power with a straight piece at its foot, as that of sRGB."""
    g, a, b, c, d = numbers
    if min(g, a, c) <= 0:
        raise UnusableProfileError("a curve that does not rise")
    if not (g <= _STEEPEST and 0.5 <= max(a + b, 0) <= 2):
        raise UnusableProfileError("a curve that does not lead to white")
    knee = c * d

    def forth(x: Doubles) -> Doubles:
        size = np.abs(x)
        return np.asarray(np.sign(x) * np.where(size >= d, np.maximum(a * size + b, 0) ** g, c * size))

    def back(y: Doubles) -> Doubles:
        size = np.abs(y)
        return np.asarray(np.sign(y) * np.where(size >= knee, (size ** (1 / g) - b) / a, size / c))

    return _Curve(forth, back)


def _table(values: Doubles) -> _Curve:
    """A curve by points at equal steps; beyond its ends it goes on as it ended."""
    x = np.linspace(0, 1, len(values))
    rising = np.maximum.accumulate(values)
    # What is flat has no way back; it is made to rise by less than any picture can tell.
    rising = rising + x * 1e-9

    def along(at: Doubles, known: Doubles, told: Doubles) -> Doubles:
        size = np.abs(at)
        over = np.maximum(size - known[-1], 0) * (told[-1] - told[-2]) / (known[-1] - known[-2])
        return np.asarray(np.sign(at) * (np.interp(size, known, told) + over))

    return _Curve(lambda at: along(at, x, rising), lambda at: along(at, rising, x))


_SRGB = _bent(_SRGB_CURVE)
"""sRGB to linear light and back."""


def _lattice(channels: int) -> NDArray[np.float32]:
    steps = np.linspace(0, 1, 33 if channels == 1 else 9, dtype=np.float32)
    if channels == 1:
        return steps.reshape(-1, 1, 1)
    return np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 9, 3)


_D50 = np.array([0.9642, 1.0, 0.8249])


def _xyz_of_lab(lab: Doubles) -> Doubles:
    """CIELAB under D50 to XYZ, white 1."""
    y = (lab[..., 0] + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    return np.asarray(np.where(f > 6 / 29, f**3, (f - 4 / 29) * 3 * (6 / 29) ** 2) * _D50)


def _lab_of_xyz(xyz: Doubles) -> Doubles:
    t = xyz / _D50
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)
