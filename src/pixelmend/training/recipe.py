"""A recipe: all that decides what a set of weights becomes. Checked here, stored with the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pixelmend.data.batches import NO_DAMAGE
from pixelmend.data.cache import default_cache
from pixelmend.degradations import PRESETS, GaussianNoise, Part, Step, parse_chain
from pixelmend.errors import UsageError
from pixelmend.losses import ADVERSARIAL, LOSSES
from pixelmend.models import SIZES, AnyConfig, HybridConfig, sized
from pixelmend.models.architectures import architecture_of
from pixelmend.models.discriminator import MULTIPLE_OF as DISCRIMINATED

Task = Literal["denoise", "super-resolve", "deblur", "dejpeg", "inpaint", "photo"]
CONDITIONS: dict[str, tuple[Literal["noise_level", "mask"], ...]] = {"denoise": ("noise_level",), "inpaint": ("mask",)}
"""What the network is told, by task; the others are blind."""

Share = Annotated[float, Field(ge=0, le=1)]
Sigma = Annotated[float, Field(ge=0, le=255)]
Weight = Annotated[float, Field(ge=0, le=1000)]


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

    kind: Literal["pictures", "pairs", "frames"] = Field(
        default="pictures", description="clean pictures; clean and degraded ones; or frames whose average is blurred"
    )
    clean: str = Field(default="sharp", description="pairs: name of the folders of clean pictures")
    degraded: str = Field(default="blur", description="pairs: name of the folders beside them")
    frames: tuple[int, int] = Field(default=(7, 13), description="frames: fewest and most that are averaged, odd")
    root: Path = Field(default=Path("data"), description="folder that the others are in")
    train: tuple[Path, ...] = Field(min_length=1, description="folders to learn from")
    validate_on: tuple[Path, ...] = Field(min_length=1, description="folders to choose by")
    sources: tuple[SourceSection, ...] = Field(default=(), description="what the training pictures are, for the card")
    cache: Literal["none"] | Path = Field(
        default_factory=default_cache,
        union_mode="left_to_right",
        description="folder that decoded pictures are kept in; none for no cache",
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

    @model_validator(mode="after")
    def _odd(self) -> DataSection:
        fewest, most = self.frames
        if not 1 <= fewest <= most or fewest % 2 == 0 or most % 2 == 0:
            raise ValueError(f"frames {fewest} to {most}: wanted odd numbers from 1 on, in order, such as 7 to 13")
        return self


class DamageSection(Section):
    """The damage that is learnt from."""

    sigma_min: Sigma = Field(default=0, description="weakest noise, 0–255 scale")
    sigma_max: Sigma = Field(default=75, description="strongest noise, 0–255 scale")
    chain: str | None = Field(
        default=None, description="all of the damage in words (docs/damage.md), where it is more than this noise"
    )
    kept: str | None = Field(
        default=None,
        description="what clean pictures suffer as well, in the same words: it stays, as the softness of a lens does",
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
            self.kept_from()
        except UsageError as error:
            raise ValueError(str(error)) from error
        return self

    def drawn_from(self) -> Part:
        """What the damage of each picture is drawn from."""
        if self.chain is None:
            return Step(GaussianNoise(sigma=(self.sigma_min, self.sigma_max)))
        return parse_chain(self.chain, PRESETS)

    def kept_from(self) -> Part:
        """What clean pictures suffer is drawn from this."""
        return NO_DAMAGE if self.kept is None else parse_chain(self.kept, PRESETS)


class LossSection(Section):
    """What is minimized: the pixel loss, and what is added to it by weight."""

    pixel: str = Field(default="charbonnier", description="l1, l2, charbonnier or frequency")
    balance: float = Field(
        default=0.5, ge=0, le=1, description="0 a plain mean; 0.55 gives each noise level an equal say in dB"
    )
    frequency: Weight = Field(default=0, description="weight of the difference between spectra")
    perceptual: Weight = Field(default=0, description="weight of the difference between features")
    features: Path | None = Field(
        default=None, description="file or folder of the features' weights; absent: torchvision's VGG19 from its hub"
    )
    adversarial: Weight = Field(default=0, description="weight of the discriminator's judgement; 0: there is none")
    adversary: str = Field(default="relativistic", description="hinge, relativistic, non-saturating or wasserstein")
    critic: Literal["unet", "patch"] = Field(
        default="unet", description="the discriminator: a U-Net that judges every pixel, or one that judges patches"
    )
    discriminator_width: int = Field(default=32, ge=8, le=256, description="channels at its finest level")
    discriminator_rate: float = Field(default=1e-3, gt=0, le=1, description="peak rate of its Adam")
    r1: Weight = Field(
        default=0.01, description="weight of the penalty on the discriminator's gradient; wasserstein has its own"
    )
    r1_every: int = Field(default=8, ge=1, description="steps from one such penalty to the next, which counts for all")
    gradient_penalty: Weight = Field(
        default=10, description="wasserstein: weight of the penalty on slopes of the critic other than one"
    )
    rest_above: float = Field(
        default=0.9,
        gt=0.5,
        le=1,
        description="the discriminator rests while it judges more pixels right than this; in wasserstein never",
    )
    ramp_steps: int = Field(
        default=100, ge=0, description="steps over which the weights of features and discriminator rise from 0"
    )

    @model_validator(mode="after")
    def _known(self) -> LossSection:
        for name, known in ((self.pixel, LOSSES), (self.adversary, ADVERSARIAL)):
            if name not in known:
                raise ValueError(f"unknown loss {name!r}: choose one of {', '.join(known)}")
        return self


class DistillSection(Section):
    """A larger network that is learnt from besides the clean pictures."""

    teacher: Path | None = Field(default=None, description="its weights (.safetensors); absent: there is none")
    weight: Weight = Field(default=1.0, description="of the difference to what it restores")


class OptimizerSection(Section):
    """How weights move."""

    kind: Literal["muon", "adamw", "adam"] = "muon"
    muon_rate: float = Field(default=0.015, gt=0, le=1, description="peak rate of the matrices under muon")
    adam_rate: float = Field(default=1e-3, gt=0, le=1, description="peak rate of everything that is not under muon")
    momentum: float = Field(default=0.95, ge=0, lt=1, description="Nesterov momentum of muon")
    decay: float = Field(default=0.01, ge=0, le=1, description="weight decay of the matrices; adam has none")
    clip: float = Field(default=0.2, gt=0, description="largest norm of the gradient")
    ema: float = Field(default=0.999, ge=0, lt=1, description="decay of the averaged weights, per step")
    accumulate: int = Field(default=1, ge=1, le=1024, description="parts that a batch is worked on in, to save memory")
    freeze: tuple[str, ...] = Field(default=(), description="parts of the network that stay, such as encoder.0 or stem")
    freeze_steps: int | None = Field(default=None, ge=1, description="steps that they stay for; absent: to the end")


class ScheduleSection(Section):
    """How long, and at what rate: warm-up, then a course that ends with the budget."""

    kind: Literal["cosine", "plateau", "constant"] = Field(
        default="cosine", description="to zero with the budget; down when validation stands still; or as it is"
    )
    max_minutes: float | None = Field(default=None, gt=0, description="budget in minutes of training")
    max_steps: int | None = Field(default=None, ge=1, description="budget in steps; makes a run repeatable bit for bit")
    warmup_steps: int = Field(default=200, ge=0)
    plateau_patience: int = Field(default=3, ge=1, description="plateau: validations without a better score")
    plateau_factor: float = Field(default=0.5, gt=0, lt=1, description="plateau: what the rate is multiplied by then")
    validate_minutes: float = Field(default=2.0, gt=0, description="minutes of training between validations")
    validate_steps: int | None = Field(default=None, ge=1, description="steps between validations, instead of minutes")
    save_minutes: float = Field(default=2.0, gt=0, description="minutes of training between saves of the run's state")
    patience: int = Field(default=15, ge=1, description="validations without a better score before the run stops early")
    diverged_at: float = Field(
        default=3.0, gt=1, description="a loss this many times its lowest has diverged: the run goes back"
    )
    setbacks: int = Field(default=3, ge=0, description="how often a run goes back before it ends")

    @model_validator(mode="after")
    def _one_budget(self) -> ScheduleSection:
        if (self.max_minutes is None) == (self.max_steps is None):
            raise ValueError("name one budget: max_minutes or max_steps")
        return self


class ValidationSection(Section):
    """How it is seen which weights are best."""

    chains: tuple[str, ...] = Field(
        default=(), description="damage to validate on, each in words; absent: noise 15, 25, 50, or the recipe's chain"
    )
    ssim: bool = Field(default=True, description="also measure structural similarity")
    lpips: Literal["hub", "none"] | Path = Field(
        default="none",
        union_mode="left_to_right",
        description="also measure LPIPS, with AlexNet's features of this file or folder, or the hub's",
    )
    choose_by: Literal["psnr", "ssim", "lpips"] = Field(default="psnr", description="which score is to be best")
    samples: int = Field(default=2, ge=0, le=64, description="pictures shown restored at each validation")

    @model_validator(mode="after")
    def _measured(self) -> ValidationSection:
        if (self.choose_by == "lpips" and self.lpips == "none") or (self.choose_by == "ssim" and not self.ssim):
            raise ValueError(f"choose_by {self.choose_by} needs that score: set validation.{self.choose_by}")
        return self


class RunSection(Section):
    """Where and on what."""

    out: Path = Field(default=Path("runs"), description="folder that the run's own folder is made in")
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "bf16", "fp32"] = Field(
        default="auto", description="auto: bf16 where this device multiplies matrices faster in it"
    )
    compile: bool = Field(default=False, description="torch.compile: a minute at the start, some speed after")
    strategy: Literal["ddp", "fsdp"] = Field(
        default="ddp", description="with several processes: every one holds the network (ddp), or a part of it (fsdp)"
    )
    devices: int = Field(default=1, ge=1, description="processes on this machine; torchrun's own number comes first")
    tensorboard: bool = Field(default=True, description="also write TensorBoard's files")


class Recipe(Section):
    """All of it."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="names the run's folder and the weights")
    task: Task
    size: Literal["nano", "small", "base"] | None = Field(
        default=None, description="of the hybrid network, small where absent; other networks have none"
    )
    variant: Literal["faithful", "perceptual", "real", "pruned"] = Field(
        default="faithful",
        description="which of a task's weights: as near as can be, as it looks real, or for pictures as they are found",
    )
    licence: str = Field(default="Apache-2.0", description="what the weights may be used under, for the card")
    seed: int = Field(default=0, ge=0, lt=2**31)
    start: Path | None = Field(
        default=None,
        description="weights to go on from, of any task or shape: a file (.safetensors, .onnx) or the name of what "
        "ships; what fits is taken; random if absent",
    )
    data: DataSection
    damage: DamageSection = DamageSection()
    model: AnyConfig = Field(
        default=HybridConfig(),
        description="architecture, hybrid where absent, and what differs from the usual (hybrid: of that size)",
    )
    loss: LossSection = LossSection()
    distill: DistillSection = DistillSection()
    optimizer: OptimizerSection = OptimizerSection()
    schedule: ScheduleSection
    validation: ValidationSection = ValidationSection()
    run: RunSection = RunSection()

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, tree: Any) -> Any:
        """Fill in the hybrid of the size, and what the task tells it, under what [model] says of itself."""
        if not isinstance(tree, dict):
            return tree
        given = tree.get("model", {})
        if architecture_of(given) != "hybrid":
            return tree
        tree = {"size": "small", **tree}
        if not isinstance(given, dict):
            return tree
        size, task, scale = tree["size"], tree.get("task", ""), given.get("scale", 1)
        if not (isinstance(size, str) and size in SIZES and isinstance(task, str) and scale in (1, 2, 3, 4)):
            return tree  # what is wrong is told by its own field
        usual = sized(size, scale, CONDITIONS.get(task, ()))
        return {**tree, "model": {**usual.model_dump(), **given}}

    @model_validator(mode="after")
    def _sized(self) -> Recipe:
        if isinstance(self.model, HybridConfig) != (self.size is not None):
            raise ValueError(f"size belongs to the hybrid: leave it out for {self.model.architecture}")
        return self

    @model_validator(mode="after")
    def _fits(self) -> Recipe:
        step = self.model.multiple_of * self.model.scale
        if self.data.patch % step:
            raise ValueError(f"data.patch {self.data.patch} must be a multiple of {step} for this network")
        if self.loss.adversarial and self.loss.critic == "unet" and self.data.patch % DISCRIMINATED:
            raise ValueError(f"data.patch {self.data.patch} must be a multiple of {DISCRIMINATED} for a discriminator")
        if self.data.batch % self.optimizer.accumulate:
            raise ValueError(
                f"data.batch {self.data.batch} must be a multiple of optimizer.accumulate {self.optimizer.accumulate}"
            )
        if self.damage.chain is None and self.task != "denoise" and self.data.kind == "pictures":
            raise ValueError(f"task {self.task} wants damage.chain, such as {_EXAMPLES[self.task]!r}")
        if self.damage.kept is not None and self.data.kind != "pictures":
            raise ValueError(f"damage.kept is of clean pictures: {self.data.kind} are taken as they are")
        return self

    def published(self) -> dict[str, Any]:
        """The recipe as JSON without what belongs to one machine: where files lie, where the run goes."""
        hidden: dict[str, Any] = {
            "data": {"root", "cache"},
            "loss": {"features"},
            "distill": {"teacher"},
            "validation": {"lpips"},
            "run": True,
        }
        tree = self.model_dump(mode="json", exclude=hidden)
        tree["distill"]["teacher"] = self.distill.teacher and self.distill.teacher.name
        return {**tree, "start": self.start and self.start.name}


_EXAMPLES: dict[str, str] = {
    "super-resolve": "downscale(scale=4)",
    "deblur": "camera_shake(extent=4..12) | noise(sigma=0..3)",
    "dejpeg": "jpeg(quality=5..95)",
    "inpaint": "missing_pixels(share=0.1..0.7)",
    "photo": "phone-night",
}
