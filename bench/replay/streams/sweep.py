"""Sweeps: policies over reshufflings of one stream, each beside the baselines of its terms."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch

from bench.kinds.bases.online import Online, Rule
from bench.kinds.policy import Reference
from bench.records.terms import ALL_LAYERS, EARLY_EXIT, Arms, Prices, Terms
from bench.replay.streams.play import best_fixed, blank, play_stream, rules, settings, tally
from bench.replay.streams.stream import Stream
from bench.replay.streams.tally import PolicyRow, Tally

MARKS = 200
"""The number of places of the stream at which regret is read."""


@dataclass(frozen=True)
class Player:
    """The player of a row: a policy that decides as it plays, or arms that are fixed before.

    Attributes:
        row: the row, whose tallies the player fills.
        terms: the terms of the reward.
        prices: of the arms under these terms.
        best: the arm that regret is counted against.
        policy: the policy; None where the arms are fixed.
        arms: the fixed arm of each sample, in the order of the file, int16 or int64 (N,); None of a policy.
    """

    row: PolicyRow
    terms: Online
    prices: Prices
    best: int
    policy: Rule | None = None
    arms: np.ndarray | None = None


@dataclass(frozen=True)
class Sweep:
    """A stream and the policies that play it.

    Attributes:
        stream: the samples.
        arms: the arms that can be played.
        policies: policies with terms of their own, each after its displayed name.
        guests: policies and references without terms, each after its displayed name; they play under the
            terms of `policies`, or under the usual ones where there are none.
        shuffles: how often each policy plays; 0 for once, in the order of the file.
        seed: of orders and draws: every policy meets the same orders.
    """

    stream: Stream
    arms: Arms
    policies: Sequence[tuple[str, Online]]
    guests: Sequence[tuple[str, Rule | Reference]] = ()
    shuffles: int = 20
    seed: int = 0

    @property
    def marks(self) -> np.ndarray:
        """The numbers of samples after which regret is read, rising, int64 (marks,)."""
        n = len(self.stream)
        return np.unique(np.linspace(1, n, min(n, MARKS)).round().astype(np.int64))

    def run(
        self, threads: int | None = None, report: Callable[[int, int], None] = lambda done, total: None
    ) -> list[PolicyRow]:
        """Play everything.

        Args:
            threads: how many streams are played at once; the number of cores where left out.
            report: called with the number of streams that were played, and the number of all.

        Returns:
            Rows by terms, in the order of the policies: under each (a), (b), the policies, the guests.

        Raises:
            SeesawError: a policy's rules cannot be compiled or give no number.
        """
        players = list(self.players())
        for one in players:
            if one.policy is not None:  # by one thread: numba compiles one at a time
                rules(type(one.policy), blank(one.policy, 1).dtype, settings(one.policy, one.terms).dtype)
        threads, rounds = threads or os.cpu_count() or 1, max(self.shuffles, 1)
        parts = -(-threads // rounds)
        tallies: dict[tuple[int, int], Tally] = {}

        def note(player: int, shuffle: int, result: Tally) -> None:
            with lock:
                tallies[player, shuffle] = result
                report(len(tallies), len(players) * rounds)

        lock = Lock()
        with ThreadPoolExecutor(threads) as pool:
            jobs = [
                pool.submit(self._play, players, shuffle, range(part, len(players), parts), note)
                for shuffle in range(rounds)
                for part in range(parts)
            ]
            try:
                for job in as_completed(jobs):
                    job.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        for number, player in enumerate(players):
            player.row.tallies.extend(tallies[number, shuffle] for shuffle in range(rounds))
        return [player.row for player in players]

    def players(self) -> Iterator[Player]:
        """The players, in the order of the rows. References pay for one exit, as `Online`, not for all."""
        groups: dict[Terms, list[tuple[str, Online]]] = {}
        for name, policy in self.policies:
            groups.setdefault(policy.terms, []).append((name, policy))
        for terms, group in (groups or {Online().terms: []}).items():
            usual = Online(**terms._asdict())
            walked, alone = (usual.prices(self.arms, side=side) for side in (True, False))
            best = best_fixed(self.stream, self.arms, alone, terms.alpha)
            for name, arms in ((ALL_LAYERS, self.last()), (EARLY_EXIT, self.first_sure(terms.alpha))):
                yield Player(PolicyRow(name, terms), usual, walked, best, arms=arms)
            for name, one in [*group, *self.guests]:
                own = one if isinstance(one, Online) else usual
                row = PolicyRow(name, terms, isinstance(one, Reference), one.model_dump(mode="json"))
                if isinstance(one, Reference):
                    arms = self._hindsight(one, alone, terms.alpha)
                    yield Player(row, own, alone, best, arms=arms)
                else:
                    yield Player(row, own, own.prices(self.arms, side=one.side), best, one)

    def last(self) -> np.ndarray:
        """The last arm for every sample: (a)."""
        return np.full(len(self.stream), len(self.arms.exits) - 1, np.int16)

    def first_sure(self, alpha: float) -> np.ndarray:
        """The arm of the first exit whose confidence reaches alpha, else the last one: (b)."""
        sure = self.stream.confidences >= alpha
        sure[:, -1] = True
        return (sure.argmax(1) + len(self.arms.exits) - self.stream.exits).astype(np.int16)

    def _hindsight(self, reference: Reference, prices: Prices, alpha: float) -> np.ndarray:
        """The arms that a reference plays, from every arm's reward, cost and answer for every sample."""
        confidences, exits = self.stream.confidences, self.arms.exits
        last = self.stream.exits - 1
        stands = (confidences[:, exits] >= alpha) & (exits >= 0) | (exits == last)
        reward = (
            np.where(stands, confidences[:, exits], confidences[:, [last]] - prices.send) - prices.compute
        )
        cost = prices.booked + ~stands * prices.booked_send
        right = np.where(stands, self.stream.right[:, exits], self.stream.right[:, [last]])
        return reference.hindsight(*(torch.from_numpy(one).T for one in (reward, cost, right))).numpy()

    def _play(
        self, players: Sequence[Player], shuffle: int, numbers: range, note: Callable[[int, int, Tally], None]
    ) -> None:
        """Let some of the players play one reshuffling."""
        order = self.stream.order(np.random.default_rng([self.seed, shuffle, 0]) if self.shuffles else None)
        stream = self.stream.take(order)
        for number in numbers:
            player = players[number]
            if player.policy is not None:
                draws = np.random.default_rng([self.seed, shuffle, 1])
                played = play_stream(player.policy, stream, self.arms, draws, player.terms).arms
            else:
                assert player.arms is not None
                played = player.arms[order].astype(np.int16)
            alpha = player.terms.alpha
            result = tally(stream, self.arms, player.prices, alpha, played, player.best, self.marks)
            note(number, shuffle, result)
