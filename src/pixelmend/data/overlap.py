"""Whether a picture is one of a library's, or shares a part with one: fingerprints compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from pixelmend.data.fingerprints import Fingerprint, Points

# Measured on 803 training pictures against 290 benchmark pictures, and on altered copies of benchmark pictures. Whole:
# different pictures differ in 85 bits or more (median 116), altered copies (JPEG quality 30, scale 0.25 to 2,
# brightness +15 %, grey, noise of sigma 25, turned, mirrored) in 23 or fewer. Points: of the 803 none had more than 2
# that agree. Of copies cut to 0.7 and to 0.5 of each side all 46 had 5 or more; tiles of 192×192: 91 % had 4 or more;
# tiles of 128×128: 17 %; cut to 0.6, scaled by 0.7, JPEG quality 50 and mirrored, all at once: 87 %.
WHOLE_LIMIT = 56
"""Whole hashes that differ in at most so many of 255 bits are of one picture."""
POINT_LIMIT = 10
"""Local hashes that differ in at most so many of 63 bits may be of one place."""
AGREEING = 4
"""So many points that agree on one placement make a shared part."""

# The eight symmetries as matrices on (x, y), numbered as in ``Points.symmetry``: mirrored, then axes swapped.
_MATRICES = np.stack(
    [
        (np.array([[0, 1], [1, 0]]) if s & 4 else np.eye(2, dtype=int))
        @ np.diag([-1 if s & 1 else 1, -1 if s & 2 else 1])
        for s in range(8)
    ]
).astype(np.float32)


@dataclass(frozen=True)
class Match:
    """A picture of the library that was found again.

    Attributes:
        set_name: The library's set.
        picture: Its picture there.
        part: True where only a part is shared, by the points.
        distance: Bits (of 255) in which the whole hashes differ, at the best symmetry; 255 where unknown.
        agreeing: Points that agree on one placement.
    """

    set_name: str
    picture: str
    part: bool
    distance: int
    agreeing: int


@dataclass(frozen=True, eq=False)
class Known:
    """One picture of a library.

    Attributes:
        set_name: The set it belongs to.
        picture: Its name there.
        whole: (255,) bool, or None.
        points: Its local hashes.
    """

    set_name: str
    picture: str
    whole: NDArray[np.bool_] | None
    points: Points


class Library:
    """Fingerprints to compare with; the comparison is two matrix products.

    Args:
        known: The pictures.
    """

    def __init__(self, known: Iterable[Known]) -> None:
        self.known = tuple(known)
        with_whole = [(i, each.whole) for i, each in enumerate(self.known) if each.whole is not None]
        self._whole_of = np.array([i for i, _ in with_whole], dtype=np.int64)
        self._whole = _signs(np.stack([w for _, w in with_whole])) if with_whole else np.zeros((0, 255), np.float32)
        counts = [len(each.points) for each in self.known]
        self._point_of = np.repeat(np.arange(len(counts)), counts)
        self._first = np.cumsum(counts) - counts if counts else np.zeros(0, np.int64)
        bits = [each.points.bits for each in self.known]
        self._bits = _signs(np.concatenate(bits)) if bits else np.zeros((0, 63), np.float32)

    def __len__(self) -> int:
        """How many pictures it holds."""
        return len(self.known)

    def find(self, query: Fingerprint) -> list[Match]:
        """The library's pictures that the query shows, whole or in part, the surest first."""
        distances = self._distances(query)
        agreeing = self._agreeing(query.points)
        found = []
        for index in sorted({*np.flatnonzero(distances <= WHOLE_LIMIT).tolist(), *agreeing}):
            each, bits = self.known[index], int(distances[index])
            found.append(Match(each.set_name, each.picture, bits > WHOLE_LIMIT, bits, agreeing.get(index, 0)))
        return sorted(found, key=lambda match: (match.part, match.distance if not match.part else -match.agreeing))

    def _distances(self, query: Fingerprint) -> NDArray[np.int64]:
        distances = np.full(len(self.known), 255, dtype=np.int64)
        if query.whole is not None and len(self._whole_of):
            same = _signs(query.whole) @ self._whole.T
            distances[self._whole_of] = ((255 - same.max(axis=0)) / 2).astype(np.int64)
        return distances

    def _agreeing(self, query: Points) -> dict[int, int]:
        """Pictures with enough points that agree on one placement, and how many do."""
        if not len(query) or not len(self._bits):
            return {}
        near = _signs(query.bits) @ self._bits.T >= 63 - 2 * POINT_LIMIT
        mine, theirs = np.nonzero(near)
        owners, counts = np.unique(self._point_of[theirs], return_counts=True)
        found = {}
        for owner in owners[counts >= AGREEING].tolist():
            own = self._point_of[theirs] == owner
            agree = count_agreeing(query, mine[own], self.known[owner].points, theirs[own] - self._first[owner])
            if agree >= AGREEING:
                found[owner] = agree
        return found


def count_agreeing(a: Points, of_a: NDArray[np.int64], b: Points, of_b: NDArray[np.int64]) -> int:
    """The most matched points that one placement (symmetry, scale, shift) of one picture on the other explains.

    Args:
        a: Points of one picture.
        of_a: (M,) which of them are matched.
        b: Points of the other.
        of_b: (M,) with which of these.

    Returns:
        The smaller of how many different points of ``a`` and of ``b`` the best placement explains.
    """
    pa, pb, ratio = a.place[of_a], b.place[of_b], b.size[of_b] / a.size[of_a]
    # From a's standing to b's: into the common standing and out again.
    turn = _MATRICES[b.symmetry[of_b]].transpose(0, 2, 1) @ _MATRICES[a.symmetry[of_a]]
    which = (turn[:, 0] * [1, 3]).sum(axis=1) * 10 + (turn[:, 1] * [1, 3]).sum(axis=1)
    best = 0
    for i in range(min(len(pa), 300)):
        away = (pa - pa[i]) @ turn[i].T * ratio[i]
        error = np.linalg.norm(pb - pb[i] - away, axis=1)
        fits = error <= 2 * b.size[of_b] + 0.08 * np.linalg.norm(away, axis=1)
        fits &= (which == which[i]) & (np.abs(np.log2(ratio / ratio[i])) < 0.35)
        if fits.sum() > best:
            best = max(best, min(_places(pa[fits]), _places(pb[fits]), _kinds(b.bits[of_b[fits]])))
    return best


def _kinds(bits: NDArray[np.bool_]) -> int:
    """How many hashes differ: a row of windows or stripes repeats one."""
    far = _signs(bits) @ _signs(bits).T < 63 - 2 * POINT_LIMIT
    kinds: list[int] = []
    for i in range(len(bits)):
        if all(far[i, j] for j in kinds):
            kinds.append(i)
    return len(kinds)


def _places(place: NDArray[np.float32]) -> int:
    """How many different places there are, to a few pixels: one blob may stand at several sizes."""
    return len({(int(x), int(y)) for x, y in place // 4})


def _signs(bits: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.where(bits, np.float32(1), np.float32(-1))
