"""A job: what is to be done with one picture, how far it is, and what became of it.

Jobs belong to the event loop: they are changed and looked at there, and nowhere else.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from pixelmend.inference.settings import Settings
    from pixelmend.service.problems import Problem

Kind = Literal["restore", "diagnose"]
State = Literal["queued", "running", "done", "failed", "cancelled"]
STATES: tuple[State, ...] = ("queued", "running", "done", "failed", "cancelled")
"""In this order; the last three are final."""
FINAL = frozenset(STATES[2:])


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be done.

    Attributes:
        source: The picture. Where it lies in the spool folder it is the pool's from `Pool.submit` on, which deletes it
            once the job has ended; the same holds for a mask.
        settings: How to restore, with the mask as a path among the options; what they wish of the engine is replaced by
            what the pool does. None for a diagnosis.
        preview: Whether a picture for browsers is wanted too (WebP, sRGB, upright): of a result at most 4 megapixels;
            for a diagnosis, of the picture, at most 2, and only where browsers do not show its format.
    """

    source: Path
    settings: Settings | None = None
    preview: bool = False

    @property
    def kind(self) -> Kind:
        """Which of both."""
        return "diagnose" if self.settings is None else "restore"

    @property
    def name(self) -> str:
        """What is asked for, one of a closed set: "diagnose", or the task of the settings."""
        return "diagnose" if self.settings is None else str(self.settings.task)

    @property
    def mask(self) -> Path | None:
        """The file that says what is lost, where there is one."""
        return None if self.settings is None else self.settings.options.mask


@dataclass(eq=False)
class Job:
    """A task on its way.

    Attributes:
        task: What.
        owner: Who may see it; "" where nobody is told apart.
        clock: Seconds since 1970.
        id: That nobody guesses.
        state: "queued", "running", "done", "failed" or "cancelled".
        ahead: Jobs that come before it, while it waits.
        progress: 0 to 1.
        tries: How often it was begun.
        created: When, by the clock.
        started: When it was last begun; None before.
        ended: When; None before.
        expires: When it will be forgotten; None before it has ended.
        report: What was found and done: `Report.to_dict()` with "output_format" and "bytes" added; of a diagnosis
            {"diagnosis", "advice", "words", "command", "shown"}, where words are pairs (what was looked at, what there
            is), and shown is [width, height] as people see it. None before it is done.
        result: The file; None for a diagnosis, before it is done, and once it is released.
        media_type: Of that file: "image/png"; "" where there is none.
        preview: A WebP file; None where none was asked for or needed.
        problem: Why it failed.
    """

    task: Task
    owner: str = ""
    clock: Callable[[], float] = field(default=time.time, repr=False)
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    state: State = "queued"
    ahead: int = 0
    progress: float = 0.0
    tries: int = 0
    created: float = field(init=False)
    started: float | None = None
    ended: float | None = None
    expires: float | None = None
    report: dict[str, Any] | None = None
    result: Path | None = None
    media_type: str = ""
    preview: Path | None = None
    problem: Problem | None = None
    _watching: set[asyncio.Event] = field(default_factory=set, init=False, repr=False)

    def __post_init__(self) -> None:
        """It begins to wait now."""
        self.created = self.clock()

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in FINAL

    @property
    def queued_seconds(self) -> float:
        """How long it waited, so far or in all."""
        until = self.started or self.ended
        return max(0.0, (self.clock() if until is None else until) - self.created)

    @property
    def work_seconds(self) -> float:
        """How long it has run, so far or in all (the last time, where it was begun twice)."""
        if self.started is None:
            return 0.0
        return max(0.0, (self.clock() if self.ended is None else self.ended) - self.started)

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended.

        Args:
            timeout: Seconds; None waits as long as it takes.

        Returns:
            Whether it has.
        """
        try:
            async with asyncio.timeout(timeout):
                async for _ in self.changes():
                    pass
        except TimeoutError:
            return self.final
        return True

    async def changes(self) -> AsyncIterator[Job]:
        """Itself as it is now, and again each time that it has changed; the last time in its final state.

        Changes that come while nobody asks are told as one, so whoever is slow misses steps, but never the end. Look at
        it before anything is awaited.
        """
        changed = asyncio.Event()
        self._watching.add(changed)
        try:
            while True:
                changed.clear()
                last = self.final
                yield self
                if last:
                    return
                await changed.wait()
        finally:
            self._watching.discard(changed)

    def tell(self) -> None:
        """Say to those who watch that something has changed."""
        for each in self._watching:
            each.set()

    def to_dict(self) -> dict[str, Any]:
        """What the API says of it, ready for JSON."""
        place = f"/v1/jobs/{self.id}"
        links = {"self": place, "events": f"{place}/events"}
        if self.task.kind == "restore":
            links["result"] = f"{place}/result"
        if self.task.preview:
            links["preview"] = f"{place}/preview"
        return {
            "id": self.id,
            "state": self.state,
            "kind": self.task.kind,
            "ahead": self.ahead,
            "progress": round(self.progress, 4),
            "tries": self.tries,
            "created": self.created,
            "queued_seconds": round(self.queued_seconds, 4),
            "work_seconds": round(self.work_seconds, 4),
            "expires": self.expires,
            "report": self.report,
            "problem": None if self.problem is None else self.problem.to_dict(),
            "links": links,
        }
