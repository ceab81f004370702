import pytest
import torch

from bench import Codec, SeesawError, choose
from bench.kinds.sending import receive, send
from bench.network.crossing import Crossing


def codec(spec):
    return choose(Codec, spec).plugin


@pytest.mark.parametrize("carried", [0, 3])
def test_what_is_sent_without_loss_arrives_and_its_bytes_are_counted(carried):
    cut = Crossing((2, 3), carried, 4)
    x = torch.randn(5, *cut.joined)
    messages, arrived = send(cut, x, codec("float32"))
    assert torch.equal(arrived, x)
    assert [one.payload for one in messages] == [4 * (6 + 4 * carried)] * 5
    heads = 12 + 4 * 2 + (12 + 4 * 2 if carried else 0)
    assert [len(one.frames) for one in messages] == [4 * (6 + 4 * carried) + heads] * 5


def test_only_the_feature_goes_through_the_codec():
    cut = Crossing((4, 4), 2, 3)
    x = torch.randn(2, *cut.joined)
    messages, arrived = send(cut, x, codec("int8"))
    feature, logits = cut.part(arrived)
    assert torch.equal(torch.stack(logits), torch.stack(cut.part(x)[1]))
    assert not torch.equal(feature, cut.part(x)[0])
    assert torch.allclose(feature, cut.part(x)[0], atol=0.05)
    assert torch.equal(receive(cut, [one.frames for one in messages], codec("int8")), arrived)


@pytest.mark.parametrize("other", [Crossing((4, 3), 2, 3), Crossing((4, 4), 1, 3), Crossing((4, 4), 0, 3)])
def test_a_message_of_another_cut_is_a_sentence(other):
    cut = Crossing((4, 4), 2, 3)
    messages, _ = send(cut, torch.randn(1, *cut.joined), codec("float16"))
    with pytest.raises(SeesawError, match="does not fit a cut"):
        receive(other, [messages[0].frames], codec("float16"))
