"""I-SplitEE: SplitEE-S for images whose distortion is not known beforehand.

Bajpai, Jaiswal, Hanawal, "I-SplitEE: Image Classification in Split Computing DNNs with Early Exits", ICC 2024 (arXiv 2401.10541).
The bandit begins anew for each distortion and learns without labels which cut suits it; the threshold is lower, for distorted
images leave less sure. The paper counts heads as free; here their measured seconds are in the reward.
"""

from baselines.splits.splitee_s import SpliteeS
from bench import Share


class ISplitee(SpliteeS):
    """SplitEE-S with the lower threshold of distorted images."""

    alpha: Share = 0.5
    """confidence from which the device's answer stands"""
