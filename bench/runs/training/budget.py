"""Budget: so many steps of one schedule, lent to methods and exits plans."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext

import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor

from bench.errors import SeesawError
from bench.execution.lean.lean import lean_layers, products_of
from bench.kinds.exits import Loss
from bench.kinds.method import Hook
from bench.kinds.task import LentData
from bench.network.layout import laid_out
from bench.network.macs import StepCost
from bench.network.net import Net
from bench.records.layout import deal
from bench.records.setup import Recipe
from bench.runs.training.callbacks import Hooks, Journal, Keep, Log, MacsCount, Masks, Standing, work_clock
from bench.runs.training.checkpoint import START_ANEW, Checkpoint, Moments, set_random_state
from bench.runs.training.data import TrainData
from bench.runs.training.lit import LitNet
from bench.runs.training.validation import Validate
from bench.runs.training.world import World

log = logging.getLogger("seesaw")


class Budget:
    """A training budget: so many steps of a schedule over the train split (`bench.Train`).

    Args:
        data: the train split, and nothing of the others.
        recipe: epochs, batch, optimiser, schedule, augmentation.
        loss: the exits plan's.
        seed: orders the data.
        device: where it trains.
        log: of training; a new one where left out.
        lean: train layers with a predefined pattern on the weights that exist alone, where no hook looks at weights.
        cut: for methods' hooks; None where the run names none.
        steps: of its schedule; those of the recipe where left out.
        parameters: names of those that train; all where left out.
        clock: of the time at work; the device's (`work_clock`) where left out.
        world: the processes that train; this one alone where left out.
        counted: whether the multiply-accumulates of its steps are counted, for the log.

    Raises:
        SeesawError: a step's samples cannot be shared alike among the processes and parts of the world's layout.
    """

    def __init__(
        self,
        data: LentData,
        recipe: Recipe,
        loss: Loss,
        seed: int,
        device: torch.device,
        log: Log | None = None,
        *,
        lean: bool = False,
        cut: int | None = None,
        steps: int | None = None,
        parameters: Iterable[str] | None = None,
        clock: Callable[[], float] | None = None,
        world: World | None = None,
        counted: bool = True,
    ) -> None:
        batch = min(recipe.batch, len(data.train.labels))
        self.world = world or World()
        deal(batch, self.world.layout)
        self.data, self.recipe = data, recipe.model_copy(update={"batch": batch})
        self.seed, self.device, self.lean, self.cut = seed, device, lean, cut
        self.log, self.clock = log or Log(), clock or work_clock(device)
        self.per_epoch = len(data.train.labels) // batch
        self.steps = recipe.epochs * self.per_epoch if steps is None else steps
        self.at = 0
        self._loss, self._counted = loss, counted
        self._trained = None if parameters is None else frozenset(parameters)
        self._moments: Moments = {}

    def __call__(
        self,
        net: Net,
        share: float | None = None,
        *,
        before_step: Hook | None = None,
        after_step: Hook | None = None,
    ) -> None:
        """Train for a share of the budget from where the schedule stands (`bench.Train`)."""
        stop = self.steps if share is None else min(self.steps, self.at + round(share * self.steps))
        if stop <= self.at:
            return
        begun = self.clock()
        call, self.log.calls = self.log.calls, self.log.calls + 1
        self.world.agree(net)
        named = net.named_parameters()
        parameters = [p for name, p in named if self._trained is None or name in self._trained]
        cost = StepCost(net, parameters) if self._counted else None
        hooks = Hooks(before_step, after_step, self.world)
        hooked = before_step is not None or after_step is not None
        lean = lean_layers(net, self.recipe.batch) if self.lean and not hooked else nullcontext({})
        with lean as moved, laid_out(net.train()) as layout:
            self.log.products |= products_of(net)
            start, checkpoint = self._resume(net, call, stop)
            chosen = {id(moved.get(id(parameter), parameter)) for parameter in parameters}
            for parameter in net.parameters():
                parameter.requires_grad_(id(parameter) in chosen)
            standing = Standing(self._moments) if checkpoint is None else _standing(checkpoint, net)
            masks = Masks(net)
            count = MacsCount(cost, masks)
            journal = Journal(self.log, count, self.steps / self.per_epoch, self.clock, self.world)
            watching = [hooks, masks, count, journal]
            lit = LitNet(
                net,
                self._loss,
                self.recipe,
                watching,
                self.steps,
                start,
                self.cut,
                self.world,
                self.seed,
                layout,
            )
            if start < stop:
                data = TrainData(self.data, self.recipe, self.seed, start, stop, self.world)
                epochs = -(-stop // self.per_epoch) - start // self.per_epoch
                with memory_named(net, self):
                    _fit(
                        lit,
                        data,
                        epochs,
                        self.device,
                        [standing, *watching, Keep(self.log, call, self.world), Validate(self.log)],
                        self.world,
                    )
            set_random_state(standing.random)
            # lean layers have other parameters in the next call
            self._moments = {} if moved else standing.moments
        net.to(self.device).eval().requires_grad_(True)
        self.world.hold_equal(net)
        self.at = stop
        self.log.lent += self.clock() - begun

    def _resume(self, net: Net, call: int, stop: int) -> tuple[int, Checkpoint | None]:
        """The first step of a call, and the checkpoint that it goes on from; the network gets its state."""
        self.world.barrier()
        saved = self.log.checkpoints.read(call) if self.log.checkpoints is not None else None
        step = None if saved is None else saved.step
        if self.world.any(step != self.world.of_first(step), self.device):
            raise SeesawError(
                "The processes of this training found different checkpoints. Give all nodes one folder: --runs FOLDER."
            )
        if saved is None:
            return self.at, None
        if not self.at <= saved.step <= stop:
            raise SeesawError(f"A checkpoint stands at step {saved.step}, outside its call. {START_ANEW}")
        saved.to_net(net)
        self.log.restore(saved.book)
        if saved.step < stop and self.world.writes:
            log.warning(
                "Training goes on after epoch %s, the last that an earlier sitting finished.",
                len(self.log.epochs),
            )
        return saved.step, saved

    def rewind(self, progress: float = 0.0) -> None:
        """Set the schedule back to a share of the budget; the optimiser starts afresh."""
        self.at, self._moments = round(progress * self.steps), {}

    def batch(self, size: int | None = None) -> tuple[Tensor, Tensor]:
        """Inputs, scaled, and labels from the train split, without augmentation, on the training device."""
        count = min(size or self.recipe.batch, len(self.data.train.labels))
        generator = torch.Generator().manual_seed(self.seed)
        rows = torch.randperm(len(self.data.train.labels), generator=generator)[:count]
        inputs = self.data.scale(self.data.train.inputs[rows].to(self.device))
        return inputs, self.data.train.labels[rows].to(self.device)

    def loss(self, net: Net, inputs: Tensor, labels: Tensor) -> Tensor:
        """The exits plan's loss at this place of the schedule."""
        return self._loss(net(inputs), labels, self.at / max(self.steps, 1))

    def portion(
        self, share: float, *, loss: Loss | None = None, parameters: Iterable[str] | None = None
    ) -> Budget:
        """A share of the budget with a schedule of its own (`bench.kinds.exits.LentBudget`)."""
        return Budget(
            self.data,
            self.recipe,
            loss or self._loss,
            self.seed,
            self.device,
            self.log,
            lean=self.lean,
            cut=self.cut,
            steps=round(share * self.steps),
            parameters=parameters,
            clock=self.clock,
            world=self.world,
        )

    @property
    def spent(self) -> float:
        """Steps trained, over the steps of the task's recipe."""
        return self.log.steps / self.steps if self.steps else 0.0


