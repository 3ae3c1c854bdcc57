"""Pictures that nobody should send: bombs, other kinds of files, and what would be fetched."""

from __future__ import annotations

import pickle
import socket
import struct
import zipfile
from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
import pytest

from pixelmend.images import encode
from tests.images import bombs
from tests.service.raw import form, is_well, part, post, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


RESTORE, DIAGNOSE = "/v1/restore?task=denoise", "/v1/diagnose"


@pytest.fixture(autouse=True)
def _goes_on(port: int) -> Iterator[None]:
    """After every abuse, the server says that it is well."""
    yield
    assert is_well(port)


def _avif() -> bytes:
    return bombs.resized_avif(encode(np.zeros((16, 16, 3), np.uint8), "avif"), 60000, 60000)


BOMBS: dict[str, Callable[[], bytes]] = {
    "png": lambda: bombs.png(60000, 60000),
    "interlaced png": lambda: bombs.png(60000, 60000, interlaced=True),
    "jpeg": lambda: bombs.jpeg(65000, 65000),
    "progressive jpeg": lambda: bombs.jpeg(65000, 65000, progressive=True),
    "webp": lambda: bombs.webp(16383, 16383),
    "tiff": lambda: bombs.tiff([bombs.page(100000, 100000)]),
    "tiff in tiles": lambda: bombs.tiff([bombs.page(100000, 100000, tile=(256, 256))]),
    "bigtiff": lambda: bombs.tiff([bombs.page(100000, 100000)], big=True),
    "gif": lambda: bombs.gif(65000),
    "avif": _avif,
    "larger than is taken": lambda: bombs.png(8000, 8000),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_by_its_head(port: int, name: str) -> None:
    data = BOMBS[name]()
    for path in (RESTORE, DIAGNOSE):
        reply = told(port, post(path, data))
        # A file that is broken beyond its head may also be told to be that.
        assert (reply.status, reply.code) in {(413, "too-large"), (422, "unreadable")}
    if name in {"png", "jpeg", "webp", "tiff", "gif", "larger than is taken"}:
        assert (reply.status, reply.code) == (413, "too-large")


def test_a_mask_may_be_a_bomb_as_well(port: int, picture: bytes) -> None:
    body, kind = form(
        part("picture", picture, "a"), part("mask", bombs.png(60000, 60000), "b"), part("task", b"inpaint")
    )
    reply = told(port, post("/v1/restore", body, kind))
    assert (reply.status, reply.code) == (413, "too-large")


def test_a_result_may_be_too_large(port: int) -> None:
    flat = encode(np.full((4000, 4000, 1), 128, np.uint8), "png")
    reply = told(port, post("/v1/restore?task=super-resolve&scale=4", flat))
    assert (reply.status, reply.code) == (413, "too-large")


def test_a_loop_of_pages_ends(port: int) -> None:
    reply = told(port, post(RESTORE, bombs.tiff([bombs.page(8, 8)] * 3, loop=True)))
    assert reply.status == 422


def _zip() -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.png", b"\x89PNG\r\n\x1a\n")
    return file.getvalue()


class _Evil:
    """What runs a command where it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return exec, ("raise SystemExit",)


OTHERS = {
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><image href='file:///etc/passwd'/></svg>",
    "xml": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
    "pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "mp4": struct.pack(">I", 32) + b"ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(64),
    "pickle": pickle.dumps(_Evil()),
    "zip": _zip(),
    "gzip": b"\x1f\x8b\x08" + bytes(32),
    "html": b"<!doctype html><script>alert(1)</script>",
    "program": b"\x7fELF\x02\x01\x01" + bytes(64),
    "numpy": b"\x93NUMPY\x01\x00" + bytes(64),
    "exr": b"\x76\x2f\x31\x01" + bytes(64),
    "csv": b"1,2,3\n4,5,6\n",
    "address": b"http://127.0.0.1/a.png",
    "imagemagick": b"push graphic-context\nfill 'url(https://127.0.0.1/a.png)'\npop graphic-context\n",
    "one byte": b"\x89",
    "zeros": bytes(100_000),
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("path", [RESTORE, DIAGNOSE])
def test_what_is_no_picture_is_not_taken(port: int, name: str, path: str) -> None:
    body, kind = form(part("picture", OTHERS[name], "picture.png"))
    for request in (post(path, OTHERS[name], "Content-Type: image/png"), post(path, body, kind)):
        reply = told(port, request)
        assert (reply.status, reply.code) == (415, "unsupported-format")


def test_a_picture_that_is_something_else_behind_its_head_is_unreadable(port: int, picture: bytes) -> None:
    for data in (picture[:8] + OTHERS["zip"], picture[:60], b"\xff\xd8\xff\xe0" + OTHERS["svg"], b"P6\n9 9\n255\nx"):
        reply = told(port, post(RESTORE, data))
        assert (reply.status, reply.code) == (422, "unreadable")


def test_no_address_is_fetched_and_no_file_is_opened(port: int, picture: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/a.png"
        for text in (address, "/etc/passwd", "file:///etc/passwd", "../../etc/passwd", "/dev/zero", "|id"):
            for option in ("task", "mask", "picture", "format", "region", "size"):
                body, kind = form(part("picture", picture, "a.png"), part(option, text.encode()))
                for request in (post(f"/v1/restore?{option}={quote(text, safe='')}", picture),
                                post("/v1/restore", body, kind)):  # fmt: skip
                    reply = told(port, request)
                    assert reply.status in {400, 415, 422}
                    assert b"root:" not in reply.body
        with pytest.raises(BlockingIOError):
            listening.accept()
