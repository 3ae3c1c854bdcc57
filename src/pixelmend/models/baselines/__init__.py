"""Published networks that ours is measured against, written from their papers."""

from pixelmend.models.baselines.dncnn import DnCNN, load_dncnn

__all__ = ["DnCNN", "load_dncnn"]
