"""Questions: bytes of anyone, held to what was shipped, counted, and answered; whatever brings and takes the bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from bench.errors import SeesawError, needing
from bench.kinds.frame import Frame, read_frames
from bench.shipping.serving.batches import Given, Late, Overloaded
from bench.shipping.serving.served import ServedCut
from bench.shipping.serving.wire import computed_answer, read_question

with needing("serve", "Serving over a network needs"):
    from bench.shipping.serving.metrics import Metrics


class Asked(NamedTuple):
    """A question that was read, and is one of a cut in service.

    Attributes:
        id: of the device's own choice.
        served: the cut.
        frames: of its message.
    """

    id: int
    served: ServedCut
    frames: list[Frame]


class Refused(SeesawError):
    """A question that is none, or of nothing that is served.

    Attributes:
        id: its own, 0 for bytes that are no question.
    """

    def __init__(self, sentence: str, id_: int) -> None:
        super().__init__(sentence)
        self.id = id_


class Questions:
    """Answers questions about cuts in service.

    Args:
        served: the cuts, by what questions are addressed to.
        metrics: that count them.
    """

    def __init__(self, served: Mapping[tuple[str, int], ServedCut], metrics: Metrics) -> None:
        self.served, self.metrics = served, metrics

    def read(self, data: bytes) -> Asked:
        """A question from bytes of anyone; what is damaged waits for nothing.

        Raises:
            Refused: they are none, of a network that is not served, or damaged.
        """
        self.metrics.bytes["in"] += len(data)
        id_ = 0
        try:
            question = read_question(data)
            id_ = question.id
            served = self._served(question.record, question.cut)
            message, most = question.message, served.cut.most_bytes
            if len(message) > most:
                raise SeesawError(
                    f"A message of {len(message):,} bytes is larger than the {most:,} that this cut takes. Send one sample."
                )
            return Asked(id_, served, read_frames(message, most))
        except SeesawError as error:
            self.metrics.questions["refused"] += 1
            raise Refused(str(error), id_) from error

    def at_once(self, asked: Asked) -> bytes | None:
        """The answer, where computing it here and now is quicker than waiting for others; else None.

        Raises:
            SeesawError: the message is of another shape or codec.
        """
        outcome = "failed"
        try:
            given = asked.served.batches.at_once(asked.frames)
            outcome = "" if given is None else "answered"
            return None if given is None else self._answer(asked, given)
        except SeesawError:
            outcome = "refused"
            raise
        finally:
            if outcome:
                self.metrics.questions[outcome] += 1

    async def later(self, asked: Asked, until: float) -> bytes:
        """The answer, computed with others that wait.

        Args:
            asked: the question.
            until: the moment (`time.monotonic`) after which nobody waits for the answer.

        Raises:
            Overloaded: too many wait.
            Late: the moment passed before it was computed.
            SeesawError: the message is of another shape or codec.
        """
        outcome = "failed"
        self.metrics.waiting += 1
        try:
            given = await asked.served.batches.ask(asked.frames, until)
            outcome = "answered"
            return self._answer(asked, given)
        except Overloaded:
            outcome = "overloaded"
            raise
        except Late:
            outcome = "late"
            raise
        except SeesawError:
            outcome = "refused"
            raise
        finally:
            self.metrics.waiting -= 1
            self.metrics.questions[outcome] += 1

    def _answer(self, asked: Asked, given: Given[np.ndarray]) -> bytes:
        made = computed_answer(asked.id, given)
        self.metrics.bytes["out"] += len(made)
        return made

    def _served(self, record: str, cut: int) -> ServedCut:
        """The cut that a question is addressed to.

        Raises:
            SeesawError: it is not served here.
        """
        found = self.served.get((record, cut))
        if found is None:
            cuts = sorted(number for digest, number in self.served if digest == record)
            raise SeesawError(
                f"Cut {cut} of this network is not served here, but {', '.join(map(str, cuts))}. Ask for one of these."
                if cuts
                else "The network of this record is not served here. Use parts that were packed together on both sides."
            )
        return found
