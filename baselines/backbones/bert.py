"""BERT (Devlin et al., NAACL 2019), pretrained, through the library transformers; every layer is a stage.

Needs the extra `text`: pip install 'seesaw-bench[text]'. The task must use the tokenizer of the same name:
TASK='sst2[tokenizer=NAME]' MODEL='bert[name=NAME]'.
"""

from typing import Any

import torch
from torch import Tensor, nn

from baselines.backbones.places import Pool, Pooled, token_places, token_places_of_ids, zero_padded
from bench import Backbone, Sample, SeesawError, places_of, pretrained, revision


class Bert(Backbone):
    """Pretrained BERT by its name on the hub or its folder; every layer a stage. Its task needs tokenizer=NAME too."""

    name: str = "bert-base-uncased"
    """of the model on the hub, or a folder with config, weights and tokenizer; of BERT's own architecture"""
    pool: Pool = "first"
    """input of a classifier: the mean over the tokens, or the first one"""

    @property
    def example(self) -> Sample:
        return Sample((12,), torch.int64, len(pretrained("AutoTokenizer", self.name)))

    def identity(self) -> dict[str, Any]:
        return revision(self.name)

    def stages(self, sample: Sample) -> list[nn.Module]:
        """The layers with their pretrained weights; a narrower network (`width`) starts from random ones."""
        places, tokenizer = places_of(sample), pretrained("AutoTokenizer", self.name)
        config = self.config()
        if sample.vocabulary != len(tokenizer):
            raise SeesawError(
                f"The texts' tokens are of a vocabulary of {sample.vocabulary}, and {self.name} knows {len(tokenizer)}. "
                f"Let the task use its tokenizer: tokenizer={self.name}."
            )
        if places > config.max_position_embeddings:
            raise SeesawError(
                f"{self.name} takes {config.max_position_embeddings} tokens, and the texts have {places}. "
                f"Let the task cut them: length={config.max_position_embeddings}."
            )
        model = self.model(config)
        first, *others = (Inner(layer) for layer in model.encoder.layer)
        return [nn.Sequential(Opening(model.embeddings, tokenizer.sep_token_id), first), *others]

    def config(self) -> Any:
        """The architecture, with inner widths scaled by `width`."""
        config = pretrained("AutoConfig", self.name)
        if config.model_type != "bert":
            raise SeesawError(
                f"{self.name} is of type {config.model_type}. Give the name of a model of type bert."
            )
        heads = config.num_attention_heads
        config.hidden_size = heads * self.scaled(config.hidden_size // heads)
        config.intermediate_size = self.scaled(config.intermediate_size)
        return config

    def model(self, config: Any) -> Any:
        """The whole encoder; its weights are read where they fit and are wanted."""
        from transformers import BertModel

        if self.width == 1 and torch.get_default_device().type != "meta":
            model = pretrained("AutoModel", self.name, dtype=torch.float32, add_pooling_layer=False)
        else:
            model = BertModel(config, add_pooling_layer=False)
        model.set_attn_implementation("sdpa")
        return model

    def head(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return nn.Sequential(Pooled(self.pool), nn.Linear(shape[0], classes))


class Opening(nn.Module):
    """Token ids (N, places) to features (N, width, places); a second text follows the first separator."""

    def __init__(self, embeddings: nn.Module, separator: int) -> None:
        super().__init__()
        self.embeddings, self.separator = embeddings, separator

    def forward(self, ids: Tensor) -> Tensor:
        ends = (ids == self.separator).long()
        second = ((ends.cumsum(1) - ends) > 0).long()
        return zero_padded(self.embeddings(input_ids=ids, token_type_ids=second), token_places_of_ids(ids))


class Inner(nn.Module):
    """One of the library's layers, on features (N, width, places)."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        places = token_places(x)
        return zero_padded(self.layer(x.transpose(1, 2), places[:, None, None]), places)
