"""What a recipe teaches: its pictures loaded, its batches, and the damage that it is validated on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pixelmend.data.augment import ColorJitter, Rotation
from pixelmend.data.batches import NO_DAMAGE, Batches, FrameBatches, PairBatches
from pixelmend.data.cache import CacheOptions
from pixelmend.data.loading import LoadOptions, load_frames, load_pairs, load_pictures
from pixelmend.data.shards import StreamOptions
from pixelmend.data.sources import find_clean, find_frames, find_pairs
from pixelmend.data.validation import ValidationSet, noise_cases
from pixelmend.degradations import PRESETS, parse_chain
from pixelmend.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from pixelmend.data.batches import Batch
    from pixelmend.data.frames import FrameStore
    from pixelmend.data.pairs import PairStore
    from pixelmend.data.store import PictureStore, Store
    from pixelmend.degradations import Part
    from pixelmend.training.recipe import Recipe

AnyBatches = Batches | PairBatches | FrameBatches


class Lessons:
    """Batches of a recipe: part ``part`` of step ``step`` is a function of those two and the recipe's seed.

    The parts of all processes at one step are numbered through, so that a batch that is worked on in two parts, and one
    that two processes share, are the same pictures.

    Args:
        recipe: What to teach.
        store: The pictures, as `load` gives them.
    """

    def __init__(self, recipe: Recipe, store: Store[PictureStore] | Store[PairStore] | Store[FrameStore]) -> None:
        self.store = store
        self.parts = recipe.optimizer.accumulate
        self._batches = _batches(recipe, store)

    def __call__(self, step: int, part: int, rank: int) -> Batch:
        """Make one part of a batch.

        Args:
            step: Number of the step.
            part: Number of the part in this process, below ``parts``.
            rank: Number of this process.
        """
        return self._batches(step, rank * self.parts + part)


def load(recipe: Recipe, device: torch.device, *, tell: Callable[[str], None]) -> Lessons:
    """Find and read the pictures of a recipe.

    Raises:
        DataError: They are missing or cannot be used.
        UsageError: See `load_pictures`.
    """
    data = recipe.data
    folders = [data.root / part for part in data.train]
    if data.kind == "pictures":
        options = _load_options(recipe, round(data.patch * data.max_shrink))
        return Lessons(recipe, load_pictures(find_clean(folders), device, options, tell=tell))
    options = _load_options(recipe, data.patch)
    if data.kind == "pairs":
        source = find_pairs(folders, clean=data.clean, degraded=data.degraded, scale=recipe.model.scale)
        return Lessons(recipe, load_pairs(source, device, options, tell=tell))
    return Lessons(recipe, load_frames(find_frames(folders, frames=data.frames[1]), device, options, tell=tell))


def validation_set(recipe: Recipe, device: torch.device, *, largest: int | None = None) -> ValidationSet:
    """The pictures of a recipe that choose, under the damage that it names.

    Args:
        recipe: Names both.
        device: Where the pictures are to live.
        largest: Of larger pictures the middle is taken, this high and wide at most, pixels.

    Raises:
        DataError: They are missing or too small.
        UsageError: Nothing says what they are to be damaged by, or it does not fit the network.
    """
    return ValidationSet(
        [recipe.data.root / part for part in recipe.data.validate_on],
        device,
        multiple_of=recipe.model.multiple_of,
        cases=_cases(recipe),
        scale=recipe.model.scale,
        largest=largest,
        kept=recipe.damage.kept_from(),
    )


def _cases(recipe: Recipe) -> dict[str, Part | float]:
    chains = recipe.validation.chains or tuple(filter(None, [recipe.damage.chain]))
    if chains:
        return {chain: parse_chain(chain, PRESETS) for chain in chains}
    if recipe.task != "denoise":
        raise UsageError(f"task {recipe.task} from {recipe.data.kind}: name what to validate on in validation.chains")
    return noise_cases()


def _batches(recipe: Recipe, store: Store[PictureStore] | Store[PairStore] | Store[FrameStore]) -> AnyBatches:
    data = recipe.data
    usual: dict[str, Any] = {
        "chain": recipe.damage.drawn_from() if data.kind == "pictures" or recipe.damage.chain else NO_DAMAGE,
        "color": ColorJitter(data.jitter, data.gray),
        "size": data.batch // recipe.optimizer.accumulate,
        "side": data.patch,
        "seed": recipe.seed,
        "store": store,
    }
    if data.kind == "pictures":
        usual["kept"] = recipe.damage.kept_from()
        return Batches(max_shrink=data.max_shrink, rotation=Rotation(data.max_rotation), **usual)
    if data.kind == "pairs":
        return PairBatches(**usual)
    return FrameBatches(least_frames=data.frames[0], most_frames=data.frames[1], **usual)


def _load_options(recipe: Recipe, smallest: int) -> LoadOptions:
    folder = None if recipe.data.cache == "none" else recipe.data.cache.expanduser()
    usual = CacheOptions(folder)
    # Eight shards or more in a small buffer, so that what is drawn from together varies.
    return LoadOptions(
        smallest,
        recipe.data.detail,
        skip_bad=recipe.data.skip_bad,
        cache=replace(usual, shard_mb=min(usual.shard_mb, recipe.data.buffer_mb / 8)),
        stream=StreamOptions(recipe.data.buffer_mb, recipe.data.window, recipe.seed),
    )