def _standing(checkpoint: Checkpoint, net: Net) -> Standing:
    return Standing(checkpoint.moments(net), checkpoint.random())


def _fit(
    lit: LitNet,
    data: TrainData,
    epochs: int,
    device: torch.device,
    callbacks: Sequence[pl.Callback],
    world: World,
) -> None:
    """Run Lightning without its own messages, loggers and checkpoints."""
    layout = world.layout
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"pytorch_lightning.*")
        warnings.filterwarnings("ignore", category=FutureWarning)
        trainer = pl.Trainer(
            accelerator={"cuda": "gpu"}.get(device.type, device.type),
            devices=layout.devices or 1,
            num_nodes=layout.nodes or 1,
            # heads may be left out of a loss, and each process keeps its own running statistics until an epoch ends
            strategy="auto"
            if world.is_alone
            else DDPStrategy(find_unused_parameters=True, broadcast_buffers=False),
            use_distributed_sampler=False,
            max_epochs=epochs,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            reload_dataloaders_every_n_epochs=0,
            callbacks=list(callbacks),
        )
        try:
            trainer.fit(lit, datamodule=data)
        except SystemExit as error:  # what Lightning makes of Ctrl-C
            raise KeyboardInterrupt from error


@contextmanager
def memory_named(net: Net, budget: Budget) -> Iterator[None]:
    """Turn an error at the end of memory into a sentence that names a batch that fits."""
    try:
        yield
        return
    except RuntimeError as error:  # torch.OutOfMemoryError on an accelerator; plain on a CPU
        if not out_of_memory(error):
            raise
        reason = str(error).splitlines()[0].rstrip(".")
    net.zero_grad(set_to_none=True)
    batch = budget.recipe.batch
    size = batch // 2
    while size and not _fits(net, budget, size):
        size //= 2
    advice = (
        f"A batch of {size} fits: --set batch={size}" if size else "Not even one sample fits: choose less"
    )
    raise SeesawError(f"Memory ran out in training at batch {batch} ({reason}). {advice}.")


def _fits(net: Net, budget: Budget, size: int) -> bool:
    """Whether one step's forward and backward pass of so many samples fits into memory."""
    try:
        budget.loss(net, *budget.batch(size)).backward()
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        return False
    finally:
        net.zero_grad(set_to_none=True)
    return True


def out_of_memory(error: RuntimeError) -> bool:
    """Whether memory ran out: on an accelerator, or on a CPU, where PyTorch has no class for this error."""
    return isinstance(error, torch.OutOfMemoryError) or any(
        word in str(error) for word in ("DefaultCPUAllocator", "not enough memory")
    )
