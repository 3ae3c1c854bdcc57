"""What is wrong with a picture: so far, how noisy it is."""

from pixelmend.diagnosis.noise import estimate_sigma

__all__ = ["estimate_sigma"]
