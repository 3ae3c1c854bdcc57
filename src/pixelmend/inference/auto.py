"""`--task auto`: what is done follows what is wrong with the picture."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pixelmend import catalog
from pixelmend.diagnosis import advise, diagnose
from pixelmend.errors import ModelError, UnknownNameError, UsageError
from pixelmend.images import Picture, shrunk
from pixelmend.inference.weights import check_fidelity, find_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from pixelmend.images import ArrayPicture
    from pixelmend.inference.weights import Weights

AUTO = "auto"
"""The task whose work is decided for each picture."""
NOTHING = "none"
"""What a report calls the model where nothing was done."""


@dataclass(frozen=True, eq=False)
class Decision:
    """What is to be done with one picture.

    Attributes:
        weights: What runs; None where nothing should be done.
        picture: What they are shown: the picture, or a smaller one where it had been enlarged before.
        why: A sentence.
    """

    weights: Weights | None
    picture: Picture | ArrayPicture
    why: str


def decide(picture: Picture | ArrayPicture, size: str | None, fidelity: float) -> Decision:
    """Look at a picture and follow the advice.

    Args:
        picture: Which.
        size: Of the weights that the user would like; where the task has none of it, its usual ones run.
        fidelity: That the user would like; 1 where the task has no perceptual weights.

    Raises:
        UnreadableError: The picture is damaged.
        ModelError: The installation is damaged.
    """
    found = diagnose(picture)
    advice = advise(found)
    if advice.task is None:
        return Decision(None, picture, f"left as it is: {advice.reason}")
    weights = _nearest(advice.task, size, advice.scale, fidelity)
    why = f"{advice.task} was chosen: {advice.reason}"
    if advice.scale is None:
        return Decision(weights, picture, why)
    return Decision(weights, shrunk(picture, advice.scale), why)


def _nearest(task: str, size: str | None, scale: int | None, fidelity: float) -> Weights:
    for wanted_size, wanted_fidelity in ((size, fidelity), (size, 1.0), (None, fidelity)):
        try:
            return find_weights(task, size=wanted_size, scale=scale, fidelity=wanted_fidelity)
        except UsageError:
            continue
    return find_weights(task, scale=scale)


def check_auto(size: str | None, scale: int | None, fidelity: float, mask: object) -> None:
    """Refuse what does not go with a task that is yet to be chosen.

    Raises:
        UsageError: A scale or a mask, which are for one task alone; or no such size or fidelity.
    """
    check_fidelity(fidelity)
    sizes = {catalog.by_name(name).size for name in catalog.names()}
    if size is not None and size not in sizes:
        raise UnknownNameError("size", size, sizes)
    if scale is not None:
        raise UsageError(f"got scale {scale} and the task auto: name the task super-resolve to enlarge")
    if mask is not None:
        raise UsageError("got a mask and the task auto: name the task inpaint to fill in")


def all_weights() -> list[list[Any]]:
    """All that ship, as one: what a run with this task depends on."""
    digest = hashlib.sha256()
    for name in sorted(catalog.names()):
        digest.update(catalog.by_name(name).sha256.encode())
    return [[1.0, "all that ship", digest.hexdigest()]]


class NoEngine:
    """Stands where nothing is to be run."""

    title = NOTHING
    device = "cpu"
    precision = NOTHING
    lanes = 1

    def run(
        self, _degraded: NDArray[np.float32], _conditions: Mapping[str, NDArray[np.float32]], *, left: int = 0
    ) -> NDArray[np.float32]:
        """Never called.

        Raises:
            ModelError: It was.
        """
        raise ModelError(f"nothing was to be restored, and {left + 1} pieces were asked for")
