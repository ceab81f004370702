"""The factorised prior of `entropic` beside CompressAI's `EntropyBottleneck` on the same parameters: `python benchmarks/prior_check.py`.

CompressAI (1.2.8; Begaint et al., 2020) is no dependency of Seesaw, as it brings pandas, matplotlib and torch-geometric, and asks
for an old numpy. Install it where it is wanted, without its dependencies: `pip install --no-deps compressai==1.2.8
torch-geometric pytorch-msssim psutil einops`. The parameters follow from a formula, so that anyone has the same ones: this file
prints the bits of some numbers by CompressAI, which `tests/baselines/codecs/test_prior.py` holds ours to, and it fails where the
two differ by more than a millionth of a bit.
"""

import argparse
import sys

import torch

from baselines.codecs.prior import LEAST, WIDTHS, Prior

CHANNELS = 2
NUMBERS = (-40.0, -9.0, -3.0, -1.0, 0.0, 1.0, 2.0, 5.0, 17.0, 60.0)
"""Whole numbers whose bits are compared, in each channel."""
TOLERANCE = 1e-6


def waved(shape: torch.Size, phase: float, size: float) -> torch.Tensor:
    """Numbers between -size and size that follow from their places."""
    return (
        size
        * torch.sin(phase + 1.7 * torch.arange(shape.numel(), dtype=torch.float64)).reshape(shape).float()
    )


@torch.no_grad()
def set_prior(prior: Prior) -> Prior:
    """Give a prior parameters that follow from a formula."""
    for number, (matrix, bias, factor) in enumerate(
        zip(prior.matrices, prior.biases, prior.factors, strict=True)
    ):
        matrix += waved(matrix.shape, number, 0.5)
        bias.copy_(waved(bias.shape, number + 0.3, 0.8))
        factor.copy_(waved(factor.shape, number + 0.6, 0.4))
    return prior


def bits_of(prior: Prior) -> torch.Tensor:
    """The bits of `NUMBERS` by ours, (channels, numbers)."""
    with torch.no_grad():
        numbers = torch.tensor(NUMBERS, dtype=prior.matrices[0].dtype).expand(CHANNELS, 1, -1)
        probability = prior.probability(numbers)[:, 0]
    return -probability.clamp(min=LEAST).log2()


def main() -> int:
    """Compare the two; 1 where they differ."""
    argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0]).parse_args()
    try:
        from compressai.entropy_models import EntropyBottleneck  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        print(
            f"CompressAI is not installed here ({error}). Install it as the head of this file says.",
            file=sys.stderr,
        )
        return 1
    ours = set_prior(Prior(CHANNELS)).double()
    theirs = EntropyBottleneck(CHANNELS, filters=WIDTHS[1:-1]).eval()
    first = dict(theirs.named_parameters())
    kinds = {"matrices": ours.matrices, "biases": ours.biases, "factors": ours.factors}
    others = {
        f"{kind}.{number}": one
        for kind, mine in kinds.items()
        for number, one in enumerate(mine)
        if f"{kind}.{number}" in first
    }
    begun = dict(Prior(CHANNELS).named_parameters())
    gap = max(
        float((first[name] - begun[name]).detach().abs().max())
        for name in others
        if not name.startswith("biases")
    )
    theirs.double()  # in single precision it loses digits in the upper tail
    with torch.no_grad():
        for name, parameter in others.items():
            theirs.get_parameter(name).copy_(parameter)
        theirs.quantiles[:, 0, 1] = 0.0  # medians, so that numbers stay whole
        x = torch.tensor(NUMBERS, dtype=torch.float64).expand(1, CHANNELS, -1)
        rounded, likelihood = theirs(x, training=False)
    assert torch.equal(rounded, x)
    bits, expected = bits_of(ours), -likelihood[0].log2()
    print("bits by CompressAI:", [[round(float(one), 5) for one in row] for row in expected])
    worst = float((bits - expected).abs().max())
    print(f"ours differ by at most {worst:.2g} bits")
    print(f"first weights differ by at most {gap:.2g}")
    return int(max(worst, gap) > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
