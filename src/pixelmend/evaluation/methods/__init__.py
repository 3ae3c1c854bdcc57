"""Every method that can be measured, made by an explicit list of factories."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelmend.errors import MissingExtraError, ModelError, UnknownNameError, UsageError
from pixelmend.evaluation.methods import own

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pixelmend.evaluation.method import Method, Setup

NETWORKS = (
    "srcnn", "vdsr", "dncnn", "unet", "tnrd", "deblurgan",
    "rrdb", "swinir", "ipt", "restormer", "nafnet", "drunet", "scunet", "uformer", "published",
)  # fmt: skip
"""Networks that others published, each by a file of weights that the user names."""


def _own(weights: str | None, setup: Setup) -> tuple[Method, ...]:
    if weights is None:
        return own.shipped(setup)
    if Path(weights).suffix == ".safetensors":
        return (_part("networks").own_checkpoint(Path(weights), setup),)
    return (own.from_card(own.find_card(weights), setup),)


def _network(name: str) -> Callable[[str | None, Setup], tuple[Method, ...]]:
    def make(weights: str | None, setup: Setup) -> tuple[Method, ...]:
        if weights is None:
            raise UsageError(f"{name} comes without weights: name a file with --weights {name}=FILE")
        return (_part("networks").NetworkMethod(name, Path(weights), setup),)

    return make


def _plain(part: str, kind: str, *, on_setup: bool = False) -> Callable[[str | None, Setup], tuple[Method, ...]]:
    """A method without a file of weights: class ``kind`` of module ``part``."""

    def make(weights: str | None, setup: Setup) -> tuple[Method, ...]:
        made = getattr(_part(part), kind)
        if weights is not None:
            raise UsageError(f"{made.name} takes no weights, got {weights}: leave --weights {made.name}=… out")
        return (made(setup) if on_setup else made(),)

    return make


METHODS: dict[str, Callable[[str | None, Setup], tuple[Method, ...]]] = {
    "pixelmend": _own,
    "degraded": _plain("classical", "Unchanged"),
    "bicubic": _plain("classical", "Bicubic"),
    "wiener": _plain("classical", "Wiener"),
    "richardson-lucy": _plain("classical", "RichardsonLucy"),
    "tv": _plain("classical", "TotalVariation"),
    "nlm": _plain("classical", "NonLocalMeans"),
    "biharmonic": _plain("classical", "Biharmonic"),
    "sparse-coding": _plain("dictionary", "SparseCoding"),
    "bm3d": _plain("transform", "Bm3d"),
    **{name: _network(name) for name in NETWORKS},
    "deep-image-prior": _plain("deep_prior", "DeepImagePrior", on_setup=True),
    "plug-and-play": _plain("plug_and_play", "PlugAndPlay", on_setup=True),
    "diffusion": _plain("diffusion", "Diffusion", on_setup=True),
}
"""By name; each makes one method or, where a method has other weights for each task, several."""


@dataclass(frozen=True)
class Made:
    """What came of a list of names.

    Attributes:
        methods: Those that can be measured, in the order of the table.
        failed: Why one cannot be, by name and file.
    """

    methods: tuple[Method, ...]
    failed: dict[str, str]


def make_methods(names: Sequence[str], weights: Sequence[tuple[str, str]], setup: Setup) -> Made:
    """Build the methods that were asked for; one whose weights cannot be used does not keep the others from it.

    Args:
        names: Keys of ``METHODS``, in the order of the table.
        weights: Pairs of a method's name and a weights file or shipped model. A name may come several times,
            and is then measured with each; where two do the same, under labels that name the files, with as many
            of their folders as it takes to tell them apart.
        setup: What they run on.

    Raises:
        UnknownNameError: There is no such method.
        UsageError: Weights for a method that was not asked for, of the wrong kind, or missing.
        MissingExtraError: A method needs a library that is not installed.
    """
    for name in names:
        if name not in METHODS:
            raise UnknownNameError("method", name, METHODS)
    for name, _ in weights:
        if name not in names:
            raise UsageError(f"got weights for {name}, which is not measured: the methods are {', '.join(names)}")
    methods: list[Method] = []
    named: dict[int, str] = {}
    failed = {}
    for name in dict.fromkeys(names):
        files: list[str | None] = list(dict.fromkeys(file for owner, file in weights if owner == name))
        called = _file_names([file for file in files if file is not None])
        for given in files or [None]:
            try:
                made = METHODS[name](given, setup)
            except ModelError as error:
                failed[name if given is None else f"{name} ({given})"] = str(error)
                continue
            named.update({id(method): called[given] for method in made if given is not None})
            methods += made
    several = Counter(job for method in methods for job in _jobs(method))
    for method in methods:
        if id(method) in named and any(several[job] > 1 for job in _jobs(method)):
            method.label = f"{method.label} ({named[id(method)]})"
    return Made(tuple(methods), failed)


def shortest_names(paths: Sequence[Path]) -> list[str]:
    """What tells files or folders apart: their names, each with as many of its parents as that takes.

    Returns:
        One for each path, such as "a/weights" and "b/weights"; equal only where the paths are.
    """
    parts = [path.absolute().parts for path in paths]
    for length in range(1, max(map(len, parts), default=0)):
        names = [Path(*each[-length:]).as_posix() for each in parts]
        if len(set(names)) == len(set(parts)):
            return names
    return [Path(*each).as_posix() for each in parts]


def _file_names(files: Sequence[str]) -> dict[str, str]:
    """What labels call weights files, without the suffix where that leaves them apart."""
    paths = [Path(file) for file in files]
    bare = [path.with_name(path.stem) if path.name else path for path in paths]
    return dict(zip(files, shortest_names(bare if len(set(bare)) == len(set(paths)) else paths), strict=True))


def _jobs(method: Method) -> Iterator[tuple[str, str, int]]:
    """What tells whether two of one name do the same: each task at each scale."""
    return ((method.name, task, scale) for task in method.tasks for scale in method.scales)


def _part(name: str) -> Any:
    """A module of this folder that needs more than the run half."""
    try:
        return import_module(f"pixelmend.evaluation.methods.{name}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("pixelmend"):
            raise
        raise MissingExtraError(error.name) from error
