"""How large the pieces are that a model restores large pictures in, and how far they overlap, where nobody says.

Pieces were compared with the whole picture, in float32. With these overlaps the result is the same within one of 255
levels (noise of sigma 75: within 1.5).
With half of them it is within 2 to 6, and within 50 where blur reaches far.
"""

from __future__ import annotations

from pixelmend.inference.sizes import round_up

_OVERLAP = 128
_OVERLAPS = {"deblur": 320, "dejpeg": 192, "photo": 192}
"""By task: motion blur reaches far, and networks that learnt long on large crops use more of what is around."""
_OVERLAP_ENLARGING = 96
"""Networks that enlarge have one level less than others, and see half as far."""
_STEP, _STEP_ENLARGING = 576, 288
"""From piece to piece. Two pieces at once took up to 310 MB (deblurring), enlarged by 4 320 MB, in ONNX Runtime."""


def usual_pieces(task: str, scale: int, multiple_of: int) -> tuple[int, int]:
    """Side and overlap of pieces, in pixels of the picture that goes in.

    >>> usual_pieces("denoise", scale=1, multiple_of=64), usual_pieces("super-resolve", scale=4, multiple_of=32)
    ((704, 128), (384, 96))

    Args:
        task: What the model does.
        scale: By how much it enlarges.
        multiple_of: What its sides have to be multiples of.
    """
    if scale > 1:
        overlap, step = _OVERLAP_ENLARGING, _STEP_ENLARGING
    else:
        overlap, step = _OVERLAPS.get(task, _OVERLAP), _STEP
    overlap, step = round_up(overlap, multiple_of), round_up(step, multiple_of)
    return overlap + step, overlap
