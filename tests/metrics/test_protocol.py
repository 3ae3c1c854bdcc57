"""A protocol is complete, cannot be changed, and says itself in JSON and in words."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from pixelmend.errors import UsageError
from pixelmend.metrics import Protocol

DAMAGE = "Gaussian noise, not clipped"


def test_every_field_reaches_json_and_comes_back() -> None:
    protocol = Protocol(color="gray", dataset_checksum="ab" * 32, damage=DAMAGE, told="sigma", seed=7, crop_border=2)
    assert Protocol(**json.loads(json.dumps(protocol.to_dict()))) == protocol


def test_it_cannot_be_changed() -> None:
    protocol = Protocol(color="rgb", dataset_checksum="", damage=DAMAGE)
    with pytest.raises(dataclasses.FrozenInstanceError):
        protocol.seed = 3  # type: ignore[misc]


def test_rounding_decides_what_is_scored() -> None:
    restored = np.array([[-0.1, 0.5001]])
    rounded = Protocol(color="gray", dataset_checksum="", damage=DAMAGE).as_scored(restored)
    assert np.allclose(rounded, [[0, 128 / 255]])
    assert Protocol(color="gray", dataset_checksum="", damage=DAMAGE, rounding="none").as_scored(restored) is restored


def test_an_unknown_rounding_is_misuse() -> None:
    with pytest.raises(UsageError, match="rounding"):
        Protocol(color="rgb", dataset_checksum="", damage=DAMAGE, rounding="16-bit")  # type: ignore[arg-type]


def test_words_tell_what_changes_a_number() -> None:
    words = Protocol(color="rgb", dataset_checksum="", damage=DAMAGE, told="sigma", seed=11, crop_border=4).in_words()
    for part in (
        "RGB",
        "border of 4 px",
        "8 bits",
        "mean over pictures",
        "seed 11",
        DAMAGE,
        "told sigma",
        "whole pictures",
    ):
        assert part in words
    assert "nor rounded" in Protocol(color="rgb", dataset_checksum="", damage=DAMAGE, rounding="none").in_words()
    assert "studio range" in Protocol(color="y", dataset_checksum="", damage=DAMAGE).in_words()
    assert "tiles of 256" in Protocol(color="rgb", dataset_checksum="", damage=DAMAGE, tile=256).in_words()


def test_importing_the_metrics_brings_nothing_heavy() -> None:
    code = "import sys, pixelmend.metrics; print({'torch', 'scipy', 'skimage'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
