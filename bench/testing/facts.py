"""Facts: the sentences of a check that are true of a plugin, or an error with the first that is not."""

from __future__ import annotations

from bench.errors import SeesawError


class Nonconforming(SeesawError):
    """A plugin breaks its kind's contract."""


class Facts(list[str]):
    """The sentences that are true of a plugin."""

    def hold(self, truth: object, sentence: str, otherwise: str = "") -> None:
        """Append a sentence that is true, or raise `Nonconforming` with it and, if given, `otherwise`."""
        if not truth:
            raise Nonconforming(f"Not so: {sentence}. {otherwise or 'Mend the plugin.'}")
        self.append(sentence)
