"""A clock for tests: time passes only when it is moved, and a nanosecond with every look at it."""


class Ticks:
    def __init__(self):
        self.now = self.waited = 0.0

    def __call__(self):
        self.now += 1e-9
        return self.now

    def processor(self):
        return self.now

    def waiting(self):
        return lambda: self.waited

    def sleep(self, seconds):
        self.now += seconds
