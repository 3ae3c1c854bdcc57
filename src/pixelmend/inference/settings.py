"""All that a user may say about how a picture is to be restored, in one value for every door and every process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pixelmend
from pixelmend.images import check_encoding
from pixelmend.inference.auto import AUTO, all_weights, check_auto
from pixelmend.inference.engines import USUAL, Wish
from pixelmend.inference.options import Options
from pixelmend.inference.weights import Weights, find_weights

if TYPE_CHECKING:
    from pixelmend.catalog import Card


@dataclass(frozen=True, eq=False)
class Settings:
    """How pictures are to be restored, and how results are written.

    Attributes:
        task: One of `pixelmend.catalog.tasks()`; or "auto", which looks at each picture; or a model that ships, by its
            name; or the card of one's own.
        size: Of the weights for a task: "nano", "small" (None) or "base".
        scale: By how much to enlarge, for a task that does; None takes 4, or the only one there is.
        fidelity: 1 for the faithful weights of the task, 0 for the perceptual ones, between for both.
        options: What the restorer is told.
        wish: Engine, device and precision.
        format: Of the result: one of `pixelmend.images.formats()`; None goes by its name, or by the picture.
        quality: Of the result, 1–100, for formats that lose something; None is the usual one.

    Raises:
        UsageError: See `find_weights`; impossible settings are refused before any picture is opened.
        ModelError: The installation is damaged.
    """

    task: str | Card = "denoise"
    size: str | None = None
    scale: int | None = None
    fidelity: float = 1.0
    options: Options = field(default_factory=Options)
    wish: Wish = USUAL
    format: str | None = None
    quality: int | None = None

    def __post_init__(self) -> None:
        """Refuse what fits no weights, and what no format takes."""
        self.weights()
        if self.task == AUTO:
            check_auto(self.size, self.scale, self.fidelity, self.options.mask)
        if self.format is not None:
            check_encoding(self.format, quality=self.quality)

    def weights(self) -> Weights:
        """The weights that these settings name; where each picture has its own, those of denoising."""
        if self.task == AUTO:
            return find_weights("denoise")
        return find_weights(self.task, size=self.size, scale=self.scale, fidelity=self.fidelity)

    def told(self) -> dict[str, Any]:
        """What decides the pixels of a result, ready for JSON: the version and weights by checksum included."""
        options = {name: value for name, value in vars(self.options).items() if name != "mask"}
        mask = self.options.mask
        parts = [[share, card.name, card.sha256] for share, card in self.weights().parts]
        chosen = {"task": AUTO, "size": self.size, "fidelity": self.fidelity} if self.task == AUTO else {}
        return {
            "version": pixelmend.__version__,
            **chosen,
            "weights": all_weights() if chosen else parts,
            **options,
            "mask": None if mask is None else str(mask),
            **{name: value for name, value in vars(self.wish).items() if name != "lanes"},
            "format": self.format,
            "quality": self.quality,
        }
