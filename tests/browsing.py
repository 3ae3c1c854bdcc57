"""A headless Chromium for tests of pages: opens one, does what a reader would do, and says what it saw."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

DRIVER = Path(__file__).with_name("browsing.mjs")
OPENING = Path(__file__).with_name("chromium.mjs")
"""What every such script opens its page by."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 150
"""Seconds that a slow machine may take for each step."""

Step = dict[str, Any]
"""One of: evaluate (JavaScript, whose value is kept), press (a key), type (text), click, focus (a selector),
drag (from and to, in pixels of the window), tap (the same with a finger), pinch (the same of each of two fingers),
wait (a condition in JavaScript)."""


class NotThereError(Exception):
    """Node, npm, its registry or a browser is missing."""


class Browser:
    """What drives pages.

    Args:
        place: An empty folder, for what drives the browser.

    Raises:
        NotThereError: Something that it needs is missing.
    """

    def __init__(self, place: Path) -> None:
        self._place, self._node, self._chromium = place, program("node"), program(*BROWSERS)
        install_driver(DRIVER, place)

    def open(self, address: str, steps: list[Step], **window: Any) -> dict[str, Any]:
        """Open a page and take steps on it.

        Args:
            address: Where it is.
            steps: In order.
            window: width, height, dark, touch, scripts (False switches them off), and screenshot (a path).

        Returns:
            ``values`` of the steps that evaluate, ``errors``, ``addresses`` that were asked for.

        Raises:
            RuntimeError: A step failed.
        """
        jobs = {"chromium": self._chromium, "address": address, "steps": steps, "timeout": PATIENCE, "window": window}
        (self._place / "jobs.json").write_text(json.dumps(jobs))
        done = run_program([self._node, DRIVER.name, "jobs.json"], self._place, PATIENCE)
        if done.returncode:
            raise RuntimeError(done.stderr)
        seen: dict[str, Any] = json.loads(done.stdout)
        return seen


def install_driver(script: Path, folder: Path) -> None:
    """A script that drives a page, with what it needs.

    Raises:
        NotThereError: There is no npm, or it could not.
    """
    for each in (script, OPENING):
        shutil.copy(each, folder)
    install(folder, "puppeteer-core")


def install(folder: Path, *packages: str) -> None:
    """What a folder's package.json names, and more, by npm.

    Raises:
        NotThereError: There is no npm, or it could not.
    """
    command = [program("npm"), "install", "--no-audit", "--no-fund", "--ignore-scripts", *packages]
    done = run_program(command, folder, PATIENCE)
    if done.returncode:
        raise NotThereError(f"npm could not install {', '.join(packages)}: {done.stderr.strip()[-200:]}")


def program(*names: str) -> str:
    """Where the first of these that is installed lies.

    Raises:
        NotThereError: None is.
    """
    for name in names:
        if (path := shutil.which(name)) is not None:
            return path
    raise NotThereError(f"no {names[0]}: pages are tried in a headless browser")


def run_program(command: list[str], folder: Path, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run it there, within so much time, whatever it returns."""
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=seconds)
