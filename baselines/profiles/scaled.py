"""Scaled: another profile's device, some times slower. A model, whatever it is made from."""

from bench import Graph, OperationTimes, PartTimes, Positive, Profile, ProfileSpec, Record, Told, choose


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
            told=None if inner.told is None else self._told(inner.told),
        )

    def _told(self, told: Told) -> Told:
        device, server = ([self.by * one for one in side] for side in (told.device, told.server))
        return Told(source=f"{self.by:g} x {told.source}", device=device, server=server)

    def operations(self, graph: Graph) -> OperationTimes:
        inner = choose(Profile, self.of).plugin.operations(graph)
        seconds = tuple(self.by * one for one in inner.seconds)
        return OperationTimes(seconds, "modelled", f"{self.by:g} x {inner.source}", inner.disturbed)
