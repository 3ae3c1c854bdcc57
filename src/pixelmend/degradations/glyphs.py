"""Letters and digits as strokes of a pen, on a grid 4 wide and 6 high."""

from __future__ import annotations

import functools
import itertools

import torch
from torch import Tensor

WIDTH, HEIGHT = 4, 6
"""Of the grid."""
GLYPHS: dict[str, str] = {
    "A": "062046 1434",
    "B": "003041423303 3344453606 0006",
    "C": "4130100105163645",
    "D": "00304145360600",
    "E": "40000646 0333",
    "F": "400006 0333",
    "G": "41301001051636454323",
    "H": "0006 4046 0343",
    "I": "2026 1030 1636",
    "J": "404536160504",
    "K": "0006 400346",
    "L": "000646",
    "M": "0600234046",
    "N": "06004640",
    "O": "103041453616050110",
    "P": "06003041423303",
    "Q": "103041453616050110 2446",
    "R": "06003041423303 2346",
    "S": "413010010213334445361605",
    "T": "0040 2026",
    "U": "000516364540",
    "V": "002640",
    "W": "0016223640",
    "X": "0046 4006",
    "Y": "002340 2326",
    "Z": "00400646",
    "0": "103041453616050110 4105",
    "1": "112026 1636",
    "2": "01103041420646",
    "3": "01103041423344453616 1605 1333",
    "4": "36300444",
    "5": "400003334445361605",
    "6": "4130100105163645443303",
    "7": "004016",
    "8": "133342413010010213 13040516364544 4433",
    "9": "0516364541301001021343",
}
"""Each a few polylines; each point two digits, x from the left and y from the top."""


@functools.cache
def segments() -> tuple[Tensor, Tensor]:
    """All glyphs in their order: (G, S, 4) ends y, x, y, x in shares of the height, and (G, S) bool which there are.

    They are shared by all callers, and not to be changed.
    """
    each = [_segments(strokes) for strokes in GLYPHS.values()]
    most = max(len(one) for one in each)
    ends = torch.tensor([one + [(0, 0, 0, 0)] * (most - len(one)) for one in each], dtype=torch.float64) / HEIGHT
    return ends, torch.tensor([[place < len(one) for place in range(most)] for one in each])


def _segments(strokes: str) -> list[tuple[int, int, int, int]]:
    found = []
    for stroke in strokes.split():
        points = [(int(y), int(x)) for x, y in zip(stroke[::2], stroke[1::2], strict=True)]
        found += [(*first, *second) for first, second in itertools.pairwise(points)]
    return found
