"""SplitEE-S: SplitEE with the side information of all exits on the way (Bajpai et al., AIMLSystems 2023)."""

from typing import ClassVar, Literal

from baselines.policies.splitee import Splitee


class SpliteeS(Splitee):
    """UCB1 over exits; every exit on the way is evaluated and paid for, and its arm learns too."""

    side: ClassVar[bool] = True

    unseen: Literal["assumed", "skipped"] = "assumed"
    """where nothing was sent, unsure exits learn the last exit's confidence as published (assumed), or nothing"""

    def assumes(self) -> bool:
        return self.unseen == "assumed"
