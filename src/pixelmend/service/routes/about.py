"""The server itself: what it can do, how it is, and the page with what it loads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

import pixelmend
from pixelmend import catalog
from pixelmend.images import formats
from pixelmend.service.answers import json_answer, refusal
from pixelmend.service.metrics import TYPE
from pixelmend.service.routes.files import open_answer

if TYPE_CHECKING:
    from pixelmend.service.house import House
    from pixelmend.service.limits import Limits
    from pixelmend.service.static import File

_HTML = "text/html; charset=utf-8"


class About:
    """Routes that tell of the server.

    Args:
        house: The service.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._models = _models(house.limits)
        self._document: dict[str, Any] = {}
        self._docs = ""

    def describe(self, document: dict[str, Any], page: str) -> None:
        """Learn what the API is, once all routes are there.

        Args:
            document: OpenAPI.
            page: The same as HTML.
        """
        self._document, self._docs = document, page

    async def models(self) -> Response:
        """Tell what can be done."""
        return json_answer(self._models)

    async def examples(self) -> Response:
        """List pictures to try."""
        return json_answer(self._house.static.listing)

    async def example(self, name: str) -> Response:
        """Send a picture to try."""
        return await _send(self._house.static.examples.get(name))

    async def health(self) -> Response:
        """Tell whether jobs are taken."""
        stats, stopping = self._house.pool.stats, self._house.pool.stopping
        told = {
            "status": "stopping" if stopping else "ok",
            "version": pixelmend.__version__,
            "workers": stats.workers,
            "queued": stats.queued,
            "running": stats.running,
        }
        return json_answer(told, 503, {"retry-after": "10"}) if stopping else json_answer(told)

    async def metrics(self) -> Response:
        """Tell what was counted."""
        return Response(self._house.metrics.text(), media_type=TYPE)

    async def page(self) -> Response:
        """Send the page."""
        return await _send(self._house.static.index)

    async def asset(self, name: str) -> Response:
        """Send what the page loads."""
        return await _send(self._house.static.assets.get(name))

    async def docs(self) -> Response:
        """Send the document as a page."""
        return Response(self._docs, media_type=_HTML)

    async def openapi(self) -> Response:
        """Send the document."""
        return json_answer(self._document)


async def _send(file: File | None) -> Response:
    if file is None:
        raise refusal(404, "no-such-page", "there is nothing at this address: / is the page, /docs tells of the API")
    return await open_answer(file.path, file.media_type, {})


def _models(limits: Limits) -> dict[str, Any]:
    """What the server can do; it never changes while it runs."""
    cards = [catalog.by_name(name) for name in catalog.names()]
    of_task = {task: [card for card in cards if catalog.task_of(card) == task] for task in catalog.tasks()}
    return {
        "version": pixelmend.__version__,
        "tasks": [
            {
                "name": task,
                "sizes": sorted({card.size for card in some}, key=("nano", "small", "base").index),
                "scales": sorted({card.scale for card in some}),
                "has_perceptual": any(card.variant == "perceptual" for card in some),
            }
            for task, some in of_task.items()
        ],
        "models": [
            {
                "name": card.name, "task": catalog.task_of(card), "size": card.size, "scale": card.scale,
                "variant": card.variant, "parameters": card.parameters, "licence": card.licence,
            }
            for card in cards
        ],
        "formats_in": list(limits.formats),
        "formats_out": list(formats()),
        "limits": {
            "max_bytes": limits.max_bytes, "max_megapixels": limits.max_megapixels,
            "max_output_megapixels": limits.max_output_megapixels, "job_seconds": limits.job_seconds,
            "keep_seconds": limits.keep_seconds, "queue": limits.queue,
        },
    }  # fmt: skip
