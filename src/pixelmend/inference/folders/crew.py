"""The processes that restore pictures side by side, as their parent sees them.

Each has a thread here that gives it one picture after the other and waits for what becomes of it. So a process that
dies is noticed by the one thread that waits for it; the thread starts another one, and goes on.
"""

from __future__ import annotations

import contextlib
import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from pixelmend.errors import PixelmendError
from pixelmend.inference.folders.worker import Begin, Order, Ready, Result, Step
from pixelmend.inference.processes import ONE_THREAD, DiedError, Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

_WORKER = "pixelmend.inference.folders.worker"
_PATIENCE = 0.5
"""Seconds after which the main thread looks up while it waits, so that Ctrl-C is heard on every system."""


class Hand:
    """One process.

    Args:
        begin: Its first order.
        keep: Open files that it inherits, and with them their locks.

    Attributes:
        ready: What runs there.

    Raises:
        UsageError: What was asked for cannot be done.
        ModelError: The model is broken, or the process did not start.
    """

    def __init__(self, begin: Begin, keep: tuple[int, ...] = ()) -> None:
        self._process = Process(_WORKER, begin, ONE_THREAD, keep)
        self.ready: Ready = self._process.ready

    def restore(self, order: Order, tell: Callable[[float], None]) -> Result:
        """Have one picture restored.

        Args:
            order: Which.
            tell: Told how far it is, 0 to 1.

        Returns:
            What became of it, also where the process died over it.
        """
        begin = time.perf_counter()
        try:
            self._process.send(order)
            while isinstance(answer := self._process.receive(), Step):
                tell(answer.share)
        except DiedError as died:
            hint = " (try fewer --jobs, or --tile 256)" if died.code == -9 else ""
            return Result(time.perf_counter() - begin, None, error=f"{died}{hint}", died=True)
        assert isinstance(answer, Result)  # noqa: S101  (what it says of an order)
        return answer

    def stop(self, *, now: bool = False) -> None:
        """End the process: where it is idle by itself, or at once."""
        self._process.stop(now=now)


class _Stopped(Exception):  # noqa: N818  (no fault: what happened)
    """Nothing more is to be begun."""


class Crew:
    """Several processes that share what is to be done; use it as a context, which ends them.

    Args:
        begin: First order of each.
        first: One that is there already.
        keep: See `Hand`.
        strict: Begin nothing more after a picture that failed.
    """

    def __init__(self, begin: Begin, first: Hand, keep: tuple[int, ...] = (), *, strict: bool = False) -> None:
        self._begin, self._keep, self._strict = begin, keep, strict
        self._hands, self._idle = {first}, [first]
        self._lock = threading.Lock()
        self._stopped = False

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End all processes: at once where something went wrong, which Ctrl-C is as well."""
        with self._lock:
            self._stopped = True
            hands = tuple(self._hands)
        for hand in hands:
            hand.stop(now=kind is not None)

    def finish(self) -> None:
        """Begin nothing more; what is in hand is brought to its end."""
        self._stopped = True

    def work(self, orders: Sequence[Order], size: int) -> Iterator[tuple[Order, Result | float | PixelmendError]]:
        """Have pictures restored by several processes at once.

        Args:
            orders: What is to be done; begun in this order.
            size: How many processes.

        Yields:
            An order with what became of it (also where its process died over it), or with how far it is, 0 to 1, or
            with why no process can be had for it.
        """
        waiting: SimpleQueue[Order] = SimpleQueue()
        for order in orders:
            waiting.put(order)
        told: SimpleQueue[Any] = SimpleQueue()
        for _ in range(size):
            threading.Thread(target=self._tend, args=(waiting, told), daemon=True).start()
        ended = 0
        while ended < size:
            try:
                event = told.get(timeout=_PATIENCE)
            except Empty:
                continue
            if event is None:
                ended += 1
            else:
                yield event

    def _tend(self, waiting: SimpleQueue[Order], told: SimpleQueue[Any]) -> None:
        """Give a process one picture after the other, and another process the next where it died."""
        hand: Hand | None = None
        with contextlib.suppress(Empty, _Stopped):
            while not self._stopped:
                order = waiting.get_nowait()
                try:
                    hand = hand or self._take()
                except PixelmendError as error:
                    told.put((order, error))
                    break
                result = hand.restore(order, _teller(told, order))
                self._stopped |= self._strict and bool(result.error) and not (result.died or order.done)
                told.put((order, result))
                if result.died:
                    self._bury(hand)
                    hand = None
        if hand is not None:
            with self._lock:
                self._idle.append(hand)
        told.put(None)

    def _take(self) -> Hand:
        """A process that waits, or a new one."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        hand = Hand(self._begin, self._keep)
        with self._lock:
            self._hands.add(hand)
        if self._stopped:
            raise _Stopped
        return hand

    def _bury(self, hand: Hand) -> None:
        hand.stop(now=True)
        with self._lock:
            self._hands.discard(hand)


def _teller(told: SimpleQueue[Any], order: Order) -> Callable[[float], None]:
    return lambda share: told.put((order, share))
