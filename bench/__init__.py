"""Seesaw's public API: every name that a plugin may import. Names load when they are used.

`import bench` costs milliseconds; the first name that needs PyTorch loads it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.errors import Infeasible as Infeasible
    from bench.errors import SeesawError as SeesawError
    from bench.execution.fast import Fast as Fast
    from bench.execution.fast import fast as fast
    from bench.kinds.backbone import Backbone as Backbone
    from bench.kinds.backbone import channels_of as channels_of
    from bench.kinds.backbone import features_of as features_of
    from bench.kinds.backbone import places_of as places_of
    from bench.kinds.bases.masking import Masking as Masking
    from bench.kinds.bases.masking import Pruning as Pruning
    from bench.kinds.bases.masking import Structured as Structured
    from bench.kinds.bases.masking import masks_of as masks_of
    from bench.kinds.bases.online import Online as Online
    from bench.kinds.bases.online import Rule as Rule
    from bench.kinds.bases.predefined import Predefined as Predefined
    from bench.kinds.bases.predefined import mask_from as mask_from
    from bench.kinds.bases.predefined import over_kernels as over_kernels
    from bench.kinds.bases.straight_through import StraightThrough as StraightThrough
    from bench.kinds.codec import Codec as Codec
    from bench.kinds.codec import frame as frame
    from bench.kinds.codec import unframe as unframe
    from bench.kinds.exits import Budget as Budget
    from bench.kinds.exits import EarlyExits as EarlyExits
    from bench.kinds.exits import Exits as Exits
    from bench.kinds.exits import HeadOf as HeadOf
    from bench.kinds.exits import Loss as Loss
    from bench.kinds.exits import nearest as nearest
    from bench.kinds.exits import parted as parted
    from bench.kinds.exits import places as places
    from bench.kinds.meter import Found as Found
    from bench.kinds.meter import Meter as Meter
    from bench.kinds.meter import Subject as Subject
    from bench.kinds.method import Density as Density
    from bench.kinds.method import Method as Method
    from bench.kinds.method import Step as Step
    from bench.kinds.method import Train as Train
    from bench.kinds.method import maskable as maskable
    from bench.kinds.policy import Policy as Policy
    from bench.kinds.policy import Reference as Reference
    from bench.kinds.policy import State as State
    from bench.kinds.policy import geometric_shares as geometric_shares
    from bench.kinds.policy import shared_quantiles as shared_quantiles
    from bench.kinds.policy import without_nan as without_nan
    from bench.kinds.task import About as About
    from bench.kinds.task import Data as Data
    from bench.kinds.task import Scale as Scale
    from bench.kinds.task import Split as Split
    from bench.kinds.task import Task as Task
    from bench.kinds.task import first as first
    from bench.kinds.task import hold_out as hold_out
    from bench.network.heads import HeadKind as HeadKind
    from bench.network.heads import MeanPool as MeanPool
    from bench.network.heads import MixedPool as MixedPool
    from bench.network.heads import head_of as head_of
    from bench.network.heads import pooled_head as pooled_head
    from bench.network.linked import Linked as Linked
    from bench.network.net import Net as Net
    from bench.network.net import Part as Part
    from bench.network.net import Sample as Sample
    from bench.network.paths import FlowingAttention as FlowingAttention
    from bench.network.paths import connected as connected
    from bench.network.pretrained import pretrained as pretrained
    from bench.network.pretrained import revision as revision
    from bench.network.sparse import degree as degree
    from bench.network.sparse.degree import noise as noise
    from bench.network.sparse.densities import by_layer as by_layer
    from bench.network.sparse.densities import erk as erk
    from bench.network.sparse.mask import Layer as Layer
    from bench.network.sparse.mask import density as density
    from bench.network.sparse.mask import hide as hide
    from bench.network.sparse.mask import largest as largest
    from bench.network.sparse.mask import layers as layers
    from bench.network.sparse.mask import mask_of as mask_of
    from bench.network.sparse.mask import masked as masked
    from bench.network.sparse.mask import parameters as parameters
    from bench.plugins.plugin import Count as Count
    from bench.plugins.plugin import Plugin as Plugin
    from bench.plugins.plugin import Positive as Positive
    from bench.plugins.plugin import Settings as Settings
    from bench.plugins.plugin import Share as Share
    from bench.plugins.plugin import Whole as Whole
    from bench.plugins.plugin import choose as choose
    from bench.records.reading import Reading as Reading
    from bench.records.setup import Recipe as Recipe
    from bench.replay.trace import Trace as Trace
    from bench.shipping.manifest import open_part as open_part
    from bench.shipping.packed.pack import pack as pack
    from bench.shipping.packed.unpack import unpack as unpack

_HOMES = {
    "kinds.backbone": "Backbone MeanPool channels_of features_of places_of pooled_head",
    "kinds.codec": "Codec frame unframe",
    "execution.fast": "Fast fast",
    "errors": "Infeasible SeesawError",
    "kinds.exits": "Budget EarlyExits Exits HeadOf Loss nearest parted places",
    "network.heads": "HeadKind MixedPool head_of",
    "network.pretrained": "pretrained revision",
    "network.linked": "Linked",
    "shipping.manifest": "open_part",
    "kinds.bases.masking": "Masking Pruning Structured masks_of",
    "kinds.meter": "Found Meter Reading Subject",
    "kinds.method": "Density Method Step Train maskable",
    "network.net": "Net Part Sample",
    "kinds.bases.online": "Online Rule",
    "shipping.packed.pack": "pack",
    "network.paths": "FlowingAttention connected",
    "plugins.plugin": "Count Plugin Positive Settings Share Whole choose",
    "kinds.policy": "Policy Reference State geometric_shares shared_quantiles without_nan",
    "kinds.bases.predefined": "Predefined mask_from over_kernels",
    "network.sparse": "degree",
    "network.sparse.mask": "Layer density hide largest layers mask_of masked parameters",
    "network.sparse.degree": "noise",
    "network.sparse.densities": "by_layer erk",
    "kinds.bases.straight_through": "StraightThrough",
    "kinds.task": "About Data Recipe Scale Split Task first hold_out",
    "replay.trace": "Trace",
    "shipping.packed.unpack": "unpack",
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Load a public name from the module it is defined in."""
    if name not in _HOME:
        raise AttributeError(f"bench has no public name {name!r}")
    home = import_module(f"bench.{_HOME[name]}")
    value = getattr(home, name) if hasattr(home, name) else import_module(f"{home.__name__}.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(_HOME)
