"""I-SplitEE: SplitEE for images whose distortion is not known beforehand (Bajpai et al., ICC 2024)."""

from baselines.policies.splitee_s import SpliteeS
from bench import Share


class ISplitee(SpliteeS):
    """SplitEE-S over exits whose heads cost nothing; the paper's MobileNetV2: --costs 3:6:9:12:15:18:19."""

    alpha: Share = 0.5
    """confidence from which the device's answer stands"""

    head: Share = 0.0
    """share of a layer's cost that is its exit's"""
