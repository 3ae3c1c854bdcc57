"""A diagnosis in plain words: a line for each thing that was looked at, and how sure that is."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixelmend.diagnosis.advice import Advice
    from pixelmend.diagnosis.findings import Diagnosis

_LEVELS = ((6.0, "faint"), (15.0, "mild"), (30.0, "clear"), (60.0, "strong"))
_SEEN = 0.5
"""A finding is told as there from this confidence on."""


def sureness(confidence: float) -> str:
    """How sure that is, as people say it."""
    for least, word in ((0.9, "sure"), (0.7, "likely"), (0.5, "perhaps"), (0.2, "hardly")):
        if confidence >= least:
            return word
    return "no sign"


def lines(diagnosis: Diagnosis) -> list[tuple[str, str]]:
    """What was found: (what was looked at, what there is), in the order in which people ask."""
    findings = [
        ("noise", _noise(diagnosis), diagnosis.noise.confidence),
        ("jpeg", _jpeg(diagnosis), diagnosis.jpeg.confidence),
        ("blur", _blur(diagnosis), diagnosis.blur.confidence),
        ("detail", _resolution(diagnosis), diagnosis.resolution.confidence),
        ("light", _light(diagnosis), diagnosis.darkness.confidence),
    ]
    if diagnosis.lost.share:
        share = f"{100 * diagnosis.lost.share:.2g} % of the pixels are stuck at black or white"
        findings.append(("lost", share, diagnosis.lost.confidence))
    if not diagnosis.judged:
        return [
            (name, text) for name, text, _ in findings if name == "light" or (name == "jpeg" and diagnosis.jpeg.quality)
        ]
    return [(name, f"{text} ({sureness(sure)}, {sure:.2f})") for name, text, sure in findings]


def _noise(diagnosis: Diagnosis) -> str:
    noise = diagnosis.noise
    if noise.confidence < _SEEN:
        return f"none to speak of, level {noise.sigma:.1f} of 255"
    strong = next((word for most, word in _LEVELS if noise.sigma < most), "very strong")
    kind = "the same everywhere" if noise.kind == "white" else "as a camera or film leaves it"
    return f"{strong}, level {noise.sigma:.1f} of 255, {kind}"


def _jpeg(diagnosis: Diagnosis) -> str:
    jpeg = diagnosis.jpeg
    if jpeg.quality is None:
        return "none that shows" if jpeg.confidence < _SEEN else "blocks and ringing, of a quality that cannot be told"
    told = "by the file's own tables" if jpeg.source == "file" else "by its pixels"
    return f"quality {jpeg.quality}, {told}{'' if jpeg.confidence >= _SEEN else ', which hardly shows'}"


def _blur(diagnosis: Diagnosis) -> str:
    blur = diagnosis.blur
    if blur.extent is None:
        return "none"
    return f"{'motion' if blur.kind == 'motion' else 'out of focus'}, over about {blur.extent:.0f} pixels"


def _resolution(diagnosis: Diagnosis) -> str:
    size = f"{diagnosis.width}×{diagnosis.height}{', which is small' if diagnosis.resolution.small else ''}"
    if diagnosis.resolution.confidence < _SEEN:
        return f"{size}, not enlarged"
    return f"{size}, enlarged about {diagnosis.resolution.factor:.1f} times from a smaller one"


def _light(diagnosis: Diagnosis) -> str:
    level = diagnosis.darkness.brightness
    told = "dark" if diagnosis.darkness.confidence >= _SEEN else "enough"
    return f"{told}, mean {100 * level.mean:.0f} %, brightest parts {100 * level.bright:.0f} %"


def command(name: str, advice: Advice) -> str | None:
    """The command that follows the advice; None where nothing should be done.

    Args:
        name: Of the file.
        advice: From `advise`.
    """
    if advice.task is None:
        return None
    if advice.scale is not None:
        return f"pixelmend restore {shlex.quote(name)} --task auto"
    sigma = "" if advice.sigma is None else f" --sigma {advice.sigma:.0f}"
    return f"pixelmend restore {shlex.quote(name)} --task {advice.task}{sigma}"
