"""The models that ship: a card (JSON) and its weights (ONNX) each, and loading one's own."""

from pixelmend.catalog.card import Card, Score, Source, Training
from pixelmend.catalog.shelf import FOLDER, find, load, names, tasks, verify

__all__ = ["FOLDER", "Card", "Score", "Source", "Training", "find", "load", "names", "tasks", "verify"]
