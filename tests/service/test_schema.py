"""Every answer is one that the document of the API names, whatever is asked."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import httpx

from pixelmend.service.access import Access, Keys
from tests.service.fuzzing import run

if TYPE_CHECKING:
    from tests.service.conftest import Begin


def test_answers_are_those_of_the_document(serving: Begin) -> None:
    server = serving(max_bytes=2**20)
    good, said = run(server.url, examples=4)
    assert good, said
    assert "Unresolvable references" not in said
    seen = Counter((line["route"], line["status"]) for line in server.lines if line["event"] == "request")
    assert {("/v1/restore", 200), ("/v1/diagnose", 200), ("/v1/restore", 422), ("/v1/restore", 415)} <= seen.keys()
    routes = {path.replace("{id}", "{job_id}") for path in httpx.get(f"{server.url}/openapi.json").json()["paths"]}
    assert routes <= {route for route, _ in seen}
    assert [line for line in server.lines if line["event"] == "fault"] == []


def test_with_keys_as_well(serving: Begin) -> None:
    key = "a-key-that-nobody-guesses"
    server = serving(access=Access(Keys([key])))
    good, said = run(server.url, examples=2, key=key, phases="examples,fuzzing")
    assert good, said
    assert {200, 401} <= {line["status"] for line in server.lines if line["event"] == "request"}
