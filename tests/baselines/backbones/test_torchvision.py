"""Networks by name: of torchvision, of timm and of one's own file.

Covers: baselines/backbones/module.py, baselines/backbones/timm.py
"""

import dataclasses

import pytest
import torch

from baselines.backbones.torchvision import load
from bench import Backbone, Exits, Net, RunRequest, Sample, SeesawError, assemble, choose, parameters, run
from bench.kinds.task import About
from bench.measuring.graph import dag_of
from bench.network.pretrained import weights_later, without_hub
from bench.records.setup import Recipe
from bench.runs.request import ResolvedRun
from bench.runs.trained import network_of
from bench.shipping.manifest import MANIFEST, open_part, read_manifest
from bench.shipping.packed.weights import load_weights
from bench.shipping.parts import Shipment

GREY = About(10, Sample((1, 16, 16)), Recipe(epochs=1))
MINE = """
from torch import nn

def build(classes, sample):
    return nn.Sequential(nn.Conv2d(sample.shape[0], 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes))

def nothing():
    return 3
"""


def made(spec, about=GREY, exits="single"):
    return assemble(choose(Backbone, spec).plugin, about, choose(Exits, exits).plugin).eval()


def test_grey_images_and_the_tasks_classes_fit():
    net = made("torchvision[name=mobilenet_v3_small]")
    assert net(torch.randn(2, 1, 16, 16))[-1].shape == (2, 10)


def test_widths_are_those_that_the_library_scales_and_others_are_refused():
    whole, half = (made(f"torchvision[name=mobilenet_v3_small,cuts=3,width={width}]") for width in (1, 0.5))
    assert parameters(half) < 0.5 * parameters(whole)
    with pytest.raises(SeesawError, match="`width` cannot narrow it"):
        made("torchvision[name=convnext_tiny,width=0.5]")
    with pytest.raises(SeesawError, match="`width` cannot narrow it"):
        dag_of(choose(Backbone, "torchvision[name=resnet18,width=0.5]").plugin, Sample((3, 32, 32)), 10)
    with pytest.raises(SeesawError, match=r"those of the whole width. Leave `pretrained` out, or `width`"):
        made("torchvision[name=mobilenet_v2,width=0.5,pretrained=true]")


def test_transformers_are_built_for_the_size_of_the_images():
    assert made("torchvision[name=vit_b_16,size=32,cuts=2]").shape(0)[0] == 768


def test_a_name_that_is_none_gets_the_nearest():
    with pytest.raises(SeesawError, match=r"has no classifier 'resnet19'. Choose another, such as resnet18"):
        made("torchvision[name=resnet19]")


def test_images_that_are_too_small_are_one_sentence():
    with pytest.raises(SeesawError, match=r"samples of shape \(1, 8, 8\).*Use larger images"):
        made("torchvision[name=densenet121]", About(10, Sample((1, 8, 8)), Recipe(epochs=1)))


