"""The bounds of the service: possible ones are taken, and impossible ones refused at once."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pixelmend.errors import UnknownNameError, UsageError
from pixelmend.images import READABLE_FORMATS
from pixelmend.service.limits import Limits


def test_the_usual_limits_are_possible() -> None:
    limits = Limits()
    assert limits.max_megapixels < limits.max_output_megapixels
    assert limits.formats == READABLE_FORMATS


@pytest.mark.parametrize("name", ["queue", "keep_seconds", "keep_bytes", "grace_seconds", "min_rate"])
def test_some_may_be_nothing(name: str) -> None:
    nothing: dict[str, Any] = {name: 0}
    assert getattr(Limits(**nothing), name) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("workers", 0),
        ("workers", 1.5),
        ("queue", -1),
        ("max_bytes", 0),
        ("max_megapixels", -1.0),
        ("max_megapixels", math.nan),
        ("max_output_megapixels", 0.0),
        ("job_seconds", 0.0),
        ("job_seconds", math.inf),
        ("worker_memory", 10**6),
        ("keep_seconds", -1.0),
        ("connections", 0),
        ("grace_seconds", -0.1),
        ("formats", ()),
    ],
)
def test_impossible_values_are_refused(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=name.replace("_", " ")):
        Limits(**{name: value})


def test_a_format_that_is_not_read_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'jpeg'"):
        Limits(formats=("jpegg",))
