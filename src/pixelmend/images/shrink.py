"""Making a picture smaller, as those were from which networks that enlarge have learnt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pixelmend.images.decode import Picture
from pixelmend.images.planes import to_vips

if TYPE_CHECKING:
    from pixelmend.images.picture import ArrayPicture


def shrunk(picture: Picture | ArrayPicture, factor: int) -> Picture | ArrayPicture:
    """A picture at a whole fraction of its size, bicubic; what else came with it stays.

    Args:
        picture: Which; it is not modified.
        factor: Its height and width over those of the result, which are rounded up: the edge is repeated as far as
            need be.
    """
    if isinstance(picture, Picture):
        alpha = None if picture.alpha is None else _smaller(picture.alpha, factor)
        return replace(picture, colour=_smaller(picture.colour, factor), alpha=alpha)
    alpha = None if picture.alpha is None else _smaller(to_vips(picture.alpha), factor).numpy()
    pixels = _smaller(to_vips(picture.pixels), factor).numpy()
    height, width = pixels.shape[:2]
    return replace(
        picture,
        pixels=pixels.reshape(height, width, -1),
        alpha=None if alpha is None else alpha.reshape(height, width, 1),
    )


def _smaller(image: Any, factor: int) -> Any:
    width, height = (-(-side // factor) for side in (image.width, image.height))
    whole = image.embed(0, 0, width * factor, height * factor, extend="copy")
    return whole.resize(1 / factor, kernel="cubic")
