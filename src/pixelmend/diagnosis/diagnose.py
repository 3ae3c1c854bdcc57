"""`diagnose`: look at a picture once, and tell all that may be wrong with it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pixelmend.diagnosis.features import LEAST_SIDE, features
from pixelmend.diagnosis.findings import Blur, Compression, Darkness, Diagnosis, Lost, Noise, Resolution
from pixelmend.diagnosis.jpeg import FileTables, find_traces, read_tables
from pixelmend.diagnosis.judge import judge
from pixelmend.diagnosis.light import brightness, lost_share
from pixelmend.diagnosis.noise import estimate_sigma
from pixelmend.diagnosis.sampling import take_sample
from pixelmend.images import Picture

if TYPE_CHECKING:
    from pixelmend.diagnosis.jpeg import Traces
    from pixelmend.diagnosis.judge import Verdict
    from pixelmend.diagnosis.sampling import Sample
    from pixelmend.images import PictureLike

_HEAD = 1 << 20
"""Bytes of a file in which its tables are looked for; before them stand at most its profile, EXIF and a thumbnail."""
_NAMES = {
    "clean": "nothing", "noise": "noise", "camera": "camera noise", "jpeg": "jpeg", "blur": "blur",
    "enlarged": "enlarged", "mixed": "several", "dark": "dark",
}  # fmt: skip
_SIGN = {name: name for name in ("noise", "jpeg", "blur", "enlarged", "dark")} | {"camera noise": "noise"}
"""Which finding goes with what matters most."""
_SURE = 0.95
_SURE_FIT = 0.5
"""Above this the traces of JPEG in pixels are no accident."""
_HARMLESS = 86
"""JPEG of this quality or better is not what is wrong with a picture."""
_COARSE = 65
"""JPEG of this quality or worse is not left alone, however good the rest is; what it took away looks like blur."""
_AGAIN = 4
"""A file whose pixels tell a quality lower by so much was saved twice; what the first time took away is what counts."""
_DOUBT, _LARGER_DOUBT, _AGREED = 0.12, 0.3, 0.7
"""A picture that is clean with this probability is left alone, whatever else may be likelier; with the larger one where
what is likelier is also, on its own, as sure as the last number."""
_FAINT = 3.0
"""Noise below this, 0–255 scale, is left alone: every photograph has some."""
_NIGHT = 0.15
"""Where all but 5 % of a picture is darker, that it is dark matters more than what little can be seen in it."""
_SMALL = 320
"""Pixels: a picture whose longer side is shorter than that is small."""


def diagnose(picture: PictureLike, *, encoded: bytes | None = None) -> Diagnosis:
    """Tell what is wrong with a picture, in time and memory that do not grow with its size.

    Args:
        picture: Anything with `region`.
        encoded: The file's bytes, where the picture is a JPEG that was given as bytes, so that its tables can be read;
            not needed where it has a path.

    Raises:
        UnreadableError: The file behind the picture is damaged.
    """
    sample = take_sample(picture)
    tables = _tables(picture, encoded)
    sigma = estimate_sigma(picture)
    if min(sample.luma.shape[1:]) < LEAST_SIDE:
        return _not_judged(picture, sample, tables, sigma)
    traces = find_traces(sample)
    verdict = judge(features(sample, traces, sigma))
    jpeg = _compression(verdict, traces, tables)
    lost = lost_share(sample)
    main, confidence = ("lost pixels", _SURE) if lost else _main(verdict, jpeg, sigma)
    light = brightness(sample)
    if light.bright < _NIGHT and main in {"nothing", "blur", "enlarged"}:
        main, confidence = "dark", _SURE
    # what matters most is not less sure on its own
    chance = {**verdict.signs, _SIGN.get(main, ""): max(confidence, verdict.signs.get(_SIGN.get(main, ""), 0.0))}
    focus = "focus" if verdict.still > 0.5 else "motion"
    return Diagnosis(
        picture.width, picture.height, picture.channels, picture.format, main, confidence,
        _noise(verdict, chance["noise"], sigma),
        replace(jpeg, confidence=max(jpeg.confidence, chance["jpeg"])),
        Blur(chance["blur"], verdict.extent if chance["blur"] > 0.5 else None, focus),
        Resolution(chance["enlarged"], verdict.factor if chance["enlarged"] > 0.5 else 1.0, _is_small(picture)),
        Darkness(chance["dark"], light),
        Lost(_SURE if lost else 1 - _SURE, lost),
        judged=True,
    )  # fmt: skip


def _main(verdict: Verdict, jpeg: Compression, sigma: float) -> tuple[str, float]:
    """What matters most, and how sure that is; what is known for certain corrects what was learnt."""
    chance = dict(verdict.mains)
    if jpeg.quality is not None and jpeg.quality >= _HARMLESS:
        chance["clean"] += chance["jpeg"]
        chance["jpeg"] = 0.0
    if sigma < _FAINT:
        chance["clean"] += chance["noise"]
        chance["noise"] = 0.0
    clean = chance.pop("clean")
    best = max(chance, key=lambda name: chance[name])
    agreed = verdict.signs.get(_SIGN.get(_NAMES[best], ""), 0.0) >= _AGREED
    if clean >= (_LARGER_DOUBT if agreed else _DOUBT):
        best, chance["clean"] = "clean", clean
    coarse = jpeg.quality is not None and jpeg.quality <= _COARSE
    if coarse and (best == "clean" or (best in {"blur", "enlarged"} and verdict.signs["jpeg"] > 0.5)):
        return "jpeg", max(jpeg.confidence, chance["jpeg"])
    return _NAMES[best], min(chance[best], 1.0)


def _noise(verdict: Verdict, confidence: float, sigma: float) -> Noise:
    """The level of white noise is measured; that of grain, which reaches over several pixels, was learnt."""
    white = verdict.mains["noise"] >= verdict.mains["camera"] + verdict.mains["mixed"]
    grain = verdict.signs["grain"] > 0.5 and confidence > 0.5
    return Noise(confidence, verdict.sigma if grain else sigma, "white" if white else "camera")


def _tables(picture: PictureLike, encoded: bytes | None) -> FileTables | None:
    """What a JPEG file says of itself."""
    if picture.format != "jpeg":
        return None
    if encoded is not None:
        return read_tables(encoded[:_HEAD])
    if not isinstance(picture, Picture) or picture.path is None:
        return None
    try:
        with picture.path.open("rb") as file:
            return read_tables(file.read(_HEAD))
    except OSError:
        return None


def _compression(verdict: Verdict, traces: Traces, tables: FileTables | None) -> Compression:
    """The worst quality that is told for certain."""
    by_pixels = traces.quality if traces.fit > _SURE_FIT else None
    if tables is not None and (by_pixels is None or by_pixels > tables.quality - _AGAIN):
        return Compression(shown(tables.quality), tables.quality, "file")
    if by_pixels is not None:
        return Compression(shown(by_pixels), by_pixels, "pixels")
    return Compression(verdict.signs["jpeg"], None, "")


def shown(quality: int) -> float:
    """How surely JPEG of a quality shows: all but certain at 50, an even chance at 75, next to nothing at 95."""
    return float(1 / (1 + np.exp((quality - 75) / 5)))


def _is_small(picture: PictureLike) -> bool:
    return max(picture.width, picture.height) < _SMALL


def _not_judged(picture: PictureLike, sample: Sample, tables: FileTables | None, sigma: float) -> Diagnosis:
    quality = None if tables is None else tables.quality
    told = Compression(0.0 if quality is None else shown(quality), quality, "" if quality is None else "file")
    return Diagnosis(
        picture.width, picture.height, picture.channels, picture.format, "nothing", 0.0,
        Noise(0.0, sigma, "white"), told, Blur(0.0, None, "motion"), Resolution(0.0, 1.0, _is_small(picture)),
        Darkness(0.0, brightness(sample)), Lost(0.0, 0.0), judged=False,
    )  # fmt: skip
