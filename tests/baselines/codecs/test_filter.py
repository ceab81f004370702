"""The neural filter: what is not sent, how it is answered, and that the rest crosses as by a narrow layer."""

from pathlib import Path

import pytest
import torch

from baselines.codecs.filter import Filter
from bench import SeesawError
from bench.kinds.method import Method
from bench.measuring.learned import coder_costs
from bench.plugins.plugin import Choice
from bench.runs.training.codecs import fitted
from bench.testing import AllExits, TinyTask, check_learned_codec, trained

CUT = 2
NOTHING = 1


@pytest.fixture(scope="module")
def net():
    return trained(Method(), AllExits())[0]


@pytest.fixture(scope="module")
def data():
    return TinyTask().data(Path(), 0)


@pytest.fixture(scope="module")
def fit(net, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("coders")

    def fit(**settings):
        codec = Filter(**{"nothing": NOTHING, "epochs": 15, "channels": 4, "lr": 5e-3, **settings})
        choice = Choice(codec, "filter", "a test")
        return fitted(choice, net, CUT, data.lent, batch=16, seed=0, folder=folder)

    return fit


@pytest.fixture(scope="module")
def features(net, data):
    with torch.no_grad():
        return net.cut(CUT)[0](data.scale(data.test.inputs))


def test_what_is_not_sent_takes_no_byte_and_is_answered_by_the_class_of_nothing(net, fit, features):
    codec = fit()
    payloads = [codec.encode(one) for one in features]
    dropped = torch.tensor([not one for one in payloads])
    assert 0 < int(dropped.sum()) < len(dropped)
    arrived = torch.stack([codec.decode(one, codec.shape) for one in payloads])
    with torch.no_grad():
        answers = net.cut(CUT)[1].run(arrived)[-1].argmax(1)
    assert bool((answers[dropped] == NOTHING).all())
    full = len(next(one for one in payloads if one))
    assert {len(one) for one in payloads} == {0, full}


def test_the_head_finds_nothing_more_often_where_it_is(data, fit, features):
    codec = fit()
    chance = codec.coder.encoder.head(features)[:, 0].sigmoid().detach()
    there = data.test.labels == NOTHING
    assert float(chance[there].mean()) > float(chance[~there].mean()) + 0.2


def test_thresholds_share_a_training_and_a_lower_one_sends_less(fit, features):
    sent = []
    for threshold in (0.01, 0.5, 1.0):
        codec = fit(threshold=threshold)
        sent.append(sum(bool(codec.encode(one)) for one in features))
    assert sent == sorted(sent)
    assert sent[0] < sent[-1] == len(features)
    assert Filter(threshold=0.1).trained_as() == Filter()


def test_the_head_counts_among_the_devices_work(fit):
    codec = fit()
    costs = coder_costs({CUT: {"filter": codec}})[CUT]
    layers = [one for one in codec.coder.encoder.head if isinstance(one, torch.nn.Linear)]
    assert len(layers) == 2
    narrow = codec.coder.encoder.narrow[0].weight.numel() * codec.coder.latent[1] * codec.coder.latent[2]
    assert costs["encoder.macs.filter"].value == narrow + sum(one.weight.numel() for one in layers)


@pytest.mark.parametrize("shape", [(8, 7, 5), (6, 11), (20,), (1, 1, 1)])
def test_a_coders_own_pass_drops_what_its_bytes_leave_out(shape):
    torch.manual_seed(0)
    coder = Filter(channels=3, bits=4).coder(shape).eval()
    x = torch.randn(6, *shape)
    with torch.no_grad():
        coder.decoder.instead.fill_(7.0)
        latent = coder.encoder(x)
        coder.threshold = float(latent[:, 0].sigmoid().median())
        whole, bits = coder(x)
        payloads = [coder.to_bytes(one) for one in latent]
        back = torch.stack([coder.decoder(coder.from_bytes(one)[None])[0] for one in payloads])
    assert torch.allclose(back, whole, atol=1e-5)
    assert [not one for one in payloads] == [number == 0 for number in bits.tolist()]
    assert sum(not one for one in payloads) >= 3
    assert all(bool((one == 7).all()) for one, payload in zip(back, payloads, strict=True) if not payload)


def test_a_class_that_the_network_does_not_have_is_named(fit):
    with pytest.raises(SeesawError, match="is to answer class 99, and this network has the classes 0 to"):
        fit(nothing=99, epochs=1)


def test_it_holds_to_the_contract():
    assert check_learned_codec(Filter(channels=2))
