"""The base of text tasks: settings, the three splits, tokens, and training on one set to test on another.

`stream` is the setting of SplitEE (Bajpai et al., 2023): the network and its thresholds come from one set,
and the samples of the stream from another one with the same classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field, field_validator

from bench import About, Count, Data, Recipe, Sample, SeesawError, Split, Task, TaskSpec, choose
from tasks.rows import Layout, Texts, read
from tasks.tokens import LEAST, Tokens, borrowed, trained

FINE_TUNING = Recipe(
    epochs=5, batch=32, optimizer="adamw", lr=2e-5, weight_decay=0.1, schedule="one-cycle", warmup=0.06
)
"""The recipe of fine-tuning, used with a pretrained tokenizer: SplitEE's own."""


class TextTask(Task):
    """Texts or pairs of texts as rows of token ids, from files below the data folder."""

    train: Count | None = None
    """take only so many training samples; none takes all"""
    test: Count | None = None
    """take only so many test samples; none takes all"""
    calibration: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """share of the training samples that thresholds are set on, where the data have no split for that"""
    length: Annotated[int, Field(ge=8, le=4096)] = 128
    """tokens of a sample: longer ones are cut, shorter ones padded"""
    vocabulary: Annotated[int, Field(ge=LEAST, le=1 << 19)] = 8192
    """tokens of the byte-pair tokenizer that is trained on the train split"""
    tokenizer: str = ""
    """name or folder of a pretrained one instead; the recipe is then one for fine-tuning"""
    stream: TaskSpec = ""
    """name of another task with the same classes, whose test split is the test split"""

    name: ClassVar[str]
    words: ClassVar[Mapping[str, int]]
    """class by label"""
    pairs: ClassVar[bool] = False
    epochs: ClassVar[int] = 3
    official: ClassVar[tuple[Layout, ...]] = ()
    """the official files, beside the plain layouts that every text task has"""

    @field_validator("train", mode="before")
    @classmethod
    def _is_no_task(cls, value: object) -> object:
        """Refuse the name of a task in place of a count: it was meant as the task to train on."""
        if isinstance(value, str) and value.isidentifier():
            raise ValueError(
                f"train is a number of samples; to train on {value} and test on {cls.name}, say {value}[stream={cls.name}]"
            )
        return value

    def about(self) -> About:
        size = borrowed(self.tokenizer).size if self.tokenizer else self.vocabulary
        recipe = Recipe(
            epochs=self.epochs, batch=64, optimizer="adamw", lr=5e-4, weight_decay=0.05, warmup=0.1
        )
        classes = 1 + max(self.words.values())
        sample = Sample((self.length,), torch.int64, size)
        return About(classes, sample, FINE_TUNING if self.tokenizer else recipe)

    def data(self, root: Path, seed: int) -> Data:
        train, calibration, test = self._texts(root)
        tokens = self._tokens(root, train)

        def split(texts: Texts) -> Split:
            return Split(tokens.ids(texts.first, texts.second, self.length), texts.labels)

        return Data(split(train), split(calibration), split(test.some(self.test)), torch.Tensor.long)

    def identity(self, root: Path) -> dict[str, Any]:
        """Digests of texts and tokens: files of the same names may hold other texts, or get other tokens."""
        if "train" not in self._files(root) or "test" not in self._streamed()._files(root):
            return {}
        texts = self._texts(root)
        names = ("train", "calibration", "test")
        digests = {name: one.digest() for name, one in zip(names, texts, strict=True)}
        return digests | {"tokens": self._tokens(root, texts[0]).digest()}

    def _texts(self, root: Path) -> tuple[Texts, Texts, Texts]:
        """Training, calibration and test samples; the test samples are all that exist."""
        train = self._read(root, "train").some(self.train)
        test = self._streamed()._read(root, "test")
        if "dev" in self._files(root):
            return train, self._read(root, "dev"), test
        return *train.parted(max(1, round(self.calibration * len(train.labels)))), test

    def _tokens(self, root: Path, train: Texts) -> Tokens:
        if self.tokenizer:
            return borrowed(self.tokenizer)
        folder = self._files(root)["train"][0].parent
        return trained((*train.first, *(train.second or ())), self.vocabulary, folder, self.name)

    def _streamed(self) -> TextTask:
        """The task whose test split is the test split."""
        if not self.stream:
            return self
        if "[" in self.stream:
            raise SeesawError(
                f"stream={self.stream} has settings, and this task's own hold. Give its name alone."
            )
        if self.stream == self.name:
            raise SeesawError(f"stream={self.stream} is this task's own test split. Leave stream out.")
        other = choose(Task, self.stream).plugin
        if not isinstance(other, TextTask) or (other.words, other.pairs) != (self.words, self.pairs):
            raise SeesawError(
                f"{self.stream} has not the classes of {self.name}, so a network trained on one cannot be tested on the "
                "other. Stream another: imdb and yelp fit sst2, qqp fits mrpc, scitail fits rte."
            )
        return other

    def _layouts(self) -> tuple[Layout, ...]:
        name = self.name
        plain = (
            Layout(f"{name}/train.{end}", f"{name}/dev.{end}", (f"{name}/test.{end}",))
            for end in ("jsonl", "tsv", "csv")
        )
        flat = Layout(
            f"text/{name}_train.jsonl",
            f"text/{name}_dev.jsonl",
            (f"text/{name}_test_labelled.jsonl", f"text/{name}_test.jsonl"),
        )
        return flat, *plain, *self.official

    def _files(self, root: Path) -> dict[str, tuple[Path, Layout]]:
        """The files of the first layout with a train and a test split, else of the first with either."""
        layouts = [
            {split: (path, layout) for split, path in layout.files(root).items()}
            for layout in self._layouts()
        ]
        return max(layouts, key=lambda files: len(files.keys() & {"train", "test"}))

    def _read(self, root: Path, split: str) -> Texts:
        files = self._files(root)
        if split not in files:
            raise SeesawError(f"The {split} split of {self.name} is not below {root}. {self._places(split)}")
        path, layout = files[split]
        return read(path, layout, self.words, pairs=self.pairs)

    def _places(self, split: str) -> str:
        candidates = [
            name
            for layout in self._layouts()
            for name in ((layout.train,) if split == "train" else (*layout.test, layout.dev))
            if name
        ]
        return f"Put one of these there: {', '.join(candidates)}; or name the folder that has it with SEESAW_DATA."
