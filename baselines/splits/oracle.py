"""Oracle: for each request the arm that is answered first, by the true rates of the link and the true bytes of the sample.

It looks at one request at a time and takes the queues as it finds them: what it chooses may delay a later request.
"""

from typing import ClassVar, Literal

import numpy as np

from bench import Known, Share, SplitBound


class Oracle(SplitBound):
    """Bound: takes for each request the arm that is answered first, of those that keep the right answers."""

    foresees: ClassVar[bool] = True

    of: Literal["kept", "right"] = "kept"
    """kept: of the arms that lose at most `lost`; right: of those that are right about the sample, if there are any"""
    lost: Share = 0.01
    """share of right answers that an arm may lose on the known samples"""

    def allowed(self, known: Known, right: np.ndarray) -> np.ndarray:
        if self.of == "kept":
            return np.broadcast_to(known.within(self.lost)[:, None], right.shape)
        return right | ~right.any(0)
