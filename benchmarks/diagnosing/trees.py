"""Grows the trees of diagnosis with scikit-learn, and writes them as plain arrays that numpy alone can ask."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from pixelmend.diagnosis.judge import AMOUNTS, MAINS, SIGNS, Forest

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

Rows = dict[str, "NDArray[np.float32]"]
COMMON: dict[str, Any] = {
    "learning_rate": 0.1, "max_leaf_nodes": 8, "l2_regularization": 2, "max_features": 0.2, "early_stopping": False,
}  # fmt: skip
ROUNDS = {"main": 160, "sign": 70, "amount": 100}
"""Trees for each score."""


def grow(rows: Rows, seed: int) -> Forest:
    """Fit all scores to the rows; of those with a weight, each counts as so many."""
    mains = HistGradientBoostingClassifier(max_iter=ROUNDS["main"], random_state=seed, **COMMON)
    mains.fit(rows["numbers"], rows["main"].astype(int), sample_weight=rows["weight"])
    models: list[Any] = [mains]
    for index in range(len(SIGNS)):
        known = ~np.isnan(rows["signs"][:, index])
        model = HistGradientBoostingClassifier(max_iter=ROUNDS["sign"], random_state=seed, **COMMON)
        models.append(model.fit(rows["numbers"][known], rows["signs"][known, index].astype(int), rows["weight"][known]))
    for index, name in enumerate(AMOUNTS):
        known = ~np.isnan(rows["amounts"][:, index])
        kind = HistGradientBoostingClassifier if name == "still" else HistGradientBoostingRegressor
        model = kind(max_iter=ROUNDS["amount"], random_state=seed, **COMMON)
        models.append(model.fit(rows["numbers"][known], rows["amounts"][known, index]))
    forest = _as_arrays(models)
    _check(forest, models, rows["numbers"][:50])
    return forest


def _as_arrays(models: list[Any]) -> Forest:
    """The nodes that scikit-learn keeps, one after the other."""
    nodes: list[NDArray[Any]] = []
    outputs: list[int] = []
    base: list[float] = []
    for model in models:
        start = len(base)
        base += np.ravel(model._baseline_prediction).tolist()  # noqa: SLF001  (it offers no other way out)
        for group in model._predictors:  # noqa: SLF001
            nodes += [tree.nodes for tree in group]
            outputs += list(range(start, start + len(group)))
    sizes = [len(each) for each in nodes]
    every = np.concatenate(nodes)
    leaf = every["is_leaf"].astype(bool)
    here = np.concatenate([np.arange(size) for size in sizes])
    return Forest(
        np.where(leaf, 0, every["feature_idx"]).astype(np.int16),
        np.where(leaf, 0, every["num_threshold"]).astype(np.float32),
        np.where(leaf, 0, every["left"].astype(int) - here).astype(np.uint8),
        np.where(leaf, 0, every["right"].astype(int) - here).astype(np.uint8),
        np.where(leaf, every["value"], 0).astype(np.float32),
        np.cumsum([0, *sizes[:-1]]).astype(np.int32),
        np.array(outputs, np.uint8),
        np.array(base),
        int(every["depth"].max()),
    )


def _check(forest: Forest, models: list[Any], numbers: NDArray[np.float32]) -> None:
    """Fail where the arrays tell anything else than scikit-learn does."""
    wanted = [
        np.reshape(model.decision_function(numbers) if hasattr(model, "decision_function") else model.predict(numbers),
                   (len(numbers), -1))
        for model in models
    ]  # fmt: skip
    got = np.stack([forest.scores(each) for each in numbers])
    np.testing.assert_allclose(got, np.concatenate(wanted, axis=1), atol=1e-3)


def write(forest: Forest, path: Path) -> None:
    """Store it."""
    np.savez_compressed(path, allow_pickle=False, **asdict(forest))


def told(forest: Forest, rows: Rows) -> str:
    """How often the trees are right about rows, in words."""
    scores = np.stack([forest.scores(each) for each in rows["numbers"]])
    mains, _, amounts = np.split(scores, [len(MAINS), len(MAINS) + len(SIGNS)], axis=1)
    right = mains.argmax(axis=1) == rows["main"]
    each = [f"{name} {right[rows['main'] == index].mean():.2f}" for index, name in enumerate(MAINS)]
    off = np.nanmean(np.abs(amounts - rows["amounts"]), axis=0)
    return (
        f"right {right.mean():.3f} ({', '.join(each)}); off by {dict(zip(AMOUNTS, off.round(2).tolist(), strict=True))}"
    )
