"""The engines that there are, in one table; each is imported only where it is chosen.

The class of an engine is named as text, since that of PyTorch belongs to the learn half, which this half never imports
unless a user has it and chooses it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol, cast

from pixelmend.errors import MissingExtraError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from pixelmend.catalog import Card
    from pixelmend.inference.engines.base import Engine


class EngineClass(Protocol):
    """What makes engines of one kind."""

    @staticmethod
    def devices() -> tuple[str, ...]:
        """The devices that it can use here, the preferred first."""

    @classmethod
    def of(cls, card: Card, device: str, precision: str, lanes: int = 0) -> Engine:
        """An engine for the model of a card; see `Wish` for what is asked of it.

        Raises:
            UsageError: A device or precision that it does not have.
            ModelError: The model cannot be run.
        """


@dataclass(frozen=True)
class Kind:
    """One kind of engine.

    Attributes:
        name: What a user calls it.
        title: What people call it.
        modules: What must be installed for it; its own module first.
        distributions: Names under which package indexes hold the first module.
        place: The class, "module:name".
        extra: The extra of pixelmend that brings it; "" for what every installation has.
        precisions: What of "int8" and "float32" may be asked of it for an int8 file.
        clips: Whether its int8 differs where sums of products clip; see `pixelmend.inference.hardware.sums_saturate`.
    """

    name: str
    title: str
    modules: tuple[str, ...]
    distributions: tuple[str, ...]
    place: str
    extra: str
    precisions: frozenset[str]
    clips: bool = False

    def is_installed(self) -> bool:
        """Whether all that it needs is there; nothing is imported."""
        return not self.missing()

    def missing(self) -> str:
        """The first module that is needed and absent; "" where all are there."""
        return next((each for each in self.modules if not _is_there(each)), "")

    def version(self) -> str:
        """Of the package that it comes in; "unknown" where that does not say."""
        from importlib.metadata import PackageNotFoundError, version

        for name in self.distributions:
            try:
                return version(name)
            except PackageNotFoundError:
                continue
        return "unknown"

    def load(self) -> EngineClass:
        """Import the class.

        Raises:
            MissingExtraError: A package is not installed.
            UsageError: It is, and does not load.
        """
        if missing := self.missing():
            raise MissingExtraError(missing, self.extra)
        module, _, name = self.place.partition(":")
        try:
            return cast("EngineClass", getattr(import_module(module), name))
        except (ImportError, OSError) as error:  # OSError: a library that is damaged
            reason = " ".join(str(error).split())
            raise UsageError(
                f"{self.title} is installed but does not load ({reason}): install it again, or choose another engine"
            ) from error


def _is_there(module: str) -> bool:
    """Whether a module can be imported; None in ``sys.modules`` is Python's way of saying that it cannot."""
    return sys.modules[module] is not None if module in sys.modules else find_spec(module) is not None


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "onnxruntime",
            "ONNX Runtime",
            ("onnxruntime",),
            ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino"),
            "pixelmend.inference.engines.onnx_runtime:OnnxEngine",
            "",
            frozenset({"int8", "float32"}),
        ),
        Kind(
            "openvino",
            "OpenVINO",
            ("openvino",),
            ("openvino",),
            "pixelmend.inference.engines.open_vino:OpenVinoEngine",
            "openvino",
            frozenset({"int8"}),
            clips=True,
        ),
        Kind(
            "torch",
            "PyTorch",
            ("torch", "onnx", "pydantic", "safetensors"),
            ("torch",),
            "pixelmend.export.torch_engine:TorchEngine",
            "train",
            frozenset({"float32"}),
        ),
    )
}
"""Every engine by its name; the first is what every installation has."""


def installed() -> tuple[Kind, ...]:
    """The kinds whose packages are there, in the order of the table."""
    return tuple(kind for kind in KINDS.values() if kind.is_installed())


def find_kind(name: str) -> Kind:
    """The kind of a name.

    Raises:
        UnknownNameError: There is none.
    """
    if name not in KINDS:
        raise UnknownNameError("engine", name, {"auto", *KINDS})
    return KINDS[name]
