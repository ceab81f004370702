"""BERT through the library, on a model of three layers that is made here and lies in a folder."""

import shutil

import pytest
import torch
from transformers import BertConfig, BertModel, BertTokenizer, DistilBertConfig

from baselines.backbones.bert import Bert
from bench import Backbone, Net, Sample, SeesawError, Task
from bench.kinds.build import assemble
from bench.kinds.exits import Exits
from bench.kinds.task import About
from bench.plugins.plugin import choose
from bench.records.setup import Recipe
from bench.testing import check_backbone

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "a",
    "good",
    "bad",
    "film",
    "plot",
    "dull",
    "it",
    "was",
    "##s",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("bert")
    (place / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizer(vocab=str(place / "vocab.txt")).save_pretrained(place)
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=3, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=20, type_vocab_size=2,
    )  # fmt: skip
    model = BertModel(config)
    torch.nn.init.normal_(model.embeddings.token_type_embeddings.weight)  # so that a wrong segment shows
    model.save_pretrained(place)
    return place


@pytest.fixture
def bert(folder):
    return Bert(name=str(folder))


def test_it_conforms(bert):
    check_backbone(bert)


def test_every_stage_gives_what_the_librarys_layer_gives(bert, folder):
    tokenizer = BertTokenizer.from_pretrained(folder)
    tokenised = tokenizer(
        ["a good film", "it was dull"], ["it was bad", "bad plot films"], padding="max_length", max_length=12,
        return_tensors="pt",
    )  # fmt: skip
    there = tokenised["attention_mask"].bool()
    with torch.no_grad():
        expected = (
            BertModel.from_pretrained(folder).eval()(**tokenised, output_hidden_states=True).hidden_states
        )
        x = tokenised["input_ids"]
        for stage, hidden in zip(bert.stages(bert.example), expected[1:], strict=True):
            x = stage.eval()(x)
            torch.testing.assert_close(x.transpose(1, 2)[there], hidden[there], atol=1e-5, rtol=1e-5)
            assert bool((x.transpose(1, 2)[~there] == 0).all())


def test_a_narrower_one_is_smaller_and_starts_anew(bert):
    half = bert.model_copy(update={"width": 0.5})
    assert Net(half.stages(half.example), half.example, 2).shapes == [(16, 12)] * 3


def test_it_is_built_without_weights_where_there_are_no_numbers(bert):
    about = About(2, bert.example, Recipe(epochs=1))
    with torch.device("meta"):
        net = assemble(bert, about, Exits())
    assert net.shapes == [(32, 12)] * 3
    assert all(parameter.is_meta for parameter in net.parameters())


def test_the_tokens_must_be_its_own(bert, folder):
    with pytest.raises(SeesawError, match=rf"vocabulary of 8192.*knows 14.*tokenizer={folder}"):
        bert.stages(Sample((12,), torch.int64, 8192))
    with pytest.raises(SeesawError, match=r"takes 20 tokens, and the texts have 64.*length=20"):
        bert.stages(Sample((64,), torch.int64, len(WORDS)))


def test_what_is_not_there_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.network.pretrained._reachable", lambda: False)
    for name in ("nobody/has-such-a-model", str(tmp_path)):
        with pytest.raises(SeesawError, match=r"no tokenizer .* to be had .* Give the folder"):
            choose(Backbone, f"bert[name={name}]").plugin.stages(Sample((12,), torch.int64, 14))


def test_another_kind_of_model_is_a_sentence(folder, tmp_path):
    BertTokenizer.from_pretrained(folder).save_pretrained(tmp_path)
    DistilBertConfig(vocab_size=14, dim=8, hidden_dim=8, n_heads=2, n_layers=1).save_pretrained(tmp_path)
    with pytest.raises(SeesawError, match=r"of type distilbert. Give .* of type bert"):
        Bert(name=str(tmp_path)).stages(Sample((12,), torch.int64, 14))


def test_a_task_gives_it_its_own_tokens(folder, texts):
    task = choose(Task, f"sst2[tokenizer={folder},length=12]").plugin
    data, about = task.data(texts, 0), task.about()
    assert about.sample.vocabulary == len(WORDS)
    assert about.recipe.lr == 2e-5
    tokenizer = BertTokenizer.from_pretrained(folder)
    assert (
        data.test.inputs[0].tolist()
        == tokenizer("a good film", padding="max_length", max_length=12)["input_ids"]
    )
    Bert(name=str(folder)).stages(about.sample)


def test_other_weights_in_one_folder_have_another_identity(bert, folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    other = Bert(name=str(copy))
    assert other.identity() == bert.identity()
    (weights,) = copy.glob("*.safetensors")
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert other.identity() != bert.identity()
