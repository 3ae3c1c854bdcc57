"""From the routes to the document: what all answers have in common is added here, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

import pixelmend
from pixelmend.service.document.operations import problems
from pixelmend.service.document.schemas import ANSWERS
from pixelmend.service.guards.keys import is_open

if TYPE_CHECKING:
    from fastapi import FastAPI

_ABOUT = """\
Send a damaged picture and get the restored one back, in one request:

    curl --data-binary @photo.jpg 'http://127.0.0.1:8400/v1/restore?task=auto' -o restored.jpg

Or send it with `wait=0`, and follow the job that is answered: its changes come as events, and the result lies at its
address until it expires. Every error is a problem (RFC 9457) whose `detail` says what was got, what was wanted and what
to do. What a picture came with (profile, EXIF, orientation, transparency, bit depth) goes out with it.
"""
TAGS = [
    {"name": "pictures", "description": "Restore a picture, or find out what is wrong with it."},
    {"name": "jobs", "description": "Pictures on their way: follow them, fetch results, cancel."},
    {"name": "server", "description": "What it can do, and how it is."},
    {"name": "page", "description": "The page in a browser, and what it loads."},
]


def make_document(app: FastAPI, *, keys: bool) -> dict[str, Any]:
    """The OpenAPI document of the service.

    Args:
        app: With all routes.
        keys: Whether the server wants them.
    """
    document = get_openapi(
        title="Pixelmend", version=pixelmend.__version__, summary="Restores damaged pictures.", description=_ABOUT,
        routes=app.routes, tags=TAGS, license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )  # fmt: skip
    _, schemas = models_json_schema(
        [(each, "serialization") for each in ANSWERS], ref_template="#/components/schemas/{model}"
    )
    components = document.setdefault("components", {})
    components["schemas"] = dict(sorted(schemas["$defs"].items()))
    if keys:
        components["securitySchemes"] = {
            "key": {"type": "http", "scheme": "bearer", "description": "A key of this server."}
        }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete(operation, path, method, keys=keys)
    return document


def _complete(operation: dict[str, Any], path: str, method: str, *, keys: bool) -> None:
    """Add what any operation of this kind may answer."""
    common = {400: "bad-request", 421: "unknown-host", 431: "head-too-long", 500: "fault"}
    if keys and not is_open(path):
        common[401] = "no-key"
        operation["security"] = [{"key": []}]
    if method in {"post", "delete"}:
        common |= {403: "foreign-origin"}
    if method == "post":
        common |= {408: "too-slow", 413: "body-too-large"}
    responses = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):  # FastAPI's guess: a name in a path can be any text
        del responses["422"]
    for status, told in problems(common).items():
        responses.setdefault(str(status), told)
    operation["responses"] = dict(sorted(responses.items()))
