"""Published networks that ours is measured against, written from their papers."""

from pixelmend.models.baselines.dncnn import DnCNN, DnCNNConfig, load_dncnn
from pixelmend.models.baselines.srcnn import SRCNN, SRCNNConfig
from pixelmend.models.baselines.tnrd import TNRD, TNRDConfig
from pixelmend.models.baselines.unet import UNet, UNetConfig
from pixelmend.models.baselines.vdsr import VDSR, VDSRConfig

__all__ = [
    "SRCNN",
    "TNRD",
    "VDSR",
    "DnCNN",
    "DnCNNConfig",
    "SRCNNConfig",
    "TNRDConfig",
    "UNet",
    "UNetConfig",
    "VDSRConfig",
    "load_dncnn",
]
