"""All cases of ``seiskern verify``, in order; tests/verify runs the same."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatch

from seiskern.verify import bounds, data, full_space, half_space, laws, layers
from seiskern.verify.case import Case, Row

CASES: list[Case] = [
    *full_space.CASES,
    *half_space.CASES,
    *layers.CASES,
    *laws.CASES,
    *bounds.CASES,
    *data.CASES,
]


def iter_cases(full: bool = False, names: Sequence[str] = ()) -> Iterator[Row]:
    """Run cases, one after the other.

    Parameters
    ----------
    full : bool
        Also those that take minutes.
    names : sequence of str
        Patterns (``lamb*``) of the cases to run; all if empty. A case asked for by name runs even if it takes
        long. One whose data are not there is left out.

    Yields
    ------
    Row
        As each case ends.

    Raises
    ------
    ValueError
        If a pattern fits no case.
    """
    for name in names:
        if not any(fnmatch(case.name, f"{name}*") for case in CASES):
            raise ValueError(f"`case` must be among {', '.join(case.name for case in CASES)}, got {name}")
    for case in CASES:
        wanted = any(fnmatch(case.name, f"{name}*") for name in names) or (
            not names and (full or not case.full)
        )
        if wanted and case.possible:
            yield case.check()
