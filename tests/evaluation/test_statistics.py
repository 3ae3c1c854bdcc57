"""Intervals and tests against known answers, theory, and every exchange counted by hand."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest
from scipy.stats import t as students

from pixelmend.errors import DataError, MissingExtraError
from pixelmend.evaluation import statistics
from pixelmend.evaluation.statistics import PairedDifference, confidence_interval, paired_difference


def _named(values: np.ndarray) -> dict[str, float]:
    return {f"picture{number:02}": float(value) for number, value in enumerate(values)}


def test_the_interval_holds_the_true_mean_about_95_times_in_100(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "RESAMPLES", 400)
    rng = np.random.default_rng(0)
    sets = [rng.normal(28, 3, 60).tolist() for _ in range(400)]
    intervals = [confidence_interval(scores) for scores in sets]
    covered = np.mean([low <= 28 <= high for low, high in intervals])
    assert 0.91 < covered < 0.98
    assert np.mean([high < 28 for _, high in intervals]) < 0.06  # it misses to both sides alike
    assert np.mean([low > 28 for low, _ in intervals]) < 0.06


def test_the_interval_is_as_wide_as_theory_says() -> None:
    scores = np.random.default_rng(1).normal(30, 2, 200)
    low, high = confidence_interval(scores.tolist())
    half = 1.96 * scores.std() / np.sqrt(200)
    assert low == pytest.approx(scores.mean() - half, abs=0.08 * half)
    assert high == pytest.approx(scores.mean() + half, abs=0.08 * half)


def test_the_interval_of_few_values_is_inside_them_and_the_same_each_time() -> None:
    scores = [27.0, 31.5, 29.25, 35.0]
    low, high = confidence_interval(scores)
    assert 27.0 <= low < np.mean(scores) < high <= 35.0
    assert confidence_interval(scores) == (low, high)


@pytest.mark.parametrize("scores", [[31.25], [0.7, 0.7, 0.7], [1e-30] * 30])
def test_nothing_that_varies_gives_a_point(scores: list[float]) -> None:
    assert confidence_interval(scores) == (scores[0], scores[0])


def test_a_shift_moves_the_interval_and_a_scale_stretches_it() -> None:
    scores = np.random.default_rng(2).gamma(2, 1, 20)
    plain = np.array(confidence_interval(scores.tolist()))
    assert confidence_interval((10 * scores + 5).tolist()) == pytest.approx((10 * plain + 5).tolist(), rel=1e-9)


@pytest.mark.parametrize("count", [2, 6, 9])
def test_every_exchange_is_counted_where_pictures_are_few(count: int) -> None:
    rng = np.random.default_rng(count)
    other = rng.normal(28, 3, count)
    differences = rng.normal(0.2, 0.3, count)
    found = paired_difference(_named(other + differences), _named(other))
    far = [
        abs(np.dot(signs, differences)) >= abs(differences.sum()) - 1e-9
        for signs in itertools.product((-1, 1), repeat=count)
    ]
    assert found.p_value == pytest.approx(np.mean(far), abs=1e-12)
    assert found.mean == pytest.approx(differences.mean())
    assert found.interval == pytest.approx(confidence_interval(differences.tolist()), abs=1e-3)


def test_more_pictures_agree_with_students_test() -> None:
    rng = np.random.default_rng(7)
    other, differences = rng.normal(28, 3, 40), rng.normal(0.1, 0.3, 40)
    found = paired_difference(_named(other + differences), _named(other))
    t = differences.mean() / (differences.std(ddof=1) / np.sqrt(40))
    assert 0.01 < found.p_value < 0.2  # far enough from both ends to say something
    assert found.p_value == pytest.approx(2 * students.sf(abs(t), 39), abs=0.01)


def test_two_methods_that_are_alike_are_called_different_in_5_of_100_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "RESAMPLES", 300)
    rng = np.random.default_rng(3)
    pairs = [(rng.normal(28, 3, 20), rng.normal(0, 0.2, 20)) for _ in range(300)]
    noise = [paired_difference(_named(other + lucky), _named(other)).is_noise for other, lucky in pairs]
    assert 0.91 < np.mean(noise) < 0.985


def test_a_small_difference_that_is_everywhere_is_seen() -> None:
    rng = np.random.default_rng(4)
    other = rng.normal(28, 3, 24)  # pictures differ by decibels, the methods by a tenth
    found = paired_difference(_named(other + rng.normal(0.12, 0.05, 24)), _named(other))
    assert not found.is_noise
    assert found.p_value < 0.001
    assert found.words().startswith("+0.1")
    assert 0.05 < found.interval[0] < 0.12 < found.interval[1] < 0.2


def test_exchanging_the_methods_turns_the_sign() -> None:
    rng = np.random.default_rng(5)
    first, second = _named(rng.normal(28, 1, 20)), _named(rng.normal(28.5, 1, 20))
    there, back = paired_difference(first, second), paired_difference(second, first)
    assert there.mean == -back.mean
    assert there.p_value == pytest.approx(back.p_value, abs=1e-12)
    assert there.interval == pytest.approx((-back.interval[1], -back.interval[0]), abs=0.01)


def test_too_few_pictures_are_noise_however_clear() -> None:
    other = np.array([28.0, 31.0, 25.0, 33.0, 29.0, 30.0])
    clear = other + np.array([1.0, 1.1, 0.9, 1.2, 1.05, 0.95])
    for count in range(1, 6):
        few = paired_difference(_named(clear[:count]), _named(other[:count]))
        assert few.is_noise
        assert few.p_value == pytest.approx(2 / 2**count)
        assert few.words() == "difference is noise"
    six = paired_difference(_named(clear), _named(other))
    assert six.p_value == pytest.approx(1 / 32)
    assert not six.is_noise


def test_equal_scores_are_noise() -> None:
    scores = _named(np.linspace(20, 30, 24))
    assert paired_difference(scores, scores) == PairedDifference(24, 0.0, (0.0, 0.0), 1.0)


def test_pictures_are_paired_by_name() -> None:
    ours = {"c": 3.5, "a": 1.5, "b": 2.0, "only ours": 90.0}
    other = {"a": 1.0, "only theirs": -90.0, "b": 2.0, "c": 3.0}
    found = paired_difference(ours, other)
    assert found.count == 3
    assert found.mean == pytest.approx(1 / 3)


def test_words() -> None:
    assert PairedDifference(24, 0.1162, (0.0831, 0.1499), 0.0002).words() == "+0.12 dB (0.08 to 0.15)"
    assert PairedDifference(24, -0.1162, (-0.1499, -0.0009), 0.04).words() == "-0.12 dB (-0.15 to 0.00)"
    assert PairedDifference(24, 0.0031, (0.0011, 0.0051), 0.01).words("", 4) == "+0.0031 (0.0011 to 0.0051)"
    assert PairedDifference(24, 0.1162, (0.0831, 0.1499), 0.05).words() == "difference is noise"


def test_what_has_no_mean_is_refused() -> None:
    with pytest.raises(DataError, match="no score"):
        confidence_interval([])
    with pytest.raises(DataError, match="1 of 2 scores are not finite"):
        confidence_interval([30.0, float("inf")])
    with pytest.raises(DataError, match="1 and 2 scores have no picture in common"):
        paired_difference({"a": 1.0}, {"b": 1.0, "c": 2.0})
    with pytest.raises(DataError, match="not finite"):
        paired_difference({"a": 1.0, "b": float("nan")}, {"a": 1.0, "b": 2.0})


def test_without_scipy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(MissingExtraError, match="needs scipy"):
        confidence_interval([1.0, 2.0])
