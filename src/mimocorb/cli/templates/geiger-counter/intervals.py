"""From clicks to the times between them, and what these say about the source."""

import mimocorb as mc

FIRST_CLICK = mc.Reject("first click")  # the summary of a run counts rejected events by reason


@mc.filter
class Intervals:
    """Measure the time from each click to the next one.

    A class, because it has to remember the click before. It works in one process: two would each
    see every other click.
    """

    def __init__(self):
        self.before_s = None

    def __call__(self, click):
        """Return the interval that ends with this click."""
        time_s = click["time_s"][0]
        before_s, self.before_s = self.before_s, time_s
        if before_s is None:
            return FIRST_CLICK
        return {"interval_s": time_s - before_s}


@mc.sink
class Activity:
    """Measure the rate of the clicks while they come, and whether they are random.

    Intervals between random clicks follow an exponential distribution, whose standard deviation is
    its mean.

    Parameters
    ----------
    background_hz
        Rate without the radioactive source, in Hz; it is subtracted.
    """

    def __init__(self, *, background_hz: float = 0.0):
        self.background_hz = background_hz
        self.intervals = 0
        self.total_s = 0.0
        self.total_of_squares = 0.0

    def __call__(self, events):
        """Take a batch of intervals; the run ends when their number is large enough."""
        self.intervals += len(events)
        self.total_s += events["interval_s"].sum()
        self.total_of_squares += (events["interval_s"] ** 2).sum()
        mc.report(rate_hz=self.rate_hz, relative_error=self.intervals**-0.5)

    @property
    def rate_hz(self):
        """Rate of the radioactive source, in Hz."""
        return self.intervals / self.total_s - self.background_hz

    @property
    def spread(self):
        """Standard deviation of the intervals, relative to their mean: 1 if they are random."""
        mean_s = self.total_s / self.intervals
        return (self.total_of_squares / self.intervals - mean_s**2) ** 0.5 / mean_s

    def close(self):
        """Say what came out."""
        if self.intervals:
            error_hz = (self.rate_hz + self.background_hz) * self.intervals**-0.5
            print(
                f"{self.intervals} intervals: {self.rate_hz:.1f} ± {error_hz:.1f} Hz above a "
                f"background of {self.background_hz:g} Hz, spread {self.spread:.2f} (random: 1)"
            )
