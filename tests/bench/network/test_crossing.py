import pytest
import torch

from bench import Crossing


@pytest.mark.parametrize(("carried", "joined"), [(0, (2, 3, 3)), (1, (22,)), (3, (30,))])
def test_one_tensor_holds_the_feature_and_the_logits_that_go_with_it(carried, joined):
    cut = Crossing((2, 3, 3), carried, 4)
    feature, earlier = torch.randn(5, 2, 3, 3), [torch.randn(5, 4) for _ in range(3)]
    x = cut.join(feature, earlier)
    assert cut.joined == tuple(x.shape[1:]) == joined
    back, logits = cut.part(x)
    assert torch.equal(back, feature)
    assert len(logits) == carried
    assert all(torch.equal(one, other) for one, other in zip(logits, earlier, strict=False))
    if carried:
        assert x[0].tolist() == [
            *feature[0].flatten().tolist(),
            *(v for one in earlier[:carried] for v in one[0].tolist()),
        ]
