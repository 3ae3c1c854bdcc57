"""Bodies: pictures and forms as they come, and what is no picture or no form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pixelmend.images import decode
from tests.service.conftest import noisy
from tests.service.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.service.conftest import Begin
    from tests.service.serving import Serving

EDGE = "0123456789abcdef"
RESTORE = "/v1/restore?task=denoise&sigma=25"


@pytest.fixture(autouse=True)
def _nothing_stays(service: Serving) -> Iterator[None]:
    yield
    until(lambda: service.spooled == [])


def part(name: str, data: bytes, more: str = "") -> bytes:
    return f'--{EDGE}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + data + b"\r\n"


def send(client: httpx.Client, *parts: bytes, kind: str = f"multipart/form-data; boundary={EDGE}") -> httpx.Response:
    return client.post("/v1/restore?task=denoise", content=b"".join(parts), headers={"content-type": kind})


END = f"--{EDGE}--\r\n".encode()


@pytest.mark.parametrize("kind", ["image/png", "image/jpeg", "text/html", "application/x-www-form-urlencoded", ""])
def test_what_a_body_says_that_it_is_counts_for_nothing(client: httpx.Client, picture: bytes, kind: str) -> None:
    answer = client.post(RESTORE, content=picture, headers={"content-type": kind})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")


def test_a_body_in_pieces(client: httpx.Client) -> None:
    whole = noisy(300, 400)
    pieces = (whole[at : at + 7919] for at in range(0, len(whole), 7919))
    answer = client.post(RESTORE, content=pieces)
    assert answer.request.headers["transfer-encoding"] == "chunked"
    assert answer.content == client.post(RESTORE, content=whole).content


def test_a_form_whose_picture_has_no_file_name(client: httpx.Client, picture: bytes) -> None:
    answer = send(client, part("sigma", b"25"), part("picture", picture), END)
    assert decode(answer.content).width == 64


@pytest.mark.parametrize(
    "data", [b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7 ...", b"\0" * 9000]
)
def test_what_is_no_picture(client: httpx.Client, data: bytes) -> None:
    for answer in (client.post(RESTORE, content=data), client.post("/v1/diagnose", files={"picture": data})):
        told = answer.json()
        assert (answer.status_code, told["code"]) == (415, "unsupported-format")
        assert "of no format that is known, wanted one of: jpeg, png" in told["detail"]


def test_a_mask_that_is_no_picture(client: httpx.Client, picture: bytes) -> None:
    answer = client.post("/v1/restore?task=inpaint", files={"picture": picture, "mask": b"hello"})
    assert (answer.status_code, answer.json()["detail"][:10]) == (415, "got a mask")


def test_a_format_that_is_not_taken(serving: Begin, picture: bytes) -> None:
    other = serving(formats=("jpeg",))
    answer = other.client.post("/v1/restore", content=picture)
    assert answer.json()["detail"] == "got a picture whose first bytes are of a format of PNG, wanted one of: jpeg"
    assert other.client.get("/v1/models").json()["formats_in"] == ["jpeg"]


def test_a_picture_that_is_cut_off(client: httpx.Client, picture: bytes) -> None:
    answer = client.post(RESTORE, content=picture[: len(picture) // 2])
    assert (answer.status_code, answer.json()["code"]) == (422, "unreadable")
    assert "/" not in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/v1/restore", "/v1/diagnose"])
def test_nothing_at_all(client: httpx.Client, path: str) -> None:
    for answer in (client.post(path), client.post(path, files={"picture": b""})):
        assert (answer.status_code, answer.json()["code"]) == (422, "no-picture")


def test_forms_that_cannot_be_read(client: httpx.Client, picture: bytes) -> None:
    whole = part("picture", picture)
    broken = {
        "ends too early": send(client, whole),
        "names no boundary": send(client, whole, END, kind="multipart/form-data"),
        "boundary is too long": send(client, whole, END, kind=f"multipart/form-data; boundary={'x' * 300}"),
        "parts cannot be told apart": send(client, b"nothing of a form", END),
        "a part of it has no name": send(client, f"--{EDGE}\r\nX-A: b\r\n\r\nabc\r\n".encode(), END),
        "more than 1000 bytes": send(client, part("task", b"x" * 1001), whole, END),
        "more than 40 parts": send(client, *[part(f"a{number}", b"1") for number in range(41)], END),
    }
    for why, answer in broken.items():
        assert (answer.status_code, answer.json()["code"], why in answer.json()["detail"]) == (400, "bad-form", True)


def test_a_head_of_a_part_that_never_ends(client: httpx.Client) -> None:
    answer = send(client, f"--{EDGE}\r\nContent-Disposition: ".encode() + b"x" * 100_000)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-form")


def test_forms_without_what_is_wanted(client: httpx.Client, picture: bytes) -> None:
    whole = part("picture", picture)
    told = json.loads(send(client, part("task", b"denoise"), END).content)
    assert told["code"] == "no-picture"
    assert "got a form without a picture" in told["detail"]
    assert send(client, whole, whole, END).json()["detail"] == "got the file picture twice: give it once"
    assert client.post("/v1/diagnose", files={"picture": picture, "mask": picture}).json()["code"] == "unknown-option"
    assert send(client, whole, part("file", b"x"), END).json()["code"] == "unknown-option"