def test_published_weights_are_fetched_for_no_stranger(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", lambda *args, **more: pytest.fail("asked the hub"))
    monkeypatch.setattr("bench.network.pretrained._reachable", lambda: True)
    with (
        without_hub(),
        pytest.raises(SeesawError, match=r"resnet18-.*\.pth of resnet18 is not on this machine"),
    ):
        made("torchvision[name=resnet18,pretrained=true]")
    with weights_later():
        assert made("torchvision[name=resnet18,pretrained=true,cuts=1]").exits == (1,)


def test_published_weights_go_by_the_librarys_own_names(tmp_path):
    from torchvision import models

    torch.manual_seed(3)
    theirs = models.resnet18(num_classes=10).eval()
    torch.save(theirs.state_dict(), tmp_path / "resnet18.pth")
    colour = About(10, Sample((3, 32, 32)), Recipe(epochs=1))
    net, x = made("torchvision[name=resnet18]", colour), torch.randn(2, 3, 32, 32)
    assert load_weights(net, tmp_path / "resnet18.pth").matched == "by name"
    assert torch.equal(net(x)[-1], theirs(x))
    early = made("torchvision[name=resnet18]", colour, "joint[exits=2]")
    with pytest.raises(SeesawError):
        load_weights(early, tmp_path / "resnet18.pth")
    assert load_weights(early, tmp_path / "resnet18.pth", new_heads=True).left_out == (
        f"heads.{early.exits[0]}",
    )
    assert torch.equal(early(x)[-1], theirs(x))


def test_weights_for_other_classes_and_colours_are_fitted_or_refused():
    from torchvision import models

    theirs = models.squeezenet1_1().state_dict()
    grey = made("torchvision[name=squeezenet1_1]", dataclasses.replace(GREY, sample=Sample((1, 32, 32))))
    assert isinstance(grey, Net)
    module = models.squeezenet1_1(num_classes=10)
    load(module, theirs, "squeezenet1_1")
    assert torch.equal(module.features[0].weight, theirs["features.0.weight"])
    module.features[0] = torch.nn.Conv2d(1, 64, 3, 2)
    load(module, theirs, "squeezenet1_1")
    assert torch.allclose(module.features[0].weight, theirs["features.0.weight"].sum(1, keepdim=True))
    module.features[0] = torch.nn.Conv2d(5, 64, 3, 2)
    with pytest.raises(SeesawError, match="leave pretrained out"):
        load(module, theirs, "squeezenet1_1")


def test_ones_own_file_is_a_draft(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    chosen = choose(Backbone, f"module[path={file}:build]")
    assert chosen.origin.startswith("draft mine.py sha256:")
    net = assemble(chosen.plugin, GREY, choose(Exits, "single").plugin)
    assert net(torch.randn(2, 1, 16, 16))[-1].shape == (2, 10)
    with pytest.raises(SeesawError, match=r"gives int\. Let it return a torch"):
        made(f"module[path={file}:nothing]")
    with pytest.raises(SeesawError, match="names no place in a file"):
        made("module[path=mine]")
    with pytest.raises(SeesawError, match="No module is named"):
        made("module")


def test_timm_says_which_names_there_are():
    pytest.importorskip("timm", reason="timm is not installed. Install the extra: seesaw-bench[timm]")
    with pytest.raises(SeesawError, match="timm has no network 'resnext'; near it are"):
        made("timm[name=resnext]")
    assert made("timm[name=ghostnet_050,cuts=3,size=32]").shapes[0][0] > 1


def test_a_packed_network_is_built_by_name_and_refused_where_the_library_builds_another(tmp_path):
    places = {name: tmp_path / name for name in ("records", "runs", "data")}
    model = "torchvision[name=squeezenet1_1,size=32,cuts=2]_sparse[density=0.5]"
    quick = {"policies": ("confidence",), "codecs": ("float32",), "meters": ("macs",)}
    order = RunRequest(task="blobs[train=64,test=32]", model=model, recipe={"epochs": "1"}, **quick, **places)
    record = run(order)
    plan = ResolvedRun.of(order)
    data = plan.task.plugin.data(order.data, 0)
    about = {
        "task": plan.task.spec, "backbone": plan.backbone.spec, "method": plan.method.spec, "exits": plan.exits.spec,
        "seed": 0, "record": record.digest, "shape": (1, 8, 8), "dtype": "float32", "classes": plan.about.classes,
    }  # fmt: skip
    net = network_of(plan, plan.trained())
    Shipment(net, data.scale(data.test.inputs[:8]), about, tmp_path / "out", cut=1).pack()
    manifest = read_manifest(tmp_path / "out")
    assert manifest.libraries.keys() >= {"torch", "torchvision"}
    x = data.scale(data.test.inputs[:8])
    front, back = open_part(tmp_path / "out", "device"), open_part(tmp_path / "out", "server")
    with torch.no_grad():
        assert torch.equal(back(front(x)), net(x)[-1])
    (tmp_path / "mine.py").write_text("raise SystemExit('run')")
    draft = manifest.model_copy(update={"backbone": f"module[path={tmp_path / 'mine.py'}:build]"})
    (tmp_path / "out" / MANIFEST).write_text(draft.model_dump_json())
    with pytest.raises(SeesawError, match="is a draft, and a manifest runs no code"):
        open_part(tmp_path / "out", "device")
    other = manifest.model_copy(update={"graph": "0" * 16, "libraries": {"torchvision": "0.1"}})
    (tmp_path / "out" / MANIFEST).write_text(other.model_dump_json())
    with pytest.raises(SeesawError, match=r"packed with torchvision 0.1 \(here 0.*\): install that"):
        open_part(tmp_path / "out", "device")


@pytest.mark.parametrize("exits", ["single", "joint"])
def test_a_classifier_that_nobody_trained_is_not_measured(exits, tmp_path):
    places = {name: tmp_path / name for name in ("records", "runs", "data")}
    model = "torchvision[name=squeezenet1_1,pretrained=true]"
    order = RunRequest(task="blobs", model=model, exits=exits, recipe={"epochs": "0"}, **places)
    with pytest.raises(SeesawError, match="a random network would be measured"):
        ResolvedRun.of(order)
    pretrained = choose(Backbone, model).plugin
    assert pretrained.trained(1000)
    assert not pretrained.trained(10)
