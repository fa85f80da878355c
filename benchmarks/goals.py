"""What mimocorb wants to reach, as ratios of figures of the same run: machines differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cells import CELLS, PROCESSES

Medians = dict[str, dict[str, float]]

_OURS, _OLD = "mimocorb_ring:Ring", "reference:Ring"
_WAITING_PEERS = (
    "queues:MultiprocessingQueue",
    "queues:FasterFifo",
    "zeromq:PushPull",
    "iceoryx:PublishSubscribe",
)
_START = tuple(f"start/mimocorb_ring:start_{method}" for method in ("fork", "forkserver", "spawn"))


@dataclass(frozen=True)
class Goal:
    """A figure computed from medians, and its limit.

    `value` may raise KeyError: something that it needs was not measured.
    """

    text: str
    at_least: bool
    limit: float
    value: Callable[[Medians], float]
    unit: str = " ×"

    def judge(self, medians: Medians) -> tuple[str, str, str]:
        """Return the goal, what was reached, and yes, no or "not measured"."""
        goal = f"{'≥' if self.at_least else '≤'} {self.limit:g}{self.unit}"
        try:
            value = self.value(medians)
        except KeyError:
            return goal, "–", "not measured"
        met = value >= self.limit if self.at_least else value <= self.limit
        return goal, f"{value:.3g}{self.unit}", "yes" if met else "**no**"


def _rate(shape: str, what: str, over_shape: str, over: str) -> Callable[[Medians], float]:
    above, below = f"{shape}/{what}", f"{over_shape}/{over}"
    return lambda medians: medians[above]["rate_hz"] / medians[below]["rate_hz"]


def _latency(figure: str, over: str = _OLD) -> Callable[[Medians], float]:
    return lambda m: m[f"latency/{_OURS}"][figure] / m[f"latency/{over}"][figure]


def _over_best_peer(medians: Medians) -> float:
    best = max(medians[f"1-1/{peer}"]["rate_hz"] for peer in _WAITING_PEERS)
    return medians[f"1-1/{_OURS}"]["rate_hz"] / best


def _slowest_start(figure: str) -> Callable[[Medians], float]:
    return lambda medians: (
        max(medians[cell][figure] for cell in _START)
        / medians["start/reference:start_fork"][figure]
    )


def _own_cost(name: str) -> Callable[[Medians], float]:
    own = "own-cost/own_cost:own_cost"
    return lambda medians: medians[own][name] / medians[own][f"{name}, bare calls"]


def _worst_chain(above: str, below: str, size: str = "") -> Callable[[Medians], float]:
    """The smallest ratio over all shapes of the section, or those of one size."""
    shapes = [cell.shape for cell in CELLS if cell.section == "functions" and size in cell.shape]
    return lambda medians: min(_rate(shape, above, shape, below)(medians) for shape in shapes)


def _fewest_of_best(what: str) -> Callable[[Medians], float]:
    def value(medians: Medians) -> float:
        rates = [medians[f"processes-40B-1in1-{n}/{what}"]["rate_hz"] for n in PROCESSES]
        return min(rates) / max(rates)

    return value


def _slowest_command(medians: Medians) -> float:
    ours, before = (medians[f"commands/{who}:commands"] for who in ("mimocorb_run", "earlier"))
    return max(ours[name] / before[name] for name in ours)


_PER_EVENT, _BATCHES, _EARLIER = (
    "mimocorb_run:per_event",
    "mimocorb_run:batches",
    "earlier:per_event",
)
_ICEORYX = "iceoryx:PublishSubscribe"
_COPY, _LIMIT = "mimocorb_ring:OwnCopy", "native:limit"
_CLASSES = "mimocorb_ring:classes_"

GOALS = [
    Goal("1→1, 40 B, one per call, over mimoCoRB 1.0.2", True, 50,
         _rate("1-1", _OURS, "1-1", _OLD)),
    Goal("1→1, 40 B, one per call, over the best waiting Python peer", True, 3, _over_best_peer),
    Goal("1→1, 40 B, batches of 64, over one per call", True, 10,
         _rate("1-1", "mimocorb_ring:Batches", "1-1", _OURS)),
    Goal("1→2 shared, 40 B, over mimoCoRB 1.0.2", True, 22, _rate("1-2", _OURS, "1-2", _OLD)),
    Goal("2→2 groups, 40 B, over mimoCoRB 1.0.2", True, 40, _rate("2-2", _OURS, "2-2", _OLD)),
    Goal("136 kB interleaved, np.copyto by the user, over the same without any ring", True, 0.9,
         _rate("interleaved", _OURS, "interleaved", "without_ring:interleaved")),
    Goal("136 kB interleaved, the ring's own copy, over mimoCoRB 1.0.2", True, 4,
         _rate("interleaved", _COPY, "interleaved", _OLD)),
    Goal("136 kB channel-contiguous, over mimoCoRB 1.0.2 interleaved", True, 4,
         _rate("contiguous", _COPY, "interleaved", _OLD)),
    Goal("136 kB channel-contiguous, over the memory limit (plain C++ ring)", True, 0.85,
         _rate("contiguous", _COPY, "contiguous", _LIMIT)),
    Goal("chain, access classes, interleaved, over mimoCoRB 1.0.2", True, 3,
         _rate("chain-interleaved", f"{_CLASSES}interleaved", "chain-interleaved", _OLD)),
    Goal("chain, access classes, contiguous, over mimoCoRB 1.0.2 interleaved", True, 4,
         _rate("chain-contiguous", f"{_CLASSES}contiguous", "chain-interleaved", _OLD)),
    Goal("latency p50, of that of mimoCoRB 1.0.2", False, 0.2, _latency("p50_us")),
    Goal("latency p99, of that of mimoCoRB 1.0.2", False, 0.25, _latency("p99_us")),
    Goal("136 kB channel-contiguous, np.copyto by the user, over iceoryx2", True, 1,
         _rate("contiguous", _OURS, "contiguous", _ICEORYX)),
    Goal("latency p50, of that of iceoryx2", False, 1, _latency("p50_us", _ICEORYX)),
    Goal("latency p99, of that of iceoryx2", False, 1, _latency("p99_us", _ICEORYX)),
    Goal("a plain filter's own cost, of that of the bare calls", False, 3, _own_cost("filter")),
    Goal("a plain source's own cost, of that of the bare calls", False, 3, _own_cost("source")),
    Goal("functions per event, over the earlier mimocorb 2, 40 B, worst case", True, 2.5,
         _worst_chain(_PER_EVENT, _EARLIER, "40B")),
    Goal("functions of a batch, over the earlier one's per event, 40 B, worst case", True, 20,
         _worst_chain(_BATCHES, _EARLIER, "40B")),
    Goal("functions of a batch, over the bare ring's batches, worst case", True, 0.5,
         _worst_chain(_BATCHES, "mimocorb_ring:ring_batches")),
    Goal("fewest events per second with 1, 2, 4, 8, 16 filter processes, of the most", True, 0.85,
         _fewest_of_best(_PER_EVENT)),
    Goal("the same, bare ring", True, 0.85, _fewest_of_best(_OURS)),
    Goal("run, check and --help, of those of the earlier mimocorb 2, slowest", False, 1.1,
         _slowest_command),
    Goal("a core's use by a waiting reader", False, 0.5,
         lambda medians: medians[f"latency/{_OURS}"]["idle_percent"], " %"),
    Goal("start-up, slowest start method, of mimoCoRB 1.0.2 with fork", False, 2,
         _slowest_start("start_ms")),
    Goal("stop, slowest start method, of mimoCoRB 1.0.2 with fork", False, 0.1,
         _slowest_start("stop_ms")),
]  # fmt: skip
