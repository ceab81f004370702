"""Scaled: another profile's device, some times slower. A model, whatever it is made from."""

from bench import Estimates, Graph, OperationTimes, PartTimes, Positive, Profile, ProfileSpec, Record, choose


class Scaled(Profile):
    """Another profile's device, so many times slower (modelled)."""

    of: ProfileSpec = "recorded"
    """spec of the other profile"""
    by: Positive = 10.0
    """how many times as long every part takes"""
    watts: Positive | None = None
    """of the device while it computes; left open: unknown"""

    def times(self, run: Record) -> PartTimes:
        inner = choose(Profile, self.of).plugin.times(run)
        scale = self.by
        return PartTimes(
            device=tuple(scale * one for one in inner.device),
            server=tuple(scale * one for one in inner.server),
            exits=tuple(scale * one for one in inner.exits),
            heads=tuple(scale * one for one in inner.heads),
            encoders={key: scale * one for key, one in inner.encoders.items()},
            decoders={key: scale * one for key, one in inner.decoders.items()},
            batches={size: tuple(scale * one for one in batch) for size, batch in inner.batches.items()},
            disturbed_batches=inner.disturbed_batches,
            time="modelled",
            source=f"{scale:g} x {inner.source}",
            disturbed=inner.disturbed,
            watts=self.watts,
            energy="unknown" if self.watts is None else "modelled",
            by_layer=inner.by_layer,
            estimates=None if inner.estimates is None else self._estimated(inner.estimates),
        )

    def _estimated(self, inner: Estimates) -> Estimates:
        device, server = ([self.by * one for one in side] for side in (inner.device, inner.server))
        return Estimates(source=f"{self.by:g} x {inner.source}", device=device, server=server)

    def operations(self, graph: Graph) -> OperationTimes:
        inner = choose(Profile, self.of).plugin.operations(graph)
        seconds = tuple(self.by * one for one in inner.seconds)
        return OperationTimes(seconds, "modelled", f"{self.by:g} x {inner.source}", inner.disturbed)
