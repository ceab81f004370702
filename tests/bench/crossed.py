"""A file of crossings, as a run keeps it: what each sample costs at every cut through every codec."""

import torch
from safetensors.torch import save_file

from bench.kinds.sending import send
from bench.measuring.inputs import input_codecs
from bench.network.crossing import Crossing


@torch.no_grad()
def write_crossings(path, net, data, split, codecs, samples):
    """Send samples of a split through every codec at every cut.

    Args:
        path: of the file.
        net: in eval mode, on the CPU.
        data: the data that the split belongs to.
        split: whose samples are sent.
        codecs: by spec.
        samples: places in the split.
    """
    raw = split.inputs[samples]
    features, exits = net.passed(data.scale(raw))
    tensors = {"samples": torch.as_tensor(samples, dtype=torch.int64)}
    for k in range(len(net.stages)):
        cut = net.crossing(k) if k else Crossing(tuple(raw.shape[1:]), 0, net.classes)
        for name, codec in (codecs if k else input_codecs(split.inputs, net.sample.vocabulary)).items():
            messages, arrived = send(cut, features[k].float() if k else raw, codec)
            server = net.cut(k)[1].run(arrived if k else data.scale(arrived))[1:]
            tensors[f"{k}/{name}/bytes"] = torch.tensor([one.payload for one in messages])
            tensors[f"{k}/{name}/framed"] = torch.tensor([len(one.frames) for one in messages])
            tensors[f"{k}/{name}/answers"] = torch.stack([one.argmax(1) for one in server]).to(torch.int16)
    save_file(tensors, str(path))
    return exits


def made_crossings(path, right, samples=200, change=lambda tensors: None):
    """Write crossings that fit a made run (`tests.bench.made`): two exits, two cuts at which something is sent.

    Args:
        path: of the file.
        right: how many samples each exit is right about, from the first; the others are answered 1.
        samples: in the test split.
        change: is given the tensors before they are written.
    """
    last = torch.where(torch.arange(samples) < right[-1], 0, 1).to(torch.int16)
    first = torch.where(torch.arange(samples) < right[0], 0, 1).to(torch.int16)
    sizes = 60 + torch.arange(samples) % 9
    tensors = {"samples": torch.arange(samples)}
    for name, scale, answers in (
        ("0/image8", 1, (first, last)),
        ("0/jpeg", 3, (first, last)),
        ("1/int8", 1, (last,)),
    ):
        tensors[f"{name}/bytes"] = sizes * scale
        tensors[f"{name}/framed"] = sizes * scale + 24
        tensors[f"{name}/answers"] = torch.stack(answers)
    change(tensors)
    save_file(tensors, str(path))
    return path
