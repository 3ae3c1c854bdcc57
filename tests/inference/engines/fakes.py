"""Engines made up for tests: the table's rows, and a class that changes nothing in a picture."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pixelmend.errors import ModelError
from pixelmend.inference.engines.table import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from pixelmend.catalog import Card

    Values = NDArray[np.float32]


class Same:
    """Gives back what it is given."""

    title, precision, lanes = "Same", "float32", 1

    def __init__(self, device: str) -> None:
        self.device = device

    @classmethod
    def of(cls, card: Card, device: str, precision: str, lanes: int = 0) -> Same:
        """See ``EngineClass``."""
        return cls("cpu" if device == "auto" else device)

    @staticmethod
    def devices() -> tuple[str, ...]:
        """See ``EngineClass``."""
        return ("cpu",)

    def run(self, degraded: Values, conditions: Mapping[str, Values], *, left: int = 0) -> Values:
        """See ``Engine.run``."""
        return degraded


class SameOnGpu(Same):
    """One that also knows another chip."""

    title = "Same on a GPU"

    @classmethod
    def of(cls, card: Card, device: str, precision: str, lanes: int = 0) -> Same:
        """See ``EngineClass``."""
        return cls("cuda" if device == "auto" else device)

    @staticmethod
    def devices() -> tuple[str, ...]:
        """See ``EngineClass``."""
        return ("cuda", "cpu")


class Broken(Same):
    """Runs no model at all."""

    title = "Broken"

    @classmethod
    def of(cls, card: Card, device: str, precision: str, lanes: int = 0) -> Same:
        """See ``EngineClass``."""
        raise ModelError("this engine\nknows no such network")


def kind(name: str, of: type[Same] = Same, module: str = "json", precisions: tuple[str, ...] = ("int8",)) -> Kind:
    """A row of the table; it counts as installed where its module is there."""
    place = f"{of.__module__}:{of.__name__}"
    return Kind(name, of.title, (module,), (module,), place, name, frozenset(precisions))


def unloadable(name: str) -> Kind:
    """A row of the table whose class cannot be imported."""
    return replace(kind(name), place="no_such_module:Engine", title="Unloadable")
