"""A before/after picture: what came in on the left, the result on the right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pixelmend.errors import UnreadableError
from pixelmend.images.planes import enlarged, in_depth, to_vips
from pixelmend.images.vips import pyvips, reason

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pixelmend.images.decode import Picture
    from pixelmend.images.picture import Pixels

_GAP = 8  # white columns between the two


def side_by_side(before: Picture, after: Pixels, *, max_side: int = 2048) -> NDArray[np.uint8]:
    """The two pictures beside each other, upright, on white, reduced where larger than `max_side`.

    Where the result is larger than what came in, that is enlarged bicubically.

    Args:
        before: What came in.
        after: (H·s, W·s, C), s whole, of the same channels, uint8, uint16 or float32 in [0, 1].
        max_side: The longest side, in pixels, of each of the two.

    Returns:
        uint8 (h, 2 w + 8, 3).

    Raises:
        UsageError: `after` is not a whole multiple of `before` in size.
        UnreadableError: `before` is damaged.
    """
    colour = enlarged(before.colour, before.dtype, after.shape[1], after.shape[0])
    left = _reduced(colour, before.dtype, before.header, max_side)
    right = _reduced(to_vips(after), after.dtype, before.header, max_side)
    joined = left.join(right, "horizontal", shim=_GAP, background=255, expand=True)
    try:
        pixels: NDArray[np.uint8] = joined.numpy()
    except pyvips.Error as error:
        raise UnreadableError(f"cannot read {before.name}: {reason(error)}") from None
    return pixels


def _reduced(image: Any, dtype: np.dtype[Any], header: Any, max_side: int) -> Any:
    image = in_depth(image, dtype, np.dtype(np.uint8))
    if image.bands == 1:
        image = image.bandjoin([image, image]).copy(interpretation="srgb")
    if "orientation" in header.get_fields():
        image.set_type(header.get_typeof("orientation"), "orientation", header.get("orientation"))
        image = image.autorot()
    factor = max_side / max(image.width, image.height)
    return image.resize(factor) if factor < 1 else image
