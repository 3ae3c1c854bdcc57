"""What training minimizes."""

from pixelmend.losses.pixel import LOSSES, balance_weights, charbonnier, l1

__all__ = ["LOSSES", "balance_weights", "charbonnier", "l1"]
