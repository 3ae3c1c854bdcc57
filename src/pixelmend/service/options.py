"""What a request may ask for: options by their names, as words, from the query or from the fields of a form.

They are read in one way wherever they stand, and each has its words for people: the same ones are in the document of
the API and in an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pixelmend import catalog
from pixelmend.errors import UnknownNameError
from pixelmend.inference import Options, Settings
from pixelmend.inference.auto import AUTO
from pixelmend.service.answers import refusal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pydantic_core import ErrorDetails

    from pixelmend.inference import Wish

_LONGEST = 40
"""Characters of a value that are repeated in an error."""
_NUMBER = r" *[0-9]{1,7} *"
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


def _one_of(*names: str) -> Any:
    """The closed set of a name, for the document."""
    return {"enum": list(names)}


class Asked(BaseModel):
    """What any request may ask for; a name that is not known is an error.

    Attributes:
        wanted: What each option takes, in words, for errors.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    wanted: ClassVar[dict[str, str]] = {}

    @classmethod
    def read(cls, pairs: Iterable[tuple[str, str]]) -> Self:
        """Options from names and words.

        Raises:
            Refusal: An unknown name, one that is given twice, or a value that cannot be.
        """
        given: dict[str, str] = {}
        for name, text in pairs:
            if name not in cls.model_fields:
                known = UnknownNameError("option", name[:_LONGEST], cls.model_fields)
                raise refusal(422, "unknown-option", f"{known}")
            if name in given:
                raise refusal(422, "bad-option", f"got {name} twice: give it once, in the query or as a field")
            given[name] = text
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise refusal(422, "bad-option", cls._words(error.errors()[0], given)) from None

    @classmethod
    def _words(cls, error: ErrorDetails, given: dict[str, str]) -> str:
        name = str(error["loc"][0])
        text = given[name]
        short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
        return f"got {name} {short!r}, wanted {cls.wanted[name]}"


class RestoreAsked(Asked):
    """How a picture is to be restored, and how the answer is to be given."""

    wanted: ClassVar[dict[str, str]] = {
        "task": "auto, a task or a model's name",
        "size": "nano, small or base",
        "scale": "a whole number from 1 to 8",
        "sigma": "a noise level from 0 to 255, or auto to measure it",
        "strength": "a number from 0 (as it was) to 1 (fully restored)",
        "fidelity": "a number from 0 (looks real) to 1 (near to the truth)",
        "keep_grain": "a number from 0 (none) to 1 (all of the fine grain)",
        "anchor": "true or false",
        "region": "left,top,width,height in whole pixels, such as 100,50,640,480",
        "format": "png, jpeg, tiff, webp or avif",
        "quality": "a whole number from 1 to 100",
        "wait": "seconds from 0 to 3600; leave it out to wait until it is done",
        "preview": "true or false",
    }

    task: str = Field(
        AUTO,
        description="What to do: `auto` looks at the picture and does what it needs; or a task; or a model's name.",
        examples=["denoise"],
        json_schema_extra=_one_of(AUTO, *catalog.tasks(), *(n for n in catalog.names() if n not in catalog.tasks())),
    )
    size: Literal["nano", "small", "base"] | None = Field(
        None, description="Of the weights: smallest and quickest, the usual one, or better and slower.",
        examples=["small"],
    )  # fmt: skip
    scale: int | None = Field(
        None, ge=1, le=8, description="By how much to enlarge, for a task that does; without it 4, or the only one.",
        examples=[2],
    )  # fmt: skip
    sigma: Literal["auto"] | Annotated[float, Field(ge=0, le=255, allow_inf_nan=False)] = Field(
        "auto", description="Noise level, 0 to 255, for `denoise`; `auto` measures it.", examples=[25]
    )
    strength: Share = Field(
        1.0, description="How much of the change is taken: 1 restores in full, 0 leaves as it is.", examples=[0.7]
    )
    fidelity: Share = Field(
        1.0, description="1 stays near to the truth, 0 restores what looks real (tasks with perceptual weights).",
        examples=[1.0],
    )  # fmt: skip
    keep_grain: Share = Field(0.0, description="How much of the fine grain stays.", examples=[0.3])
    anchor: bool = Field(
        True,
        description="Keep large areas as bright and as coloured as they were.",
        examples=[True],
    )
    region: str | None = Field(
        None,
        pattern=rf"^{_NUMBER}(,{_NUMBER}){{3}}$",
        description="Restore this part only: left, top, width and height in pixels of the picture as it is shown.",
        examples=["0,0,64,64"],
    )
    format: Literal["png", "jpeg", "tiff", "webp", "avif"] | None = Field(
        None, description="Of the result; without it that of the picture, or one that everybody opens.",
        examples=["png"],
    )  # fmt: skip
    quality: int | None = Field(
        None, ge=1, le=100, description="Of JPEG, WebP and AVIF, higher is better.", examples=[90]
    )
    wait: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] | None = Field(
        None,
        description="Seconds to wait for the result, before the job is told of instead (202); 0 tells of it at once. "
        "Without it, until it is done.",
        examples=[0],
    )
    preview: bool = Field(
        False,
        description="Also make a small WebP picture of the result, which any browser shows; with `wait`.",
        examples=[False],
    )

    def settings(self, wish: Wish, mask: Path | None) -> Settings:
        """The same, as every door of Pixelmend takes it.

        Args:
            wish: Engine, device and precision, which the server's owner chooses.
            mask: The file that says what is lost.

        Raises:
            UsageError: Options that do not go together, or a task that there is not.
        """
        if self.task not in {AUTO, *catalog.tasks(), *catalog.names()}:
            raise UnknownNameError("task", self.task[:_LONGEST], {AUTO, *catalog.tasks(), *catalog.names()})
        return Settings(
            self.task, size=self.size, scale=self.scale, fidelity=self.fidelity,
            options=Options(
                sigma=None if self.sigma == "auto" else self.sigma, mask=mask, strength=self.strength,
                keep_grain=self.keep_grain, anchor=self.anchor, region=_region(self.region),
            ),
            wish=wish, format=self.format, quality=self.quality,
        )  # fmt: skip


class DiagnoseAsked(Asked):
    """What is to be told beside what is wrong with a picture."""

    wanted: ClassVar[dict[str, str]] = {"preview": "true or false"}

    preview: bool = Field(
        False,
        description="Also give a small picture as a data address, where browsers do not show the picture's format.",
        examples=[False],
    )


def _region(text: str | None) -> tuple[int, int, int, int] | None:
    if text is None:
        return None
    left, top, width, height = (int(part) for part in text.split(","))
    return left, top, width, height
