"""Images are scaled as the weights were trained, or a line says that nothing tells how that was.

Covers: bench/network/imagenet.py
"""

import json
import logging

import pytest
import torch

from baselines.backbones.torchvision import load
from bench import Backbone, Exits, RunRequest, Sample, SeesawError, assemble, choose, imagenet_wnids
from bench.kinds.bases.captured import Resize
from bench.kinds.task import About
from bench.records.setup import Recipe
from bench.runs import inputs
from bench.runs.request import ResolvedRun

NET = "torchvision[name=squeezenet1_1"
TASK = "blobs[train=16,test=8,side=32,channels=3]"


@pytest.fixture(autouse=True)
def said(caplog):
    inputs._tell.cache_clear()
    with caplog.at_level(logging.WARNING, "seesaw"):
        yield caplog


def resolved(model, **more):
    return ResolvedRun.of(RunRequest(task=more.pop("task", TASK), model=model, exits="single", **more))


def weights(tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"x": torch.zeros(1)}, path)
    return path


def test_published_weights_bring_mean_deviation_size_and_interpolation(said):
    run = resolved(f"{NET},pretrained=true]")
    found = run.setup.inputs
    assert (found.mean, found.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert (found.size, found.interpolation) == (224, "bilinear")
    assert found.crop == 1  # the images of this task are not cropped
    assert run.about.inputs == found
    assert "Images are scaled as torchvision's SqueezeNet1_1_Weights.IMAGENET1K_V1 says" in said.text
    assert "224 x 224 (bilinear)" in said.text
    data = run.splits()
    raw = data.test.inputs[:1]
    scaled = (raw.float() / 255 - torch.tensor(found.mean)[:, None, None]) / torch.tensor(found.std)[
        :, None, None
    ]
    assert torch.allclose(data.scale(raw), scaled, atol=1e-5)
    plain = resolved(f"{NET}]")
    assert plain.setup.inputs is None
    assert not {"mean", "std", "zoom", "mixup", "smoothing"} & plain.setup.recipe.keys()
    assert plain.setup.digest() != run.setup.digest()


def test_the_network_is_built_for_the_size_of_its_weights():
    about = About(8, Sample((3, 32, 32)), Recipe(epochs=1))
    for spec, size in (
        (f"{NET},pretrained=true]", 224),
        (f"{NET},pretrained=true,size=64]", 64),
        (f"{NET}]", None),
    ):
        with torch.device("meta"):
            net = assemble(choose(Backbone, spec).plugin, about, choose(Exits, "single").plugin)
        sizes = [one.size for one in net.modules() if isinstance(one, Resize)]
        assert sizes == ([] if size is None else [size])


def test_bicubic_scaling_is_bicubic():
    x = torch.rand(2, 3, 16, 16)
    bicubic = torch.nn.functional.interpolate(x, (32, 32), mode="bicubic", antialias=True)
    assert torch.equal(Resize(32, "bicubic")(x), bicubic)
    assert torch.equal(Resize(32, "lanczos")(x), bicubic)


def test_the_recipe_comes_first_and_has_both(said):
    both = {"mean": "0.1:0.2:0.3", "std": "0.4:0.5:0.6"}
    run = resolved(f"{NET},pretrained=true]", recipe=both)
    assert (run.setup.inputs.mean, run.setup.inputs.source) == ((0.1, 0.2, 0.3), "the recipe")
    assert run.setup.recipe["std"] == [0.4, 0.5, 0.6]
    with pytest.raises(SeesawError, match="mean and std belong together"):
        resolved(f"{NET}]", recipe={"mean": "0.1:0.2:0.3"})
    with pytest.raises(SeesawError, match="These images have 3 channels, and the weights were trained on 2"):
        resolved(f"{NET}]", recipe={"mean": "0.1:0.2", "std": "1:1"})


def test_the_tasks_own_numbers_hold_where_its_spec_names_them(said, tmp_path):
    task = f"folder[path={tmp_path},mean=0.5:0.5:0.5,std=0.5:0.5:0.5,size=32]"
    for name in ("ant", "bee"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").touch()
    assert resolved(f"{NET},pretrained=true]", task=task).setup.inputs is None
    assert "not by those of torchvision's" in said.text


def test_a_file_of_which_nothing_is_known_gets_a_line(said, tmp_path):
    path = weights(tmp_path)
    assert resolved(f"{NET}]", weights=path).setup.inputs is None
    assert "Nothing says by which mean and std" in said.text
    assert "--set mean=A:B:C" in said.text


def test_a_configuration_beside_the_file_is_read(tmp_path, said):
    path = weights(tmp_path)
    timm = {"pretrained_cfg": {"mean": [0.5] * 3, "std": [0.2] * 3, "input_size": [3, 48, 48], "crop_pct": 0.9,
            "interpolation": "bicubic"}}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(timm))
    found = resolved(f"{NET}]", weights=path).setup.inputs
    assert (found.std, found.size, found.interpolation) == ((0.2,) * 3, 48, "bicubic")
    about = resolved(f"{NET}]", weights=path).about
    with torch.device("meta"):
        net = assemble(choose(Backbone, f"{NET}]").plugin, about, choose(Exits, "single").plugin)
    assert [(one.size, one.mode) for one in net.modules() if isinstance(one, Resize)] == [(48, "bicubic")]
    assert resolved("mlp", weights=path).setup.inputs.size is None
    (tmp_path / "config.json").unlink()
    hub = {
        "image_mean": [0.4] * 3,
        "image_std": [0.3] * 3,
        "size": {"height": 64, "width": 64},
        "resample": 3,
    }
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(hub))
    found = resolved(f"{NET}]", weights=path).setup.inputs
    assert (found.mean, found.size, found.interpolation) == ((0.4,) * 3, 64, "bicubic")
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(hub | {"image_std": [0, 0, 0]}))
    with pytest.raises(SeesawError, match=r"cannot be read. Mend or remove it"):
        resolved(f"{NET}]", weights=path)


