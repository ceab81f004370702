"""Where every method hides weights, and how many in which layer: `where`, `layers` and the cut.

Covers: bench/kinds/bases/masking.py
"""

from pathlib import Path

import pytest
import torch
from torch import nn

from bench import Method, Net, Sample, SeesawError, choose, hide, layers, mask_from, mask_of, maskable
from bench.kinds.bases.predefined import Predefined
from bench.kinds.build import assemble, untrained
from bench.plugins.plugin import entries
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.training.budget import Budget
from bench.testing import AllExits, TinyBackbone, TinyTask
from tests.baselines.methods.plain import erk

PLUGINS = {name: type(choose(Method, name).plugin) for name in entries("method")}
SIDED = [name for name, plugin in PLUGINS.items() if "where" in plugin.model_fields]
SPREAD = [name for name, plugin in PLUGINS.items() if "layers" in plugin.model_fields]
WHOLE_CHANNELS = {"filters", "depgraph"}
CPU = torch.device("cpu")


def trained(spec, cut=None):
    task, exits = TinyTask(), AllExits()
    method = choose(Method, spec).plugin
    torch.manual_seed(0)
    net = assemble(TinyBackbone(), task.about(), exits)
    before = maskable(net)
    method.replace(net, cut)
    method.fit(net, Budget(task.data(Path(), 0).lent, task.about().recipe, exits.loss, 0, CPU, cut=cut))
    return net, before


def hidden(net):
    """The layers that lost a weight, or that were replaced by factors."""
    return {
        name
        for name, layer in layers(net).items()
        if ((mask := mask_of(layer)) is not None and not bool(mask.all()))
        or name.endswith((".left", ".right"))
    }


@pytest.mark.parametrize("name", SIDED)
@pytest.mark.parametrize("side", ["device", "server"])
def test_only_the_side_that_is_asked_for_becomes_sparse(name, side):
    nearest = ",nearest=true" if "nearest" in PLUGINS[name].model_fields else ""
    net, _ = trained(f"{name}[where={side}{nearest}]", cut=2)
    sparse = {layer for layer in hidden(net) if layer.startswith("stages.")}
    stages = {int(layer.split(".")[1]) for layer in sparse}
    if name in WHOLE_CHANNELS and side == "device":
        assert 1 in stages  # and the columns in the server's part that only they fed
    else:
        assert stages == ({1} if side == "device" else {2})


@pytest.mark.parametrize("name", SPREAD)
@pytest.mark.parametrize("rule", ["uniform", "erk"])
def test_densities_spread_by_the_rule(name, rule):
    """The counts are exact; a pattern of degrees has those that it has where it is asked for that density alone."""
    nearest = ",nearest=true" if "nearest" in PLUGINS[name].model_fields else ""
    net, before = trained(f"{name}[density=0.25,layers={rule}{nearest}]")
    shapes = [tuple(layer.weight.shape) for layer in before.values()]
    wanted = erk(shapes, 0.25) if rule == "erk" else [0.25] * len(shapes)
    for layer, shape, density in zip(maskable(net).values(), shapes, wanted, strict=True):
        count = round(density * layer.weight.numel())
        if issubclass(PLUGINS[name], Predefined) and name != "random":
            alone = choose(Method, f"{name}[density={density!r}{nearest}]").plugin
            drawn_count, count = count, int(alone.mask(shape, 0).sum())
            assert abs(count - drawn_count) < 0.06 * layer.weight.numel()
        assert int(mask_of(layer).sum()) == count


@pytest.mark.parametrize("spec", ["sparse[layers=erk,nearest=true]", "random", "sparse[where=server]"])
def test_a_pattern_says_only_what_concerns_its_layer(spec):
    net, _ = trained(spec, cut=1)
    lines = [layer for layer in maskable(net).values() if layer.weight_pattern is not None]
    assert lines
    for layer in lines:
        assert "where" not in layer.weight_pattern
        assert "layers" not in layer.weight_pattern
        assert torch.equal(mask_from(layer.weight_pattern, layer.weight.shape), mask_of(layer))


def test_a_layer_has_the_pattern_that_it_has_when_all_are_sparse():
    whole, _ = trained("sparse")
    server, _ = trained("sparse[where=server]", cut=1)
    for name, layer in maskable(server, where="server", cut=1).items():
        assert torch.equal(mask_of(layer), mask_of(layers(whole)[name]))


