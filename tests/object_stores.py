"""Stores of objects for tests, on this machine: as much of S3, and of Google's, as is asked of them; in memory.

They check no signature, and refuse who does not name a bucket that is there.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Bucket:
    """Objects by their keys.

    Attributes:
        objects: What is in each.
        times: When it was written, seconds.
        asked: Every request, as "PUT /bucket/key?query".
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.times: dict[str, float] = {}
        self.asked: list[str] = []
        self.parts: dict[str, dict[int, bytes]] = {}

    def put(self, key: str, data: bytes) -> None:
        """Store an object."""
        self.objects[key], self.times[key] = data, time.time()

    def page(self, prefix: str, delimiter: str, after: str, most: int) -> tuple[list[str], list[str], str]:
        """Keys and common prefixes after a mark, so many at most, and the mark of the next page; "" at the end."""
        found: dict[str, bool] = {}
        for key in sorted(self.objects):
            if key.startswith(prefix):
                head, cut, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
                found[prefix + head + cut if cut else key] = bool(cut)
        names = [name for name in found if name > after]
        shown, more = names[:most], len(names) > most
        keys = [name for name in shown if not found[name]]
        return keys, [name for name in shown if found[name]], shown[-1] if more else ""


class _Handler(BaseHTTPRequestHandler):
    """What both have in common."""

    protocol_version = "HTTP/1.1"
    bucket: Bucket
    name: str
    page_size = 1000

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (of the base)
        """Nothing is logged."""

    def _ask(self) -> tuple[str, dict[str, str]]:
        """The path and the query."""
        self.bucket.asked.append(f"{self.command} {self.path}")
        split = urlsplit(self.path)
        return unquote(split.path), {name: values[0] for name, values in parse_qs(split.query, True).items()}

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            data = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return _unpacked(data) if "aws-chunked" in self.headers.get("Content-Encoding", "") else data

    def _answer(self, status: int, data: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _send(self, key: str) -> None:
        """An object, or the part of it that was asked for."""
        data = self.bucket.objects[key]
        stamp = {
            "ETag": _etag(data),
            "Last-Modified": formatdate(self.bucket.times[key], usegmt=True),
            "x-goog-hash": "", "x-goog-generation": "1", "Content-Type": "application/octet-stream",
        }  # fmt: skip
        if found := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            first, last = int(found[1]), min(int(found[2] or len(data)), len(data) - 1)
            stamp["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
            self._answer(206, data[first : last + 1], stamp)
        elif self.command == "HEAD":
            self._answer(200, b"", {**stamp, "Content-Length": str(len(data))})
        else:
            self._answer(200, data, stamp)


class S3(_Handler):
    """Amazon's, addressed by path: /bucket/key."""

    def do_HEAD(self) -> None:
        """A bucket, or an object."""
        path, _ = self._ask()
        _, bucket, key = [*path.split("/", 2), ""][:3]
        if bucket == self.name and key in self.bucket.objects:
            self._send(key)
        else:
            self._answer(200 if bucket == self.name and not key else 404)

    def do_GET(self) -> None:
        """An object, or a list of them."""
        path, query = self._ask()
        _, bucket, key = [*path.split("/", 2), ""][:3]
        if bucket != self.name:
            self._refuse("NoSuchBucket")
        elif not key:
            self._list(query)
        elif key in self.bucket.objects:
            self._send(key)
        else:
            self._refuse("NoSuchKey")

    def do_PUT(self) -> None:
        """An object, or a part of one."""
        path, query = self._ask()
        data = self._body()
        _, bucket, key = [*path.split("/", 2), ""][:3]
        if bucket != self.name:
            self._refuse("NoSuchBucket")
            return
        if "uploadId" in query:
            self.bucket.parts[query["uploadId"]][int(query["partNumber"])] = data
        else:
            self.bucket.put(key, data)
        self._answer(200, headers={"ETag": _etag(data)})

    def do_POST(self) -> None:
        """The beginning, or the end, of an object that comes in parts."""
        path, query = self._ask()
        self._body()
        key = path.split("/", 2)[2]
        if "uploads" in query:
            upload = f"upload{len(self.bucket.parts)}"
            self.bucket.parts[upload] = {}
            self._xml(f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>")
        else:
            parts = self.bucket.parts.pop(query["uploadId"])
            self.bucket.put(key, b"".join(parts[number] for number in sorted(parts)))
            self._xml(f"<CompleteMultipartUploadResult><Key>{escape(key)}</Key></CompleteMultipartUploadResult>")

    def _list(self, query: dict[str, str]) -> None:
        most = min(self.page_size, int(query.get("max-keys", 1000)))
        after = query.get("continuation-token", query.get("start-after", ""))
        keys, prefixes, mark = self.bucket.page(query.get("prefix", ""), query.get("delimiter", ""), after, most)
        told = [
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.bucket.objects[key])}</Size>"
            f"<LastModified>{_stamp(self.bucket.times[key])}</LastModified></Contents>"
            for key in keys
        ]
        told += [f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in prefixes]
        more = f"<NextContinuationToken>{escape(mark)}</NextContinuationToken>" if mark else ""
        count = len(keys) + len(prefixes)
        self._xml(
            f"<ListBucketResult><Name>{self.name}</Name><KeyCount>{count}</KeyCount><MaxKeys>{most}</MaxKeys>"
            f"<IsTruncated>{str(bool(mark)).lower()}</IsTruncated>{more}{''.join(told)}</ListBucketResult>"
        )

    def _xml(self, text: str, status: int = 200) -> None:
        data = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()
        self._answer(status, data, {"Content-Type": "application/xml"})

    def _refuse(self, code: str) -> None:
        self._xml(f"<Error><Code>{code}</Code><Message>{code}</Message></Error>", 404)


class Google(_Handler):
    """Google's, in its JSON form."""

    def do_GET(self) -> None:
        """What is known of an object, the object, or a list."""
        path, query = self._ask()
        found = re.fullmatch(r"(?:/download)?/storage/v1/b/([^/]+)(?:/o(?:/(.*))?)?", urlsplit(self.path).path)
        key = unquote(found[2] or "") if found else path.partition(f"/{self.name}/")[2]
        if found and found[1] != self.name:
            self._tell({"error": {"code": 404, "message": "The specified bucket does not exist."}}, 404)
        elif found and not key:
            self._list(query)
        elif key not in self.bucket.objects:
            self._tell({"error": {"code": 404, "message": f"No such object: {key}"}}, 404)
        elif query.get("alt") == "media" or not found:
            self._send(key)
        else:
            self._tell(self._known(key))

    def do_POST(self) -> None:
        """The beginning of an object that comes in parts."""
        _, query = self._ask()
        told = json.loads(self._body() or b"{}")
        upload = f"upload{len(self.bucket.parts)}"
        self.bucket.parts[upload] = {}
        key = query.get("name") or told["name"]
        address = f"http://{self.headers['Host']}/upload/{upload}?name={quote(key)}&upload_id={upload}"
        self._answer(200, headers={"Location": address})

    def do_PUT(self) -> None:
        """A part."""
        _, query = self._ask()
        data, parts = self._body(), self.bucket.parts[query["upload_id"]]
        parts[len(parts)] = data
        whole = b"".join(parts[number] for number in sorted(parts))
        if self.headers.get("Content-Range", "").endswith("/*"):
            self._answer(308, headers={"Range": f"bytes=0-{len(whole) - 1}"})
        else:
            self.bucket.put(query["name"], whole)
            self._tell(self._known(query["name"]))

    def _list(self, query: dict[str, str]) -> None:
        most = min(self.page_size, int(query.get("maxResults", 1000)))
        after = query.get("pageToken", "")
        keys, prefixes, mark = self.bucket.page(query.get("prefix", ""), query.get("delimiter", ""), after, most)
        more = {"nextPageToken": mark} if mark else {}
        self._tell(
            {"kind": "storage#objects", "items": [self._known(key) for key in keys], "prefixes": prefixes, **more}
        )

    def _known(self, key: str) -> dict[str, Any]:
        data, stamp = self.bucket.objects[key], _stamp(self.bucket.times[key])
        return {
            "kind": "storage#object", "name": key, "bucket": self.name, "size": str(len(data)), "generation": "1",
            "metageneration": "1", "updated": stamp, "timeCreated": stamp,
        }  # fmt: skip

    def _tell(self, told: dict[str, Any], status: int = 200) -> None:
        self._answer(status, json.dumps(told).encode(), {"Content-Type": "application/json"})


def _unpacked(data: bytes) -> bytes:
    """The body without the frames of Amazon's own chunks."""
    whole = b""
    while data:
        head, _, data = data.partition(b"\r\n")
        size = int(head.split(b";")[0], 16)
        if not size:
            break
        whole, data = whole + data[:size], data[size + 2 :]
    return whole


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


def _stamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


@contextmanager
def serving(kind: type[S3 | Google], name: str, page_size: int = 1000) -> Iterator[tuple[str, Bucket]]:
    """A store with one bucket, while the block lasts.

    Args:
        kind: Whose.
        name: Of the bucket.
        page_size: The most that one answer lists.

    Yields:
        Its address, and what is in it.
    """
    bucket = Bucket()
    handler = type("Handler", (kind,), {"bucket": bucket, "name": name, "page_size": page_size})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", bucket
    finally:
        server.shutdown()
        server.server_close()
