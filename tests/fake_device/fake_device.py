"""A clock and devices on which time passes only where work is done: whatever is timed on them is exact."""

from itertools import pairwise

from bench.device import HostWatch


class FakeClock:
    """Nanoseconds that pass only when somebody works."""

    def __init__(self):
        self.now = 0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += round(seconds * 1e9)


class FakeGpu:
    """Takes work at once and does it when waited for; its events are stamped by when the work was done."""

    def __init__(self, clock):
        self.clock = clock
        self.queue = []
        self.waits = 0

    def submit(self, seconds):
        self.queue.append(seconds)

    def synchronize(self):
        self.waits += 1
        for item in self.queue:
            if isinstance(item, list):
                item.append(self.clock.now)
            else:
                self.clock.sleep(item)
        self.queue.clear()

    def stopwatch(self):
        gpu = self

        class Events:
            name = "cuda_event"

            def mark(self):
                event = []
                gpu.queue.append(event)
                return event

            def seconds(self, marks):
                return tuple((b[0] - a[0]) / 1e9 for a, b in pairwise(marks))

        return Events()


class FakeCpu:
    def __init__(self, clock):
        self.clock = clock

    def synchronize(self):
        pass

    def stopwatch(self):
        return HostWatch(clock=self.clock)
