"""Every plan on every backbone: it trains, walks, cuts and packs."""

import pytest
import torch

from bench import About, Backbone, Exits, Recipe, Sample, pack
from bench.kinds.build import assemble
from bench.plugins.plugin import choose, entries
from bench.shipping.packed.pack import restore
from bench.testing import Facts
from bench.testing.exits import check_same_logits

ABOUT = About(4, Sample((3, 16, 16)), Recipe(epochs=1))
SHALLOW = ["mlp[widths=16:12:8]", "lenet[width=0.25]", "branchy-lenet", "resnet[depth=8,width=0.5]"]
DEEP = ["vgg[depth=11,width=0.0625]", "mobilenet[width=0.1]"]


def built(backbone, exits):
    torch.manual_seed(0)
    return assemble(choose(Backbone, backbone).plugin, ABOUT, choose(Exits, exits).plugin)


@pytest.mark.parametrize("backbone", SHALLOW + DEEP)
@pytest.mark.parametrize("plan", list(entries("exits")))
def test_every_plan_has_a_finite_loss_and_gradient_on_every_backbone(plan, backbone):
    net = built(backbone, plan)
    assert len(net.exits) == 1 if plan == "single" else len(net.exits) > 2 or "mlp" in backbone
    loss = choose(Exits, plan).plugin.loss(net(torch.randn(4, 3, 16, 16)), torch.arange(4), 0.5)
    loss.backward()
    stages = list(net.stages.parameters())
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in stages)


@pytest.mark.parametrize(
    ("plan", "backbone"),
    [
        *((plan, backbone) for plan in ("joint", "sdn", "ztw") for backbone in SHALLOW),
        *(("ztw", b) for b in DEEP),
    ],
)
def test_leaving_early_cutting_and_packing_change_no_answer(plan, backbone):
    where = "[everywhere=true]" if backbone in SHALLOW else ""
    net, twin = built(backbone, f"{plan}{where}"), built(backbone, f"{plan}{where}")
    with torch.no_grad():
        for parameter in net.heads.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    restore(twin, pack(net, "dense"))
    check_same_logits(Facts(), net.eval(), twin.eval())


@pytest.mark.parametrize("head", ["pool", "mixed", "conv", "norm"])
@pytest.mark.parametrize("backbone", SHALLOW + DEEP)
def test_every_kind_of_head_hangs_on_every_stage_of_every_backbone(head, backbone):
    net = built(backbone, f"joint[everywhere=true,head={head}]")
    answers = net(torch.randn(2, 3, 16, 16))
    sum(one.square().sum() for one in answers).backward()
    assert all(one.shape == (2, 4) for one in answers)
    assert all(p.grad is not None for p in net.heads.parameters())
