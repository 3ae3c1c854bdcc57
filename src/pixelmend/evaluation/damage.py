"""Damage done to one picture as float32 pixels: by a chain in words, or down to its luminance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from pixelmend.data.damage_files import plan_for
from pixelmend.degradations import PRESETS, parse_chain, perform
from pixelmend.images import LUMA

if TYPE_CHECKING:
    import numpy.typing as npt

    from pixelmend.evaluation.problem import Pixels


def damaged(clean: Pixels, chain: str, name: str, seed: int) -> tuple[Pixels, npt.NDArray[np.bool_] | None]:
    """Damage a picture by a chain in words.

    Returns:
        The picture; bool (H, W) where pixels are lost, or None.
    """
    gray = clean.ndim == 2
    planes = torch.from_numpy(np.ascontiguousarray(clean if gray else clean.transpose(2, 0, 1)))
    pictures = planes.expand(3, *planes.shape[-2:])[None]
    done = perform(pictures, [plan_for(parse_chain(chain, PRESETS), name, seed)], gray=torch.tensor([gray]))
    result = done.pictures[0].permute(1, 2, 0).contiguous().numpy()
    missing = None if done.missing is None else done.missing[0, 0].numpy() > 0
    return (np.ascontiguousarray(result[..., 1]) if gray else result), missing


def luminance8(picture: Pixels) -> Pixels:
    """MATLAB's ``rgb2ycbcr`` of an 8-bit picture, first plane: (H, W) float32 in [0, 1], rounded to 8 bits."""
    # In studio range Y is 16 to 235 of 255; LUMA holds the weights of R, G and B, which sum to 1.
    luma = 16 + 219 * (picture.astype(np.float64) @ np.asarray(LUMA, np.float64))
    return (np.round(luma) / 255).astype(np.float32)
