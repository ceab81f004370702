"""Setup: what a run was asked to be; digests, paths and boards follow from it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from bench.errors import SeesawError
from bench.plugins.plugin import Count, Positive, Settings, Whole
from bench.plugins.spec import parse
from bench.records.sealed import Block, slug
from bench.records.sealed import digest as digest_of


class Recipe(Settings):
    """How a task is trained; the same for every backbone and method."""

    epochs: Whole
    """passes over the train split"""
    batch: Count = 128
    """samples in one step"""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """sgd has Nesterov momentum 0.9"""
    lr: Positive = 0.1
    """highest learning rate"""
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    """on weights, not on biases and normalisation"""
    schedule: Literal["one-cycle", "cosine", "constant"] = "one-cycle"
    """learning rate over the budget; one-cycle rises for `warmup` of it, then falls to zero"""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """share of the budget over which one-cycle rises"""
    crop: Whole = 0
    """pixels of zero padding for random crops; 0 for none"""
    flip: bool = False
    """whether to mirror images at random"""


DENSE = "dense"
"""The method that every other is compared with, found by name like any other."""


class Named(Block):
    """A plugin as it was chosen."""

    name: str
    """as announced, or a draft's place"""
    origin: str
    """distribution and version, or `draft` with a digest of the file"""
    settings: dict[str, Any]
    """every setting, defaults included"""
    spec: str
    """the shortest spec that says the same"""


class Setup(Block):
    """What was asked for. Its digest, with the task's version, is the run's identity."""

    task: Named
    task_version: Annotated[int, Field(ge=0)]
    task_identity: dict[str, Any]
    """what tells a user's own files from others"""
    backbone: Named
    backbone_identity: dict[str, Any] = Field(default_factory=dict)
    """what tells weights that the backbone begins with from others"""
    method: Named
    exits: Named
    policies: list[Named]
    codecs: list[Named]
    meters: list[Named]
    recipe: dict[str, Any]
    """epochs, batch, optimiser, schedule, augmentation as used"""
    device: str
    weights: str | None
    """SHA-256 of the file of initial weights, if one was given"""
    cut: int | None = None
    """the cut that the run is about, by the first stage of the server's part, if one was named"""
    values: Literal["float16", "int8"] | None = None
    """type of the numbers in the packed weights that everything is measured with; none is float32"""
    lean: bool = False
    """whether predefined linear layers were trained on the weights that exist alone"""

    @property
    def model(self) -> str:
        """The product `backbone_method`."""
        return f"{self.backbone.spec}_{self.method.spec}"

    def digest(self) -> str:
        """Twelve hexadecimal digits of the SHA-256 over all settings; origins and spellings do not count.

        Nor does a setting that is left open (none, false or empty): so a plugin may get a new setting that is open
        by default, and its old records keep their places.
        """
        return self._digest(set())

    def trained(self) -> str:
        """A digest of what was trained, however it is packed and whatever was measured of it."""
        return self._digest({"policies", "codecs", "meters", "values"})

    def _digest(self, without: set[str]) -> str:
        told = self.model_dump(mode="json") | {key: [] for key in without}
        plugins = [told[key] for key in ("task", "backbone", "method", "exits")]
        for plugin in [*plugins, *told["policies"], *told["codecs"], *told["meters"]]:
            del plugin["spec"]
            if not plugin["origin"].startswith("draft"):
                del plugin["origin"]
        return digest_of(told)


def path_of(folder: Path, setup: Setup, digest: str, seed: int) -> Path:
    """`<task>-v<n>/<model>-<digest>/seed<k>.json`: names are cleaned, so nothing leaves the folder."""
    model = f"{slug(setup.backbone.name)}_{slug(setup.method.name)}-{digest}"
    return folder / task_of(setup) / model / f"seed{seed}.json"


def task_of(setup: Setup) -> str:
    """The folder of a task's records, `<task>-v<n>`."""
    return f"{slug(setup.task.name)}-v{setup.task_version}"


def board_of(setup: Setup) -> str:
    """The board that a record stands on: `<task>-v<n>`, and a digest behind it where the data are not the usual ones.

    Networks that were judged on different data are never ranked together: settings of the task and the identity of a
    user's own files set boards apart.
    """
    own = setup.task.spec.removeprefix(setup.task.name)
    if not own and not setup.task_identity:
        return task_of(setup)
    data = {"settings": setup.task.settings, "identity": setup.task_identity}
    return f"{task_of(setup)}-{digest_of(data)[:6]}"


def task_and_version(board: str) -> tuple[str, int, bool]:
    """The task's name, its version, and whether its data are the usual ones, from a board's name."""
    found = re.fullmatch(r"(.+)-v(\d+)(-[0-9a-f]{6})?", board)
    return (found[1], int(found[2]), found[3] is None) if found else (board, 0, True)


def specs_of(setup: Setup) -> dict[str, list[str]]:
    """The specs that run a record again.

    Raises:
        SeesawError: it was made with a draft or from a file of weights, neither of which it contains.
    """
    one = {"task": setup.task, "backbone": setup.backbone, "method": setup.method, "exits": setup.exits}
    many = {"policies": setup.policies, "codecs": setup.codecs, "meters": setup.meters}
    named = {key: [value] for key, value in one.items()} | many
    return {key: [spec_of(plugin) for plugin in plugins] for key, plugins in named.items()}


def spec_of(plugin: Named) -> str:
    """The spec by which anyone finds a plugin that a record names.

    Raises:
        SeesawError: it is a draft.
    """
    spec = parse(plugin.spec)
    inner = any(re.search(r":[A-Za-z]", value) for value in spec.settings.values())
    if plugin.origin.startswith("draft") or ":" in spec.name or spec.name != plugin.name or inner:
        raise SeesawError(
            f"{plugin.name} is a draft, and a record holds no code. Announce it in a distribution to run it again."
        )
    return plugin.spec


def plan_of(setup: Setup) -> str:
    """The exits plan, for how long it is trained, and what else sets a setup apart from others of its model."""
    epochs = setup.recipe.get("epochs")
    given = [] if setup.weights is None else ["weights given"]  # what trained them, another record knows
    told = [setup.exits.spec, *given]
    told += [] if given and epochs == 0 else [f"{epochs} epoch{'' if epochs == 1 else 's'}"]
    told += [] if setup.task.spec == setup.task.name else [setup.task.spec]
    told += [] if setup.cut is None else [f"cut {setup.cut}"]
    told += [] if setup.values is None else [f"{setup.values} weights"]
    told += ["lean training"] if setup.lean else []
    return ", ".join(told)


def parent_of(setup: Setup) -> str:
    """What the dense parent trained: the same setup with the method `dense`, about no cut."""
    dense = Named(name=DENSE, origin="", settings={}, spec=DENSE)
    return setup.model_copy(update={"method": dense, "cut": None, "lean": False}).trained()
