"""Measures the parts of a program from outside, without a word in its code."""

import collections
import contextlib
import functools
import importlib
import operator
import statistics
import time


class Stopwatch:
    """Gives every moment to the innermost part that is under way.

    Args:
        start: Float, what `time.monotonic` was at the start.
        part: String, the part that began then.
    """

    def __init__(self, start, part):
        self.seconds = collections.Counter()
        self._parts = [part]
        self._last = start

    @property
    def now(self):
        """The part that is under way."""
        return self._parts[-1]

    def note(self):
        """Adds the time since the last note to the part under way."""
        last, self._last = self._last, time.monotonic()
        self.seconds[self.now] += self._last - last

    def change(self, part):
        """Lets another part take the place of the one under way."""
        self.note()
        self._parts[-1] = part

    @contextlib.contextmanager
    def part(self, name):
        """Counts what is done inside for a part."""
        self.note()
        self._parts.append(name)
        try:
            yield
        finally:
            self.note()
            self._parts.pop()


class TimedFunction:
    """Calls a compiled function of a model and notes each call."""

    def __init__(self, function, stopwatch, num_steps):
        self.num_steps = num_steps
        self.before = self.end = None
        self._function = function
        self._stopwatch = stopwatch
        self._calls = []

    def __call__(self, *inputs):
        count = self._count()
        start = time.monotonic()
        outputs = self._function(*inputs)
        end = time.monotonic()
        is_traced = not self._calls or self._count() > count
        self._calls.append((self._stopwatch.now, end - start, is_traced))
        if self.end is None:
            self._stopwatch.note()
            self.end, self.before = end, dict(self._stopwatch.seconds)
        return outputs

    def _count(self):
        """Returns how often the function was traced, if it can tell."""
        count = getattr(self._function, "experimental_get_tracing_count", int)
        return count()

    @property
    def usual(self):
        """Seconds of a call that does not trace; 0 if there is none."""
        usual = [call[1] for call in self._calls if not call[2]]
        return statistics.median(usual or [0.0])

    def tracing(self):
        """Yields the parts that traced, and what that took."""
        for part, seconds, is_traced in self._calls:
            if is_traced:
                yield part, max(0.0, seconds - self.usual)


def watch(stopwatch, path, part):
    """Counts what a function of the package does for a part."""
    place, _, name = path.rpartition(".")
    owner = operator.attrgetter(place)(importlib.import_module("invariance_tf"))
    function = getattr(owner, name)

    @functools.wraps(function)
    def watched(*arguments, **options):
        with stopwatch.part(part):
            return function(*arguments, **options)

    setattr(owner, name, watched)


def watch_block(stopwatch, owner, name, part):
    """Counts what is done inside a context manager for a part."""
    block = getattr(owner, name)

    @contextlib.contextmanager
    def watched(*arguments):
        with stopwatch.part(part), block(*arguments) as value:
            yield value

    setattr(owner, name, watched)


def watch_calls(stopwatch):
    """Times the compiled functions of all models; returns their lists."""
    import keras

    made = {"train": [], "predict": []}

    def watch_kind(kind):
        make = getattr(keras.Model, f"make_{kind}_function")

        def watched(model, *arguments, **options):
            make(model, *arguments, **options)
            function = getattr(model, f"{kind}_function")
            if not isinstance(function, TimedFunction):
                steps = model.steps_per_execution
                function = TimedFunction(function, stopwatch, steps)
                setattr(model, f"{kind}_function", function)
                made[kind].append(function)

        setattr(keras.Model, f"make_{kind}_function", watched)

    for kind in made:
        watch_kind(kind)
    return made


class Meter:
    """Measures seconds and the peak of memory in each stage. For Linux.

    `idle_bytes` is what is resident when it is made; `stages` holds seconds and
    `peak_bytes` of each stage.
    """

    def __init__(self):
        self._forget_peak()
        self.idle_bytes = self._peak()
        self.stages = {}

    def _forget_peak(self):
        """Lets the peak be what is resident now."""
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")

    def _peak(self):
        """Returns the peak of resident memory in bytes."""
        with open("/proc/self/status", encoding="ascii") as file:
            (line,) = (line for line in file if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024

    @contextlib.contextmanager
    def stage(self, name):
        """Measures what is done inside; gives a place for another time."""
        self._forget_peak()
        found = self.stages[name] = {}
        start = time.perf_counter()
        yield found
        found.setdefault("seconds", time.perf_counter() - start)
        found["peak_bytes"] = self._peak()
