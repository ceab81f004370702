"""Networks of the library timm, by name. Needs the extra `timm`: pip install 'seesaw-bench[timm]'."""

from typing import Any

from torch import nn

from bench import Captured, Sample, SeesawError, channels_of, needing, published, weights_wanted


class Timm(Captured):
    """Any image network of the library timm by its name; its blocks are the stages."""

    name: str = "mobilenetv4_conv_small"
    """of the network: efficientvit_b0, tf_efficientnet_lite0, ghostnet_100, ..."""
    pretrained: bool = False
    """whether its published weights are loaded, from the hub's cache or the hub"""

    @property
    def example(self) -> Sample:
        return Sample((3, 64, 64))

    def trained(self, classes: int) -> bool:
        config = _library().get_pretrained_cfg(self.name) if self.pretrained else None
        return config is not None and config.num_classes == classes

    def identity(self) -> dict[str, Any]:
        if not self.pretrained:
            return {}
        config = _library().get_pretrained_cfg(self.name)
        return {"weights": str(config and (config.hf_hub_id or config.url)), "timm": _library().__version__}

    def module(self, sample: Sample, classes: int) -> nn.Module:
        timm = _library()
        if self.name.partition(".")[0] not in timm.list_models():
            near = timm.list_models(f"*{self.name[:6]}*")[:3]
            raise SeesawError(
                f"timm has no network {self.name!r}{(near and f'; near it are {chr(44).join(near)}') or ''}. Choose one of timm.list_models()."
            )
        settings = {"num_classes": classes, "in_chans": channels_of(sample)}
        pretrained = self.pretrained and weights_wanted()

        def build() -> nn.Module:
            try:
                return timm.create_model(self.name, pretrained, img_size=sample.shape[-2:], **settings)
            except TypeError:  # networks without places of their own take images of any size
                return timm.create_model(self.name, pretrained, **settings)

        if not pretrained:
            return build()
        return published(
            f"The weights of {self.name}",
            lambda _: build(),
            "Leave pretrained out and name a file: --weights FILE.",
        )


def _library() -> Any:
    with needing("timm", "This backbone needs the library"):
        import timm
    return timm
