"""Net: a list of stages, and heads hung on some of them. An exit is a head; a cut lies between two stages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.errors import SeesawError
from bench.network.crossing import Crossing
from bench.network.forward import forward
from bench.network.linked import Linked
from bench.network.walk import Walk, walk


@dataclass(frozen=True)
class Sample:
    """The form of one input, without the batch: a shape such as (3, 32, 32), and the type of its numbers.

    A text is a row of token ids: shape (places,), int64, `vocabulary` different ids from 0 on, of which 0
    pads at the end. `vocabulary` is 0 for any other sample.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32
    vocabulary: int = 0

    def blank(self, batch: int = 1, device: torch.device | str | None = None) -> Tensor:
        """Zeros of shape (batch, *shape)."""
        return torch.zeros(batch, *self.shape, dtype=self.dtype, device=device)


class Net(nn.Module):
    """Stages in a row, heads hung on some of them; the last stage always carries a head.

    Args:
        stages: modules, tensor in, tensor out; stage i + 1 takes the output of stage i.
        sample: the form of one input.
        classes: how many logits a head gives.

    Raises:
        SeesawError: a stage does not take the output of the stage before it.
    """

    def __init__(self, stages: Sequence[nn.Module], sample: Sample, classes: int) -> None:
        super().__init__()
        if not stages:
            raise SeesawError("This backbone has no stages. Choose settings that give it at least one.")
        self.stages = nn.ModuleList(stages)
        self.heads = nn.ModuleDict()
        self.sample = sample
        self.classes = classes
        self.shapes = self._shapes()

    def _shapes(self) -> list[tuple[int, ...]]:
        """The shape, without the batch, of each stage's output."""
        was = self.training
        self.eval()
        x = self.sample.blank(device=next(iter(self.stages.parameters()), torch.empty(0)).device)
        shapes = [tuple(x.shape)]
        try:
            with torch.no_grad():
                forward(
                    self._numbered(), {}, x, on_feature=lambda feature: shapes.append(tuple(feature.shape))
                )
        except (RuntimeError, ValueError) as error:
            index = len(shapes) - 1
            raise SeesawError(
                f"Stage {index} ({type(self.stages[index]).__name__}) does not take a tensor of shape {shapes[-1]}: "
                f"{error}. Make the stage fit what the one before it gives, for samples {self.sample.shape}."
            ) from error
        self.train(was)
        return [shape[1:] for shape in shapes[1:]]

    def shape(self, stage: int) -> tuple[int, ...]:
        """The shape, without the batch, of a stage's output."""
        self._exists(stage)
        return self.shapes[stage]

    def _exists(self, stage: int) -> None:
        if not 0 <= stage < len(self.stages):
            raise SeesawError(
                f"There is no stage {stage} to hang an exit on: this backbone has {len(self.stages)}. "
                f"Name stages from 0 to {len(self.stages) - 1}."
            )

    @property
    def exits(self) -> tuple[int, ...]:
        """The stages that carry a head, from the shallowest."""
        return tuple(sorted(int(stage) for stage in self.heads))

    def hang(self, stage: int, head: nn.Module) -> None:
        """Hang a head on a stage: it takes that stage's tensor and gives (N, classes)."""
        self._exists(stage)
        self.heads[str(stage)] = head

    def head(self, stage: int) -> nn.Module:
        """The head that hangs on a stage."""
        return self.heads[str(stage)]

    def linked(self, stage: int) -> bool:
        """Whether the head on a stage reads the logits of earlier heads."""
        return isinstance(self.head(stage), Linked)

    def local(self, k: int) -> int:
        """How many exits the device has at cut k."""
        return sum(stage < k for stage in self.exits)

    def carried(self, k: int) -> int:
        """How many heads before cut k are read by heads behind it, so that their logits cross too."""
        read = any(self.linked(stage) for stage in self.exits if stage >= k)
        return self.local(k) if read else 0

    def crossing(self, k: int) -> Crossing:
        """The tensors that cross cut k."""
        return Crossing(self.shapes[k - 1] if k else self.sample.shape, self.carried(k), self.classes)

    def forward(self, x: Tensor) -> list[Tensor]:
        """The logits of every exit, each (N, classes), from the shallowest."""
        return forward(self._numbered(), self.heads, x).exit_logits

    def passed(self, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The tensor that crosses each cut, from the input on, and the logits of every exit."""
        features = [x]
        _, exit_logits, head_logits = forward(self._numbered(), self.heads, x, on_feature=features.append)
        return [self.crossing(k).join(one, head_logits) for k, one in enumerate(features)], exit_logits

    def _numbered(self) -> Iterator[tuple[str, nn.Module]]:
        return ((str(number), stage) for number, stage in enumerate(self.stages))

    def walk(self, x: Tensor, leave: Callable[[Tensor], Tensor]) -> Walk:
        """Run stage by stage, let samples leave, and go on with the others regrouped in one smaller batch.

        Args:
            x: inputs, (N, *sample).
            leave: takes the logits so far of the samples still on their way, (exits so far, n, classes), and
                gives which of them leave here, boolean (n,). Not called at the last exit.

        Returns:
            Exits and logits in the order of the inputs.
        """
        return walk([part.run for part in self.stretches()], x, leave)

    def whole(self) -> Part:
        """The whole network as one part."""
        return Part(self, 0, len(self.stages))

    def stretches(self) -> list[Part]:
        """The network from exit to exit: parts that each end with a head."""
        starts = (0, *(stage + 1 for stage in self.exits[:-1]))
        return [Part(self, start, stage + 1) for start, stage in zip(starts, self.exits, strict=True)]

    def cut(self, k: int) -> tuple[Part, Part]:
        """The device's part (stages before k) and the server's (stages from k on): back(front(x)) is the whole.

        k runs from 0 (the input is sent) to the number of stages (only the last logits are sent).
        """
        if not 0 <= k <= len(self.stages):
            raise SeesawError(
                f"There is no cut {k}: this network has {len(self.stages)} stages. "
                f"Cut at 0 (before the first) to {len(self.stages)} (after the last)."
            )
        return Part(self, 0, k), Part(self, k, len(self.stages))

    def inner_cut(self, k: int) -> tuple[Part, Part]:
        """The two parts (`cut`) of a cut that has stages on either side.

        Raises:
            SeesawError: there is no such cut.
        """
        if not 0 < k < len(self.stages):
            raise SeesawError(
                f"There is no cut {k} with a part on either side: this network has {len(self.stages)} stages. "
                f"Name one from 1 to {len(self.stages) - 1}."
            )
        return self.cut(k)


class Part(nn.Module):
    """The stages from `start` to before `stop`, with the heads that hang on them, shared with the whole net.

    Its input crosses the cut before it, its output the cut behind it; the part that holds the net's last
    stage gives the last exit's logits. A part without stages gives its input.
    """

    def __init__(self, net: Net, start: int, stop: int) -> None:
        super().__init__()
        self.start, self.stop = start, stop
        self.stages = nn.ModuleDict({str(i): net.stages[i] for i in range(start, stop)})
        self.heads = nn.ModuleDict({str(i): net.head(i) for i in net.exits if start <= i < stop})
        self.final = start < stop == len(net.stages)
        self.incoming, self.outgoing = net.crossing(start), net.crossing(stop)
        self.dtype = torch.float32 if start else net.sample.dtype
        """of the numbers that it takes"""
        linked = any(isinstance(head, Linked) for head in self.heads.values())
        self.needs_heads = bool(linked or self.incoming.carried or self.outgoing.carried)
        """whether the output depends on the heads on the way"""

    def forward(self, x: Tensor) -> Tensor:
        """The tensor that crosses the cut, or the final logits."""
        if self.needs_heads:
            return self.answers(x)[0]
        last = str(self.stop - 1)
        heads = {last: self.heads[last]} if self.final else {}
        feature, logits, _ = forward(self.stages.items(), heads, x)
        return logits[0] if logits else feature

    def answers(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The output of `forward`, and the logits of every exit on the way, the final one included."""
        x, earlier = self.incoming.part(x)
        x, exit_logits, head_logits = forward(self.stages.items(), self.heads, x, earlier)
        return (exit_logits[-1] if self.final else self.outgoing.join(x, head_logits)), exit_logits

    def run(self, x: Tensor) -> list[Tensor]:
        """The output of `forward`, and behind it the logits of every exit on the way."""
        out, logits = self.answers(x)
        return [out, *logits]


class ToExit(Part):
    """The network up to an exit where every sample leaves: nothing crosses behind it, so its outputs are logits alone.

    Args:
        net: the network.
        stage: the one that the exit hangs on.
    """

    def __init__(self, net: Net, stage: int) -> None:
        super().__init__(net, 0, stage + 1)

    def run(self, x: Tensor) -> list[Tensor]:
        """The logits of every exit on the way, each (N, classes)."""
        return self.answers(x)[1]


class HeadAlone(Part):
    """The head of one exit without the stages before it: from what crosses the cut behind its stage to the exit's logits.

    Args:
        net: the network.
        stage: the one that the exit hangs on; its head reads no other head's logits.
    """

    def __init__(self, net: Net, stage: int) -> None:
        super().__init__(net, stage + 1, stage + 1)
        self.heads[str(stage)] = self.head = net.head(stage)

    def run(self, x: Tensor) -> list[Tensor]:
        """The exit's logits, (N, classes)."""
        return [self.head(self.incoming.part(x)[0])]
