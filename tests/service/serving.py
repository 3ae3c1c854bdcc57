"""A real server in a thread of the tests: its processes, its port, what it logs, and a client."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from typing import TYPE_CHECKING, Any

import httpx

from pixelmend.inference import Wish
from pixelmend.service.access import Access
from pixelmend.service.limits import Limits
from pixelmend.service.logs import Log
from pixelmend.service.server import Place, Running
from tests.service.waiting import PATIENCE

if TYPE_CHECKING:
    from typing import Self


class Serving:
    """One server; use it as a context, which ends it.

    Args:
        limits: What is allowed; one process unless they say otherwise.
        access: Who may come in.
        place: Where; any free port of this machine.

    Attributes:
        url: "http://127.0.0.1:PORT", without a path.
        port: Of it.
        client: Sends requests there.
        running: The server itself.
    """

    def __init__(self, limits: Limits | None = None, access: Access | None = None, place: Place | None = None) -> None:
        self._said = io.StringIO()
        self.running = Running(
            Wish(), place or Place(port=0), access or Access(), limits or Limits(workers=1), Log("json", self._said)
        )
        self._ready, self._failed = threading.Event(), False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        assert self.url, "the server did not start"
        self.client = httpx.Client(base_url=self.url, timeout=PATIENCE, verify=False)  # noqa: S501  (made here)

    url = ""

    def _run(self) -> None:
        try:
            asyncio.run(self.running.run(self._begun))
        finally:
            self._ready.set()

    def _begun(self, address: str) -> None:
        self._loop = asyncio.get_running_loop()
        self.url = address.rstrip("/")
        self.port = int(self.url.rpartition(":")[2])
        self._ready.set()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it, at once."""
        self.client.close()
        self.stop()
        self.stop()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def stop(self) -> None:
        """Tell it to stop, as a signal does."""
        assert self._loop is not None
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self.running.stop)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What it has logged so far."""
        return [json.loads(line) for line in self.log.splitlines()]

    @property
    def log(self) -> str:
        """The same as it was written."""
        return self._said.getvalue()

    @property
    def spooled(self) -> list[str]:
        """Names of pictures, masks and results that lie in its folder."""
        assert self.running.house is not None
        spool = self.running.house.spool
        found = (path.relative_to(spool) for path in spool.rglob("*") if path.is_file())
        return sorted(str(path) for path in found if path.parts[0] != "scratch")
