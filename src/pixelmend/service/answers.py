"""Answers that are no pictures: problems (RFC 9457), and what a guard sends before a route is reached."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from pixelmend.service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

PROBLEM = "application/problem+json"
JSON = "application/json"
CLOSE = {"connection": "close"}
"""The header of an answer to a request that was not read to its end."""


class Refusal(Exception):  # noqa: N818  (an answer, and no fault of ours)
    """Why a request is not done, raised from wherever that is noticed.

    Args:
        problem: What is answered.
        headers: Beside those of every problem.
    """

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem.detail)
        self.problem, self.headers = problem, dict(headers or {})


def refusal(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> Refusal:
    """A refusal whose title is that of its status.

    Args:
        status: Of HTTP.
        code: In short, for programs.
        detail: What was got, what was wanted, what to do.
        headers: See `Refusal`.
    """
    return Refusal(Problem(status, code, HTTPStatus(status).phrase, detail), headers)


def problem_answer(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """A problem as it is sent."""
    return json_answer(problem.to_dict(), problem.status, headers, media_type=PROBLEM)


def json_answer(
    told: Any, status: int = 200, headers: Mapping[str, str] | None = None, *, media_type: str = JSON
) -> Response:
    """A value as JSON."""
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode(), status, headers=dict(headers or {}), media_type=media_type)
