"""Requests that the document of the API allows, and others that it does not, made by Schemathesis against a server.

python -m tests.service.fuzzing --examples 100

Each answer must be one that the document names: status, headers, media type and what is in it; and none may be 500 or
more. Schemathesis runs in a process of its own, with this file as its hooks: pictures that it sends are pictures.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import strategies

from pixelmend.images import encode

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = "positive_data_acceptance"
"""A picture need not fit its options (no mask where one is needed), which no schema says."""
PHASES = "examples,coverage,fuzzing,stateful"
MEDIA = ("application/octet-stream", "image/png", "image/jpeg", "image/webp", "image/tiff", "image/*")


def run(url: str, *, examples: int, seed: int = 0, key: str = "", phases: str = PHASES) -> tuple[bool, str]:
    """Send requests of all kinds.

    Args:
        url: Of the server, without a path.
        examples: Requests of each kind and each operation, about.
        seed: Which ones.
        key: Of the server; "" where it wants none.
        phases: Of `PHASES`, with commas.

    Returns:
        Whether nothing was wrong, and what was said.
    """
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--no-color", "--checks", "all",
        "--exclude-checks", LEFT_OUT, "--max-examples", str(examples), "--seed", str(seed), "--phases", phases,
        "--generation-database", "none", "--request-timeout", "120", "--suppress-health-check", "all",
    ]  # fmt: skip
    if key:
        command += ["--header", f"Authorization: Bearer {key}"]
    paths = os.pathsep.join([str(ROOT), *sys.path])
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.service.fuzzing", "PYTHONPATH": paths}
    with tempfile.TemporaryDirectory() as folder:  # where it looks for settings, and would leave reports
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def pictures() -> strategies.SearchStrategy[bytes]:
    """Mostly small pictures of several formats, some of them cut short, and some bytes that are none."""
    pixels = np.random.default_rng(0).integers(60, 200, (24, 32, 3), dtype=np.uint8)
    whole = [bytes(encode(pixels, form)) for form in ("png", "jpeg", "webp")] + [bytes(encode(pixels[..., :1], "png"))]
    cut = strategies.builds(lambda data, at: data[:at], strategies.sampled_from(whole), strategies.integers(0, 200))
    return strategies.one_of(strategies.sampled_from(whole), strategies.sampled_from(whole), cut, strategies.binary())


def _register() -> None:
    """Tell Schemathesis, whose process this is, what a picture is."""
    import schemathesis

    schemathesis.openapi.format("binary", pictures())
    for name in MEDIA:
        schemathesis.openapi.media_type(name, pictures())


def main() -> int:
    """Start a server, and abuse it for long."""
    from tests.service.serving import Serving

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--examples", type=int, default=100, help="Of each kind, for each operation.")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    with Serving() as serving:
        good, said = run(serving.url, examples=chosen.examples, seed=chosen.seed)
    print(said)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
if os.environ.get("SCHEMATHESIS_HOOKS") == __name__:
    _register()
