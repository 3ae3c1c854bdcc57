"""What training minimizes."""

from pixelmend.losses.adversarial import ADVERSARIAL, AdversarialLoss, r1_penalty
from pixelmend.losses.perceptual import FeatureNetwork, PerceptualLoss, find_features
from pixelmend.losses.pixel import LOSSES, balance_weights, charbonnier, frequency, l1, l2

__all__ = [
    "ADVERSARIAL",
    "LOSSES",
    "AdversarialLoss",
    "FeatureNetwork",
    "PerceptualLoss",
    "balance_weights",
    "charbonnier",
    "find_features",
    "frequency",
    "l1",
    "l2",
    "r1_penalty",
]
