import pytest
import torch
from torch import nn

from bench import Data, Net, Recipe, Sample, Scale, Split
from bench.runs.training import validation
from bench.runs.training.budget import Budget
from bench.runs.training.validation import Validation, validated
from bench.testing.tiny import AllExits

SCALE = Scale((0.5,), (0.25,))


def split(count, seed):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randint(0, 256, (count, 1, 4, 4), dtype=torch.uint8, generator=generator)
    return Split(inputs, torch.arange(count) % 3)


def trained(asked, epochs=3):
    torch.manual_seed(3)
    first = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5))
    net = Net([first, nn.Linear(8, 8)], Sample((1, 4, 4)), 3)
    net.hang(0, nn.Linear(8, 3))
    net.hang(1, nn.Linear(8, 3))
    data = Data(split(96, 1), split(40, 2), split(8, 3), SCALE)
    frozen = [name for name, _ in net.named_parameters() if not name.startswith("stages.0.2")]
    recipe = Recipe(epochs=epochs, batch=16, lr=0.05)
    budget = Budget(data.lent, recipe, AllExits().loss, 5, torch.device("cpu"), parameters=frozen)
    with validated(asked(data) if asked else None):
        budget(net)
    return net, budget, data


def test_it_is_the_accuracy_on_the_split_and_changes_nothing(monkeypatch):
    monkeypatch.setattr(validation, "SHARE", 1e9)
    found = []
    plain, _, _ = trained(None)
    net, _, data = trained(
        lambda data: Validation(
            data.calibration, data.scale, lambda index, shares: found.append((index, shares))
        )
    )
    assert all(
        torch.equal(a, b) for a, b in zip(plain.state_dict().values(), net.state_dict().values(), strict=True)
    )
    assert [index for index, _ in found] == [0, 1, 2]
    with torch.no_grad():
        logits = net(SCALE(data.calibration.inputs))
    alone = [float((one.argmax(1) == data.calibration.labels).double().mean()) for one in logits]
    assert found[-1][1] == pytest.approx(alone)


def test_it_takes_no_more_than_its_share_of_the_time(monkeypatch):
    at = iter(range(10**6))
    monkeypatch.setattr(
        validation.time, "monotonic", lambda: float(next(at))
    )  # each validation takes a second, or more
    found = []
    asked = []

    def ask(data):
        asked.append(Validation(data.calibration, data.scale, lambda index, shares: found.append(index)))
        return asked[-1]

    _, budget, _ = trained(ask, epochs=150)
    whole = sum(epoch.seconds for epoch in budget.log.epochs)
    assert 0 < len(found) < 150
    assert asked[0].spent <= validation.SHARE * whole + 1
    monkeypatch.setattr(validation, "SHARE", 0.0)
    found.clear()
    trained(ask, epochs=3)
    assert found == [2], "the last epoch alone, so that even a short training has one"
