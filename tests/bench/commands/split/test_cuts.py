"""seesaw cuts, as a user types it."""

import sys

import pytest

from bench import cli
from bench.commands import options


@pytest.fixture
def seesaw(monkeypatch, tmp_path, capsys):
    """Types a command in an empty folder; gives exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(options.out, "width", 140)

    def type_(*words):
        monkeypatch.setattr(sys, "argv", ["seesaw", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        return end.value.code or 0, printed.out, printed.err

    return type_


def test_an_untrained_network_is_listed_and_called_so(seesaw):
    code, out, _ = seesaw(
        "cuts", "mlp[widths=32:16]", "--task", "digits", "--codecs", "uint,bitmap", "--samples", "9"
    )
    assert code == 0
    assert "random weights" in out
    assert "the median of 9 test samples" in out
    assert "1     32                32     0.500   **" in out
    assert "in elements, below the input (*): 1" in out
    assert "in bytes by uint, below the 8-bit image: 1" in out
    assert "40 (0.62, " in out


def test_a_trained_network_has_its_runs_weights(seesaw):
    words = ["--task", "digits", "--epochs", "1"]
    small = ["--policies", "fixed", "--codecs", "int8", "--meters", "storage"]
    assert seesaw("run", "--model", "mlp", *words, *small)[0] == 0
    code, out, _ = seesaw("cuts", "mlp", *words)
    assert code == 0
    assert "mlp_dense on digits: its run's weights" in out
    assert "saliency" not in out
    code, out, _ = seesaw("cuts", "mlp", *words, "--saliency")
    assert code == 0
    assert "proposed by saliency (peaks; not measured, and no bytes in it): cuts " in out
    assert "1.000" in out


def test_without_data_fixed_sizes_are_given(seesaw, monkeypatch):
    from bench.commands.split import cuts

    monkeypatch.setattr(cuts, "_data", lambda run: None)
    code, out, _ = seesaw("cuts", "lenet", "--task", "mnist", "--codecs", "uint,bitmap")
    assert code == 0
    assert "as the data are absent" in out
    assert "(8-bit image 784 B)" in out
    assert "in bytes by bitmap" not in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["lenet", "--codecs", ","], "--codecs names nothing"),
        (["lenet", "--codecs", "uint8"], "There is no codec 'uint8'"),
        (["lenett"], "There is no backbone 'lenett'"),
        (["lenet", "--codecs", "picture"], "picture sends inputs"),
    ],
)
def test_what_is_wrong_is_a_sentence(seesaw, words, sentence):
    code, _, err = seesaw("cuts", *words)
    assert code == 1
    assert sentence in " ".join(err.split())


def test_saliency_of_random_weights_is_refused(seesaw):
    code, out, err = seesaw("cuts", "mlp", "--task", "digits", "--saliency", "--samples", "9")
    assert code == 1
    assert "crosses" not in out, "before samples are sent"
    assert (
        "Saliency needs trained weights, and random ones tell nothing. Run it first: seesaw run"
        in " ".join(err.split())
    )
