"""SplitEE-S: SplitEE with the side information of all exits on the way (Bajpai et al., AIMLSystems 2023)."""

from typing import ClassVar, Literal

from baselines.policies.splitee import Splitee


class SpliteeS(Splitee):
    """UCB1 over exits; every exit on the way is evaluated and paid for, and teaches what it would have got."""

    side: ClassVar[bool] = True

    unseen: Literal["assumed", "skipped"] = "assumed"
    """what an unsure exit learns where nothing was sent: the last exit's confidence as published, or nothing"""

    def assumes(self) -> bool:
        return self.unseen == "assumed"
