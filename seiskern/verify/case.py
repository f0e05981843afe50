"""What a case of ``seiskern verify`` is."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from seiskern.verify._data import data_folder


@dataclass(frozen=True)
class Row:
    """Outcome of a case.

    Attributes
    ----------
    name : str
        Of the case.
    error : float
        What was measured.
    bound : float
        What it may be at most.
    passed : bool
        Whether it is.
    seconds : float
        Time it took.
    note : str
        What the error is, and of what.
    """

    name: str
    error: float
    bound: float
    passed: bool
    seconds: float
    note: str


@dataclass(frozen=True)
class Case:
    """A case.

    Attributes
    ----------
    name : str
        ``group/case``.
    note : str
        What its error is, and of what.
    bound : float
        What the error may be at most.
    run : callable
        Computes the error.
    full : bool
        Whether it takes more than a few seconds and runs with ``--full`` only.
    data : str
        Data set that it needs, see `data_folder`; without it the case is left out.
    """

    name: str
    note: str
    bound: float
    run: Callable[[], float]
    full: bool = False
    data: str = ""

    @property
    def possible(self) -> bool:
        """Whether the data that it needs are there."""
        return not self.data or data_folder(self.data) is not None

    def check(self) -> Row:
        """Run it."""
        start = time.perf_counter()
        error = float(self.run())
        seconds = time.perf_counter() - start
        return Row(self.name, error, self.bound, error <= self.bound, seconds, self.note)
