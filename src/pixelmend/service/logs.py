"""One line for each request, on standard error: what was done, and nothing of what anybody sent.

A line never holds a file name, a picture, an address, a key, or a word of a query; what is told of options is what the
closed sets of their names hold.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

from pixelmend.errors import UnknownNameError

if TYPE_CHECKING:
    from types import TracebackType

FORMS = ("auto", "json", "text", "off")
"""How the log is written; "auto" is text on a terminal and JSON elsewhere."""


@dataclass
class Line:
    """What is told of one request.

    Attributes:
        id: Of the request; its answer has it as the header Pixelmend-Request.
        method: Of HTTP.
        route: Its template: "/v1/jobs/{job_id}".
        status: Of the answer; 499 where the client went away before.
        seconds: From the head of the request to the end of its answer.
        received: Bytes of its body.
        sent: Bytes of the answer's body.
        owner: The first digits of the key's digest; "" without keys.
        task: What was asked for; None where nothing was.
        megapixels: Of the picture; None where that is not known.
        job: Its id.
        code: Of the problem that was answered.
    """

    id: str
    method: str
    route: str = "other"
    status: int = 499
    seconds: float = 0.0
    received: int = 0
    sent: int = 0
    owner: str = ""
    task: str | None = None
    megapixels: float | None = None
    job: str | None = None
    code: str | None = None


class Log:
    """Writes lines.

    Args:
        form: One of `FORMS`.
        stream: Where to.

    Raises:
        UnknownNameError: No such form.
    """

    def __init__(self, form: str = "auto", stream: TextIO | None = None) -> None:
        if form not in FORMS:
            raise UnknownNameError("form of the log", form, FORMS)
        self._stream = sys.stderr if stream is None else stream
        self._form = form if form != "auto" else "text" if self._stream.isatty() else "json"

    def request(self, line: Line) -> None:
        """Tell of a request that was answered."""
        told = {name: value for name, value in asdict(line).items() if value not in {None, ""}}
        told["seconds"] = round(line.seconds, 4)
        if line.megapixels is not None:
            told["megapixels"] = round(line.megapixels, 2)
        self._write({"event": "request", **told}, f"{line.method} {line.route} {line.status} {line.seconds:.3f} s")

    def event(self, event: str, **more: Any) -> None:
        """Tell of something else: that the server is ready, or stops."""
        self._write({"event": event, **more}, event)

    def fault(self, line: Line, error: BaseException) -> None:
        """Tell of a fault of our own: where it was and of what kind; its text may hold what a client sent."""
        where = _places(error.__traceback__)
        told = {"event": "fault", "id": line.id, "route": line.route, "kind": type(error).__name__, "where": where}
        self._write(told, f"fault {type(error).__name__}")

    def _write(self, told: dict[str, Any], words: str) -> None:
        if self._form == "off":
            return
        now = time.time()
        if self._form == "json":
            text = json.dumps({"time": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"), **told})
        else:
            more = {k: v for k, v in told.items() if k not in {"event", "method", "route", "status", "seconds"}}
            pairs = "".join(f" {name}={value}" for name, value in more.items())
            text = f"{time.strftime('%H:%M:%S', time.localtime(now))} {words}{pairs}"
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # whoever read it is gone, which is no reason to stop
            self._form = "off"


def _places(traceback: TracebackType | None) -> list[str]:
    """Where an error came by, file and line, the innermost last."""
    places = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/')[2]}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return places[-8:]
