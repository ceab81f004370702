"""Gradual magnitude pruning: the smallest weights go step by step, fast at first, slower towards the end.

Zhu & Gupta, "To prune, or not to prune", ICLR workshop 2018, equation 1: the sparsity is
s_f + (s_i - s_f)(1 - (t - t_0) / (n dt))^3 with s_i = 0. The recipe of Gale et al. 2019.
"""

from bench import Count, Net, Pruning, SeesawError, Share, Step, Train


class Gradual(Pruning):
    """Magnitude pruning on a cubic schedule during training."""

    start: Share = 0.1
    """share of the budget at which pruning begins"""
    stop: Share = 0.7
    """share of the budget at which the density is reached"""
    every: Count = 10
    """steps from one pruning to the next"""

    def fit(self, net: Net, train: Train) -> None:
        if self.start > self.stop:
            raise SeesawError(
                f"gradual[start={self.start:g},stop={self.stop:g}] ends before it begins. Give start <= stop."
            )
        train(net, share=self.stop, after_step=self.after_step)
        self.keep(net, self.magnitudes(net, train.cut), train.cut)
        train(net)

    def after_step(self, step: Step) -> None:
        if step.progress >= self.start and step.index % self.every == 0:
            left = 1 - (step.progress - self.start) / max(self.stop - self.start, 1e-9)
            density = 1 - (1 - self.density) * (1 - max(left, 0.0) ** 3)
            self.keep(step.net, self.magnitudes(step.net, step.cut), step.cut, density)
