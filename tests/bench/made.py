"""Sound records without training, as a run writes them today."""

import math

from bench.records.curve import Counts, Curve
from bench.records.energy_model import MODEL, modelled
from bench.records.reading import Reading
from bench.records.record import BATCHES, Behind, Cut, Early, EpochRow, Exit, LayerRow, Record, Walked
from bench.records.setup import Named, Recipe, Setup

CALIBRATION = 100
LAYERS = {"stages.0": [10, 50], "heads.0": [10, 20], "stages.1": [20, 40], "heads.1": [10, 20]}
"""Shapes by name: 1000 MACs before the first exit and 3000 in all, of which 1700 have a weight of their own."""
PARTS = [("stages.0", "heads.0"), tuple(LAYERS)]
"""The layers before the cut behind each exit."""
ALONE = [("stages.0", "heads.0"), ("stages.0", "stages.1", "heads.1")]
"""The layers on the way to each exit."""
CLOCK = "clock, cpu, 1 threads, batch 1, made"


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
        "method": named(method), "exits": named("joint", exits=3), "policies": [named("fixed")], "codecs": [named("int8")],
        "meters": METERS, "recipe": {"epochs": 2, "batch": 10}, "device": "cpu", "weights": None,
    } | changes))  # fmt: skip
    existing = {
        name: min(math.floor(math.prod(shape) * scale), math.prod(shape)) for name, shape in LAYERS.items()
    }
    curve = fixed(right, costs, samples)
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
                "parameters": reading(sum(existing[name] for name in PARTS[number]) + 300.0, "one"),
                **kept(4000.0 * (number + 1), scale, sparse),
                **densities(existing, ALONE[number]),
                "latency": timing(1e-3 * scale),
                **({} if number == len(right) - 1 else {"latency.head": timing(0.1e-3 * scale)}),
                **({"speedup": ratio(1 / scale)} if sparse else {}),
                f"energy.{MODEL}": modelled_energy(cost, 4000.0 * (number + 1), scale, sparse),
            },
        )
        for number, (count, cost) in enumerate(zip(right, costs, strict=True))
    ]
    last = exits[-1].readings
    ends = [  # before the network all is the server's, behind it all is the device's
        {"macs.device": reading(0.0, "MAC"), "macs.effective.device": reading(0.0, "MAC"), "latency.server": last["latency"]},
        {
            "macs.device": last["macs"], "macs.effective.device": last["macs.effective"], "latency.device": last["latency"],
            **kept(8000.0, scale, sparse, ".device"), **densities(existing, PARTS[1], ".device"),
        },
    ]  # fmt: skip
    raw = {
        name: one
        for codec, size in (("image8", 64.0), ("jpeg", 400.0))
        for name, one in crossing(codec, size, right[-1], samples, 24).items()
    }
    codecs = [codec.spec for codec in setup.codecs]
    within = {
        **{name: one for codec in codecs for name, one in crossing(codec, 64.0, right[-1], samples).items()},
        "macs.device": reading(1000.0, "MAC"),
        "macs.effective.device": reading(1000.0 * scale, "MAC"),
        **kept(4000.0, scale, sparse, ".device"),
        **densities(existing, PARTS[0], ".device"),
        "latency.device": timing(0.4e-3 * scale),
        "latency.server": timing(0.6e-3 * scale),
    }
    cuts = [
        Cut(before=0, shape=[1, 8, 8], readings=raw | ends[0]),
        Cut(before=1, shape=[56], readings=within, early=[early(curve, codecs, samples)]),
        Cut(before=2, shape=[16], readings=ends[1]),
    ]
    return Record(
        digest=setup.digest(), seed=seed, setup=setup, budget=1.0 if setup.recipe["epochs"] else 0.0, exits=exits, cuts=cuts,
        curves=[curve], walks=walks(scale, curve, samples),
        layers=[
            LayerRow(name=name, shape=shape, density=existing[name] / math.prod(shape), pattern=None)
            for name, shape in LAYERS.items()
        ],
        net={
            "macs.fvcore": reading(3010.0, "MAC"), "training.overhead": ratio(1.0).model_copy(update={"low": 1 / 1.1, "high": 1 / 0.9}),
            **thinking(right, 0, samples),
        },
        absent={"energy": "no counter"},
        notes={"no native chain": None, "weights sha256": "0" * 16} | ({} if setup.weights is None else {"weights matched": 4}),
        training=epochs(setup.recipe, 9000.0 * scale),
        seconds={"train": 2.0}, machine={"processor": "made", "threads": 1}, versions={"seesaw-bench": "1"}, commit=None,
        dirty=None,
    ).sealed()  # fmt: skip


