"""Sound records without training, as a run writes them today."""

from bench.records.curve import Counts, Curve
from bench.records.reading import Reading
from bench.records.record import BATCHES, Behind, Cut, Early, EpochRow, Exit, LayerRow, Record, Walked
from bench.records.setup import Named, Setup

CALIBRATION = 100


def make(seed=0, method="dense", right=(160, 180), scale=1.0, samples=200, task="digits", **changes):
    """A record of an mlp with two exits.

    Args:
        seed: of its training.
        method: a spec.
        right: how many test samples each exit answers rightly.
        scale: its effective costs, over those of its dense parent.
        samples: of the test split.
        task: a spec.
        changes: fields of its setup.
    """
    costs, sparse = [1000.0 * scale, 3000.0 * scale], method != "dense"
    setup = Setup(**({
        "task": named(task), "task_version": 1, "task_identity": {}, "backbone": named("mlp"),
        "method": named(method), "exits": named("joint"), "policies": [], "codecs": [named("int8")],
        "meters": [], "recipe": {"epochs": 2, "batch": 10}, "device": "cpu", "weights": None,
    } | changes))  # fmt: skip
    exits = [
        Exit(
            stage=number,
            readings={
                "top1": reading(count / samples, n=samples),
                "top5": reading(1.0, n=samples),
                "calibration.top1": reading(count // 2 / CALIBRATION, n=CALIBRATION),
                "temperature": reading(1.5, "one"),
                "ece": reading(0.08),
                "ece.scaled": reading(0.02),
                **thinking(right, number, samples),
                "macs": reading(cost / scale, "MAC"),
                "macs.effective": reading(cost, "MAC"),
                "parameters": reading(1000.0 * (number + 1), "one"),
                **kept(4000.0 * (number + 1), scale, sparse),
                "latency": timing(1e-3 * scale),
                **({"speedup": ratio(1 / scale)} if sparse else {}),
                "energy.horowitz45-v1": reading(1e-6 * scale, "J", "modelled, horowitz45-v1"),
            },
        )
        for number, (count, cost) in enumerate(zip(right, costs, strict=True))
    ]
    last = exits[-1].readings
    ends = [  # before the network all is the server's, behind it all is the device's
        {"macs.device": reading(0.0, "MAC"), "macs.effective.device": reading(0.0, "MAC"), "latency.server": last["latency"]},
        {
            "macs.device": last["macs"], "macs.effective.device": last["macs.effective"], "latency.device": last["latency"],
            **kept(8000.0, scale, sparse, ".device"),
        },
    ]  # fmt: skip
    raw = {
        name: one
        for codec, size in (("image8", 64.0), ("jpeg", 400.0))
        for name, one in crossing(codec, size, right[-1], samples).items()
    }
    within = {
        **crossing("int8", 64.0, right[-1], samples),
        "macs.device": reading(900.0, "MAC"),
        "macs.effective.device": reading(900.0 * scale, "MAC"),
        **kept(3600.0, scale, sparse, ".device"),
        "latency.device": timing(0.4e-3 * scale),
        "latency.server": timing(0.6e-3 * scale),
    }
    cuts = [
        Cut(before=0, shape=[1, 8, 8], readings=raw | ends[0]),
        Cut(before=1, shape=[16], readings=within, early=[early(right[-1], samples)]),
        Cut(before=2, shape=[16], readings=ends[1]),
    ]
    return Record(
        digest=setup.digest(), seed=seed, setup=setup, budget=1.0, exits=exits, cuts=cuts,
        curves=[fixed(right, costs, samples)], walks=walks(scale),
        layers=[LayerRow(name="stages.0", shape=[16, 64], density=scale, pattern=None)],
        net={"macs.fvcore": reading(3010.0, "MAC"), "training.overhead": ratio(1.0), **thinking(right, 0, samples)},
        absent={"energy": "no counter"}, notes={"no native chain": None, "weights sha256": "0" * 16},
        training=[EpochRow(steps=10, loss=1.0, accuracy=[0.5, 0.5], lr=0.1, seconds=1.0, macs=9e5)] * 2,
        seconds={"train": 2.0}, machine={"processor": "made", "threads": 1}, versions={}, commit=None,
        dirty=None,
    ).sealed()  # fmt: skip


def named(spec, **settings):
    return Named(name=spec.partition("[")[0], origin="seesaw-bench 1", settings=settings, spec=spec)


def reading(value, unit="share", source="made", **more):
    return Reading(value=value, unit=unit, source=source, **more)


def timing(seconds):
    return reading(seconds, "s", low=0.9 * seconds, high=1.2 * seconds, n=30)


def ratio(value):
    return reading(value, "x", low=0.9 * value, high=1.1 * value, n=30)


def kept(dense, scale, sparse, part=""):
    """The weights that exist in a part, their bytes in each form without a pattern, and the memory of a sample in it."""
    forms = ("bitmap", "indexed", "delta", "mixed") if sparse else ()
    return {
        f"density{part}": reading(min(scale, 1.0)),
        f"density.effective{part}": reading(min(scale, 1.0)),
        f"bytes.dense{part}": reading(dense, "B"),
        **{f"bytes.{form}{part}": reading(dense * scale, "B") for form in forms},
        f"memory{part}": reading(512.0, "B"),
    }


def thinking(right, number, samples):
    """Who is right at an exit is right at all that are more often right."""
    over, under = max(right[number] - right[-1], 0), max(right[-1] - right[number], 0)
    return {
        "overthinking": reading(over / samples, n=samples),
        "underthinking": reading(under / samples, n=samples),
    }


def crossing(codec, size, right, samples):
    """What crosses a cut through a codec that loses nothing: bytes, with 16 of a frame, and the accuracy behind it."""
    return {
        f"payload.{codec}": reading(size, "B", low=size, high=size, n=samples),
        f"framed.{codec}": reading(size + 16, "B", low=size + 16, high=size + 16, n=samples),
        f"top1.{codec}": reading(right / samples, n=samples),
        f"top5.{codec}": reading(1.0, n=samples),
    }


def early(right, samples):
    """Nobody leaves on the device by `fixed` at the point where it would be shipped."""
    behind = Behind(payload=64 * samples, framed=80 * samples, right=right)
    return Early(policy="fixed", point=0, device=0, behind={"int8": behind})


def fixed(right, costs, samples):
    """The curve of the policy `fixed`, from the last exit to the first."""
    order = (1, 0)

    def counts(n, right):
        left = [[n * (stage == number) for stage in (0, 1)] for number in order]
        return Counts(left=left, right=[right[number] for number in order])

    return Curve(
        policy="fixed", reference=False, costs=costs, thresholds=[[None, 0.0], [0.0, None]],
        test=counts(samples, right), calibration=counts(CALIBRATION, [count // 2 for count in right]),
    )  # fmt: skip


def walks(scale):
    """On the clock: to the end without a policy, and by `fixed` at the point where it would be shipped."""
    spent = {"latency": timing(1.1e-3 * scale), "routing": timing(0.1e-3 * scale)}
    return [
        Walked(policy=policy, point=point, batch=batch, left=[0, 64], moved=0, readings=readings)
        for policy, point, readings in ((None, None, {"latency": spent["latency"]}), ("fixed", 0, spent))
        for batch in BATCHES
    ]
