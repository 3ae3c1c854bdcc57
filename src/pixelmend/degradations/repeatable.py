"""Noise that is a function of (seed, file name), so that a score can be measured again anywhere."""

from __future__ import annotations

import hashlib
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


def gaussian_noise_for(name: str, shape: tuple[int, ...], sigma: float, seed: int) -> npt.NDArray[np.float32]:
    """Draw white Gaussian noise as a function of a seed and a file's name.

    The generator is NumPy's PCG64, seeded by the first 8 bytes (little endian) of SHA-256 of "seed/stem". One
    pattern serves all levels: noise of sigma 50 is that of sigma 25, doubled.

    Args:
        name: The picture's file name; folders and the suffix do not count, so copies in other formats agree.
        shape: The picture's shape, (H, W) or (H, W, 3).
        sigma: Standard deviation on the 0–255 scale.
        seed: Any integer; another seed gives independent noise.

    Returns:
        Float32 noise on the scale [0, 1], to be added to a picture and not clipped.
    """
    digest = hashlib.sha256(f"{seed}/{PurePath(name).stem}".encode()).digest()
    generator = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "little")))
    return generator.standard_normal(shape, dtype=np.float32) * np.float32(sigma / 255)
