"""ICC profiles made by hand, byte by byte: those of screens and cameras, of grey, and one of tables."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
# Red, green and blue as XYZ under D50, one row each.
P3_COLOURS = np.array([[0.51512, 0.2412, -0.00105], [0.29198, 0.69225, 0.04189], [0.1571, 0.06657, 0.78407]])
ADOBE_COLOURS = np.array([[0.60974, 0.31111, 0.01947], [0.20528, 0.62567, 0.06087], [0.14919, 0.06322, 0.74457]])
PROPHOTO_COLOURS = np.array([[0.79767, 0.28804, 0.0], [0.13519, 0.71188, 0.0], [0.03134, 0.00009, 0.82491]])
D50 = (0.9642, 1.0, 0.8249)


def fixed(*numbers: float) -> bytes:
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


def para(*numbers: float) -> bytes:
    """A curve by formula: one number is a power, five are a power with a straight foot."""
    return b"para\0\0\0\0" + struct.pack(">HH", {1: 0, 3: 1, 4: 2, 5: 3, 7: 4}[len(numbers)], 0) + fixed(*numbers)


def points(values: NDArray[np.float64]) -> bytes:
    """A curve by points at equal steps."""
    return b"curv\0\0\0\0" + struct.pack(">I", len(values)) + np.rint(values * 65535).astype(">u2").tobytes()


def profile(space: bytes, tags: dict[str, bytes], connection: bytes = b"XYZ ", version: int = 0x04300000) -> bytes:
    """A profile of these tags."""
    text = "made for a test".encode("utf-16-be")
    words = b"mluc\0\0\0\0" + struct.pack(">IIHHII", 1, 12, 0x656E, 0x5553, len(text), 28) + text
    white = b"XYZ \0\0\0\0" + fixed(*D50)
    tags = {"desc": words, "cprt": words, "wtpt": white, **tags}
    start = 128 + 4 + 12 * len(tags)
    table, body = b"", b""
    for name, data in tags.items():
        table += struct.pack(">4sII", name.encode(), start + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    head = struct.pack(">I4sI4s4s4s6H4s", start + len(body), b"", version, b"mntr", space, connection,
                       2024, 1, 1, 0, 0, 0, b"acsp")  # fmt: skip
    head = head.ljust(68, b"\0") + fixed(*D50)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def colour_profile(colours: NDArray[np.float64], curve: bytes) -> bytes:
    """One of a matrix and three equal curves."""
    columns = {f"{name}XYZ": b"XYZ \0\0\0\0" + fixed(*row) for name, row in zip("rgb", colours, strict=True)}
    return profile(b"RGB ", {**columns, **{f"{name}TRC": curve for name in "rgb"}})


def grey_profile(curve: bytes) -> bytes:
    return profile(b"GRAY", {"kTRC": curve})


def table_profile(colours: NDArray[np.float64], gamma: float) -> bytes:
    """The same as `colour_profile` of a power, by tables alone, to CIELAB and back."""
    steps = np.linspace(0, 1, 33)
    rgb = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1)
    lab = lab_of(rgb**gamma @ colours)
    forth = np.stack([lab[..., 0] / 100 * 65280, (lab[..., 1] + 128) * 256, (lab[..., 2] + 128) * 256], axis=-1)
    known = 65535 * rgb / (652.80, 256, 256) - (0, 128, 128)
    linear = np.clip(xyz_of(known) @ np.linalg.inv(colours), 0, 1)
    back = linear ** (1 / gamma) * 65535

    def table(values: NDArray[np.float64]) -> bytes:
        same = np.array([0, 65535], ">u2").tobytes() * 3
        head = b"mft2\0\0\0\0" + bytes((3, 3, 33, 0)) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + struct.pack(">HH", 2, 2)
        return head + same + np.rint(np.clip(values, 0, 65535)).astype(">u2").tobytes() + same

    return profile(b"RGB ", {"A2B0": table(forth), "B2A0": table(back)}, connection=b"Lab ", version=0x02400000)


def lab_of(xyz: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIELAB under D50."""
    share = xyz / D50
    f = np.where(share > 216 / 24389, np.cbrt(share), (24389 / 27 * share + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def xyz_of(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    middle = (lab[..., 0] + 16) / 116
    f = np.stack([middle + lab[..., 1] / 500, middle, middle - lab[..., 2] / 200], axis=-1)
    return np.asarray(np.where(f**3 > 216 / 24389, f**3, (116 * f - 16) * 27 / 24389) * D50)


P3 = colour_profile(P3_COLOURS, para(*SRGB_CURVE))
ADOBE = colour_profile(ADOBE_COLOURS, para(2.19921875))
PROPHOTO = colour_profile(PROPHOTO_COLOURS, para(1.8))
GREY = grey_profile(para(2.2))
DOT_GAIN = grey_profile(points(np.linspace(0, 1, 256) ** 1.75))
TABLES = table_profile(ADOBE_COLOURS, 2.2)
