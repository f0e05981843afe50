"""Source time functions, sampled at ``dt`` from t = 0."""

import math

import torch
from torch import Tensor

from seiskern import _checks


def _times(dt: float, nt: int, t0: float) -> Tensor:
    dt, nt, t0 = _checks.positive("dt", dt), _checks.count("nt", nt, 1), _checks.real("t0", t0)
    return torch.arange(nt, dtype=torch.float64) * dt - t0


def ricker(f0: float, dt: float, nt: int, t0: float | None = None) -> Tensor:
    r"""Ricker wavelet, peak 1 at ``t0``.

    .. math:: s(t) = (1 - 2 a^2) e^{-a^2}, \quad a = \pi f_0 (t - t_0)

    Parameters
    ----------
    f0 : float, Hz
        Peak of its amplitude spectrum; at 2.5 ``f0`` 3 % of the peak are left.
    dt : float, s
        Sampling.
    nt : int
        Samples.
    t0 : float, s, default 1.5 / f0
        Time of the peak. Below 1.2 / ``f0`` the wavelet starts with a step.

    Returns
    -------
    Tensor, shape (nt,), float64
        The samples.
    """
    f0 = _checks.positive("f0", f0)
    if f0 > 0.5 / _checks.positive("dt", dt):
        raise ValueError(f"`f0` must be <= 1 / (2 dt) = {0.5 / dt:g} Hz, got {f0:g}")
    a = (math.pi * f0 * _times(dt, nt, 1.5 / f0 if t0 is None else t0)).square()
    return (1 - 2 * a) * torch.exp(-a)


def gaussian(sigma: float, dt: float, nt: int, t0: float | None = None) -> Tensor:
    r"""Gaussian of unit area, a smooth moment rate.

    .. math:: s(t) = \frac{1}{\sigma \sqrt{2 \pi}} e^{-(t - t_0)^2 / 2 \sigma^2}

    Parameters
    ----------
    sigma : float, s
        Width; the spectrum falls to 1 % at 0.48 / ``sigma`` Hz.
    dt : float, s
        Sampling.
    nt : int
        Samples.
    t0 : float, s, default 6 sigma
        Time of the peak.

    Returns
    -------
    Tensor, shape (nt,), float64, 1/s
        The samples.
    """
    sigma = _checks.positive("sigma", sigma)
    t = _times(dt, nt, 6 * sigma if t0 is None else t0)
    return torch.exp(-(t / sigma).square() / 2) / (sigma * math.sqrt(2 * math.pi))


def brune(tau: float, dt: float, nt: int, t0: float = 0.0) -> Tensor:
    r"""Moment rate of the omega-square model, unit area.

    .. math:: s(t) = \frac{t - t_0}{\tau^2} e^{-(t - t_0) / \tau}, \quad t > t_0

    Parameters
    ----------
    tau : float, s
        Rise time; the corner frequency is 1 / (2 pi ``tau``).
    dt : float, s
        Sampling.
    nt : int
        Samples.
    t0 : float, s, default 0
        Onset.

    Returns
    -------
    Tensor, shape (nt,), float64, 1/s
        The samples.

    References
    ----------
    Brune (1970), J. Geophys. Res. 75(26), 4997-5009, doi:10.1029/JB075i026p04997.
    """
    tau = _checks.positive("tau", tau)
    t = _times(dt, nt, t0).clamp(min=0)
    return t / tau**2 * torch.exp(-t / tau)