def test_a_librarys_own_file_is_known_by_its_digest(tmp_path):
    plugin = choose(Backbone, "torchvision[name=mobilenet_v3_small]").plugin
    assert plugin.preprocessing_of(tmp_path / "mine.pth", "047dcff4" + "0" * 56).size == 224
    assert plugin.preprocessing_of(tmp_path / "mobilenet_v3_small-047dcff4.pth", "1" * 64) is None


def test_grey_images_are_scaled_by_the_mean_over_the_colours():
    found = resolved(f"{NET},pretrained=true]", task="blobs[train=16,test=8,side=32]").setup.inputs
    assert found.mean == pytest.approx((0.449,), abs=1e-3)


def test_of_a_thousand_classes_a_network_keeps_the_tasks():
    wnids = imagenet_wnids()
    assert len(wnids) == 1000
    assert wnids == tuple(sorted(wnids))
    names = (wnids[5], wnids[3], wnids[999])
    plugin = choose(Backbone, f"{NET},pretrained=true]").plugin
    assert not plugin.trained(3)
    assert plugin.for_task(names, None).trained(3)
    assert not plugin.for_task(("cat", "dog", "fish"), None).trained(3)
    whole, part = (torch.nn.Linear(4, count) for count in (1000, 3))
    load(part, whole.state_dict(), "it", [5, 3, 999])
    x = torch.randn(2, 4)
    assert torch.allclose(part(x), whole(x)[:, [5, 3, 999]])


def test_a_name_that_is_none_is_a_sentence_with_weights_too():
    with pytest.raises(SeesawError, match="has no classifier 'resnet19'"):
        resolved("torchvision[name=resnet19,pretrained=true]")


def test_a_file_that_a_run_has_packed_gets_no_line(tmp_path, said):
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, tmp_path / "own.safetensors", {"packed": "{}"})
    resolved("mlp", weights=tmp_path / "own.safetensors")
    assert said.text == ""


def test_images_that_the_task_crops_are_cropped_as_the_weights_were_trained(tmp_path):
    run = resolved(f"{NET},pretrained=true]", task=f"imagenet[path={tmp_path},subset=imagenette]")
    assert (run.setup.inputs.size, run.setup.inputs.crop) == (224, 0.875)
    assert run.about.sample.shape == (3, 224, 224)
