"""Reviews, negative or positive: SST-2 (Socher et al., EMNLP 2013), IMDb (Maas et al., ACL 2011), Yelp polarity (Zhang
et al., NeurIPS 2015).
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from tasks.rows import Layout
from tasks.text import TextTask

SENTIMENT = {"0": 0, "negative": 0, "neg": 0, "1": 1, "positive": 1, "pos": 1}


class Sst2(TextTask):
    """SST-2: phrases and sentences of film reviews, negative or positive; tested on sentences."""

    length: Annotated[int, Field(ge=8, le=4096)] = 64
    """tokens of a sample: longer ones are cut, shorter ones padded"""

    name: ClassVar[str] = "sst2"
    words: ClassVar[Mapping[str, int]] = SENTIMENT
    official: ClassVar[tuple[Layout, ...]] = (Layout("SST-2/train.tsv", "SST-2/dev.tsv"),)


class Imdb(TextTask):
    """IMDb: whole film reviews, negative or positive."""

    length: Annotated[int, Field(ge=8, le=4096)] = 256
    """tokens of a sample: longer ones are cut, shorter ones padded"""

    name: ClassVar[str] = "imdb"
    words: ClassVar[Mapping[str, int]] = SENTIMENT
    official: ClassVar[tuple[Layout, ...]] = (Layout("aclImdb/train", test=("aclImdb/test",)),)


class Yelp(TextTask):
    """Yelp polarity: reviews of businesses, negative or positive."""

    length: Annotated[int, Field(ge=8, le=4096)] = 256
    """tokens of a sample: longer ones are cut, shorter ones padded"""

    name: ClassVar[str] = "yelp"
    words: ClassVar[Mapping[str, int]] = SENTIMENT
    epochs: ClassVar[int] = 1
    official: ClassVar[tuple[Layout, ...]] = (
        Layout(
            "yelp_review_polarity_csv/train.csv", test=("yelp_review_polarity_csv/test.csv",),
            columns=("label", "text"), words=(("1", 0), ("2", 1)),
        ),
    )  # fmt: skip