def epochs(recipe, macs):
    """The rows of a training of ten steps in an epoch, each of so many MACs for a sample."""
    recipe, steps = Recipe.model_validate(recipe), 10
    return [
        EpochRow(
            steps=steps, loss=1.0, accuracy=[0.5, 0.5], lr=recipe.rate((steps * (number + 1) - 1) / (steps * recipe.epochs)),
            seconds=1.0, macs=steps * recipe.batch * macs,
        )
        for number in range(recipe.epochs)
    ]  # fmt: skip


def named(spec, **settings):
    return Named(name=spec.partition("[")[0], origin="seesaw-bench 1", settings=settings, spec=spec)


def reading(value, unit="share", source="made", **more):
    return Reading(value=value, unit=unit, source=source, **more)


METERS = [
    named("macs"),
    named("memory"),
    named("storage"),
    named("latency", batch=1, rounds=30, seconds=10.0),
    named("energy", window=1.0, windows=5),
]


def timing(seconds, source=CLOCK):
    return reading(seconds, "s", source, low=0.9 * seconds, high=1.2 * seconds, n=30)


def ratio(value):
    return reading(value, "x", low=0.9 * value, high=1.1 * value, n=30)


def kept(dense, scale, sparse, part=""):
    """The bytes of a part's weights in each form without a pattern, and the memory of a sample in it."""
    forms = ("bitmap", "indexed", "delta", "mixed") if sparse else ()
    return {
        f"bytes.dense{part}": reading(dense, "B"),
        **{f"bytes.{form}{part}": reading(math.floor(dense * scale), "B") for form in forms},
        f"memory{part}": reading(512.0, "B"),
    }


def densities(existing, names, part=""):
    """The share of some layers' weights that exist, all of which are on a path."""
    count = sum(math.prod(LAYERS[name]) for name in names)
    density = reading(sum(existing[name] for name in names) / count, n=count)
    return {f"density{part}": density, f"density.effective{part}": density}


def modelled_energy(macs, dense, scale, sparse):
    """The energy of an exit by the model, from its MACs and its smallest form."""
    smallest = min(dense, math.floor(dense * scale)) if sparse else dense
    return reading(modelled(macs, smallest), "J", f"modelled, {MODEL}")


def thinking(right, number, samples):
    """Who is right at an exit is right at all that are more often right."""
    over, under = max(right[number] - right[-1], 0), max(right[-1] - right[number], 0)
    return {
        "overthinking": reading(over / samples, n=samples),
        "underthinking": reading(under / samples, n=samples),
    }


def crossing(codec, size, right, samples, frame=16):
    """What crosses a cut through a codec that loses nothing: bytes, with those of a frame, and the accuracy behind it."""
    source = f"codec {codec}, test split"
    return {
        f"payload.{codec}": reading(size, "B", source, low=size, high=size, n=samples),
        f"framed.{codec}": reading(size + frame, "B", source, low=size + frame, high=size + frame, n=samples),
        f"top1.{codec}": reading(right / samples, source=source, n=samples),
        f"top5.{codec}": reading(1.0, source=source, n=samples),
        f"agree.{codec}": reading(1.0, source=source, n=samples),
        f"volume.{codec}": reading(size, "B", source, n=samples),
    }


def early(curve, codecs, samples):
    """The samples that cross by a policy at the point where it would be shipped."""
    point = curve.shipped
    device = curve.test.left[point][0]
    behind = Behind(
        payload=64 * (samples - device), framed=80 * (samples - device), right=curve.test.right[point]
    )
    return Early(policy="fixed", point=point, device=device, behind=dict.fromkeys(codecs, behind))


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


def walks(scale, curve, samples):
    """On the clock: to the end without a policy, and by `fixed` at the point where it would be shipped."""
    count = min(samples, 64)
    ends = {None: [0, count], "fixed": [count, 0] if curve.shipped else [0, count]}
    return [
        Walked(
            policy=policy, point=None if policy is None else curve.shipped, batch=batch, left=left, moved=0,
            readings={
                name: timing(seconds * scale, f"clock, cpu, 1 threads, batches of {batch}")
                for name, seconds in (("latency", 1.1e-3), ("routing", 0.1e-3))
                if policy is not None or name == "latency"
            },
        )
        for policy, left in ends.items()
        for batch in BATCHES
    ]  # fmt: skip
