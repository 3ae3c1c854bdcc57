"""What all routes of one service share; there is nothing beside it that outlives a request."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakSet

from pixelmend.service.answers import CLOSE, Refusal
from pixelmend.service.pool import QueueFullError, StoppingError
from pixelmend.service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.requests import Request

    from pixelmend.inference import Wish
    from pixelmend.service.access import Access
    from pixelmend.service.job import Job, Task
    from pixelmend.service.limits import Limits
    from pixelmend.service.logs import Line, Log
    from pixelmend.service.metrics import Metrics
    from pixelmend.service.pool import Pool
    from pixelmend.service.static import Static


@dataclass(frozen=True, eq=False)
class House:
    """The service.

    Attributes:
        limits: What is allowed.
        access: Who may come in.
        bound: The name or address that it is bound to.
        tls: Whether it speaks TLS itself.
        wish: What runs the networks.
        pool: Who does the work.
        spool: Where bodies and results lie.
        static: The page and examples.
        metrics: What counts.
        log: What tells.
        promised: Jobs that clients were told of and have not come for yet; a stop waits for them.
    """

    limits: Limits
    access: Access
    bound: str
    tls: bool
    wish: Wish
    pool: Pool
    spool: Path
    static: Static
    metrics: Metrics
    log: Log
    promised: WeakSet[Job] = field(default_factory=WeakSet)

    def check_open(self) -> None:
        """Refuse what would be refused anyway, before its body comes.

        Raises:
            Refusal: Too many jobs wait, or the server stops.
        """
        with self._refusals():
            self.pool.check_room()

    def submit(self, request: Request, task: Task) -> Job:
        """Let a job wait for its turn.

        Raises:
            Refusal: Too many wait, or the server stops; the files of the task remain the caller's.
        """
        with self._refusals():
            job = self.pool.submit(task, owner_of(request))
        line_of(request).job = job.id
        return job

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        """Let what the pool refuses be answered."""
        try:
            yield
        except QueueFullError as full:
            problem = Problem(429, "queue-full", "Too many jobs wait", str(full))
            raise Refusal(problem, {"retry-after": str(full.retry_after)}) from None
        except StoppingError:
            wait = str(max(1, round(self.limits.grace_seconds)))
            problem = Problem.of("stopping", "it takes no more jobs: try again later")
            raise Refusal(problem, {"retry-after": wait, **CLOSE}) from None


def owner_of(request: Request) -> str:
    """Whose key a request carries; "" without keys."""
    owner: str = request.scope["state"]["owner"]
    return owner


def line_of(request: Request) -> Line:
    """What the log will say of a request."""
    line: Line = request.scope["state"]["line"]
    return line
