"""The document of the API: every route, every option with words and an example, and every answer that can come."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from pixelmend.service.options import DiagnoseAsked, RestoreAsked
from tests.service.conftest import noisy, streamed

if TYPE_CHECKING:
    import httpx


@pytest.fixture(scope="module")
def document(service: Any) -> dict[str, Any]:
    told: dict[str, Any] = service.client.get("/openapi.json").json()
    return told


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for methods in document["paths"].values() for operation in methods.values()]


def test_all_routes_are_told_of(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    told = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert {("post", "/v1/restore"), ("delete", "/v1/jobs/{job_id}"), ("get", "/v1/jobs/{job_id}/events")} <= told
    names = [operation["operationId"] for operation in operations(document)]
    assert len(set(names)) == len(names) == len(told)


def test_what_is_referred_to_is_there(document: dict[str, Any]) -> None:
    names = {operation["operationId"] for operation in operations(document)}
    for link in document["paths"]["/v1/restore"]["post"]["responses"]["202"]["links"].values():
        assert link["operationId"] in names
    found = set(re.findall(r"'#/components/schemas/(\w+)'", str(document)))
    assert found <= set(document["components"]["schemas"])
    assert "422" not in document["paths"]["/v1/jobs/{job_id}"]["get"]["responses"]


def test_every_answer_has_words_and_every_problem_an_example(document: dict[str, Any]) -> None:
    for operation in operations(document):
        assert operation["summary"]
        assert {"400", "421", "431", "500"} <= set(operation["responses"])
        for status, told in operation["responses"].items():
            assert told["description"]
            for media, content in told.get("content", {}).items():
                if media == "application/problem+json":
                    assert content["example"]["status"] == int(status)


@pytest.mark.parametrize(("path", "asked"), [("/v1/restore", RestoreAsked), ("/v1/diagnose", DiagnoseAsked)])
def test_options_are_told_in_both_ways(document: dict[str, Any], path: str, asked: type[RestoreAsked]) -> None:
    operation = document["paths"][path]["post"]
    query = {each["name"]: each for each in operation["parameters"]}
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    assert set(query) == set(asked.model_fields) == set(form) - {"picture", "mask"}
    for name, each in query.items():
        assert each["description"] == form[name]["description"]
        asked.read([(name, str(each["examples"]["one"]["value"]))])
    assert "application/octet-stream" in operation["requestBody"]["content"]
    assert "image/*" in operation["requestBody"]["content"]


def fits(document: dict[str, Any], name: str, value: object) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    Draft202012Validator(schema).validate(value)


def test_events_are_as_they_are_told(document: dict[str, Any], client: httpx.Client, picture: bytes) -> None:
    job = client.post("/v1/restore?wait=0", content=picture).json()
    streams = document["paths"]["/v1/jobs/{job_id}/events"]["get"]["responses"]["200"]["content"]
    event = {**streams["text/event-stream"]["itemSchema"], "components": document["components"]}
    told = streamed(client, job)
    assert client.delete(job["links"]["self"]).status_code == 204  # other tests count what lies about
    assert told
    for each in told:
        Draft202012Validator(event).validate(each)
        fits(document, "Job", json.loads(each["data"]))
    assert event["properties"]["data"]["contentSchema"] == {"$ref": "#/components/schemas/Job"}


def test_answers_are_as_they_are_told(document: dict[str, Any], client: httpx.Client, picture: bytes) -> None:
    fits(document, "Models", client.get("/v1/models").json())
    fits(document, "Health", client.get("/healthz").json())
    fits(document, "Problem", client.get("/nothing").json())
    for example in client.get("/v1/examples").json():
        fits(document, "Example", example)
    fits(document, "Diagnosis", client.post("/v1/diagnose?preview=true", content=noisy(64, 64, form="tiff")).json())
    job = client.post("/v1/restore?wait=0&preview=true&task=denoise", content=picture).json()
    fits(document, "Job", job)
    client.get(job["links"]["events"])
    done = client.get(job["links"]["self"]).json()
    fits(document, "Job", done)
    fits(document, "Report", done["report"])
    client.delete(job["links"]["self"])


def test_schemas_have_words_and_examples(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        assert schema["description"], name
        for field, told in schema["properties"].items():
            assert told.get("description"), (name, field)


def test_the_page_of_it(client: httpx.Client, document: dict[str, Any]) -> None:
    answer = client.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for path in document["paths"]:
        assert path in answer.text
    assert set(re.findall(r'(?:href|src)="(/[^"]*)"', answer.text)) == {"/assets/docs.css", "/openapi.json"}
    assert client.get("/assets/docs.css").headers["content-type"] == "text/css; charset=utf-8"
    assert "<script" not in answer.text
    assert "style=" not in answer.text
