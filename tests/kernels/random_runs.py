"""Random problems for the kernels and their reference, and what rounding may do to them."""

from dataclasses import dataclass, replace

import torch

from seiskern.grid import AXES, STRESS, VELOCITY
from seiskern.kernels import elastic
from seiskern.kernels.elastic import reference
from seiskern.kernels.elastic.plan import AVERAGED, FIELD_NUMBER

ORDERS = (2, 4, 6, 8)
DTYPES = (torch.float32, torch.float64)
EPS = {dtype: torch.finfo(dtype).eps for dtype in DTYPES}
# What one step rounds a field by, in eps of the largest value of all fields: each of two half steps rounds
# the field (half an eps) and its change (up to 1.5: a sum of 3 derivatives times rounded coefficients, at a
# Courant number below 1). A stable step does not amplify it.
ROUNDINGS_PER_STEP = 4
# Speed that bounds the random media below: lam, 2 mu and 1/rho lie in [0.5, 1]; in orthorhombic ones the
# moduli of compression in [1, 2], their couplings in [0.2, 0.4].
SPEED = 2**0.5
STEPS = 9


@dataclass
class Run:
    """A random problem with its sources and receivers, ready for the kernel and for the reference."""

    problem: elastic.Problem
    medium: dict[str, torch.Tensor]
    start: torch.Tensor
    points: list[tuple]
    n_steps: int
    n_shots: int

    def kernel(self, cuts=None, threads=1, state=None):
        """Fields and records after all steps, from a state or the start, in pieces that end at ``cuts``."""
        if state is None:
            state = elastic.State.zeros(self.problem, self.n_shots)
            self.problem.view(state.fields)[:] = self.start
        built = [
            elastic.Points.build(self.problem, data.clone(), node[:, 0], index, number, series, weight)
            for _, node, index, number, series, weight, data in self.points
        ]
        medium, done = self.problem.pack(self.medium), 0
        profiles = self.problem.profiles(SPEED, 0.1, 1e-3, 0.2)
        for last in cuts or [self.n_steps]:
            pairs = (built[0], built[1]), (built[2], built[3])
            elastic.run(self.problem, state, medium, profiles, *pairs, done, last, threads)
            done = last
        return self.problem.view(state.fields), built[2].data, built[3].data, state.fields

    def reference(self, closure):
        """The same by the reference, in double precision, and the largest value seen."""
        problem = replace(self.problem, dtype=torch.float64)
        medium = {name: value.double() for name, value in self.medium.items()}
        scheme = reference.Scheme(
            problem, medium, reference.profiles(problem, SPEED, 0.1, 1e-3, 0.2), closure
        )
        scheme.rest(self.n_shots)
        scheme.fields = dict(zip(problem.fields, self.start.double().unbind(1), strict=True))
        series = [
            reference.Series(names, node, series, weight.double(), data.double())
            for names, node, _, _, series, weight, data in self.points
        ]
        largest = 1.0
        records = [s.data for s in series[2:]]
        for n in range(self.n_steps):
            receivers = tuple(replace(s, data=r) for s, r in zip(series[2:], records, strict=True))
            records = scheme.run((series[0], series[1]), receivers, n, n + 1)
            largest = max(largest, *(float(u.abs().max()) for u in scheme.fields.values()))
        fields = torch.stack([scheme.fields[name] for name in problem.fields], dim=1)
        return fields, records[0], records[1], largest


def assert_padding(problem, packed):
    """What a medium has beyond its nodes: nothing, or what its nodes are averaged with."""
    for number, name in enumerate(problem.coefficients):
        array = packed[:, number].clone()
        if name in AVERAGED:
            assert (array > 0).all()
            ends = problem.view(array, beyond=1)
            for axis in range(1, ends.ndim):
                assert torch.equal(ends.narrow(axis, -1, 1), ends.narrow(axis, -2, 1))
        else:
            problem.view(array).zero_()
            assert not array.any()


def random_points(n, problem, n_shots, n_steps, rng, fields, source):
    """As many entries between random nodes and three series."""
    nodes = [torch.randint(0, m, (n,), generator=rng) for m in (n_shots, *problem.shape)]
    names = tuple(fields[i] for i in torch.randint(0, len(fields), (n,), generator=rng).tolist())
    index = dict(zip(AXES[problem.ndim], nodes[1:], strict=True))
    number = torch.tensor([FIELD_NUMBER[name] for name in names])
    series = torch.randint(0, 3, (n,), generator=rng)
    weight = torch.randn(n, generator=rng).to(problem.dtype)
    data = torch.randn(n_shots, n_steps, 3, generator=rng).to(problem.dtype)
    return names, torch.stack(nodes, dim=1), index, number, series, weight, data * source


def random_run(
    rng,
    shape,
    order,
    dtype=torch.float64,
    absorbing=(),
    depth=0,
    n_shots=1,
    n_media=1,
    n_steps=STEPS,
    entries=12,
    orthorhombic=False,
):
    """A run with random fields in a random medium; ``depth`` planes of a free surface's closure, or none."""
    ndim, spacing = len(shape), (1.1, 0.9, 1.0)[: len(shape)]
    problem = elastic.Problem(
        shape=shape,
        spacing=spacing,
        dt=0.9 * elastic.max_dt(ndim, order, spacing, SPEED),
        order=order,
        dtype=dtype,
        free_surface=depth > 0,
        absorbing=absorbing,
        orthorhombic=orthorhombic,
    )
    scale = {"cxx": 2, "cyy": 2, "czz": 2, "cxy": 0.4, "cxz": 0.4, "cyz": 0.4, "compliance": 0.5}
    medium = {}
    for name in problem.coefficients:
        value = scale.get(name, 1) * (0.5 + 0.5 * torch.rand(n_media, *shape, generator=rng))
        medium[name] = (1 / value if name in AVERAGED else value).to(dtype)
    start = torch.randn(n_shots, len(problem.fields), *shape, generator=rng).to(dtype)
    kinds = [(VELOCITY[ndim], 1), (STRESS[ndim], 1), (VELOCITY[ndim], 0), (STRESS[ndim], 0)]
    points = [random_points(entries, problem, n_shots, n_steps, rng, *kind) for kind in kinds]
    return Run(problem, medium, start, points, n_steps, n_shots)
