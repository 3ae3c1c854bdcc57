"""What the service answers: pictures, jobs, and what it tells of itself."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import pixelmend
from pixelmend import catalog
from pixelmend.images import decode, encode, formats
from tests.service.conftest import noisy, streamed
from tests.service.waiting import until

if TYPE_CHECKING:
    import httpx

    from tests.service.serving import Serving


def pixels(data: bytes) -> np.ndarray:
    picture = decode(data)
    return np.asarray(picture.region(0, 0, picture.height, picture.width))


def test_the_answer_is_what_the_function_gives(client: httpx.Client, picture: bytes, service: Serving) -> None:
    answer = client.post("/v1/restore?task=denoise&sigma=25", content=picture)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.headers["content-disposition"] == 'attachment; filename="restored.png"'
    assert answer.headers["content-length"] == str(len(answer.content))
    report = json.loads(answer.headers["pixelmend-report"])
    assert (report["model"], report["sigma"], report["output_format"]) == ("denoise-small", 25, "png")
    assert report["bytes"] == len(answer.content)
    assert answer.headers["server-timing"].startswith("queue;dur=")
    wanted = pixelmend.restore(picture, task="denoise", sigma=25, engine="onnxruntime")
    assert np.array_equal(pixels(answer.content), pixels(wanted))
    assert client.get(f"/v1/jobs/{answer.headers['pixelmend-job']}").status_code == 404
    until(lambda: service.spooled == [])


def test_without_options_it_does_what_the_picture_needs(client: httpx.Client, picture: bytes) -> None:
    answer = client.post("/v1/restore", content=picture)
    assert "denoise was chosen" in json.loads(answer.headers["pixelmend-report"])["advice"]


@pytest.mark.parametrize(
    ("form", "media"), [("jpeg", "image/jpeg"), ("webp", "image/webp"), ("tiff", "image/tiff"), ("avif", "image/avif")]
)
def test_a_result_of_the_format_that_was_asked_for(client: httpx.Client, picture: bytes, form: str, media: str) -> None:
    answer = client.post(f"/v1/restore?task=denoise&format={form}", content=picture)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media)
    assert decode(answer.content).format == form


def test_a_form_with_a_mask_and_options(client: httpx.Client, picture: bytes) -> None:
    mask = np.zeros((48, 64, 1), np.uint8)
    mask[10:20, 10:20] = 255
    files = {"picture": ("../../etc/passwd", picture, "text/html"), "mask": ("m", encode(mask, "png"), "x/y")}
    answer = client.post("/v1/restore?strength=1", files=files, data={"task": "inpaint", "format": "png"})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="restored.png"'
    before, after = pixels(picture), pixels(answer.content)
    changed = (before != after).any(axis=2)
    assert changed[10:20, 10:20].any()
    changed[10:20, 10:20] = False
    assert not changed.any()


def test_what_it_came_with_goes_out_with_it(client: httpx.Client) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (40, 40, 4), dtype=np.uint16)
    answer = client.post("/v1/restore?task=denoise", content=bytes(encode(deep[:, :, :3], "png")))
    assert decode(answer.content).dtype == np.uint16


def test_a_diagnosis(client: httpx.Client, service: Serving) -> None:
    told = client.post("/v1/diagnose", content=noisy(128, 128)).json()
    assert (told["diagnosis"]["main"], told["advice"]["task"]) == ("noise", "denoise")
    assert told["words"][0][0] == "noise"
    assert told["shown"] == [128, 128]
    assert "preview" not in told
    until(lambda: service.spooled == [])


def test_a_diagnosis_of_a_format_that_browsers_do_not_show_has_a_picture(client: httpx.Client) -> None:
    told = client.post("/v1/diagnose?preview=true", files={"picture": noisy(64, 80, form="tiff")}).json()
    kind, _, data = told["preview"].partition(";base64,")
    shown = decode(base64.b64decode(data))
    assert (kind, shown.format, shown.width, shown.height) == ("data:image/webp", "webp", 80, 64)


def begun(client: httpx.Client, picture: bytes, query: str = "task=denoise") -> dict[str, Any]:
    """A job that was sent without waiting."""
    answer = client.post(f"/v1/restore?wait=0&{query}", content=picture)
    assert answer.status_code == 202
    job: dict[str, Any] = answer.json()
    assert answer.headers["location"] == job["links"]["self"] == f"/v1/jobs/{job['id']}"
    return job


def events(client: httpx.Client, job: dict[str, Any]) -> list[dict[str, Any]]:
    """What all events of a job tell, to its end."""
    found = streamed(client, job)
    assert all(set(each) == {"event", "data"} and each["event"] == "job" for each in found)
    return [json.loads(each["data"]) for each in found]


def test_a_job_from_its_beginning_to_its_end(client: httpx.Client, service: Serving) -> None:
    job = begun(client, noisy(400, 560, form="jpeg"), "task=denoise&preview=true")
    assert job["state"] in {"queued", "running"}
    early = client.get(job["links"]["result"])
    assert (early.status_code, early.json()["code"]) == (409, "not-done")
    seen = events(client, job)
    order = ["queued", "running", "done"]
    assert [each["state"] for each in seen] == sorted((each["state"] for each in seen), key=order.index)
    assert [each["progress"] for each in seen] == sorted(each["progress"] for each in seen)
    assert (seen[-1]["state"], seen[-1]["progress"], seen[-1]["problem"]) == ("done", 1, None)
    assert seen[-1]["report"]["model"] == "denoise-small"
    assert events(client, job)[0]["state"] == "done"
    assert client.get(job["links"]["self"]).json()["state"] == "done"
    result, small = client.get(job["links"]["result"]), client.get(job["links"]["preview"])
    assert (decode(result.content).width, decode(small.content).width) == (560, 560)
    assert (result.headers["content-type"], small.headers["content-type"]) == ("image/jpeg", "image/webp")
    until(lambda: len(service.spooled) == 2)
    assert client.delete(job["links"]["self"]).status_code == 204
    until(lambda: service.spooled == [])
    for link in job["links"].values():
        assert client.get(link).json()["code"] == "unknown-job"


def test_a_job_that_fails_says_why(client: httpx.Client, picture: bytes) -> None:
    job = begun(client, picture, "task=denoise&region=60,0,64,64")
    last = events(client, job)[-1]
    assert (last["state"], last["problem"]["status"]) == ("failed", 422)
    answer = client.get(job["links"]["result"])
    assert (answer.status_code, answer.json()["code"]) == (410, "gone")
    assert last["problem"]["detail"] in answer.json()["detail"]
    assert client.delete(job["links"]["self"]).status_code == 204


def test_a_job_that_runs_can_be_cancelled(client: httpx.Client, large: bytes, service: Serving) -> None:
    job = begun(client, large)
    assert client.delete(job["links"]["self"]).status_code == 204
    assert client.get(job["links"]["self"]).json()["state"] == "cancelled"
    assert [each["state"] for each in events(client, job)] == ["cancelled"]
    assert client.delete(job["links"]["self"]).status_code == 204
    assert client.get(job["links"]["self"]).status_code == 404


def test_wait_runs_out(client: httpx.Client, large: bytes) -> None:
    answer = client.post("/v1/restore?wait=0.05&task=denoise", content=large)
    assert (answer.status_code, answer.json()["state"] in {"queued", "running"}) == (202, True)
    assert client.delete(answer.headers["location"]).status_code == 204


@pytest.mark.parametrize("query", ["task=denoise", "task=denoise&wait=60"])
def test_a_picture_that_cannot_be_restored_so(client: httpx.Client, picture: bytes, query: str) -> None:
    answer = client.post(f"/v1/restore?{query}&region=60,0,64,64", content=picture)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    told = answer.json()
    assert told["detail"].startswith("got region 60,0,64,64, which ends at 124,64")
    assert (told["code"], told["status"], told["type"]) == ("not-possible", 422, "about:blank")


def test_what_it_can_do(client: httpx.Client) -> None:
    told = client.get("/v1/models").json()
    assert [task["name"] for task in told["tasks"]] == list(catalog.tasks())
    assert {model["name"] for model in told["models"]} == set(catalog.names())
    assert told["formats_out"] == list(formats())
    assert told["limits"]["max_bytes"] == 64 * 2**20


def test_health(client: httpx.Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["status"], answer.json()["workers"]) == (200, "ok", 1)
    bare = client.head("/healthz")
    assert (bare.status_code, bare.content) == (200, b"")
    assert bare.headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize("path", ["/nothing", "/v1/nothing", "/v1/jobs/nobody", "/examples/nothing", "/assets/x.js"])
def test_what_is_not_there_is_a_problem(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json()["status"] == 404


@pytest.mark.parametrize(
    "path", ["/assets/../server.py", "/assets/%2e%2e/server.py", "/examples/..%2fpage.js", "//etc/passwd"]
)
def test_no_path_leads_out(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/v1/restore", "POST"), ("PUT", "/v1/jobs/x", "DELETE, GET, HEAD"), ("POST", "/healthz", "GET, HEAD")],
)
def test_a_method_that_is_not_taken(client: httpx.Client, method: str, path: str, allowed: str) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json()["code"] == "bad-method"


def test_the_page_and_examples(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert client.get("/assets/page.js").headers["content-type"] == "text/javascript; charset=utf-8"
    listed = client.get("/v1/examples").json()
    assert listed
    for each in listed:
        assert set(each) <= {"name", "title", "task", "mask"}
        assert each["task"] in catalog.tasks()
        assert decode(client.get(f"/examples/{each['name']}").content).width > 0
