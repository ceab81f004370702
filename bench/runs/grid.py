"""Grid: every combination of backbones, methods, densities and seeds on one task, as requests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bench.errors import SeesawError
from bench.kinds.backbone import Backbone
from bench.kinds.method import Method
from bench.plugins.plugin import choose
from bench.plugins.spec import Spec, parse, unquoted
from bench.runs.densities import hold_densities
from bench.runs.request import RunRequest


def grid(
    base: RunRequest,
    backbones: Sequence[str],
    methods: Sequence[str],
    densities: Sequence[str],
    seeds: Iterable[int],
) -> list[RunRequest]:
    """The cells of a comparison, seed by seed, so that the first seed's whole picture comes first.

    Args:
        base: everything that the cells share.
        backbones: specs.
        methods: specs; one with a density that its spec leaves open is run at each of `densities`.
        densities: as a spec writes them; empty for the methods' own.
        seeds: of the runs.

    Raises:
        SeesawError: nothing to compare, or a spec that is wrong.
    """
    hold_densities(densities)
    models = [
        f"{choose(Backbone, backbone).call}_{choose(Method, method).call}"
        for backbone in backbones
        for one in methods
        for method in at_densities(one, densities)
    ]
    cells = [replace(base, model=model, seed=seed) for seed in seeds for model in dict.fromkeys(models)]
    if not cells:
        raise SeesawError("There is nothing to compare. Name a backbone, a method and a seed at least.")
    return cells


def at_densities(method: str, densities: Sequence[str]) -> list[str]:
    """A method's spec at each density.

    It stays as it is where the method has no density, or where it or the method in its setting `of` sets one.
    """
    spec = parse(method)
    fields = type(choose(Method, method).plugin).model_fields
    given = spec.settings.keys() | parse(unquoted(spec.settings.get("of", "dense"))).settings.keys()
    if not densities or "density" not in fields or {"density", "fan_out"} & given:
        return [method]
    return [str(Spec(spec.name, {"density": density, **spec.settings})) for density in densities]
