"""The answers of the API, for its document: every field with its words and an example."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pixelmend.service.job import Kind, State  # noqa: TC001  (pydantic reads the annotations as it runs)

_ID = "q2ZbM3v1xT8mJtYw0nQ9Zg"


class Answer(BaseModel):
    """What every answer has in common: nothing but the fields that are named."""

    model_config = ConfigDict(extra="forbid")


class Problem(Answer):
    """Why a request was not done (RFC 9457)."""

    type: Literal["about:blank"] = Field(description="Always the same: the title says the kind.")
    title: str = Field(description="The kind of problem.", examples=["What was asked for cannot be done"])
    status: int = Field(description="The status of the answer.", examples=[422])
    detail: str = Field(
        description="What was got, what was wanted, and what to do next.",
        examples=["got sigma '300', wanted a noise level from 0 to 255, or auto to measure it"],
    )
    code: str = Field(description="The kind in short, for programs.", examples=["bad-option"])


class Report(Answer):
    """What was found in a picture, and what was done."""

    width: int = Field(description="Of the picture that came, pixels.", examples=[512])
    height: int = Field(description="The same.", examples=[512])
    output_width: int = Field(description="Of the result, pixels.", examples=[512])
    output_height: int = Field(description="The same.", examples=[512])
    channels: int = Field(description="1 for grey, 3 for colour.", examples=[3])
    depth: str = Field(description="uint8, uint16 or float32.", examples=["uint8"])
    format: str = Field(description="Of the picture that came.", examples=["png"])
    has_alpha: bool = Field(description="Whether it has transparency, which is kept.", examples=[False])
    model: str = Field(description="The weights that ran.", examples=["denoise-small"])
    sigma: float | None = Field(description="The noise level that was used, 0 to 255.", examples=[25.0])
    sigma_estimated: bool = Field(description="Whether it was measured in the picture.", examples=[True])
    lost: float | None = Field(description="The share of pixels that the mask says are lost.", examples=[None])
    strength: float = Field(description="The share of the change that was taken.", examples=[1.0])
    keep_grain: float = Field(description="The share of the fine grain that was kept.", examples=[0.0])
    anchored: float | None = Field(description="The greatest shift of colour taken back, 0 to 255.", examples=[0.4])
    region: Annotated[list[int], Field(min_length=4, max_length=4)] | None = Field(
        description="Left, top, width and height of what was restored; null for all of it.", examples=[None]
    )
    tile: Annotated[list[int], Field(min_length=2, max_length=2)] = Field(
        description="Height and width of the pieces.", examples=[[512, 512]]
    )
    tiles: int = Field(description="How many pieces.", examples=[1])
    engine: str = Field(description="What ran the weights.", examples=["ONNX Runtime"])
    device: str = Field(description="On which chip.", examples=["cpu"])
    precision: str = Field(description="What it computed in.", examples=["int8"])
    seconds: float = Field(description="From the first pixel read to the last one restored.", examples=[0.31])
    notes: list[str] = Field(description="What could not be kept or done as asked, a sentence each.", examples=[[]])
    advice: str = Field(description="Why this was done, for the task auto.", examples=[""])
    output_format: str = Field(description="Of the result.", examples=["png"])
    bytes: int = Field(description="Of the result.", examples=[402123])


class Links(Answer):
    """Where there is more of a job."""

    self: str = Field(description="The job.", examples=[f"/v1/jobs/{_ID}"])
    events: str = Field(description="Its changes as they happen.", examples=[f"/v1/jobs/{_ID}/events"])
    result: str | None = Field(
        None, description="The restored picture, once it is done.", examples=[f"/v1/jobs/{_ID}/result"]
    )
    preview: str | None = Field(
        None, description="A small one for browsers, where asked for.", examples=[f"/v1/jobs/{_ID}/preview"]
    )


class Job(Answer):
    """A picture on its way."""

    id: str = Field(description="Its name, which nobody guesses.", examples=[_ID])
    state: State = Field(description="Where it is; the last three are final.", examples=["running"])
    kind: Kind = Field(description="What is done.", examples=["restore"])
    ahead: int = Field(description="Jobs that come before it, while it waits.", examples=[0])
    progress: float = Field(description="How far it is, 0 to 1.", examples=[0.5])
    tries: int = Field(description="How often it was begun.", examples=[1])
    created: float = Field(description="When it came, seconds since 1970.", examples=[1790000000.0])
    queued_seconds: float = Field(description="How long it waited.", examples=[0.01])
    work_seconds: float = Field(description="How long it has run.", examples=[0.3])
    expires: float | None = Field(
        description="When it will be forgotten, seconds since 1970; null before it has ended.", examples=[None]
    )
    report: Report | dict[str, Any] | None = Field(
        description="What was found and done (of a diagnosis, what is wrong); null before it is done.", examples=[None]
    )
    problem: Problem | None = Field(description="Why it failed; null where it did not.", examples=[None])
    links: Links = Field(description="Where there is more.", examples=[{"self": f"/v1/jobs/{_ID}",
                         "events": f"/v1/jobs/{_ID}/events", "result": f"/v1/jobs/{_ID}/result"}])  # fmt: skip


class Diagnosis(Answer):
    """What is wrong with a picture, and what to do about it."""

    diagnosis: dict[str, Any] = Field(
        description="All that was measured, as `pixelmend diagnose --json` tells it.",
        examples=[{"main": "noise", "confidence": 0.99, "width": 512, "height": 512}],
    )
    advice: dict[str, Any] = Field(
        description="task (null where nothing should be done), sigma, scale, and the reason in words.",
        examples=[{"task": "denoise", "sigma": 25.1, "scale": None, "reason": "noise of level 25.1"}],
    )
    words: list[Annotated[list[str], Field(min_length=2, max_length=2)]] = Field(
        description="Pairs for people: what was looked at, and what there is.",
        examples=[[["noise", "clear, level 25.1 of 255, the same everywhere (sure, 0.99)"]]],
    )
    command: str | None = Field(
        description="The command that follows the advice.", examples=["pixelmend restore picture --task denoise"]
    )
    shown: Annotated[list[int], Field(min_length=2, max_length=2)] | None = Field(
        description="Width and height of the picture as it is shown.", examples=[[512, 512]]
    )
    preview: str | None = Field(
        None, description="A data address with a small picture, where asked for and needed.",
        examples=["data:image/webp;base64,UklGR…"],
    )  # fmt: skip


class Task(Answer):
    """Something that can be done with pictures."""

    name: str = Field(description="For the option task.", examples=["denoise"])
    sizes: list[str] = Field(description="Of its weights.", examples=[["nano", "small", "base"]])
    scales: list[int] = Field(description="By how much it can enlarge.", examples=[[1]])
    has_perceptual: bool = Field(description="Whether fidelity may be below 1.", examples=[False])


class Model(Answer):
    """A set of weights."""

    name: str = Field(description="For the option task.", examples=["denoise-small"])
    task: str = Field(description="What it does.", examples=["denoise"])
    size: str = Field(description="Which of the task's weights.", examples=["small"])
    scale: int = Field(description="Width of a result over that of the picture.", examples=[1])
    variant: str = Field(description="faithful, perceptual, real or pruned.", examples=["faithful"])
    parameters: int = Field(description="How many numbers were learned.", examples=[1900000])
    licence: str = Field(description="What they may be used under.", examples=["Apache-2.0"])


class PublicLimits(Answer):
    """What one request may ask of this server."""

    max_bytes: int = Field(description="Of a body.", examples=[67108864])
    max_megapixels: float = Field(description="Of a picture.", examples=[50.0])
    max_output_megapixels: float = Field(description="Of a result.", examples=[200.0])
    job_seconds: float = Field(description="That a job may run.", examples=[600.0])
    keep_seconds: float = Field(description="That a job stays once it has ended.", examples=[600.0])
    queue: int = Field(description="Jobs that may wait.", examples=[128])


class Models(Answer):
    """What this server can do."""

    version: str = Field(description="Of Pixelmend.", examples=["0.1.0"])
    tasks: list[Task] = Field(description="What can be done.")
    models: list[Model] = Field(description="The weights that do it.")
    formats_in: list[str] = Field(description="That are read.", examples=[["jpeg", "png"]])
    formats_out: list[str] = Field(description="That are written.", examples=[["png", "jpeg"]])
    limits: PublicLimits = Field(description="What a request may ask.")


class Example(Answer):
    """A picture to try."""

    name: str = Field(description="It lies at /examples/NAME.", examples=["noisy.png"])
    title: str = Field(description="For people.", examples=["Noisy lighthouse"])
    task: str = Field(description="What it needs.", examples=["denoise"])
    mask: str | None = Field(None, description="What is lost lies at /examples/MASK.", examples=["scratched_mask.png"])


class Health(Answer):
    """Whether the server takes jobs."""

    status: Literal["ok", "stopping"] = Field(description="In a word.", examples=["ok"])
    version: str = Field(description="Of Pixelmend.", examples=["0.1.0"])
    workers: int = Field(description="Processes that are ready.", examples=[2])
    queued: int = Field(description="Jobs that wait.", examples=[0])
    running: int = Field(description="Jobs that run.", examples=[1])


ANSWERS: tuple[type[Answer], ...] = (Problem, Job, Diagnosis, Models, Example, Health)
"""Those that routes name; what they hold comes with them."""
