r"""Misfits of waveforms: from synthetic and observed traces to one number, with its gradient.

All are called as ``misfit(synthetic, observed)`` on tensors (..., nt) of one shape, and give a scalar tensor.
None has a unit, and none changes when all data are scaled alike, with the number of traces or with silence
after them: a weight of regularisation means the same in every survey.

`SlicedWasserstein` and `GraphSpaceTransport` see trace r as the points :math:`(t_i / s, u_i / A_r)` of the
plane. :math:`A_r` is the peak of the observed trace, at least 1e-6 of that of all: weak traces tolerate the
same delays as strong ones. Squared distances are weighed by :math:`A_r^2`: amplitudes count as in `L2`, and
for any data

.. math:: \text{SlicedWasserstein} \le \text{GraphSpaceTransport} \le \text{L2},

all alike for :math:`s \to 0`, where points cannot move in time. The delay s should be the largest that is
expected between the data, and two periods at least: a Ricker wavelet then has one minimum over all delays.
Much more, and the misfit tells little but how amplitudes are distributed.

Points stand for the graph of a trace. With fewer than some 50 to a period, delays by fractions of their
distance make minima of their own; ``refine`` puts more of them on the lines between the samples. (`L2` above
is then that of the refined traces.)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seiskern import _checks
from seiskern.kernels.transport import assign

Misfit = Callable[[Tensor, Tensor], Tensor]
"""What `seiskern.inversion` asks of a misfit: (synthetic, observed) to a scalar."""

QUIETEST = 1e-6  # of the strongest trace: weaker ones have lost all digits of single precision
SMOOTHING = 1e-3  # of a trace's peak: where envelopes become round


@dataclass(frozen=True)
class L2:
    r"""Half the sum of squared differences over that of the observed data; 1/2 for a synthetic of zeros.

    .. math:: J = \frac{\sum (u - d)^2}{2 \sum d^2}
    """

    def __call__(self, synthetic: Tensor, observed: Tensor) -> Tensor:
        """Misfit, a scalar."""
        u, d = _pair(synthetic, observed)
        return (u - d).square().sum() / (2 * d.square().sum())


@dataclass(frozen=True)
class NormalizedCorrelation:
    r"""One less the correlation of each trace, whatever its amplitude: 0 to 2, and 1 for unlike traces.

    .. math:: J = \operatorname*{mean}_r \Bigl(1 - \frac{u_r \cdot d_r}
              {\lVert u_r \rVert \, \lVert d_r \rVert}\Bigr)

    over the traces that are not zero in the observed data. A synthetic trace whose norm is below 1e-6 of the
    largest is divided by that much instead of its own norm, so gradients stay finite.

    References
    ----------
    Choi & Alkhalifah (2012), Geophys. Prospect. 60(4), 748-758, doi:10.1111/j.1365-2478.2012.01079.x.
    """

    def __call__(self, synthetic: Tensor, observed: Tensor) -> Tensor:
        """Misfit, a scalar."""
        u, d = _pair(synthetic, observed)
        live = d.abs().amax(-1) > 0
        u, d = u[live], d[live]
        norm_u, norm_d = (torch.linalg.vector_norm(traces, dim=-1) for traces in (u, d))
        strongest = norm_u.max()
        floored = torch.maximum(norm_u, QUIETEST * strongest) if strongest > 0 else norm_d
        return (1 - (u * d).sum(-1) / (floored * norm_d)).mean()


@dataclass(frozen=True)
class Envelope:
    r"""Half the sum of squared differences between envelopes over that of the observed ones.

    .. math:: J = \frac{\sum (e_u - e_d)^2}{2 \sum e_d^2}, \quad
              e_u = \sqrt{u^2 + (\mathcal{H} u)^2 + \epsilon^2} - \epsilon

    The Hilbert transform is made in the frequency domain after as many zeros as there are samples.
    :math:`\epsilon` is 1e-3 of the peak of the observed trace and keeps the gradient finite where an envelope
    is zero. 1/2 for a synthetic of zeros.

    References
    ----------
    Bozdağ, Trampert & Tromp (2011), Geophys. J. Int. 185(2), 845-870, doi:10.1111/j.1365-246X.2011.04970.x.
    Wu, Luo & Wu (2014), Geophysics 79(3), WA13-WA24, doi:10.1190/geo2013-0294.1.
    """

    def __call__(self, synthetic: Tensor, observed: Tensor) -> Tensor:
        """Misfit, a scalar."""
        u, d = _pair(synthetic, observed)
        epsilon = SMOOTHING * _peaks(d)

        def envelope(traces: Tensor) -> Tensor:
            n = 2 * traces.shape[-1]
            quadrature = torch.fft.irfft(-1j * torch.fft.rfft(traces, n), n)[..., : traces.shape[-1]]
            return (traces.square() + quadrature.square() + epsilon.square()).sqrt() - epsilon

        e_d = envelope(d)
        return (envelope(u) - e_d).square().sum() / (2 * e_d.square().sum())


@dataclass(frozen=True)
class _Transport:
    """Parameters of misfits that move points."""

    dt: float
    shift: float
    refine: int = 2

    def __post_init__(self) -> None:
        """Check."""
        _checks.positive("dt", self.dt)
        _checks.positive("shift", self.shift)
        _checks.count("refine", self.refine, 1)

    def points(self, synthetic: Tensor, observed: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Amplitudes u and d, times in units of ``shift`` (n,), and peaks of the observed traces (..., 1)."""
        u, d = (self._refined(traces) for traces in _pair(synthetic, observed))
        times = torch.arange(d.shape[-1], dtype=d.dtype) * (self.dt / (self.refine * self.shift))
        return u, d, times, _peaks(d)

    def _refined(self, traces: Tensor) -> Tensor:
        """Points on the lines between samples, and the last sample."""
        rise = traces.diff(dim=-1)[..., None] * (torch.arange(self.refine, dtype=traces.dtype) / self.refine)
        return torch.cat([(traces[..., :-1, None] + rise).flatten(-2), traces[..., -1:]], -1)


