"""A run's trained network on its way into a folder."""

from __future__ import annotations

from pathlib import Path

from bench.errors import SeesawError
from bench.network.sparse.values import value_type
from bench.replay.exits.shipped import shipped_by
from bench.replay.exits.states import load_states
from bench.runs.request import ResolvedRun
from bench.runs.trained import network_of
from bench.shipping.parts import Shipment


def shipment_of(
    run: ResolvedRun,
    folder: Path,
    *,
    samples: int,
    values: str | None = None,
    form: str | None = None,
    cut: int | None = None,
    by_exit: bool = False,
) -> Shipment:
    """The network that a run trained, with the facts for its manifest and test samples to check the files on.

    Args:
        run: whose record and weights lie in its store.
        folder: where the files go.
        samples: of the test split, from its first.
        values: type of the numbers; the run's where left out.
        form: of the indices; the smallest where left out.
        cut: first stage of the server's part.
        by_exit: whether there is a part for each exit, with the policies that decide who leaves.

    Raises:
        SeesawError: it was not trained here, or there are no such values.
    """
    trained = run.trained()
    if trained is None:
        request = run.request
        raise SeesawError(
            f"There are no weights of {run.setup.model} on {run.task.spec}, seed {run.seed}, in {request.runs}. Train it: "
            f"seesaw run --task '{request.task}' --model '{request.model}' --seeds {run.seed}"
        )
    data, sample = run.splits(), run.about.sample
    about = {
        "task": run.task.spec, "backbone": run.backbone.spec, "method": run.method.spec, "exits": run.exits.spec,
        "seed": run.seed, "record": trained.record.digest, "shape": sample.shape,
        "dtype": str(sample.dtype).removeprefix("torch."), "vocabulary": sample.vocabulary, "classes": run.about.classes,
    }  # fmt: skip
    states = load_states(run.files.states) if by_exit else {}
    return Shipment(
        network_of(run, trained),
        data.scale(data.test.inputs[:samples]),
        about,
        folder,
        value_type(values or run.values),
        form,
        cut,
        by_exit,
        shipped_by(run.policies, trained.record.curves, states) if by_exit else [],
    )
