"""A recipe: all that decides what a set of weights becomes. TOML on disk, checked here, stored with the weights."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pixelmend.data.cache import default_cache
from pixelmend.degradations import PRESETS, GaussianNoise, Part, Step, parse_chain
from pixelmend.errors import UsageError
from pixelmend.models import HybridConfig

Share = Annotated[float, Field(ge=0, le=1)]
Sigma = Annotated[float, Field(ge=0, le=255)]


class Section(BaseModel):
    """What every part of a recipe has in common: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceSection(Section):
    """A collection that was learnt from, as the card of the weights names it."""

    name: str
    pictures: int = Field(ge=1)
    licence: str


class DataSection(Section):
    """Which pictures are learnt from and chosen by."""

    root: Path = Field(default=Path("data"), description="folder that the others are in")
    train: tuple[Path, ...] = Field(min_length=1, description="folders to learn from")
    validate_on: tuple[Path, ...] = Field(min_length=1, description="folders to choose by")
    sources: tuple[SourceSection, ...] = Field(default=(), description="what the training pictures are, for the card")
    cache: Path | Literal["none"] = Field(
        default_factory=default_cache, description="folder that decoded pictures are kept in; none for no cache"
    )
    buffer_mb: float = Field(
        default=4000, gt=0, description="memory for decoded pictures; collections larger than this are streamed"
    )
    window: int = Field(default=100, ge=1, description="streaming: steps until a part of the pictures changes")
    skip_bad: bool = Field(default=False, description="leave out pictures that cannot be used, and tell, not end")
    batch: int = Field(default=16, ge=1, le=4096, description="pictures in a batch, of each process")
    patch: int = Field(default=128, ge=16, le=1024, description="side of a training crop, pixels")
    max_shrink: float = Field(
        default=2.0, ge=1, le=8, description="half of the crops are scaled down by up to this factor"
    )
    max_rotation: float = Field(
        default=0, ge=0, le=45, description="those crops are turned too, by up to this angle, degrees"
    )
    detail: float = Field(
        default=0.7, ge=0, le=4, description="0 draws crops from everywhere alike, more where much happens"
    )
    jitter: Share = Field(default=0.3, description="share of crops whose colours are changed")
    gray: Share = Field(default=0.15, description="share of crops that are made grey")


class DamageSection(Section):
    """The damage that is learnt from."""

    sigma_min: Sigma = Field(default=0, description="weakest noise, 0–255 scale")
    sigma_max: Sigma = Field(default=75, description="strongest noise, 0–255 scale")
    chain: str | None = Field(
        default=None, description="all of the damage in words (docs/damage.md), where it is more than this noise"
    )

    @model_validator(mode="after")
    def _ordered(self) -> DamageSection:
        if self.sigma_min > self.sigma_max:
            raise ValueError(f"sigma_min {self.sigma_min} is above sigma_max {self.sigma_max}")
        return self

    @model_validator(mode="after")
    def _readable(self) -> DamageSection:
        try:
            self.drawn_from()
        except UsageError as error:
            raise ValueError(str(error)) from error
        return self

    def drawn_from(self) -> Part:
        """What the damage of each picture is drawn from."""
        if self.chain is None:
            return Step(GaussianNoise(sigma=(self.sigma_min, self.sigma_max)))
        return parse_chain(self.chain, PRESETS)


class LossSection(Section):
    """What is minimized."""

    pixel: Literal["l1", "charbonnier"] = "charbonnier"
    balance: float = Field(
        default=0.5, ge=0, le=1, description="0 a plain mean; 0.55 gives each noise level an equal say in dB"
    )


class OptimizerSection(Section):
    """How weights move."""

    muon_rate: float = Field(default=0.015, gt=0, le=1)
    adam_rate: float = Field(default=1e-3, gt=0, le=1)
    decay: float = Field(default=0.01, ge=0, le=1, description="decoupled weight decay of the matrices")
    clip: float = Field(default=0.2, gt=0, description="largest norm of the gradient")
    ema: float = Field(default=0.999, ge=0, lt=1, description="decay of the averaged weights, per step")


