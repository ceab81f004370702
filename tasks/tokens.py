"""Texts to token ids: by a byte-pair tokenizer trained here (Sennrich et al., ACL 2016), or by a pretrained one."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench import SeesawError, needing, pretrained

SPECIAL = ("[PAD]", "[CLS]", "[SEP]")
"""The special tokens of a tokenizer that is trained here, by their ids; 0 pads, as everywhere."""

RULES = "lower case, words and marks apart, bytes in pairs, 1"
"""To be changed with whatever makes other tokens of the same texts: kept tokenizers go by it."""

LEAST = 256 + len(SPECIAL)
"""The smallest vocabulary: every byte is a token, so that any text has tokens."""

CHUNK = 10_000
"""Texts that are encoded at once."""


@dataclass(frozen=True)
class Tokens:
    """A tokenizer of the library `tokenizers`, and the number of its ids."""

    backend: Any
    size: int

    def ids(self, first: Sequence[str], second: Sequence[str] | None, length: int) -> Tensor:
        """Texts, or pairs of them, as ids (N, length): of a pair the longer text is cut first; the rest is 0.

        int16 where every id fits, else int32.
        """
        self.backend.no_padding()
        self.backend.enable_truncation(length, strategy="longest_first")
        out = np.zeros((len(first), length), np.int16 if self.size <= 1 << 15 else np.int32)
        texts: Sequence[Any] = list(first) if second is None else list(zip(first, second, strict=True))
        for start in range(0, len(texts), CHUNK):
            for row, one in enumerate(self.backend.encode_batch(texts[start : start + CHUNK]), start):
                out[row, : len(one.ids)] = one.ids
        self.backend.no_truncation()
        return torch.from_numpy(out)

    def digest(self) -> str:
        """A digest of all its rules."""
        return _digest(self.backend.to_str())


_trained: dict[str, Tokens] = {}
"""Tokenizers of this process, by a digest of the texts that they were trained on."""


def trained(texts: Sequence[str], vocabulary: int, folder: Path, name: str) -> Tokens:
    """The byte-pair tokenizer that these texts make: the same for the same texts, kept in a file beside them.

    Raises:
        SeesawError: the library is missing.
    """
    digest = _digest(json.dumps([RULES, vocabulary, *texts]))
    if digest not in _trained:
        path = folder / f"{name}-tokens-{digest}.json"
        backend = _kept(path)
        if backend is None:
            backend = _train(texts, vocabulary)
            _keep(path, backend)
        _trained[digest] = Tokens(backend, backend.get_vocab_size())
    return _trained[digest]


def _train(texts: Sequence[str], vocabulary: int) -> Any:
    library = tokenizers()
    cut, backend = library.pre_tokenizers, library.Tokenizer(library.models.BPE())
    backend.normalizer = library.normalizers.Sequence(
        [library.normalizers.NFC(), library.normalizers.Lowercase()]
    )
    backend.pre_tokenizer = cut.Sequence(
        [cut.BertPreTokenizer(), cut.ByteLevel(add_prefix_space=True, use_regex=False)]
    )
    trainer = library.trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(cut.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    backend.decoder = library.decoders.ByteLevel()
    backend.post_processor = library.processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[(word, SPECIAL.index(word)) for word in SPECIAL[1:]],
    )
    return backend


def _kept(path: Path) -> Any | None:
    """The tokenizer of a file; None where the file is absent or not whole."""
    try:
        return tokenizers().Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except SeesawError:
        raise
    except Exception:  # the library raises plain ones
        return None


def _keep(path: Path, backend: Any) -> None:
    """Write a tokenizer, whole or not at all; a folder that cannot be written is left as it is."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    with suppress(OSError):
        draft.write_text(backend.to_str(), encoding="utf-8")
        os.replace(draft, path)


@lru_cache(maxsize=4)
def borrowed(name: str) -> Tokens:
    """A pretrained tokenizer, by its name on the hub or by its folder.

    Raises:
        SeesawError: it cannot be loaded (`bench.pretrained`), or pads with another id than 0.
    """
    tokenizer = pretrained("AutoTokenizer", name)
    if not getattr(tokenizer, "is_fast", False) or tokenizer.pad_token_id != 0:
        raise SeesawError(
            f"The tokenizer {name!r} pads with id {tokenizer.pad_token_id}, and here 0 does. Choose one of BERT's kind."
        )
    return Tokens(tokenizer.backend_tokenizer, len(tokenizer))


def tokenizers() -> ModuleType:
    """The library.

    Raises:
        SeesawError: it is missing.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # else it warns of every process that is started
    with needing("text", "Texts need the library"):
        import tokenizers as library
    return library


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
