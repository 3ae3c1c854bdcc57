"""What every plot has in common: colours, and from matplotlib's figure to pixels, without a display."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")
"""Colours that people who confuse some can tell apart (Okabe and Ito 2008)."""
WIDTH, DPI = 12.0, 100
"""Of a whole figure, inches, and pixels an inch: 1200 pixels wide."""


def new_figure(height: float, title: str = "") -> Figure:
    """An empty white figure of full width.

    Args:
        height: Inches.
        title: Above everything; "" for none.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.1, wspace=0.02, hspace=0.02)
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(title, fontsize=14, fontweight="bold")
    return figure


def picture_of(figure: Figure) -> NDArray[np.uint8]:
    """The figure as uint8 (H, W, 3)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call] # matplotlib's own annotations lack these two
    return np.asarray(canvas.buffer_rgba(), np.uint8)[:, :, :3].copy()  # type: ignore[no-untyped-call]
