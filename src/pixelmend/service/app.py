"""The application: routes, what stands before them, and what becomes of errors. It is made anew for each server."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match

from pixelmend.errors import PixelmendError
from pixelmend.service.answers import CLOSE, Refusal, problem_answer, refusal
from pixelmend.service.document import make_document, operations, reference_page
from pixelmend.service.guards import Bodies, Headers, Heads, Hosts, KeyHolders, Origins
from pixelmend.service.problems import Problem, problem_of
from pixelmend.service.routes.about import About
from pixelmend.service.routes.jobs import Jobs
from pixelmend.service.routes.pictures import Pictures
from pixelmend.service.telling import Telling

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from pixelmend.service.house import House


def build_app(house: House) -> ASGIApp:
    """The whole application, guards and all.

    Args:
        house: What routes share.
    """
    app: ASGIApp = build_routes(house)
    app = Bodies(app, house.limits)
    app = KeyHolders(app, house.access.keys)
    app = Origins(app, house.access.origins)
    app = Hosts(app, house.access, house.bound)
    app = Heads(app)
    app = Headers(app, tls=house.tls)
    return Telling(app, house.log, house.metrics)


def build_routes(house: House) -> FastAPI:
    """The routes alone, with the document of the API.

    Args:
        house: What they share.
    """
    app = FastAPI(
        title="Pixelmend", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False,
        exception_handlers={
            Refusal: _refused, PixelmendError: _foreseen, HTTPException: _not_found, ClientDisconnect: _gone,
            RequestValidationError: _invalid, Exception: _fault,
        },
    )  # fmt: skip
    about = About(house)
    _add_routes(app, Pictures(house), Jobs(house), about)
    document = make_document(app, keys=bool(house.access.keys))
    about.describe(document, reference_page(document))
    return app


def _add_routes(app: FastAPI, pictures: Pictures, jobs: Jobs, about: About) -> None:
    def add(method: str, path: str, endpoint: Callable[..., Any], told: dict[str, Any]) -> None:
        app.add_api_route(path, endpoint, methods=[method], response_model=None, response_class=Response, **told)

    add("POST", "/v1/restore", pictures.restore, operations.RESTORE)
    add("POST", "/v1/diagnose", pictures.diagnose, operations.DIAGNOSE)
    add("GET", "/v1/jobs/{job_id}", jobs.job, operations.JOB)
    add("DELETE", "/v1/jobs/{job_id}", jobs.forget, operations.FORGET)
    add("GET", "/v1/jobs/{job_id}/events", jobs.events, operations.EVENTS)
    add("GET", "/v1/jobs/{job_id}/result", jobs.result, operations.RESULT)
    add("GET", "/v1/jobs/{job_id}/preview", jobs.preview, operations.PREVIEW)
    add("GET", "/v1/models", about.models, operations.MODELS)
    add("GET", "/v1/examples", about.examples, operations.EXAMPLES)
    add("GET", "/healthz", about.health, operations.HEALTH)
    add("GET", "/metrics", about.metrics, operations.METRICS)
    add("GET", "/docs", about.docs, operations.DOCS)
    add("GET", "/openapi.json", about.openapi, operations.OPENAPI)
    add("GET", "/examples/{name}", about.example, operations.EXAMPLE)
    add("GET", "/assets/{name}", about.asset, operations.ASSET)
    add("GET", "/", about.page, operations.PAGE)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101  (registered for it alone; so are those below)
    return _answer(request, error.problem, error.headers)


async def _foreseen(request: Request, error: Exception) -> Response:
    return _answer(request, problem_of(error))


async def _not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_methods(request))
        refused = refusal(405, "bad-method", f"got {request.method[:20]}, wanted: {allowed}", {"allow": allowed})
    elif error.status_code == HTTPStatus.NOT_FOUND:
        refused = refusal(404, "no-such-page", "there is nothing at this address: /docs tells what there is")
    else:
        refused = refusal(error.status_code, "bad-request", str(error.detail), error.headers)
    return _answer(request, refused.problem, refused.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    first = error.errors()[0]
    return _answer(request, refusal(422, "bad-option", f"{first['loc'][-1]}: {first['msg']}").problem)


async def _gone(_request: Request, _error: Exception) -> Response:
    """The client went away while it sent; nobody sees the answer."""
    return Response(status_code=499)


async def _fault(request: Request, _error: Exception) -> Response:
    """What is answered where we failed; the error goes on to the log."""
    return _answer(request, Problem.of("fault", "this should not happen; the log of the server says more"), CLOSE)


def _answer(request: Request, problem: Problem, headers: dict[str, str] | None = None) -> Response:
    request.scope["state"]["line"].code = problem.code
    return problem_answer(problem, headers)


def _methods(request: Request) -> list[str]:
    """The methods that the address of a request takes."""
    found: set[str] = set()
    for route in request.app.routes:
        for method in route.methods:
            if route.matches({**request.scope, "method": method})[0] is Match.FULL:
                found |= {method, "HEAD"} if method == "GET" else {method}
    return sorted(found)
