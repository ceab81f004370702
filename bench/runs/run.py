"""run(): build, train, pack, trace, measure -> Record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from bench.errors import SeesawError
from bench.files import DRAFT, sweep, writable, write_whole
from bench.kinds.build import Loaded, assemble, load_weights, untrained
from bench.kinds.meter import Found, Meter, Reading, Subject
from bench.kinds.task import Data
from bench.lock import Quiet, alone
from bench.machine import versions
from bench.measuring.crossings import crossings
from bench.measuring.meters.macs import Tariff
from bench.measuring.walks import SAMPLES, walked
from bench.network.net import Net
from bench.plugins.plugin import Choice
from bench.records import record as records
from bench.records.curve import Curve
from bench.records.mirror import Mirror
from bench.records.record import Record
from bench.replay.exits.shipped import Shipped, recorded, shipped_by
from bench.replay.exits.states import STATES, save_states
from bench.replay.trace import Trace, trace
from bench.runs.account import Account
from bench.runs.request import DENSE, Order, Plan
from bench.runs.trained import PACKED, Earlier, fingerprint
from bench.runs.training.budget import Budget, out_of_memory
from bench.runs.training.checkpoint import Checkpoints
from bench.runs.training.lit import Log, busy
from bench.runs.training.overhead import NAME as OVERHEAD
from bench.runs.training.overhead import Overhead
from bench.shipping.packed.pack import packings, restore, rounded

SETTLE = 1.2
"""Seconds that runs on the same machine are given to come to rest before one of them takes its timings."""

Report = Callable[[str, float, float, str], None]
"""Called with the phase, work done, work expected and a short line."""


def run(
    order: Order,
    report: Report = lambda phase, done, total, line: None,
    *,
    again: bool = False,
    measure: bool = False,
) -> Record:
    """Train one network, measure it, and write its record, its packed weights and its traces.

    What has a record already is not run; what was trained and measured otherwise is only measured; what was cut
    short goes on after its last finished epoch; what another process runs is waited for.

    Args:
        order: what to run.
        report: is told how far it is.
        again: run it from its beginning, whatever there is; when this is cut short, it too goes on.
        measure: measure it again although there is a record, without training where its weights are there.

    Raises:
        SeesawError: anything that the user can mend.
    """
    plan = Plan.of(order)
    writable(order.records, "Records", "--records")
    writable(order.runs, "Weights and traces", "--runs")
    with alone(plan.folder() / "lock", lambda: report("wait", 0, 0, "another process runs this")):
        work = Run(plan, report)
        anew = plan.folder() / "again"  # stands while a run that was asked for again is not at its end
        if plan.path.exists() and not again and not measure and not anew.exists():
            work.checkpoints.clear()  # of a run that was killed between its record and its end
            return records.load(plan.path)
        sweep(plan.folder(), plan.folder() / "checkpoints")
        for draft in plan.path.parent.glob(f".{plan.path.name}.*{DRAFT}"):
            draft.unlink(missing_ok=True)
        begin = again and not anew.exists()
        again = again or anew.exists()
        if begin:
            work.checkpoints.clear()
            anew.touch()
        record = work.go(begin=begin, earlier=None if again else Earlier.of(plan))
        anew.unlink(missing_ok=True)
        return record


class Run:
    """One run, phase by phase."""

    def __init__(self, plan: Plan, report: Report) -> None:
        self.plan, self.order = plan, plan.order
        self.tell = report
        self.seconds: dict[str, float] = {}
        self.backbone = plan.backbone.plugin
        self.loaded: Loaded | None = None
        self.earlier: Earlier | None = None
        self.overhead: Reading | None = None
        self.quiet = Quiet(self.order.runs / "timing.lock", SETTLE if self.order.neighbours else 0.0)
        identity = {
            "run": f"{plan.setup.digest()} seed {self.order.seed}",
            "threads": torch.get_num_threads(),
            "deterministic": torch.are_deterministic_algorithms_enabled(),
            **versions(),
        }
        self.checkpoints = Checkpoints(plan.folder() / "checkpoints", identity)

    def report(self, phase: str, done: float, total: float, line: str) -> None:
        """Say how far a phase is, and hold still while another run takes its timings."""
        self.quiet.heed()
        self.tell(phase, done, total, line)

    def go(self, *, begin: bool = False, earlier: Earlier | None = None) -> Record:
        """All phases, in order; without training where the network was trained before.

        Args:
            begin: as a new W&B run, whatever there was.
            earlier: the network trained before.
        """
        self.earlier = earlier
        plan = self.plan
        mirror = Mirror.of(plan.setup, self.order.seed, plan.folder(), self.order.runs, again=begin)
        try:
            record = self._work(mirror)
            mirror.record(record, plan.path)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            raise SeesawError(
                f"Memory ran out ({str(error).splitlines()[0].rstrip('.')}). Choose a smaller backbone, or another device."
            ) from error
        finally:
            mirror.close()
        self.checkpoints.clear()
        return record

    def _work(self, mirror: Mirror) -> Record:
        plan = self.plan
        with self._phase("data") as done:
            data = plan.task.plugin.data(self.order.data, self.order.seed)
            done(1, 1, f"{len(data.train.labels)} training samples")
        with self._phase("build"):
            net = self.build()
        budget = Budget(
            data, plan.recipe, plan.exits.plugin.loss, self.order.seed, plan.device, lean=plan.setup.lean
        )
        if self.earlier is None:
            self.train(net, budget, mirror)
        else:
            self.earlier.restore(net)
            budget.log = self.earlier.log()
            self.seconds["train"] = self.earlier.record.seconds.get("train", 0.0)
            self.overhead = self.earlier.record.net.get(OVERHEAD)
        with self._phase("pack"):
            net = self.repack(net)
        with self._phase("trace"):
            traces = self.trace(net, data)
        if self.earlier is not None and self.earlier.record.setup.values == plan.setup.values:
            self.earlier.check(traces[1])
        with self._phase("replay") as done:
            curves, shipped = self.replay(traces, done)
        with self._phase("cuts") as done:
            crossed = crossings(net, data, data.test, plan.codecs, plan.device, shipped, done)
        clocks = [meter for meter in plan.meters if meter.plugin.quiet]
        found = [self.measure(meter, net) for meter in plan.meters if meter not in clocks]
        with self.quiet.asked(time.sleep):
            found += [self.measure(meter, net) for meter in clocks]
            walks = self.walk(net, data, shipped, traces[1]) if clocks else []
        record = Account(
            plan,
            net,
            budget,
            *traces,
            curves,
            crossed,
            found,
            walks,
            self.overhead,
            self.notes(),
            self.seconds,
        ).record()
        record.save(self.order.records)
        return record

    def train(self, net: Net, budget: Budget, mirror: Mirror) -> None:
        """Let the method train the network, going on from the last checkpoint."""
        dense = Overhead(self._dense, budget, self.plan.exits.plugin)
        with self._phase("dense steps"):
            dense.probe()
        with self._phase("train") as done:
            log = budget.log = Log(report=done, ended=mirror.epoch, checkpoints=self.checkpoints)
            begun = busy(self.plan.device)
            self.plan.exits.plugin.fit(net, budget, self.plan.method.plugin)
            between = busy(self.plan.device) - begun - log.lent
        with self._phase("dense steps"):
            dense.probe()
        self.overhead = dense.reading(between + sum(epoch.busy for epoch in log.epochs))
        if self.loaded is not None and not log.steps:
            self.loaded.check(net)
        self.seconds["train"] = round(self.seconds["train"] + log.earlier, 3)

    def measure(self, meter: Choice[Meter], net: Net) -> Found:
        """What one meter finds."""
        with self._phase(meter.name) as done:
            parent = None if self.plan.method.name == DENSE else self._dense
            return meter.plugin.measure(Subject(net, self.plan.device, done, self.plan.values, parent))

    @contextmanager
    def _phase(self, name: str) -> Iterator[Callable[[float, float, str], None]]:
        begun = time.perf_counter()
        self.report(name, 0, 0, "")
        yield lambda done, total, line: self.report(name, done, total, line)
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - begun, 3)
        self.report(name, 1, 1, "")

    def build(self) -> Net:
        """The network before training, with its heads: the same initial weights for every method of a seed."""
        plan = self.plan
        self.backbone, net = untrained(
            plan.backbone.plugin,
            plan.method.plugin,
            plan.exits.plugin,
            plan.about,
            cut=plan.setup.cut,
            seed=self.order.seed,
        )
        if self.order.weights is not None:
            self.loaded = load_weights(net, self.order.weights)
        return net.to(plan.device)

    def _dense(self) -> Net:
        """The dense parent before training."""
        torch.manual_seed(self.order.seed)
        return assemble(self.plan.backbone.plugin, self.plan.about, self.plan.exits.plugin).to(
            self.plan.device
        )

    def repack(self, net: Net) -> Net:
        """Write the network in its smallest packed format, and go on with what is read back."""
        net.cpu().eval()
        rounded(net, self.plan.values)
        packed = packings(net, self.plan.values)
        form = min(packed, key=lambda name: len(packed[name]))
        file = self.plan.folder() / "weights.safetensors"
        write_whole(file, packed[form], "--runs")
        self.packed = fingerprint(packed[form])
        restore(net, file.read_bytes())
        return net.to(self.plan.device)

    def trace(self, net: Net, data: Data) -> tuple[Trace, Trace]:
        """The calibration and the test trace, kept in the run's folder."""
        tariff = Tariff.of(net)
        costs = torch.tensor([tariff.upto(stage, effective=True) for stage in net.exits], dtype=torch.float64)
        traces = tuple(
            trace(net, data, split, costs, self.plan.device) for split in (data.calibration, data.test)
        )
        for name, one in zip(("calibration", "test"), traces, strict=True):
            one.save(self.plan.folder() / f"{name}.safetensors", split=name)
        return traces[0], traces[1]

    def replay(
        self, traces: tuple[Trace, Trace], report: Callable[[float, float, str], None]
    ) -> tuple[list[Curve], list[Shipped]]:
        """Every policy's curve, with the states of its operating points kept in the run's folder; and those to ship."""
        policies, found, states = self.plan.policies, [], {}
        for number, choice in enumerate(policies):
            report(number, len(policies), choice.spec)
            told, states[choice.spec] = recorded(choice, *traces)
            found.append(told)
        save_states(self.plan.folder() / STATES, states)
        return found, shipped_by(policies, found, states)

    def walk(self, net: Net, data: Data, shipped: list[Shipped], test: Trace) -> list[records.Walked]:
        """Exits really taken, on the clock; nothing for a network of one exit."""
        if len(net.exits) == 1:
            return []
        with self._phase("walks") as done:
            x = data.scale(data.test.inputs[:SAMPLES].to(self.plan.device))
            return walked(net, x, shipped, test, done)

    def notes(self) -> dict[str, Any]:
        """What the run has to say beside its numbers."""
        plan = self.plan
        found: dict[str, Any] = {PACKED: self.packed}
        if self.backbone != plan.backbone.plugin:
            found["backbone as built"] = self.backbone.model_dump(mode="json")
        if self.earlier is not None:
            old = self.earlier.record
            found["trained"] = old.notes.get("trained", {"created": old.created, "commit": old.commit})
        if self.loaded is not None:
            found["weights matched"] = self.loaded.matched
        return found
