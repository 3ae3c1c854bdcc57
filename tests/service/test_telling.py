"""What is logged and counted; and what is not."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING

import pytest

from pixelmend.errors import UnknownNameError
from pixelmend.service.access import Access, Keys
from pixelmend.service.logs import Line, Log
from tests.service.test_access import ONE, bearer
from tests.service.waiting import until

if TYPE_CHECKING:
    from tests.service.conftest import Begin
    from tests.service.serving import Serving

SECRET = "holiday-in-secret"  # noqa: S105  (a file name)


@pytest.fixture(scope="module")
def told(serving: Begin, picture: bytes) -> Serving:
    """A server with a key, after some requests."""
    server = serving(access=Access(Keys([ONE])))
    client, key = server.client, bearer(ONE)
    form = {"picture": (f"{SECRET}.png", picture, f"image/{SECRET}")}
    assert client.post("/v1/restore?task=denoise", files=form, headers=key).status_code == 200
    assert client.post(f"/v1/restore?task={SECRET}", content=picture, headers=key).status_code == 422
    assert client.post("/v1/restore?task=dejpeg&region=60,0,64,64", content=picture, headers=key).status_code == 422
    assert client.get(f"/{SECRET}", headers=key).status_code == 404
    assert client.request(SECRET.upper(), "/v1/models", headers=key).status_code == 405
    assert client.get("/v1/models", headers=bearer(f"{ONE}-{SECRET}")).status_code == 401
    return server


def test_a_line_for_each_request(told: Serving) -> None:
    lines = [line for line in told.lines if line["event"] == "request"]
    assert [line["status"] for line in lines[:6]] == [200, 422, 422, 404, 405, 401]
    first = lines[0]
    assert (first["method"], first["route"], first["task"]) == ("POST", "/v1/restore", "denoise")
    assert (first["megapixels"], first["received"] > first["sent"] / 10 > 0) == (0.0, True)
    assert re.fullmatch(r"[0-9a-f]{12}", first["owner"])
    assert re.fullmatch(r"[0-9a-f]{16}", first["id"])
    assert first["seconds"] > 0
    assert [line.get("code") for line in lines[1:5]] == ["unknown-name", "not-possible", "no-such-page", "bad-method"]
    assert [line["route"] for line in lines[3:6]] == ["other", "/v1/models", "other"]
    assert "owner" not in lines[5]


def test_nothing_of_what_anybody_sent_is_logged(told: Serving) -> None:
    assert SECRET not in told.log.lower()
    assert ONE not in told.log
    assert "127.0.0.1" not in told.log.partition("\n")[2]
    assert "60,0,64,64" not in told.log


def test_a_request_is_found_again_by_its_number(told: Serving) -> None:
    number = told.client.get("/healthz").headers["pixelmend-request"]
    until(lambda: told.lines[-1].get("id") == number)


def test_metrics(told: Serving) -> None:
    answer = told.client.get("/metrics", headers=bearer(ONE))
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    for line in (
        'pixelmend_requests_total{method="POST",route="/v1/restore",status="200"} 1.0',
        'pixelmend_requests_total{method="POST",route="/v1/restore",status="422"} 2.0',
        'pixelmend_requests_total{method="other",route="/v1/models",status="405"} 1.0',
        'pixelmend_jobs_total{kind="restore",outcome="done",task="denoise"} 1.0',
        'pixelmend_jobs_total{kind="restore",outcome="not-possible",task="dejpeg"} 1.0',
        'pixelmend_job_seconds_count{kind="restore",task="denoise"} 1.0',
        'pixelmend_megapixels_total{kind="restore",task="denoise"} 0.003072',
        "pixelmend_queue_length 0.0",
        "pixelmend_jobs_running 0.0",
        "pixelmend_workers 1.0",
        "pixelmend_worker_restarts 0.0",
    ):
        assert line in answer.text.splitlines()
    assert re.search(r'pixelmend_worker_memory_bytes\{worker="0"\} \d\.\d+e\+0[789]', answer.text)
    assert re.search(r"pixelmend_(received|sent)_bytes_total [1-9]", answer.text)
    assert SECRET not in answer.text.lower()


def test_each_server_counts_for_itself(told: Serving, service: Serving) -> None:
    assert 'task="dejpeg"' not in service.client.get("/metrics").text
    assert 'task="dejpeg"' in told.client.get("/metrics", headers=bearer(ONE)).text


def test_forms_of_the_log() -> None:
    line = Line("0123", "GET", "/healthz", 200, 0.25, job="abc")
    stream = io.StringIO()
    Log("text", stream).request(line)
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d GET /healthz 200 0\.250 s id=0123 received=0 sent=0 job=abc\n", stream.getvalue()
    )
    stream = io.StringIO()
    Log("auto", stream).request(line)
    assert json.loads(stream.getvalue())["seconds"] == 0.25
    stream = io.StringIO()
    Log("off", stream).event("ready")
    assert stream.getvalue() == ""
    with pytest.raises(UnknownNameError, match="unknown form of the log"):
        Log("loud")


def test_a_log_that_nobody_reads_any_more_stops_no_server() -> None:
    stream = io.StringIO()
    log = Log("json", stream)
    stream.close()
    log.event("ready")
    log.event("stopped")


def test_a_fault_is_told_by_its_place_and_kind_alone() -> None:
    stream = io.StringIO()
    try:
        raise ValueError(SECRET)  # noqa: TRY301  (made here)
    except ValueError as error:
        Log("json", stream).fault(Line("0123", "GET"), error)
    told = json.loads(stream.getvalue())
    assert told["kind"] == "ValueError"
    assert told["where"][-1].startswith("test_telling.py:")
    assert SECRET not in stream.getvalue()


def test_a_fault_of_ours_is_an_answer_and_the_server_goes_on(service: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    assert service.running.house is not None

    def broken(*_: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(service.running.house.pool, "get", broken)
    answer = service.client.get("/v1/jobs/x")
    assert (answer.status_code, answer.json()["code"]) == (500, "fault")
    assert SECRET not in answer.text
    assert SECRET not in service.log
    until(lambda: [line["kind"] for line in service.lines if line["event"] == "fault"] == ["RuntimeError"])
    monkeypatch.undo()
    assert service.client.get("/healthz").status_code == 200