class ScheduleSection(Section):
    """How long, and at what rate: warm-up, then cosine to zero, ending with the budget."""

    max_minutes: float | None = Field(default=None, gt=0, description="budget in minutes of training")
    max_steps: int | None = Field(default=None, ge=1, description="budget in steps; makes a run repeatable bit for bit")
    warmup_steps: int = Field(default=200, ge=0)
    validate_minutes: float = Field(default=2.0, gt=0, description="minutes of training between validations")
    patience: int = Field(default=15, ge=1, description="validations without a better score before the run stops early")

    @model_validator(mode="after")
    def _one_budget(self) -> ScheduleSection:
        if (self.max_minutes is None) == (self.max_steps is None):
            raise ValueError("name one budget: max_minutes or max_steps")
        return self


class RunSection(Section):
    """Where and on what."""

    out: Path = Field(default=Path("runs"), description="folder that the run's own folder is made in")
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "bf16", "fp32"] = Field(
        default="auto", description="auto: bf16 where this device multiplies matrices faster in it"
    )
    compile: bool = Field(default=False, description="torch.compile: a minute at the start, some speed after")


class Recipe(Section):
    """All of it."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="names the run's folder and the weights")
    task: Literal["denoise"]
    size: Literal["small"] = "small"
    licence: str = Field(default="Apache-2.0", description="what the weights may be used under, for the card")
    seed: int = Field(default=0, ge=0, lt=2**31)
    start: Path | None = Field(default=None, description="weights to go on from (.safetensors); random ones if absent")
    data: DataSection
    damage: DamageSection = DamageSection()
    model: HybridConfig = HybridConfig()
    loss: LossSection = LossSection()
    optimizer: OptimizerSection = OptimizerSection()
    schedule: ScheduleSection
    run: RunSection = RunSection()

    @model_validator(mode="after")
    def _patch_fits(self) -> Recipe:
        if self.data.patch % self.model.multiple_of:
            raise ValueError(
                f"data.patch {self.data.patch} must be a multiple of {self.model.multiple_of} for this network"
            )
        return self

    def published(self) -> dict[str, Any]:
        """The recipe as JSON without what belongs to one machine: where files lie, where the run goes."""
        tree = self.model_dump(mode="json", exclude={"data": {"root", "cache"}, "run": True})
        return {**tree, "start": self.start and self.start.name}


def load_recipe(path: Path, settings: list[str] | None = None, *, max_minutes: float | None = None) -> Recipe:
    """Read a recipe and apply ``key=value`` settings to it.

    Args:
        path: A TOML file.
        settings: Such as ``data.batch=8``; the value is TOML, or plain text where it is not.
        max_minutes: Replaces the budget, whichever kind it was.

    Raises:
        UsageError: No such file, not TOML, an unknown key (names the nearest), or a value out of range.
    """
    if not path.is_file():
        raise UsageError(f"no recipe at {path}: name a .toml file, such as recipes/denoise-small.toml")
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    budget = [] if max_minutes is None else [f"schedule.max_minutes={max_minutes}"]
    for setting in [*(settings or []), *budget]:
        _apply(tree, setting)
    try:
        return Recipe.model_validate(tree)
    except ValidationError as error:
        raise UsageError(f"{path}: {_explain(error)}") from error


_BUDGETS = {"max_minutes": "max_steps", "max_steps": "max_minutes"}


def _apply(tree: dict[str, Any], setting: str) -> None:
    key, equals, text = setting.partition("=")
    if not equals or not key:
        raise UsageError(f"--set {setting!r}: wanted key=value, such as data.batch=8")
    *sections, last = key.strip().split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise UsageError(f"--set {setting!r}: {section} is a value, not a section")
    if last in _BUDGETS and sections == ["schedule"]:
        # A budget replaces one of the other kind, since TOML has no word for none; the last one counts.
        tree.pop(_BUDGETS[last], None)
    try:
        tree[last] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        tree[last] = text.strip()


def _explain(error: ValidationError) -> str:
    """One line for the first problem, with the nearest name where a key is unknown."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] != "extra_forbidden":
        got = "" if isinstance(first["input"], dict | BaseModel) else f", got {first['input']!r}"
        message = first["msg"].removeprefix("Value error, ")
        return f"{where}: {message}{got}{more}" if where else f"{message}{more}"
    known = _keys_beside(first["loc"])
    near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
    return f"unknown key {where!r}: {hint}{more}"


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    """The keys that a recipe knows where an unknown one was found; a list's entries count by what they are."""
    section: Any = Recipe
    for part in location[:-1]:
        if isinstance(part, str):
            annotation = section.model_fields[part].annotation
            section = next((a for a in get_args(annotation) if isinstance(a, type)), annotation)
    return list(section.model_fields)
