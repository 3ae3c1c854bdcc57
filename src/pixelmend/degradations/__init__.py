"""How pictures get damaged: batched on the device, sampling a parameter apart from applying it."""

from pixelmend.degradations.noise import GaussianNoise

__all__ = ["GaussianNoise"]
