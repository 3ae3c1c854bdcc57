"""``pixelmend serve``: restoration over HTTP, and a page for it in the browser."""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003  (typer reads the annotations as it runs)
from typing import Annotated, Any

import typer

from pixelmend.cli import completion
from pixelmend.cli.extras import needs_learn_half
from pixelmend.errors import UsageError

# Imports stand inside functions so that `pixelmend --help` answers at once.

_WHO, _MUCH, _MACHINE = "Who may come in", "How much", "The machine"


def _option(told: str, *names: str, panel: str | None = None, **more: Any) -> Any:
    return typer.Option(*names, help=told, rich_help_panel=panel, **more)


def serve(  # noqa: PLR0913  (each option is a parameter)
    *,
    host: Annotated[str, _option("Name or address to be reached at.", metavar="NAME")] = "127.0.0.1",
    port: Annotated[int, _option("0 for any that is free.", metavar="N")] = 8400,
    keys: Annotated[
        Path | None, _option("Keys that open it, one a line.", panel=_WHO, metavar="FILE", show_default=False)
    ] = None,
    without_keys: Annotated[bool, _option("Let anybody in who reaches it.", "--without-keys", panel=_WHO)] = False,
    allow_host: Annotated[
        list[str] | None, _option("Another name of this server.", panel=_WHO, metavar="NAME", show_default=False)
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        _option("Pages elsewhere whose scripts may use it.", panel=_WHO, metavar="ORIGIN", show_default=False),
    ] = None,
    tls_cert: Annotated[
        Path | None, _option("PEM; with it, HTTPS.", panel=_WHO, metavar="FILE", show_default=False)
    ] = None,
    tls_key: Annotated[Path | None, _option("PEM.", panel=_WHO, metavar="FILE", show_default=False)] = None,
    workers: Annotated[
        str,
        _option(
            "Pictures restored at the same time.",
            panel=_MUCH,
            metavar="auto|N",
            autocompletion=completion.complete_auto,
        ),
    ] = "auto",
    queue: Annotated[int, _option("Jobs that may wait.", panel=_MUCH, metavar="N")] = 128,
    max_mb: Annotated[float, _option("Of what is sent, MiB.", panel=_MUCH, metavar="N")] = 64,
    max_megapixels: Annotated[float, _option("Of a picture.", panel=_MUCH, metavar="N")] = 50,
    max_output_megapixels: Annotated[float, _option("Of a result.", panel=_MUCH, metavar="N")] = 200,
    job_seconds: Annotated[float, _option("That one picture may take.", panel=_MUCH, metavar="N")] = 600,
    worker_mb: Annotated[float, _option("Memory of each process, MiB.", panel=_MUCH, metavar="N")] = 3072,
    keep_seconds: Annotated[float, _option("That results stay.", panel=_MUCH, metavar="N")] = 600,
    grace_seconds: Annotated[float, _option("A stop waits for what was begun.", panel=_MUCH, metavar="N")] = 60,
    device: Annotated[
        str,
        _option(
            "Chip: auto, cpu, cuda, ...", panel=_MACHINE, metavar="NAME", autocompletion=completion.complete_device
        ),
    ] = "auto",
    engine: Annotated[
        str,
        _option(
            "What runs it: auto, onnxruntime, openvino or torch.",
            panel=_MACHINE,
            metavar="NAME",
            autocompletion=completion.complete_engine,
        ),
    ] = "auto",
    precision: Annotated[
        str,
        _option(
            "auto; int8 or float32, where weights have both.",
            panel=_MACHINE,
            metavar="NAME",
            autocompletion=completion.complete_precision,
        ),
    ] = "auto",
    log: Annotated[
        str,
        _option(
            "A line for each request: auto, json, text or off.", metavar="NAME", autocompletion=completion.complete_log
        ),
    ] = "auto",
    browser: Annotated[bool, _option("Open the page.", "--browser")] = False,
) -> None:
    """Restore pictures for browsers and programs, over HTTP.

    Only this machine reaches it, unless --host says otherwise; Ctrl-C stops it once all that was begun is done.

    pixelmend serve --browser

    pixelmend serve --host 0.0.0.0 --keys keys.txt
    """
    with needs_learn_half("serve"):
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    from pixelmend.inference import Wish
    from pixelmend.service.access import VARIABLE, Access, read_keys
    from pixelmend.service.limits import Limits
    from pixelmend.service.server import Place, serve

    limits = Limits(
        workers=_workers(workers), queue=queue, max_bytes=int(max_mb * 2**20), max_megapixels=max_megapixels,
        max_output_megapixels=max_output_megapixels, job_seconds=job_seconds, worker_memory=int(worker_mb * 2**20),
        keep_seconds=keep_seconds, grace_seconds=grace_seconds,
    )  # fmt: skip
    access = Access(
        read_keys(keys, os.environ.get(VARIABLE, "")), tuple(allow_host or ()), tuple(allow_origin or ()),
        without_keys=without_keys,
    )  # fmt: skip

    def ready(address: str) -> None:
        typer.echo(f"open {address}")
        if browser:
            typer.launch(address)

    wish = Wish(engine=engine, device=device, precision=precision)
    serve(wish, place=Place(host, port, tls_cert, tls_key), access=access, limits=limits, log=log, ready=ready)


def _workers(text: str) -> int | None:
    if text.strip().lower() == "auto":
        return None
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"got --workers {text!r}, wanted a whole number or 'auto'") from None
