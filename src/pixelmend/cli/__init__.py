"""The command ``pixelmend``: a file for each verb, and one place where errors become a line and an exit code.

Modules of this room import nothing but typer before a verb runs, so that ``pixelmend --help`` answers at
once.
"""

from __future__ import annotations

import errno
import os
import sys

import typer

from pixelmend import __version__
from pixelmend.cli.adapt import adapt
from pixelmend.cli.compare import compare
from pixelmend.cli.compress import compress
from pixelmend.cli.data import app as data
from pixelmend.cli.degrade import degrade
from pixelmend.cli.diagnose import diagnose
from pixelmend.cli.doctor import doctor
from pixelmend.cli.evaluate import evaluate
from pixelmend.cli.export import export
from pixelmend.cli.models import models
from pixelmend.cli.restore import restore
from pixelmend.cli.serve import serve
from pixelmend.cli.train import train
from pixelmend.errors import PixelmendError

app = typer.Typer(
    name="pixelmend",
    help="Restore damaged pictures.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:  # noqa: FBT001  (an option)
    if value:
        typer.echo(f"pixelmend {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(  # noqa: FBT001  (an option)
        False, "--version", help="Show the version and exit.", callback=_show_version, is_eager=True
    ),
) -> None:
    """Restore damaged pictures."""


for verb in (restore, diagnose, compare, serve, degrade, train, adapt, evaluate, compress, export, models, doctor):
    app.command()(verb)
app.add_typer(data, name="data")


def main() -> None:
    """Run the command; every foreseen failure is one line on stderr and an exit code.

    0 done, 1 a picture failed, 2 misuse, 130 interrupted.
    """
    sys.exit(_run())


def _run() -> int:
    try:
        app()
    except PixelmendError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted; nothing was written", 130)
    except MemoryError as error:
        return _fail(f"out of memory ({error}): try a smaller --tile, such as --tile 256", 1)
    except BrokenPipeError:
        # Whoever read our output went away, which is no error; nor must the interpreter's last flush be one.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return _fail("no space left on the disk for intermediate files: free some, or set TMPDIR", 1)
    return 0


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"pixelmend: {' '.join(message.split())}\n")
    return code
