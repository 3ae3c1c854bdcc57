"""From what a user names to what runs: one set of weights, or a task's faithful and perceptual ones together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pixelmend import catalog
from pixelmend.catalog import Card
from pixelmend.errors import ModelError, UnknownNameError, UsageError
from pixelmend.inference.engines import USUAL, cached_engine, unused_gpu

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pixelmend.inference.engines import Engine, Wish


@dataclass(frozen=True)
class Weights:
    """Sets of weights that restore together, each with its share of the result.

    Attributes:
        parts: (share, card), shares above 0 that sum to 1; all cards fit the same pictures.
    """

    parts: tuple[tuple[float, Card], ...]

    @property
    def card(self) -> Card:
        """What a picture needs for all of them, named after them."""
        cards = [card for _, card in self.parts]
        if len(cards) == 1:
            return cards[0]
        return replace(
            cards[0],
            name=" + ".join(f"{share:g} × {card.name}" for share, card in self.parts),
            minimum=max(card.minimum for card in cards),
            tile=max(card.tile for card in cards),
            overlap=max(card.overlap for card in cards),
            sigma_range=(max(card.sigma_range[0] for card in cards), min(card.sigma_range[1] for card in cards)),
        )

    def engine(self, wish: Wish = USUAL, megapixels: float | None = None) -> Engine:
        """What runs them.

        Args:
            wish: Engine, device and precision that the user asks for.
            megapixels: Size of the picture that goes in, which an engine is chosen for.

        Raises:
            UsageError: An engine, device or precision that is not known or not there.
            ModelError: A file is missing or broken.
        """
        engines = [(share, cached_engine(card, wish, megapixels)) for share, card in self.parts]
        return engines[0][1] if len(engines) == 1 else MixedEngine(engines)

    def advice(self, wish: Wish = USUAL, megapixels: float | None = None) -> tuple[str, ...]:
        """What a user should know of chips that `engine` leaves idle, one sentence each.

        Args:
            wish: As for `engine`.
            megapixels: As for `engine`.

        Raises:
            UsageError: See `engine`.
            ModelError: See `engine`.
        """
        notes = (unused_gpu(card, wish, megapixels) for _, card in self.parts)
        return tuple(dict.fromkeys(note for note in notes if note))


class MixedEngine:
    """Several networks for one input; the result is the weighted mean of theirs.

    Args:
        parts: (share, engine), at least one; all give results of one size.

    Attributes:
        title: See `Engine`; where they differ, all of them, joined by " + ".
        device: The same.
        precision: The same.
        lanes: The least of them.
    """

    def __init__(self, parts: Sequence[tuple[float, Engine]]) -> None:
        self._parts = tuple(parts)
        engines = [engine for _, engine in parts]
        self.lanes = min(engine.lanes for engine in engines)
        self.title, self.device, self.precision = (
            " + ".join(dict.fromkeys(each))
            for each in zip(*((engine.title, engine.device, engine.precision) for engine in engines), strict=True)
        )

    def run(
        self, degraded: NDArray[np.float32], conditions: Mapping[str, NDArray[np.float32]], *, left: int = 0
    ) -> NDArray[np.float32]:
        """See `Engine.run`."""
        (share, engine), *others = self._parts
        total = engine.run(degraded, conditions, left=left) * np.float32(share)
        for share, engine in others:
            total += engine.run(degraded, conditions, left=left) * np.float32(share)
        return total


def find_weights(
    task: str | Card, *, size: str | None = None, scale: int | None = None, fidelity: float = 1.0
) -> Weights:
    """The weights that a user names.

    Args:
        task: One of `pixelmend.catalog.tasks()`; or a model that ships, by its name; or the card of one's own.
        size: "nano", "small" or "base"; None takes small for a task, and a model's or card's own.
        scale: Enlargement; None takes the only one there is, and 4 where there are several.
        fidelity: 1 for the faithful weights of the task alone, 0 for the perceptual ones, between for both.

    Raises:
        UsageError: A fidelity that is not within 0 to 1, or below 1 without perceptual weights; no such task, model,
            size or scale.
        ModelError: The installation is damaged.
    """
    check_fidelity(fidelity)
    if not isinstance(task, str) or task in catalog.names():
        return _one(task if isinstance(task, Card) else catalog.by_name(task), size, scale, fidelity)
    if task not in catalog.tasks():
        raise UnknownNameError("task", task, {*catalog.tasks(), *catalog.names()})
    size = size or "small"
    parts = [(fidelity, catalog.find(task, size, scale))] if fidelity > 0 else []
    if fidelity < 1:
        parts.append((1 - fidelity, catalog.find(task, size, scale, "perceptual")))
    _check_alike([card for _, card in parts])
    return Weights(tuple(parts))


def check_fidelity(fidelity: float) -> None:
    """Refuse what is no share.

    Raises:
        UsageError: It is not within 0 to 1.
    """
    if not 0 <= fidelity <= 1:  # NaN compares false
        raise UsageError(f"got fidelity {fidelity:g}, wanted 0 (looks real) to 1 (near to the truth)")


def _one(card: Card, size: str | None, scale: int | None, fidelity: float) -> Weights:
    """One set of weights that was named, and what else was asked for must be what it does."""
    if fidelity < 1:
        raise UsageError(
            f"got fidelity {fidelity:g} for {card.name}, which is one set of weights: name a task to mix its sets"
        )
    if size not in {None, card.size}:
        raise UsageError(f"got size {size} for {card.name}, wanted {card.size}: leave it out, or name a task")
    if scale not in {None, card.scale}:
        raise UsageError(f"got scale {scale} for {card.name}, wanted {card.scale}: leave it out, or name a task")
    return Weights(((1.0, card),))


def _check_alike(cards: Sequence[Card]) -> None:
    needs = {(card.scale, card.conditions, card.multiple_of) for card in cards}
    if len(needs) > 1:
        names = " and ".join(card.name for card in cards)
        raise ModelError(f"{names} do not fit together, their cards differ in what they need: reinstall pixelmend")
