"""A fleet on Ray: shares of its devices on the machines of a cluster; the servers and the ways back are here.

No answer changes what a device sends, so shares go on by themselves: while the servers take the messages of one stretch of time, the
devices are at the next one already. Each message crosses the network once, with 53 bytes.
"""

from __future__ import annotations

from typing import Any

from bench.errors import SeesawError, needing
from bench.replay.fleet.fleet import Fleet
from bench.replay.fleet.share import Away, Begin, Spent, gathered, split
from bench.replay.fleet.state import Messages
from bench.runs.sweeps.on_ray import join_cluster
from bench.runs.sweeps.places import OnRay


def begin_on_ray(place: OnRay) -> Begin:
    """What begins a fleet's shares on a cluster, an actor for each; the cluster is joined when the first one does.

    Args:
        place: its address, how many workers, and the processors of each.
    """
    return lambda fleet: RayShares(place, fleet)


class RayShares:
    """The shares of a fleet on Ray, an actor each.

    Args:
        place: the cluster, and how many actors.
        fleet: whose devices they have.

    Raises:
        SeesawError: Ray is not installed, no cluster answers, or no machine of it has what an actor needs.
    """

    def __init__(self, place: OnRay, fleet: Fleet) -> None:
        with needing("ray", "--on ray needs"):
            import ray  # pyright: ignore[reportMissingImports]
        engine: Any = ray
        self.ray = engine
        if not ray.is_initialized():
            join_cluster(ray, place)
        fits = int(ray.cluster_resources().get("CPU", 0) // place.cpus)
        if not fits or fits < (place.workers or 0):
            raise SeesawError(
                f"All shares of a fleet go on at once, and the cluster has processors for {fits} workers of {place.cpus}. Ask for as many "
                "with workers=, or for fewer processors with cpus=."
            )
        kind = engine.remote(num_cpus=place.cpus)(Away)
        kept = engine.put(fleet)
        count = min(place.workers or fits, fleet.size)
        self.actors = [kind.remote(kept, first, last) for first, last in split(fleet.size, count)]
        self.asked: tuple[float, list[Any]] = (float("nan"), [])
        self._is_over = False

    def go(self, until: float, then: float, messages: Messages, filled: int) -> tuple[Messages, int]:
        """Fetch what all shares send until a moment, and let them go on until the next one."""
        if self.asked[0] != until:
            self.asked = until, [one.go.remote(until) for one in self.actors]
        sent = self._fetch(self.asked[1])
        self.asked = then, [one.go.remote(then) for one in self.actors]
        messages, filled, self._is_over = gathered(sent, messages, filled)
        return messages, filled

    @property
    def is_over(self) -> bool:
        """Whether no share makes a request any more."""
        return self._is_over

    def spent(self) -> list[Spent]:
        """What came of each share."""
        return self._fetch([one.spent.remote() for one in self.actors])

    def _fetch(self, tasks: list[Any]) -> list[Any]:
        try:
            return self.ray.get(tasks)
        except self.ray.exceptions.RayActorError as error:
            raise SeesawError(
                f"A machine of the cluster was lost with its share of the fleet ({str(error).splitlines()[0]}). Run the same command again."
            ) from error

    def close(self) -> None:
        """End the actors; the cluster is left as it is, for the next number of servers."""
        for actor in self.actors:
            self.ray.kill(actor)
