"""Optimal assignment between clouds of points in the plane.

`assign` finds it; `reference` is the definition; README.md has the algorithm and its cost.
"""

import torch
from torch import Tensor

from seiskern import _checks, _ext

__all__ = ["assign"]


def assign(sources: Tensor, targets: Tensor, threads: int | None = None) -> Tensor:
    r"""Permutation with the least sum of squared distances between two clouds of points.

    .. math:: \sigma = \arg\min_\sigma \sum_i \lVert x_i - y_{\sigma(i)} \rVert^2

    It is exact: in double precision, no other permutation is better by more than rounding.

    Parameters
    ----------
    sources, targets : Tensor, shape (..., n, 2)
        Points x and y, in any order; faster where they are sorted by their first coordinate.
    threads : int, optional
        As many as torch uses; they share the pairs of clouds. The result does not depend on it.

    Returns
    -------
    Tensor, shape (..., n), int64
        Target of each source.

    Raises
    ------
    ValueError
        If shapes differ, or a coordinate is NaN or beyond 1e150.

    References
    ----------
    Jonker & Volgenant (1987), Computing 38, 325-340, doi:10.1007/BF02278710.
    Crouse (2016), IEEE Trans. Aerosp. Electron. Syst. 52(4), 1679-1696, doi:10.1109/TAES.2016.140952.
    """
    clouds = [
        _checks.as_tensor(name, value.detach(), torch.float64).contiguous()
        for name, value in (("sources", sources), ("targets", targets))
    ]
    shape = clouds[0].shape
    if len(shape) < 2 or shape[-1] != 2 or shape[-2] == 0:
        raise ValueError(f"`sources` must be (..., n, 2) with n > 0, got {tuple(shape)}")
    if clouds[1].shape != shape:
        raise ValueError(f"`targets` must be {tuple(shape)}, got {tuple(clouds[1].shape)}")
    permutation = torch.empty(shape[:-1], dtype=torch.int64)
    n = shape[-2]
    _ext.require().transport_assign(
        permutation.numel() // n,
        n,
        *(cloud.data_ptr() for cloud in clouds),
        threads or _ext.threads(),
        permutation.data_ptr(),
    )
    return permutation
