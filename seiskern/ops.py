"""Functional operators over bare tensors, for those who embed the kernels in codes of their own."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor

from seiskern import _checks
from seiskern.media import Medium
from seiskern.wave import Force, MomentTensor, Receivers, simulate

__all__ = ["elastic"]


def elastic(
    lam: Tensor,
    mu: Tensor,
    rho: Tensor,
    spacing: float | Sequence[float],
    *,
    source_x: Tensor,
    source_z: Tensor,
    source_y: Tensor | None = None,
    series: Tensor,
    force: Tensor | None = None,
    moment: Tensor | None = None,
    receiver_x: Tensor,
    receiver_z: Tensor,
    receiver_y: Tensor | None = None,
    origin: float | Sequence[float] = 0.0,
    **options: Any,
) -> Tensor:
    r"""Records of elastic waves, a function of tensors: `simulate` in Lamé's parameters.

    .. math::

        \rho\, \dot v_a = \sum_b \partial_b \sigma_{ab} + f_a s(t)\, \delta, \quad
        \dot\sigma_{ab} = \lambda \delta_{ab} \sum_c \partial_c v_c + \mu (\partial_a v_b + \partial_b v_a)
        - M_{ab} s(t)\, \delta

    Sources are given for each shot and each source of it. What is the same for all shots, or all sources of a
    shot, may lack the axis or have one of length 1: (n_shots, n_sources) are broadcast.

    Parameters
    ----------
    lam, mu : Tensor, shape (nz, nx) or (nz, ny, nx), Pa
        At the nodes; with a leading axis one medium per shot, and ``spacing`` for each axis. ``mu`` may be
        zero (fluid).
    rho : Tensor, same shape, kg/m3
        Density.
    spacing : float or one per axis in array order, m
        Distance of nodes.
    source_x, source_z, source_y : Tensor, shape ([n_shots,] [n_sources]), m
        Places; ``source_y`` in 3-D only.
    series : Tensor, shape ([n_shots,] [n_sources,] nt)
        Time functions s(t), from t = 0: of forces without unit, of moments their rate in 1/s.
    force : Tensor, shape ([n_shots,] [n_sources,] ndim), N (2-D: N/m), optional
        In (x, z) or (x, y, z).
    moment : Tensor, shape ([n_shots,] [n_sources,] ndim, ndim), N m (2-D: N), optional
        Symmetric.
    receiver_x, receiver_z, receiver_y : Tensor, shape (n_receivers,), m
        Places; of one value: the same for all.
    origin : float or one per axis in array order, m
        Coordinates of node (0, 0, 0).
    **options
        ``dt`` and ``nt``, and others of `simulate`.

    Returns
    -------
    Tensor, shape (n_shots, n_components, n_receivers, nt)
        Of what ``quantity`` says, differentiable in every tensor. The gradients of ``lam``, ``mu`` and
        ``rho`` pass no square root, so that those of ``lam`` and ``rho`` are right in a fluid; that of
        ``mu`` is given as zero where ``mu`` is.

    Raises
    ------
    TypeError, ValueError, FloatingPointError
        As `simulate` and ``Medium.from_moduli``.

    References
    ----------
    Virieux (1986), Geophysics 51(4), 889-901, doi:10.1190/1.1442147.
    """
    if force is None and moment is None:
        raise ValueError("`force` or `moment` must be given, got neither")
    given = {"source_x": source_x, "source_z": source_z, "source_y": source_y, "series": series}
    inner = {"series": 1, "force": 1, "moment": 2}  # axes of a single one
    tables = {
        name: _table(name, value, inner.get(name, 0))
        for name, value in (given | {"force": force, "moment": moment}).items()
        if value is not None
    }
    try:
        n_shots, n_sources = torch.broadcast_shapes(*(table.shape[:2] for table in tables.values()))
    except RuntimeError as error:
        got = ", ".join(f"{name} {tuple(table.shape[:2])}" for name, table in tables.items())
        raise ValueError(f"shots and sources must agree, (n_shots, n_sources), got {got}") from error
    rows: dict[tuple[int, int], Tensor] = {}  # each made once: sources are known to share one by its identity

    def at(name: str, shot: int, number: int) -> Tensor:
        table = tables[name]
        place = min(shot, table.shape[0] - 1), min(number, table.shape[1] - 1)
        return rows.setdefault(place, table[place]) if name == "series" else table[place]

    kinds: Any = (("force", Force, "signature"), ("moment", MomentTensor, "rate"))
    axes = [axis for axis in "xyz" if f"source_{axis}" in tables]
    shots: list[list[Any]] = [[] for _ in range(n_shots)]
    for shot, number in product(range(n_shots), range(n_sources)):
        own = at("series", shot, number)
        where = {axis: at(f"source_{axis}", shot, number) for axis in axes}
        for name, kind, time in kinds:
            if name in tables:
                shots[shot].append(kind(**where, **{name: at(name, shot, number), time: own}))
    medium = Medium.from_moduli(lam, mu, rho, spacing, origin=origin)
    receivers = Receivers(x=receiver_x, z=receiver_z, y=receiver_y)
    return simulate(medium, shots, receivers, **options).data


def _table(name: str, value: Any, inner: int) -> Tensor:
    """With an axis of shots and one of sources before the ``inner`` ones."""
    table = _checks.as_tensor(name, value)
    outer = table.ndim - inner
    if not 0 <= outer <= 2:
        raise ValueError(f"`{name}` must have {inner} to {inner + 2} axes, got shape {tuple(table.shape)}")
    return table.reshape(*(1,) * (2 - outer), *table.shape)
