"""Two sentences and how they relate: MRPC (Dolan & Brockett, IWP 2005), QQP (Quora, 2017), RTE (as in GLUE, Wang et al.,
ICLR 2019), SciTail (Khot et al., AAAI 2018), SNLI (Bowman et al., EMNLP 2015).
"""

from collections.abc import Mapping
from typing import ClassVar

from tasks.rows import Layout
from tasks.text import TextTask

PARAPHRASE = {"0": 0, "1": 1}
ENTAILMENT = {"0": 0, "entailment": 0, "entails": 0, "1": 1, "not_entailment": 1, "neutral": 1}
INFERENCE = {"0": 0, "entailment": 0, "1": 1, "neutral": 1, "2": 2, "contradiction": 2}


class Mrpc(TextTask):
    """MRPC: two sentences from the news; whether they mean the same."""

    name: ClassVar[str] = "mrpc"
    words: ClassVar[Mapping[str, int]] = PARAPHRASE
    pairs: ClassVar[bool] = True
    epochs: ClassVar[int] = 10
    official: ClassVar[tuple[Layout, ...]] = (
        Layout("MRPC/msr_paraphrase_train.txt", test=("MRPC/msr_paraphrase_test.txt",)),
        Layout("MRPC/train.tsv", "MRPC/dev.tsv"),
    )


class Qqp(TextTask):
    """QQP: two questions put to Quora; whether they ask the same."""

    name: ClassVar[str] = "qqp"
    words: ClassVar[Mapping[str, int]] = PARAPHRASE
    pairs: ClassVar[bool] = True
    official: ClassVar[tuple[Layout, ...]] = (Layout("QQP/train.tsv", "QQP/dev.tsv", broken=16),)


class Rte(TextTask):
    """RTE: a premise from the news and a hypothesis; whether the first entails the second."""

    name: ClassVar[str] = "rte"
    words: ClassVar[Mapping[str, int]] = ENTAILMENT
    pairs: ClassVar[bool] = True
    epochs: ClassVar[int] = 10
    official: ClassVar[tuple[Layout, ...]] = (Layout("RTE/train.tsv", "RTE/dev.tsv"),)


class SciTail(TextTask):
    """SciTail: a sentence from the web and a statement of science; whether the first entails the second."""

    name: ClassVar[str] = "scitail"
    words: ClassVar[Mapping[str, int]] = ENTAILMENT
    pairs: ClassVar[bool] = True
    epochs: ClassVar[int] = 5
    official: ClassVar[tuple[Layout, ...]] = (
        Layout(
            "SciTailV1.1/tsv_format/scitail_1.0_train.tsv", "SciTailV1.1/tsv_format/scitail_1.0_dev.tsv",
            ("SciTailV1.1/tsv_format/scitail_1.0_test.tsv",), columns=("premise", "hypothesis", "label"),
        ),
    )  # fmt: skip


class Snli(TextTask):
    """SNLI: a caption and a sentence on it: entailment, neutral or contradiction."""

    name: ClassVar[str] = "snli"
    words: ClassVar[Mapping[str, int]] = INFERENCE
    pairs: ClassVar[bool] = True
    official: ClassVar[tuple[Layout, ...]] = (
        Layout(
            "snli_1.0/snli_1.0_train.jsonl", "snli_1.0/snli_1.0_dev.jsonl", ("snli_1.0/snli_1.0_test.jsonl",)
        ),
    )
