"""DepGraph: drop channels that depend on each other together, those whose group has the smallest mean norm.

Fang et al., "DepGraph: Towards Any Structural Pruning", CVPR 2023. The authors' library Torch-Pruning finds
the groups and their importance; here channels are ranked over the whole network and hidden, and one in each
group stays. Needs the extra `depgraph`: pip install 'seesaw-bench[depgraph]'.
"""

import copy
from typing import Any

import torch
from torch import Tensor

from bench import Layer, Net, SeesawError, Structured, Train, layers, needing


class Depgraph(Structured):
    """Structured: coupled channels by the norm of their group, ranked over the whole network."""

    def fit(self, net: Net, train: Train) -> None:
        _library()  # before training, not after it
        super().fit(net, train)

    def masks(self, net: Net, cut: int | None = None) -> dict[str, Tensor]:
        graph, ranked = self.ranked(net, cut)
        return self.nearest(net, lambda share: without(net, graph, ranked, share), cut)

    def ranked(self, net: Net, cut: int | None) -> tuple[Any, list[tuple[Any, Tensor]]]:
        """The library's graph, and its groups of sparse layers with the importance of each of their channels."""
        library, twin = _library(), copy.deepcopy(net).eval()
        blank = net.sample.blank(device=next(net.parameters()).device)
        graph = library.DependencyGraph().build_dependency(twin, example_inputs=blank)
        prunable = self.prunable(twin, cut)
        importance = library.importance.GroupMagnitudeImportance(p=2)
        ranked = []
        for group in graph.get_all_groups(
            ignored_layers=[one for one in layers(twin).values() if one not in prunable]
        ):
            rows = [
                dependency.target.module
                for dependency, _ in group
                if graph.is_out_channel_pruning_fn(dependency.handler)
            ]
            if all(module in prunable for module in rows if module in set(layers(twin).values())):
                ranked.append((group, importance(group).detach()))
        if not ranked:
            raise SeesawError("No channels of this network can go without others. Choose another method.")
        return graph, ranked

    def prunable(self, net: Net, cut: int | None) -> set[Layer]:
        """The sparse layers, and depthwise ones between them: a group of channels passes through both."""
        sparse = self.sparse(net, cut)
        stages = {name.split(".")[1] for name in sparse}
        grouped = (
            layer
            for name, layer in layers(net).items()
            if getattr(layer, "groups", 1) > 1 and name.startswith("stages.") and name.split(".")[1] in stages
        )
        return {*sparse.values(), *grouped}


def without(net: Net, graph: Any, ranked: list[tuple[Any, Tensor]], share: float) -> dict[str, Tensor]:
    """The masks of all layers when a share of the ranked channels is dropped, the least important ones."""
    scores = torch.cat([importance for _, importance in ranked]).sort().values
    edge = scores[min(round(share * len(scores)), len(scores) - 1)]
    masks = {name: torch.ones_like(layer.weight, dtype=torch.bool) for name, layer in layers(net).items()}
    for group, importance in ranked:
        channels = (importance < min(edge, importance.max())).nonzero()[:, 0].tolist()
        root = group[0].dep
        for dependency, coupled in (
            graph.get_pruning_group(root.target.module, root.handler, channels) if channels else ()
        ):
            if (name := dependency.target.name.partition(" ")[0]) in masks:
                # of a depthwise layer one handler does both, and its rows are its channels
                rows = graph.is_out_channel_pruning_fn(dependency.handler)
                columns = graph.is_in_channel_pruning_fn(dependency.handler) and not rows
                (masks[name].swapaxes(0, 1) if columns else masks[name])[coupled] = False
    return masks


def _library() -> Any:
    with needing("depgraph", "depgraph needs the library"):
        import torch_pruning
    return torch_pruning
