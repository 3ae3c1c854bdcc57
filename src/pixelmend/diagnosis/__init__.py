"""What is wrong with a picture: noise, JPEG, blur, resolution, darkness, and what should be done about it."""

from pixelmend.diagnosis.advice import Advice, advise
from pixelmend.diagnosis.diagnose import diagnose
from pixelmend.diagnosis.findings import Diagnosis
from pixelmend.diagnosis.noise import estimate_sigma

__all__ = ["Advice", "Diagnosis", "advise", "diagnose", "estimate_sigma"]
