"""How pictures get damaged: batched on the device, sampling a parameter apart from applying it."""

from pixelmend.degradations.base import Degradation
from pixelmend.degradations.chain import OneOf, Part, Sequence, Shuffle, Step, degrade
from pixelmend.degradations.kinds import KINDS, kind_of
from pixelmend.degradations.language import parse_chain
from pixelmend.degradations.noise import GaussianNoise, white_noise_level
from pixelmend.degradations.plan import Damage, Degraded, from_record, perform, to_record

__all__ = [
    "KINDS",
    "Damage",
    "Degradation",
    "Degraded",
    "GaussianNoise",
    "OneOf",
    "Part",
    "Sequence",
    "Shuffle",
    "Step",
    "degrade",
    "from_record",
    "kind_of",
    "parse_chain",
    "perform",
    "to_record",
    "white_noise_level",
]
