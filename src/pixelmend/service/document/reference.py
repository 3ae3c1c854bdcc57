"""The document as a page: plain HTML that is made once, with nothing to load but its own style."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pixelmend: the API</title>
<link rel="stylesheet" href="/assets/docs.css">
</head>
<body>
<h1>Pixelmend: the API</h1>
"""
_FOOT = "</body>\n</html>\n"


def reference_page(document: dict[str, Any]) -> str:
    """A page that tells people what the document tells programs.

    Args:
        document: From `make_document`.
    """
    return "".join(_parts(document))


def _parts(document: dict[str, Any]) -> Iterator[str]:
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    yield _HEAD
    yield _prose(document["info"]["description"])
    yield '<p><a href="/openapi.json">openapi.json</a> says the same to programs.</p>\n'
    if "securitySchemes" in document["components"]:
        yield "<p>This server wants a key: send the header <code>Authorization: Bearer KEY</code>.</p>\n"
    yield "<nav><ul>\n"
    for path, method, operation in operations:
        link = f'<a href="#{operation["operationId"]}">{html.escape(path)}</a>'
        yield f'<li><span class="method">{method.upper()}</span> {link}</li>\n'
    yield '<li><a href="#schemas">What answers hold</a></li>\n</ul></nav>\n'
    for path, method, operation in operations:
        yield from _operation(path, method, operation)
    yield '<h2 id="schemas">What answers hold</h2>\n'
    for name, schema in document["components"]["schemas"].items():
        yield f'<h3 id="schema-{name}">{name}</h3>\n{_prose(schema.get("description", ""))}'
        rows = [(key, _kind(each), each.get("description", "")) for key, each in schema.get("properties", {}).items()]
        yield _table(("field", "what it is", "in words"), rows)
    yield _FOOT


def _operation(path: str, method: str, operation: dict[str, Any]) -> Iterator[str]:
    title = f'<span class="method">{method.upper()}</span> <code>{html.escape(path)}</code>'
    yield f'<h2 id="{operation["operationId"]}">{title}</h2>\n'
    yield f"<p><strong>{html.escape(operation['summary'])}.</strong></p>\n"
    yield _prose(operation.get("description", ""))
    if parameters := operation.get("parameters"):
        yield "<h3>Options</h3>\n"
        rows = [(each["name"], _kind(each["schema"]), each.get("description", "")) for each in parameters]
        yield _table(("name", "takes", "in words"), rows)
    if body := operation.get("requestBody"):
        kinds = ", ".join(f"<code>{html.escape(each)}</code>" for each in body["content"])
        yield f"<h3>Body</h3>\n{_prose(body['description'])}<p>{kinds}</p>\n"
    yield "<h3>Answers</h3>\n"
    rows = [
        (status, ", ".join(_holds(*each) for each in told.get("content", {}).items()) or "nothing", told["description"])
        for status, told in operation["responses"].items()
    ]
    yield _table(("status", "holds", "when"), rows)


def _holds(media: str, content: dict[str, Any]) -> str:
    schema = content.get("schema", {})
    reference = schema.get("$ref") or schema.get("items", {}).get("$ref")
    return media if reference is None else f"{media} ({reference.rpartition('/')[2]})"


def _kind(schema: dict[str, Any]) -> str:
    """What a value is, in short."""
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "const" in schema:
        return json.dumps(schema["const"])
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    kind = {"array": "list", "boolean": "true or false", "integer": "whole number", "null": "null"}
    words = kind.get(schema.get("type", ""), schema.get("type", "anything"))
    low, high = schema.get("minimum"), schema.get("maximum")
    range_ = f", {low:g} to {high:g}" if low is not None and high is not None else ""
    default = schema.get("default")
    usual = "" if default is None else f" (usually {json.dumps(default)})"
    return f"{words}{range_}{usual}"


def _prose(text: str) -> str:
    """Paragraphs, and commands that are indented."""
    parts = []
    for block in text.strip().split("\n\n"):
        if block.startswith("    "):
            code = "\n".join(line.removeprefix("    ") for line in block.splitlines())
            parts.append(f"<pre>{html.escape(code)}</pre>\n")
        elif block:
            parts.append(f"<p>{_marked(' '.join(block.split()))}</p>\n")
    return "".join(parts)


def _marked(text: str) -> str:
    """A line with ``code`` between backticks."""
    pieces = html.escape(text).split("`")
    return "".join(f"<code>{each}</code>" if number % 2 else each for number, each in enumerate(pieces))


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    top = "".join(f"<th>{each}</th>" for each in head)
    lines = [
        f"<tr><td><code>{html.escape(first)}</code></td>{''.join(f'<td>{_marked(each)}</td>' for each in rest)}</tr>"
        for first, *rest in rows
    ]
    return f'<div class="scroll"><table>\n<tr>{top}</tr>\n' + "\n".join(lines) + "\n</table></div>\n"
