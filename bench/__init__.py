"""Seesaw's public API: every name that a plugin may import. Names load when they are used.

`import bench` costs milliseconds; the first name that needs PyTorch loads it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.backbone import Backbone as Backbone
    from bench.backbone import MeanPool as MeanPool
    from bench.backbone import channels_of as channels_of
    from bench.backbone import features_of as features_of
    from bench.backbone import places_of as places_of
    from bench.backbone import pooled_head as pooled_head
    from bench.codec import Codec as Codec
    from bench.codec import frame as frame
    from bench.codec import unframe as unframe
    from bench.engine.fast import Fast as Fast
    from bench.engine.fast import fast as fast
    from bench.errors import Infeasible as Infeasible
    from bench.errors import SeesawError as SeesawError
    from bench.exits import Budget as Budget
    from bench.exits import EarlyExits as EarlyExits
    from bench.exits import Exits as Exits
    from bench.exits import HeadOf as HeadOf
    from bench.exits import Loss as Loss
    from bench.exits import nearest as nearest
    from bench.exits import parted as parted
    from bench.exits import places as places
    from bench.heads import HeadKind as HeadKind
    from bench.heads import MixedPool as MixedPool
    from bench.heads import head_of as head_of
    from bench.hub import pretrained as pretrained
    from bench.hub import revision as revision
    from bench.linked import Linked as Linked
    from bench.manifest import open_part as open_part
    from bench.masking import Masking as Masking
    from bench.masking import Pruning as Pruning
    from bench.masking import Structured as Structured
    from bench.masking import masks_of as masks_of
    from bench.meter import Found as Found
    from bench.meter import Meter as Meter
    from bench.meter import Reading as Reading
    from bench.meter import Subject as Subject
    from bench.method import Density as Density
    from bench.method import Method as Method
    from bench.method import Step as Step
    from bench.method import Train as Train
    from bench.method import maskable as maskable
    from bench.net import Net as Net
    from bench.net import Part as Part
    from bench.net import Sample as Sample
    from bench.online import Online as Online
    from bench.online import Rule as Rule
    from bench.packed import pack as pack
    from bench.paths import FlowingAttention as FlowingAttention
    from bench.paths import connected as connected
    from bench.plugin import Count as Count
    from bench.plugin import Plugin as Plugin
    from bench.plugin import Positive as Positive
    from bench.plugin import Settings as Settings
    from bench.plugin import Share as Share
    from bench.plugin import Whole as Whole
    from bench.plugin import choose as choose
    from bench.policy import Policy as Policy
    from bench.policy import Reference as Reference
    from bench.policy import State as State
    from bench.policy import geometric_shares as geometric_shares
    from bench.policy import shared_quantiles as shared_quantiles
    from bench.policy import without_nan as without_nan
    from bench.predefined import Predefined as Predefined
    from bench.predefined import mask_from as mask_from
    from bench.predefined import over_kernels as over_kernels
    from bench.sparse import degree as degree
    from bench.sparse.degree import noise as noise
    from bench.sparse.densities import by_layer as by_layer
    from bench.sparse.densities import erk as erk
    from bench.sparse.mask import Layer as Layer
    from bench.sparse.mask import density as density
    from bench.sparse.mask import hide as hide
    from bench.sparse.mask import largest as largest
    from bench.sparse.mask import layers as layers
    from bench.sparse.mask import mask_of as mask_of
    from bench.sparse.mask import masked as masked
    from bench.sparse.mask import parameters as parameters
    from bench.straight import StraightThrough as StraightThrough
    from bench.task import About as About
    from bench.task import Data as Data
    from bench.task import Recipe as Recipe
    from bench.task import Scale as Scale
    from bench.task import Split as Split
    from bench.task import Task as Task
    from bench.task import first as first
    from bench.task import hold_out as hold_out
    from bench.trace import Trace as Trace
    from bench.unpacked import unpack as unpack

_HOMES = {
    "backbone": "Backbone MeanPool channels_of features_of places_of pooled_head",
    "codec": "Codec frame unframe",
    "engine.fast": "Fast fast",
    "errors": "Infeasible SeesawError",
    "exits": "Budget EarlyExits Exits HeadOf Loss nearest parted places",
    "heads": "HeadKind MixedPool head_of",
    "hub": "pretrained revision",
    "linked": "Linked",
    "manifest": "open_part",
    "masking": "Masking Pruning Structured masks_of",
    "meter": "Found Meter Reading Subject",
    "method": "Density Method Step Train maskable",
    "net": "Net Part Sample",
    "online": "Online Rule",
    "packed": "pack",
    "paths": "FlowingAttention connected",
    "plugin": "Count Plugin Positive Settings Share Whole choose",
    "policy": "Policy Reference State geometric_shares shared_quantiles without_nan",
    "predefined": "Predefined mask_from over_kernels",
    "sparse": "degree",
    "sparse.mask": "Layer density hide largest layers mask_of masked parameters",
    "sparse.degree": "noise",
    "sparse.densities": "by_layer erk",
    "straight": "StraightThrough",
    "task": "About Data Recipe Scale Split Task first hold_out",
    "trace": "Trace",
    "unpacked": "unpack",
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