@dataclass(frozen=True)
class GraphSpaceTransport(_Transport):
    r"""Least work of moving the points of each synthetic trace onto those of the observed one.

    .. math:: J = \frac{1}{2 \sum d^2} \sum_r \min_\sigma \sum_i
              \left[(u_i - d_{\sigma(i)})^2 + A_r^2 \left(\frac{t_i - t_{\sigma(i)}}{s}\right)^2\right]

    over all permutations of the points. The best is found exactly. A small change of u keeps it, so the
    gradient is that of `L2` against the data in that order; there are kinks where it changes.

    Parameters
    ----------
    dt : float, s
        Sampling.
    shift : float, s
        Delay s that costs as much as the peak of the trace; see the module.
    refine : int
        Points to an interval between samples.

    References
    ----------
    Métivier, Allain, Brossier, Mérigot, Oudet & Virieux (2018), Geophysics 83(5), R515-R540,
    doi:10.1190/geo2017-0807.1.
    Métivier, Brossier, Mérigot & Oudet (2019), Inverse Problems 35(8), 085001, doi:10.1088/1361-6420/ab206f.
    """

    def __call__(self, synthetic: Tensor, observed: Tensor) -> Tensor:
        """Misfit, a scalar."""
        u, d, times, peaks = self.points(synthetic, observed)

        def cloud(traces: Tensor) -> Tensor:
            scaled = traces.detach() / peaks
            return torch.stack([times.expand_as(scaled), scaled], -1)

        target = assign(cloud(u), cloud(d))
        delay = times - times[target]
        work = (u - d.gather(-1, target)).square() + (peaks * delay).square()
        return work.sum() / (2 * d.square().sum())


@dataclass(frozen=True)
class SlicedWasserstein(_Transport):
    r"""Mean over directions of the work of moving the points of traces, seen along each of them.

    .. math:: J = \frac{1}{\sum d^2} \sum_r A_r^2 \frac{1}{K} \sum_k \sum_i (p_{(i)} - q_{(i)})^2, \quad
              p = \frac{t}{s} \cos \theta_k + \frac{u}{A_r} \sin \theta_k, \quad
              \theta_k = \frac{\pi}{K} \left(k + \frac{1}{2}\right)

    where (i) means sorted, and q is p of the observed data. The mean of squared distances between clouds that
    differ by a translation is half the square of its length, so a constant that is added to a trace costs as
    much as in `L2`. Seen along two directions only, unlike traces can be at distance zero.

    Parameters
    ----------
    dt : float, s
        Sampling.
    shift : float, s
        Delay s that costs as much as the peak of the trace; see the module.
    refine : int
        Points to an interval between samples.
    directions : int
        K, at least 2; 16 are within 1 % of many. None lies along time, where both clouds are the same.

    References
    ----------
    Bonneel, Rabin, Peyré & Pfister (2015), J. Math. Imaging Vis. 51, 22-45, doi:10.1007/s10851-014-0506-3.
    Okazaki & Ueda (2023), Geophys. J. Int., on what two directions do not tell apart.
    """

    directions: int = 16

    def __post_init__(self) -> None:
        """Check."""
        super().__post_init__()
        _checks.count("directions", self.directions, 2)

    def __call__(self, synthetic: Tensor, observed: Tensor) -> Tensor:
        """Misfit, a scalar."""
        u, d, times, peaks = self.points(synthetic, observed)
        return _Sliced.apply(u, d, times, peaks, self.directions) / d.square().sum()


class _Sliced(torch.autograd.Function):
    """Value and gradient at once, direction after direction: autograd would keep what all of them sorted."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, d: Tensor, times: Tensor, peaks: Tensor, n: int) -> Tensor:
        total, gradient = u.new_zeros(()), torch.zeros_like(u)
        for k in range(n):
            angle = math.pi / n * (k + 0.5)
            along, across = math.cos(angle) * times * peaks, math.sin(angle)
            p, order = (along + across * u).sort(-1)
            difference = p - (along + across * d).sort(-1).values
            total += difference.square().sum() / n
            gradient.scatter_add_(-1, order, difference * (2 * across / n))
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, weight: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return weight * gradient, None, None, None, None


def _pair(synthetic: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
    """Both checked, of one type, over the peak of the observed data: squares of small ones underflow."""
    u = _checks.finite("synthetic", _checks.as_tensor("synthetic", synthetic))
    _checks.constant("observed", observed)
    d = _checks.finite("observed", _checks.as_tensor("observed", observed, u.dtype))
    if u.ndim == 0 or u.numel() == 0:
        raise ValueError(f"`synthetic` must be (..., nt) and not empty, got shape {tuple(u.shape)}")
    if d.shape != u.shape:
        raise ValueError(
            f"`observed` must have the shape of `synthetic`, {tuple(u.shape)}, got {tuple(d.shape)}"
        )
    peak = d.abs().max()
    if peak == 0:
        raise ValueError("`observed` must not be zero everywhere, got zeros")
    return u / peak, d / peak


def _peaks(d: Tensor) -> Tensor:
    """Largest amplitude of each trace (..., 1), but at least `QUIETEST`; that of all is 1."""
    return d.abs().amax(-1, keepdim=True).clamp(min=QUIETEST)
