"""Facts: sentences that a check found true of a plugin, or the first that is not."""

from __future__ import annotations

from bench.errors import SeesawError


class Nonconforming(SeesawError):
    """A plugin breaks its kind's contract."""


class Facts(list[str]):
    """Sentences found true."""

    def hold(self, truth: object, sentence: str, otherwise: str = "") -> None:
        """Note a sentence, or raise it as broken."""
        if not truth:
            raise Nonconforming(f"Not so: {sentence}. {otherwise or 'Mend the plugin.'}")
        self.append(sentence)
