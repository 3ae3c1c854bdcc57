"""How near a restored picture is to the clean one, and the protocol that such a number was measured under.

Pure functions on NumPy arrays; nothing here imports PyTorch, and scikit-image only when SSIM is asked for.
"""

from pixelmend.metrics.pictures import Color, as_displayed
from pixelmend.metrics.protocol import Protocol, Rounding
from pixelmend.metrics.psnr import psnr
from pixelmend.metrics.ssim import ssim

__all__ = ["Color", "Protocol", "Rounding", "as_displayed", "psnr", "ssim"]
