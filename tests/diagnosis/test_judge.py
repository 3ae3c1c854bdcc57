"""The trees that ship: asked as they were grown, and whole."""

from __future__ import annotations

import numpy as np
import pytest

from pixelmend.diagnosis.judge import AMOUNTS, MAINS, SIGNS, Forest, _forest

STUMPS = Forest(
    feature=np.array([1, 0, 0, 0, 0, 0], np.int16),
    threshold=np.array([0.5, 0, 2.0, 0, 0, 0], np.float32),
    left=np.array([1, 0, 1, 0, 0, 0], np.uint8),
    right=np.array([2, 0, 2, 0, 0, 0], np.uint8),
    value=np.array([0, 10, 0, 20, 30, 7], np.float32),
    roots=np.array([0, 5], np.int32),
    output=np.array([1, 0], np.uint8),
    base=np.array([1.0, 2.0]),
    depth=2,
)
"""Number 1 up to 0.5: 10; else number 0 up to 2: 20; else 30; all for score 1. And 7 for score 0."""


@pytest.mark.parametrize(("numbers", "wanted"), [((9, 0.5), 10), ((2, 0.6), 20), ((2.1, 0.6), 30)])
def test_a_tree_is_asked_from_its_root_to_a_leaf(numbers: tuple[float, float], wanted: float) -> None:
    assert STUMPS.scores(np.array(numbers, np.float32)).tolist() == [8, 2 + wanted]


def test_what_ships_is_whole() -> None:
    forest = _forest()
    nodes = len(forest.feature)
    here = np.arange(nodes)
    assert len(forest.base) == len(MAINS) + len(SIGNS) + len(AMOUNTS)
    assert set(forest.output.tolist()) == set(range(len(forest.base)))
    assert (here + np.maximum(forest.left, forest.right) < nodes).all()
    assert np.isfinite(forest.value).all()
    assert np.isfinite(forest.threshold).all()
    # after so many steps every tree has come to a leaf, whatever the numbers are
    for numbers in (np.full(300, -30, np.float32), np.full(300, 30, np.float32), np.zeros(300, np.float32)):
        node = forest.roots.astype(np.int64)
        for _ in range(forest.depth):
            node = node + np.where(
                numbers[forest.feature[node]] <= forest.threshold[node], forest.left[node], forest.right[node]
            )
        assert (forest.left[node] == 0).all()
