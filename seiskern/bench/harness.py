"""Timing turn by turn, and the machine's own bandwidth to compare with."""

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

PAUSE = 0.1  # s; idle threads of one contender's runtime spin for a while and would slow the next one
SPAN = 0.05  # s; that short calls are repeated for, before they are timed and while they are


@dataclass
class Timing:
    """Times of one contender, s.

    Attributes
    ----------
    seconds : list of float
        One per turn.
    """

    seconds: list[float] = field(default_factory=list)

    @property
    def best(self) -> float:
        """Shortest."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """Middle one."""
        return statistics.median(self.seconds)


def turn_by_turn(contenders: dict[str, Callable[[], object]], turns: int) -> dict[str, Timing]:
    """Time contenders in turn, so that what disturbs the machine disturbs all of them alike.

    Parameters
    ----------
    contenders : dict of callable
        By name. In each turn it is called for `SPAN` seconds, at least once, untimed: that wakes the threads,
        which the scheduler may have put on one core, and fills the caches. Then for as long again, and the
        median of these calls is the time of the turn.
    turns : int
        How often each is timed.

    Returns
    -------
    dict of Timing
        By name.
    """
    times = {name: Timing() for name in contenders}
    collecting = gc.isenabled()
    gc.disable()  # as timeit does: it would strike at random
    try:
        for _ in range(turns):
            for name, run in contenders.items():
                time.sleep(PAUSE)
                _calls(run)
                times[name].seconds.append(statistics.median(_calls(run)))
    finally:
        if collecting:
            gc.enable()
    return times


def _calls(run: Callable[[], object]) -> list[float]:
    """Seconds of each call within `SPAN`."""
    seconds: list[float] = []
    while sum(seconds) < SPAN:
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return seconds


def triad(megabytes: int = 512) -> float:
    """Bandwidth of a = b + s c on arrays larger than the caches, bytes/s, all threads."""
    n = megabytes * 2**20 // 12
    a, b, c = (torch.ones(n) for _ in range(3))
    best = min(turn_by_turn({"triad": lambda: torch.add(b, c, alpha=0.5, out=a)}, 5)["triad"].seconds)
    return 12 * n / best
