"""The compiled time step keeps its energy, and its differences are adjoint."""

from dataclasses import replace

import pytest
import torch
from random_runs import EPS, ORDERS, ROUNDINGS_PER_STEP, SPEED, random_run

from seiskern.grid import AXES, STRESS, VELOCITY, offset
from seiskern.kernels import elastic
from seiskern.kernels.elastic import reference


def plane_weights(problem, surface, name):
    """Norm of each plane in the discrete energy, shaped to multiply a field."""
    weight = torch.ones(problem.shape[0], dtype=torch.float64)
    if problem.free_surface:
        norm = surface.half_norm if offset(name, "z") else surface.node_norm
        weight[: len(norm)] = norm
    return weight.reshape(-1, *(1,) * (problem.ndim - 1))


def normal_moduli(problem, medium):
    """Stress aa per strain bb, (..., a, b); in a free surface szz and the strain along z do not count."""
    axes = [name[1] for name in STRESS[problem.ndim] if name[1] == name[2]]

    def modulus(a, b):
        if problem.orthorhombic:
            return medium["c" + min(a, b) + max(a, b)]
        return medium["lam"] + medium["mu2"] if a == b else medium["lam"]

    moduli = torch.stack([torch.stack([modulus(a, b) for b in axes], -1) for a in axes], -2)
    if problem.free_surface:
        moduli[0, ..., -1, :] = moduli[0, ..., :, -1] = 0
        moduli[0, ..., -1, -1] = 1
    return moduli


def strain_of(problem, medium, stress):
    """Strain that belongs to a stress (shear: engineering strain)."""
    normal = [name for name in STRESS[problem.ndim] if name[1] == name[2]]
    trace = torch.stack([stress[name] for name in normal], -1)
    if problem.free_surface:
        trace[0, ..., -1] = 0
    strain = torch.linalg.solve(normal_moduli(problem, medium), trace[..., None])[..., 0]
    result = dict(zip(normal, strain.unbind(-1), strict=True))
    return result | {name: stress[name] / medium["m" + name[1:]] for name in stress if name not in normal}


def energies(run, surface, n_steps):
    """Energy after each step, per volume of a cell: half of v(n+1/2) rho v(n+1/2) + s(n) C s(n+1)."""
    problem = run.problem
    state = elastic.State.zeros(problem, 1)
    view, start = problem.view(state.fields), run.start.clone()
    if problem.free_surface:
        start[:, problem.fields.index("szz"), 0] = 0
    view[:] = start
    empty = elastic.Points.build(
        problem, torch.zeros(1, n_steps, 0, dtype=problem.dtype), *no_entries(problem), torch.zeros(0)
    )
    medium = reference.where_they_act({name: value[0] for name, value in run.medium.items()}, problem.ndim)
    packed, profiles = problem.pack(run.medium), problem.profiles(SPEED, 0.1, 1e-3, 0.2)
    result = []
    for n in range(n_steps):
        before = dict(zip(problem.fields, view[0].clone(), strict=True))
        elastic.run(problem, state, packed, profiles, (empty, empty), (empty, empty), n, n + 1)
        after = dict(zip(problem.fields, view[0], strict=True))
        strain = strain_of(problem, medium, {name: before[name] for name in STRESS[problem.ndim]})
        energy = sum((plane_weights(problem, surface, s) * strain[s] * after[s]).sum() for s in strain)
        for v in VELOCITY[problem.ndim]:
            energy += (plane_weights(problem, surface, v) * after[v].square() / medium["b" + v[1]]).sum()
        result.append(0.5 * float(energy))
    return result


def no_entries(problem):
    none = torch.zeros(0, dtype=torch.int64)
    return none, dict.fromkeys(AXES[problem.ndim], none), none, none


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("free_surface", [False, True])
@pytest.mark.parametrize("rest", [(23,), (5, 7)], ids=str)
@pytest.mark.parametrize("orthorhombic", [False, True])
def test_energy_is_conserved(orthorhombic, rest, free_surface, order, rng, surfaces):
    surface, steps = surfaces[order], 200
    shape = (surface.depth + 9, *rest)
    run = random_run(rng, shape, order, depth=surface.depth * free_surface, orthorhombic=orthorhombic)
    energy = torch.tensor(energies(run, surface, steps), dtype=torch.float64)
    assert energy[0] > 0
    # An error of a value counts twice in its square.
    bound = 2 * ROUNDINGS_PER_STEP * steps * EPS[torch.float64] * energy[0]
    assert (energy - energy[0]).abs().max() <= bound


def half_steps(run, **given):
    """Velocities that stresses make, or stresses that velocities make, in one step from the other at rest."""
    problem = run.problem
    still = replace(run, start=torch.zeros_like(run.start), points=[(*p[:-1], 0 * p[-1]) for p in run.points])
    for name, value in given.items():
        still.start[0, problem.fields.index(name)] = value
    fields = still.kernel(cuts=[1])[0][0]
    return dict(zip(problem.fields, fields, strict=True))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("free_surface", [False, True])
@pytest.mark.parametrize("rest", [(23,), (5, 7)], ids=str)
def test_differences_are_adjoint(rest, free_surface, order, rng, surfaces):
    # <v, D s> = -<D^T v, s> in the norms of the closure: D as the velocities see it, D^T as the strains do.
    surface = surfaces[order]
    shape = (surface.depth + 4, *rest)
    run = random_run(rng, shape, order, depth=surface.depth * free_surface, n_steps=1)
    problem = run.problem
    medium = reference.where_they_act({name: value[0] for name, value in run.medium.items()}, problem.ndim)
    start = dict(zip(problem.fields, run.start[0], strict=True))
    if free_surface:
        start["szz"][0] = 0
    velocity = {name: start[name] for name in VELOCITY[problem.ndim]}
    stress = {name: start[name] for name in STRESS[problem.ndim]}
    made = half_steps(run, **stress)
    strain = strain_of(problem, medium, {s: half_steps(run, **velocity)[s] for s in stress})
    parts = [
        plane_weights(problem, surface, v) * velocity[v] * made[v] / medium["b" + v[1]] for v in velocity
    ]
    parts += [plane_weights(problem, surface, s) * stress[s] * strain[s] for s in stress]
    size = torch.stack([part.abs().sum() for part in parts]).sum()
    assert abs(sum(part.sum() for part in parts)) <= ROUNDINGS_PER_STEP * EPS[torch.float64] * size
    assert size > 0
