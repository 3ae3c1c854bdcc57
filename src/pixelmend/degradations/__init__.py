"""How pictures get damaged: batched on the device, sampling a parameter apart from applying it."""

from pixelmend.degradations.base import Degradation
from pixelmend.degradations.chain import OneOf, Part, Sequence, Shuffle, Step, degrade
from pixelmend.degradations.frames import average_frames
from pixelmend.degradations.jpeg import Jpeg
from pixelmend.degradations.kinds import KINDS, kind_of
from pixelmend.degradations.language import describe, parameters_of, parse_chain
from pixelmend.degradations.noise import GaussianNoise, white_noise_level
from pixelmend.degradations.plan import Damage, Degraded, from_record, perform, to_record
from pixelmend.degradations.presets import PRESETS, find_preset

__all__ = [
    "KINDS",
    "PRESETS",
    "Damage",
    "Degradation",
    "Degraded",
    "GaussianNoise",
    "Jpeg",
    "OneOf",
    "Part",
    "Sequence",
    "Shuffle",
    "Step",
    "average_frames",
    "degrade",
    "describe",
    "find_preset",
    "from_record",
    "kind_of",
    "parameters_of",
    "parse_chain",
    "perform",
    "to_record",
    "white_noise_level",
]
