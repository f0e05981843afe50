"""Recorded quantities follow from one another, and snapshots from records."""

import pytest
import torch

import seiskern as sk

DT, NT = 0.002, 201
RECEIVERS = {"x": [150.0, 253.0, 200.0], "z": [40.0, 207.0, 93.0]}


def record(medium, force, quantity="velocity", receivers=None, dispersion_correction=False, **options):
    return sk.simulate(
        medium,
        force(nt=NT, dt=DT),
        sk.Receivers(**(receivers or RECEIVERS)),
        dt=DT,
        nt=NT,
        absorbing=8,
        quantity=quantity,
        dispersion_correction=dispersion_correction,  # of records only: snapshots are those of the scheme
        **options,
    )


def close(value, expected, tolerance):
    return float((value - expected).norm() / expected.norm()) < tolerance


@pytest.mark.parametrize("correction", [False, True])
def test_velocity_is_the_slope_of_displacement(medium, force, correction):
    displacement, velocity, acceleration = (
        record(medium, force, q, dispersion_correction=correction).data
        for q in ("displacement", "velocity", "acceleration")
    )
    # Trapezoids err by (omega dt)^2 / 12, 1e-3 at the 9 Hz where most of a Ricker wavelet of 6 Hz lies.
    assert close(torch.cumulative_trapezoid(velocity, dx=DT), displacement[..., 1:], 5e-3)
    assert close(torch.cumulative_trapezoid(acceleration, dx=DT), velocity[..., 1:], 5e-3)


def test_strain_is_the_difference_of_displacement(medium, force):
    """Neighbours 2 m to either side: the error is (k d)^2 / 6, 1e-3 at 60 m per wavelength."""
    seis = record(medium, force, "strain")
    assert seis.components == ("xx", "zz", "xz")
    x, z = (torch.tensor(RECEIVERS[axis], dtype=torch.float64) for axis in "xz")

    def slope(dx, dz):
        after, before = (
            record(medium, force, "displacement", {"x": x + s * dx, "z": z + s * dz}).data[0] for s in (1, -1)
        )
        return (after - before) / 4.0

    along_x, along_z = slope(2.0, 0.0), slope(0.0, 2.0)
    expected = torch.stack([along_x[0], along_z[1], 0.5 * (along_x[1] + along_z[0])])
    assert close(seis.data[0], expected, 1e-2)


def test_pressure_is_minus_bulk_modulus_times_dilatation_in_a_fluid():
    medium = sk.Medium(torch.full((40, 44), 1500.0, dtype=torch.float64), 0.0, 1000.0, 10.0)

    def force(nt, dt):
        return sk.Explosion(x=200.0, z=150.0, moment=1e9, rate=sk.ricker(6.0, dt, nt))

    pressure, strain = (record(medium, force, q).data[0] for q in ("pressure", "strain"))
    assert close(pressure[0], -1000.0 * 1500.0**2 * (strain[0] + strain[1]), 5e-3)


def test_pressure_in_rock_is_the_mean_stress(medium, force):
    """In plane strain p = -(lam + mu) times the dilatation."""
    pressure, strain = (record(medium, force, q).data[0] for q in ("pressure", "strain"))
    stiffness = 2000.0 * (1730.0**2 - 1000.0**2)
    # Not the receiver 4 nodes below the surface, where slopes are one-sided.
    assert close(pressure[0, 1:], -stiffness * (strain[0] + strain[1])[1:], 5e-3)


def test_nothing_pushes_on_a_free_surface():
    """In a fluid the pressure at the surface is zero."""
    medium = sk.Medium(torch.full((40, 44), 1500.0, dtype=torch.float64), 0.0, 1000.0, 10.0)

    def force(nt, dt):
        return sk.Explosion(x=200.0, z=150.0, moment=1e9, rate=sk.ricker(6.0, dt, nt))

    pressure = record(medium, force, "pressure", {"x": [200.0, 200.0], "z": [0.0, 50.0]}).data[0, 0]
    assert float(pressure[0].abs().max()) < 1e-12 * float(pressure[1].abs().max())


@pytest.mark.parametrize("quantity", ["velocity", "pressure"])
@pytest.mark.parametrize("free_surface", [False, True])
def test_snapshots_are_what_receivers_record(medium, force, quantity, free_surface):
    every, stride = 40, (5, 7)
    rows, columns = torch.arange(0, 40, stride[0]), torch.arange(0, 44, stride[1])
    z, x = torch.meshgrid(10.0 * rows.double(), 10.0 * columns.double(), indexing="ij")
    seis = record(
        medium,
        force,
        quantity,
        {"x": x.flatten(), "z": z.flatten()},
        snapshots=sk.Snapshots(every=every, stride=stride, quantity=quantity),
        free_surface=free_surface,
    )
    snapshots = seis.snapshots
    assert snapshots.components == seis.components
    torch.testing.assert_close(snapshots.times, DT * torch.arange(0, NT, every, dtype=torch.float64))
    recorded = seis.data[..., ::every].unflatten(2, (len(rows), len(columns))).permute(0, 1, 4, 2, 3)
    assert snapshots.data.shape == recorded.shape
    # The same weights summed in another order; on a surface only receivers use the slope known there.
    near = 1 if free_surface and quantity == "velocity" else 0
    scale = float(recorded.abs().max())
    torch.testing.assert_close(
        snapshots.data[..., near:, :], recorded[..., near:, :], atol=1e-12 * scale, rtol=0
    )
    assert float((snapshots.data - recorded).abs().max()) < 2e-2 * scale


def test_snapshots_do_not_change_the_records(medium, force):
    plain = record(medium, force)
    assert plain.snapshots is None
    assert torch.equal(record(medium, force, snapshots=sk.Snapshots(every=7)).data, plain.data)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"every": 0}, "`every` must be >= 1, got 0"),
        ({"every": 1.5}, "`every` must be a whole number, got 1.5"),
        (
            {"every": 1, "quantity": "strain"},
            "`quantity` must be one of 'velocity', 'pressure', got 'strain'",
        ),
        ({"every": 1, "stride": (1, 2, 3)}, "`stride` must be one number or 2, got 3"),
        ({"every": 1, "stride": 0}, "`stride` must be >= 1, got 0"),
    ],
)
def test_bad_snapshots(medium, force, arguments, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}$"):
        record(medium, force, snapshots=sk.Snapshots(**arguments))