def test_what_is_usual_may_be_said(tmp_path):
    def digest(model, **more):
        return ResolvedRun.of(
            RunRequest(task="blobs", model=model, records=tmp_path, runs=tmp_path, **more)
        ).setup.digest()

    assert digest("mlp_sparse") == digest("mlp_sparse[where=all,layers=uniform]")
    assert digest("mlp_pruned") == digest("mlp_pruned[layers=global]") != digest("mlp_pruned[layers=erk]")
    assert digest("mlp_sparse") == digest("mlp_sparse", cut=1)  # a cut that nobody asked about
    assert len({digest("mlp_sparse[where=device]", cut=cut) for cut in (1, 2)}) == 2
    with pytest.raises(SeesawError, match=r"has to know the cut.*--cut K"):
        digest("mlp_sparse[where=device]")


@pytest.mark.parametrize("cut", [0, 3, 7])
def test_a_cut_with_nothing_on_one_side_is_a_sentence(cut):
    with pytest.raises(SeesawError, match=r"no cut .*from 1 to 2"):
        untrained(TinyBackbone(), Method(), AllExits(), TinyTask().about(), cut=cut)


def test_methods_for_one_side_refuse_a_network_without_a_cut():
    net = assemble(TinyBackbone(), TinyTask().about(), AllExits())
    with pytest.raises(SeesawError, match="needs to know the cut"):
        maskable(net, where="device")
    assert list(maskable(net, where="server", cut=1)) == ["stages.1.0", "stages.2.2"]
    hide(maskable(net)["stages.1.0"], torch.zeros(32, 16, 3, 3, dtype=torch.bool))


def of_mobilenet(width="0.25"):
    from bench import Backbone
    from bench.network.net import Net, Sample

    backbone, sample = choose(Backbone, f"mobilenet[width={width}]").plugin, Sample((3, 16, 16))
    net = Net(backbone.stages(sample), sample, 4)
    net.hang(len(net.stages) - 1, backbone.head(net.shapes[-1], 4))
    return net


def test_synflow_empties_no_layer_where_activations_are_bounded():
    net = of_mobilenet()
    choose(Method, "synflow[density=0.25]").plugin.prepare(
        net, type("Seed", (), {"seed": 0, "device": CPU, "cut": None})()
    )
    kept = [float(mask_of(layer).float().mean()) for layer in maskable(net).values()]
    assert min(kept) > 0
    assert not all(share in (0.0, 1.0) for share in kept)


@pytest.mark.parametrize("control", ["shuffled", "reinit"])
def test_a_control_is_as_sided_as_its_method(control):
    assert not choose(Method, f"{control}[of=snip]").plugin.sided
    assert choose(Method, f"{control}[of=snip[where=device]]").plugin.sided


@pytest.mark.parametrize("of", ["dense", "dense,density=0.5"])
def test_a_control_of_a_method_without_masks_is_refused(of):
    task, exits = TinyTask(), AllExits()
    net = assemble(TinyBackbone(), task.about(), exits)
    budget = Budget(task.data(Path(), 0).lent, task.about().recipe, exits.loss, 0, CPU)
    with pytest.raises(SeesawError, match=r"hides no weights|has no density"):
        choose(Method, f"shuffled[of={of}]").plugin.fit(net, budget)


def test_the_masks_of_a_method_that_hides_at_the_end_are_taken_too():
    task, exits = TinyTask(), AllExits()
    net = assemble(TinyBackbone(), task.about(), exits)
    budget = Budget(task.data(Path(), 0).lent, task.about().recipe, exits.loss, 0, CPU)
    choose(Method, "shuffled[of=wanda,density=0.5]").plugin.fit(net, budget)
    masks = [mask for layer in maskable(net).values() if (mask := mask_of(layer)) is not None]
    assert masks
    assert all(0.3 < float(mask.float().mean()) < 0.7 for mask in masks)


def test_a_side_without_layers_is_a_sentence():
    net = of_mobilenet()
    with pytest.raises(SeesawError, match="where=device finds no layer"):
        maskable(net, where="device", cut=1)


@pytest.mark.parametrize("spec", ["pruned", "random", "snip", "synflow", "set", "movement", "wanda"])
def test_a_network_in_which_nothing_can_be_sparse_is_a_sentence(spec):
    net = Net([nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten())], Sample((1, 6, 6)), 3)
    net.hang(0, nn.Linear(32, 3))
    assert maskable(net, heads=True)
    method = choose(Method, spec).plugin
    with pytest.raises(
        SeesawError, match=r"no layer that a method makes sparse.* and heads stay dense\. Choose"
    ):
        method.sparse(net)
