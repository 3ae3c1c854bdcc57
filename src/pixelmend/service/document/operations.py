"""What the document says of each operation: words, parameters, bodies and answers, with examples."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pixelmend.service.answers import JSON, PROBLEM
from pixelmend.service.options import DiagnoseAsked, RestoreAsked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixelmend.service.options import Asked

_MEDIA = {"png": "image/png", "jpeg": "image/jpeg", "tiff": "image/tiff", "webp": "image/webp", "avif": "image/avif"}
"""What a result may be."""
_SENT = ("application/octet-stream", "image/png", "image/jpeg", "image/webp", "image/tiff", "image/*")
"""What a body that is a picture may say that it is; it counts for nothing."""
_ASSETS = ("text/css", "text/javascript", "image/svg+xml", "image/png", "image/webp", "application/json")
"""What the page loads may be."""
_BINARY = {"type": "string", "format": "binary"}
_JOB_EVENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"const": "job"},
        "data": {
            "type": "string",
            "contentMediaType": JSON,
            "contentSchema": {"$ref": "#/components/schemas/Job"},
        },
    },
}
"""One event of a stream; that it stands under ``itemSchema`` is OpenAPI 3.2; Schemathesis reads it in 3.1 as well."""
_JOB_HEADERS = {
    "Pixelmend-Job": {"description": "The name of the job.", "schema": {"type": "string"}},
    "Pixelmend-Report": {
        "description": "What was found and done: a Report as JSON, ASCII.", "schema": {"type": "string"}
    },
    "Content-Disposition": {"description": 'attachment; filename="restored.EXT"', "schema": {"type": "string"}},
    "Server-Timing": {"description": "queue and work, milliseconds.", "schema": {"type": "string"}},
}  # fmt: skip
_RETRY = {"Retry-After": {"description": "Seconds until it is worth trying again.", "schema": {"type": "integer"}}}
_WHY = {
    "bad-request": "The request is not valid HTTP, or its form cannot be read.",
    "no-key": "A key is wanted, and none that the server knows was sent.",
    "foreign-origin": "A page of another origin sent it, which the server's owner has not allowed.",
    "unknown-job": "There is no such job: it never was, it was released, or it has expired.",
    "no-such-page": "There is nothing at this address.",
    "too-slow": "The body came too slowly.",
    "not-done": "The job has not ended yet.",
    "gone": "The job has no result: it failed, was cancelled, or asked for none.",
    "body-too-large": "The body, the picture or the result is too large, or the job took too long or too much memory.",
    "unsupported-format": "The first bytes are of no format that is taken.",
    "unknown-host": "The request calls the service by a name that is not its own.",
    "bad-option": "An option that there is not, a value that cannot be, or a picture that cannot be restored so.",
    "queue-full": "Too many jobs wait.",
    "head-too-long": "The head of the request is too long.",
    "fault": "The server failed; its log says more.",
    "stopping": "The server is stopping.",
    "no-room": "The server's disk is full.",
}


def problems(codes: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """Answers that are problems, for the document.

    Args:
        codes: By status, the code of an example.
    """
    found: dict[int | str, dict[str, Any]] = {}
    for status, code in codes.items():
        why = _WHY[code]
        example = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": why,
                   "code": code}  # fmt: skip
        schema = {"$ref": "#/components/schemas/Problem"}
        found[status] = {"description": why, "content": {PROBLEM: {"schema": schema, "example": example}}}
        if status in {429, 503, 507}:
            found[status]["headers"] = _RETRY
    return found


def json_answers(words: str, schema: str, *, many: bool = False) -> dict[str, Any]:
    """An answer in JSON, for the document.

    Args:
        words: What it is.
        schema: The name of what it holds.
        many: Whether it is a list of them.
    """
    one: dict[str, Any] = {"$ref": f"#/components/schemas/{schema}"}
    return {"description": words, "content": {JSON: {"schema": {"type": "array", "items": one} if many else one}}}


def _binary(words: str, *media: str) -> dict[str, Any]:
    return {"description": words, "content": {each: {"schema": _BINARY} for each in media}}


def _fields(asked: type[Asked]) -> dict[str, dict[str, Any]]:
    """The schema of each option; without the null that stands for its absence."""
    found = {}
    for name, schema in asked.model_json_schema()["properties"].items():
        kinds = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
        plain = {key: value for key, value in schema.items() if key not in {"anyOf", "title"}}
        if plain.get("default", "") is None:
            del plain["default"]
        found[name] = {**(kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {}), **plain}
    return found


def _parameters(asked: type[Asked]) -> list[dict[str, Any]]:
    """The options as they stand in a query."""
    told = []
    for name, whole in _fields(asked).items():
        schema = {key: value for key, value in whole.items() if key not in {"description", "examples"}}
        example = whole["examples"][0]
        told.append({"name": name, "in": "query", "required": False, "description": whole["description"],
                     "schema": schema, "examples": {"one": {"value": example}}})  # fmt: skip
    return told


def _body(asked: type[Asked], files: Mapping[str, str]) -> dict[str, Any]:
    """The body: the bytes of a picture, or a form of files and the same options."""
    parts = {name: {**_BINARY, "description": words} for name, words in files.items()}
    form = {"type": "object", "required": ["picture"], "additionalProperties": False,
            "properties": {**parts, **_fields(asked)}}  # fmt: skip
    content: dict[str, Any] = {each: {"schema": _BINARY} for each in _SENT}
    words = "The bytes of a picture; or a form with the file in the field `picture`, and options as fields."
    return {"required": True, "description": words, "content": {"multipart/form-data": {"schema": form}, **content}}


def _link(operation: str) -> dict[str, Any]:
    """How a job that is answered leads to an operation."""
    return {"operationId": operation, "parameters": {"job_id": "$response.body#/id"}}


_COMES = {415: "unsupported-format", 422: "bad-option", 429: "queue-full", 503: "stopping", 507: "no-room"}
"""What may become of a picture that is sent, beside what may become of any body."""

RESTORE: dict[str, Any] = {
    "operation_id": "restore",
    "tags": ["pictures"],
    "summary": "Restore a picture",
    "description": "The answer is the restored picture. Where the client goes away before, the job is cancelled.",
    "responses": {
        200: {**_binary("The restored picture.", *_MEDIA.values()), "headers": _JOB_HEADERS},
        202: {
            **json_answers("It takes longer than `wait`: the job, which goes on.", "Job"),
            "headers": {"Location": {"description": "The address of the job.", "schema": {"type": "string"}}},
            "links": {name: _link(name) for name in ("job", "events", "result", "preview", "forget")},
        },
        **problems(_COMES),
    },
    "openapi_extra": {
        "parameters": _parameters(RestoreAsked),
        "requestBody": _body(
            RestoreAsked,
            {
                "picture": "The damaged picture.",
                "mask": "For the task inpaint: a picture, white where pixels are lost.",
            },
        ),
    },
}
DIAGNOSE: dict[str, Any] = {
    "operation_id": "diagnose",
    "tags": ["pictures"],
    "summary": "Say what is wrong with a picture",
    "description": "What is wrong with it, how sure that is, and what to do about it. Nothing is restored.",
    "responses": {200: json_answers("What was found, and advice.", "Diagnosis"), **problems(_COMES)},
    "openapi_extra": {
        "parameters": _parameters(DiagnoseAsked),
        "requestBody": _body(DiagnoseAsked, {"picture": "The picture."}),
    },
}
_UNKNOWN = problems({404: "unknown-job"})
_FETCH = problems({404: "unknown-job", 409: "not-done", 410: "gone"})
JOB: dict[str, Any] = {
    "operation_id": "job",
    "tags": ["jobs"],
    "summary": "Tell how a job is",
    "responses": {200: json_answers("The job.", "Job"), **_UNKNOWN},
}
EVENTS: dict[str, Any] = {
    "operation_id": "events",
    "tags": ["jobs"],
    "summary": "Follow a job",
    "description": "Events of the kind `job`, whose data is the job as JSON: at once, at each change, and for the last "
    "time when it has ended; then the stream ends. A comment comes every 15 seconds.",
    "responses": {
        200: {"description": "A stream of events.", "content": {"text/event-stream": {"itemSchema": _JOB_EVENT}}},
        **_UNKNOWN,
    },
}
RESULT: dict[str, Any] = {
    "operation_id": "result",
    "tags": ["jobs"],
    "summary": "Fetch the restored picture",
    "responses": {
        200: {**_binary("The restored picture.", *_MEDIA.values()), "headers": _JOB_HEADERS}, **_FETCH,
    },
}  # fmt: skip
PREVIEW: dict[str, Any] = {
    "operation_id": "preview",
    "tags": ["jobs"],
    "summary": "Fetch a small one for browsers",
    "description": "At most 4 megapixels, sRGB, the right way up; where the job was sent with `preview=true`.",
    "responses": {200: _binary("The small picture.", "image/webp"), **_FETCH},
}
FORGET: dict[str, Any] = {
    "operation_id": "forget",
    "tags": ["jobs"],
    "summary": "Cancel or forget a job",
    "description": "One that waits or runs is stopped; its result, where there is one, is deleted.",
    "status_code": 204,
    "responses": {204: {"description": "It is gone."}, **_UNKNOWN},
}
MODELS: dict[str, Any] = {
    "operation_id": "models",
    "tags": ["server"],
    "summary": "Tell what can be done",
    "responses": {200: json_answers("Tasks, weights, formats and limits.", "Models")},
}
EXAMPLES: dict[str, Any] = {
    "operation_id": "examples",
    "tags": ["server"],
    "summary": "List pictures to try",
    "responses": {200: json_answers("Examples.", "Example", many=True)},
}
EXAMPLE: dict[str, Any] = {
    "operation_id": "example",
    "tags": ["server"],
    "summary": "Fetch a picture to try",
    "responses": {200: _binary("The picture.", "image/png", "image/jpeg"), **problems({404: "no-such-page"})},
}
HEALTH: dict[str, Any] = {
    "operation_id": "health",
    "tags": ["server"],
    "summary": "Tell whether jobs are taken",
    "description": "For load balancers; it never needs a key.",
    "responses": {
        200: json_answers("Jobs are taken.", "Health"),
        503: {**json_answers("The server is stopping.", "Health"), "headers": _RETRY},
    },
}
METRICS: dict[str, Any] = {
    "operation_id": "metrics",
    "tags": ["server"],
    "summary": "Tell what was counted",
    "responses": {
        200: {"description": "For Prometheus.", "content": {"text/plain": {"schema": {"type": "string"}}}},
    },
}
PAGE: dict[str, Any] = {
    "operation_id": "page",
    "tags": ["page"],
    "summary": "The page",
    "responses": {
        200: {"description": "HTML.", "content": {"text/html": {"schema": {"type": "string"}}}},
        **problems({404: "no-such-page"}),
    },
}
ASSET: dict[str, Any] = {
    "operation_id": "asset",
    "tags": ["page"],
    "summary": "What the page loads",
    "responses": {200: _binary("The file.", *_ASSETS), **problems({404: "no-such-page"})},
}
DOCS: dict[str, Any] = {
    "operation_id": "docs",
    "tags": ["page"],
    "summary": "This document as a page",
    "responses": {200: {"description": "HTML.", "content": {"text/html": {"schema": {"type": "string"}}}}},
}
OPENAPI: dict[str, Any] = {
    "operation_id": "openapi",
    "tags": ["page"],
    "summary": "This document",
    "responses": {200: {"description": "OpenAPI.", "content": {JSON: {"schema": {"type": "object"}}}}},
}
