"""The models that ship: a card (JSON) and its weights (ONNX) each, and loading one's own."""

from pixelmend.catalog.card import Card, Score, Source, Training
from pixelmend.catalog.shelf import beside, by_name, find, load, names, task_of, tasks, verify

__all__ = [
    "Card",
    "Score",
    "Source",
    "Training",
    "beside",
    "by_name",
    "find",
    "load",
    "names",
    "task_of",
    "tasks",
    "verify",
]
