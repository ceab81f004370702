"""One's own module as a backbone: `module[path=mine.py:build]`. The file is run, so records call it a draft."""

import inspect

from torch import nn

from bench import Captured, Sample, SeesawError, draft


class Module(Captured):
    """One's own network: a function or class in a file that gives a module from images to logits."""

    path: str = ""
    """path/to/file.py:name or package.module:name; called with `classes` and `sample` where it takes these"""

    def module(self, sample: Sample, classes: int) -> nn.Module:
        if not self.path:
            raise SeesawError(
                "No module is named. Name the function that builds it: module[path=mine.py:build]."
            )
        build = draft(self.path)
        if isinstance(build, nn.Module) or not callable(build):
            raise SeesawError(f"{self.path} is no function or class that builds a module. Give one.")
        known = {"classes": classes, "sample": sample}
        wanted = inspect.signature(build).parameters
        made = build(**{name: value for name, value in known.items() if name in wanted})
        if not isinstance(made, nn.Module):
            raise SeesawError(f"{self.path} gives {type(made).__name__}. Let it return a torch.nn.Module.")
        return made
