"""The public function: what it accepts, refuses, warns of, and what must not depend on how it is asked."""

import re

import pytest
import torch

import seiskern as sk

DT, NT = 0.004, 100


def run(medium, shots, receivers=None, **options):
    receivers = receivers or sk.Receivers(x=[150.0, 253.0], z=[0.0, 207.0])
    return sk.simulate(medium, shots, receivers, **({"dt": DT, "nt": NT, "absorbing": 8} | options))


def test_shapes_and_names(medium, force):
    seis = run(medium, [force(), force(x=210.0)])
    assert seis.data.shape == (2, 2, 2, NT)
    assert seis.data.dtype == torch.float64
    assert seis.components == ("x", "z")
    assert torch.equal(seis.component("z"), seis.data[:, 1])
    torch.testing.assert_close(seis.times, DT * torch.arange(NT, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"^`name` must be one of 'x', 'z', got 'y'$"):
        seis.component("y")


def test_a_source_a_list_and_a_list_of_lists(medium, force):
    a, b = force(), force(x=240.0, direction=(0.0, -2e6))
    alone = run(medium, a).data
    listed = run(medium, [a, b]).data
    assert torch.equal(listed[:1], alone)
    assert torch.equal(listed[1:], run(medium, [[b]]).data)
    both = run(medium, [[a, b]]).data
    torch.testing.assert_close(
        both, listed.sum(0, keepdim=True), atol=1e-13 * float(both.abs().max()), rtol=0
    )


def test_records_are_linear_in_the_source(medium, force):
    once, twice = (run(medium, force(direction=(f, 0.5 * f))).data for f in (1e6, 2e6))
    assert torch.equal(2 * once, twice)
    first, second = (sk.ricker(f0, DT, 300) for f0 in (4.0, 4.5))
    apart, together = (
        run(medium, [sk.Force(x=200.0, z=150.0, force=(1e6, 5e5), signature=s) for s in shots], nt=300).data
        for shots in ((first, second), (first + second,))
    )
    torch.testing.assert_close(
        apart.sum(0, keepdim=True), together, atol=1e-12 * float(together.abs().max()), rtol=0
    )


@pytest.mark.parametrize("frequencies", [(4.0, 4.5), (4.0, 2.0)], ids=["one-octave", "two-octaves"])
def test_shots_do_not_depend_on_their_neighbours(medium, frequencies):
    shots = [
        sk.Force(x=200.0, z=150.0, force=(1e6, 5e5), signature=sk.ricker(f0, DT, 300)) for f0 in frequencies
    ]
    together = run(medium, shots, nt=300).data
    assert torch.equal(together, torch.cat([run(medium, shot, nt=300).data for shot in shots]))


class _Computed(sk.Force):
    @property
    def series(self):
        """Made anew whenever it is asked for."""
        return self.signature.clone()


def test_time_functions_are_told_apart(medium):
    kinds = {kind: [] for kind in (sk.Force, _Computed)}
    for kind, shots in kinds.items():
        for f0 in (3.0, 4.0, 4.5, 5.0):
            shots.append(kind(x=200.0, z=150.0, force=(1e6, 5e5), signature=sk.ricker(f0, DT, 300)))
    given, computed = (run(medium, shots, nt=300).data for shots in kinds.values())
    assert torch.equal(given, computed)


def test_the_origin_only_names_places(medium, force):
    moved = sk.Medium(medium.vp, medium.vs, medium.rho, 10.0, origin=(100.0, -300.0))
    there = run(moved, force(x=-100.0, z=250.0), sk.Receivers(x=[-150.0, -47.0], z=[100.0, 307.0])).data
    here = run(medium, force()).data
    torch.testing.assert_close(there, here, atol=1e-12 * float(here.abs().max()), rtol=0)


def test_a_mirrored_problem_gives_mirrored_records(medium, force):
    """x to -x about the middle: vx changes sign. The staggered grid is not symmetric, the records are."""
    middle = 215.0
    right = run(medium, force(x=middle + 20), sk.Receivers(x=[middle + 73.0], z=[41.0])).data
    left = run(
        medium, force(x=middle - 20, direction=(-1e6, 5e5)), sk.Receivers(x=[middle - 73.0], z=[41.0])
    ).data
    sign = torch.tensor([-1.0, 1.0])[None, :, None, None]
    # Interpolation between nodes and half nodes errs by 0.1 % each way.
    assert float((left * sign - right).norm() / right.norm()) < 2e-3


def test_progress_is_told(medium, force):
    seen = []
    run(medium, force(), progress=lambda done, total: seen.append((done, total)))
    done, total = zip(*seen, strict=True)
    assert list(done) == sorted(set(done))
    assert done[-1] == total[-1] == sk.plan(medium, dt=DT, nt=NT, absorbing=8).steps


def test_a_coarse_grid_warns_with_the_spacing_that_would_do(medium):
    shot = sk.Force(x=200.0, z=150.0, force=(1e6, 0.0), signature=sk.ricker(20.0, DT, NT))
    with pytest.warns(
        UserWarning, match="reaches .* Hz but a grid of 10 m resolves 16.7 Hz .* would do"
    ) as caught:
        sk.simulate(medium, shot, sk.Receivers(x=150.0, z=0.0), dt=DT, nt=NT)
    assert caught[0].filename == __file__
    fine = float(re.search(r"a spacing of (\S+) m", str(caught[0].message)).group(1))
    highest = float(re.search(r"reaches (\S+) Hz", str(caught[0].message)).group(1))
    assert fine == pytest.approx(1000 / (6 * highest), rel=0.01)


def test_a_blow_up_names_step_and_field(force):
    medium = sk.Medium(torch.full((40, 44), 1730.0), 1000.0, 2000.0, 10.0)
    with pytest.raises(
        FloatingPointError, match=r"^the wavefield is not finite: `\w+` at or before step \d+ of \d+"
    ):
        run(
            medium,
            force(direction=(3e38, 3e38)).__class__(
                x=200.0, z=150.0, force=(3e38, 3e38), signature=1e6 * sk.ricker(6.0, DT, NT)
            ),
        )


def test_single_precision_stays_single(force):
    medium = sk.Medium(torch.full((40, 44), 1730.0), 1000.0, 2000.0, 10.0)
    assert run(medium, force()).data.dtype == torch.float32


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dt": 0}, "`dt` must be > 0, got 0"),
        ({"dt": "1"}, "`dt` must be a number, got '1'"),
        ({"nt": 0}, "`nt` must be >= 1, got 0"),
        ({"nt": 1.5}, "`nt` must be a whole number, got 1.5"),
        ({"order": 3}, "`order` must be one of 2, 4, 6, 8, got 3"),
        ({"absorbing": -1}, "`absorbing` must be >= 0, got -1"),
        ({"quantity": "rotation"}, "`quantity` must be one of 'velocity', .*, got 'rotation'"),
        ({"backend": "gpu"}, "`backend` must be one of 'auto', 'cpu', 'cuda', got 'gpu'"),
        ({"adjoint": "full"}, "`adjoint` must be Full, Checkpointed or BoundarySaved, got str"),
    ],
)
def test_bad_options(medium, force, options, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        run(medium, force(), **options)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({"x": -0.1}, "`source.x` must lie in the model, 0 to 430 m, got -0.1"),
        ({"x": 431.0}, "`source.x` must lie in the model, 0 to 430 m, got 431"),
        ({"z": 400.0}, "`source.z` must lie in the model, 0 to 390 m, got 400"),
        ({"x": float("nan")}, "`x` must be finite, got nan"),
    ],
)
def test_sources_lie_in_the_model(medium, force, place, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        run(medium, force(**place))


def test_receivers_lie_in_the_model(medium, force):
    with pytest.raises(ValueError, match=r"^`receivers.z` must lie in the model, 0 to 390 m, got 390.5$"):
        run(medium, force(), sk.Receivers(x=[10.0, 20.0], z=[3.0, 390.5]))
    with pytest.raises(ValueError, match=r"^`receivers.x` must be finite, got 1 NaN or infinite values$"):
        run(medium, force(), sk.Receivers(x=[10.0, float("nan")], z=3.0))


def test_time_functions_have_nt_samples(medium, force):
    with pytest.raises(ValueError, match=r"^`signature` of source 1 must have shape \(100,\), got \(99,\)$"):
        run(medium, [force(), force(nt=99)])
    with pytest.raises(ValueError, match=r"^`rate` must be finite, got 100 NaN or infinite values$"):
        run(medium, sk.Explosion(x=200.0, z=150.0, moment=1.0, rate=torch.full((NT,), float("nan"))))


def test_y_belongs_to_three_dimensions(medium):
    with pytest.raises(ValueError, match=r"^`source.y` must not be given in 2-D$"):
        run(medium, sk.Explosion(x=1.0, y=1.0, z=1.0, moment=1.0, rate=torch.zeros(NT)))
    cube = sk.Medium(torch.full((18, 6, 7), 1730.0), 1000.0, 2000.0, 10.0)
    with pytest.raises(ValueError, match=r"^`source.y` must be given in 3-D$"):
        run(
            cube,
            sk.Explosion(x=1.0, z=1.0, moment=1.0, rate=torch.zeros(NT)),
            sk.Receivers(x=1.0, y=1.0, z=1.0),
        )


def test_media_and_shots_agree_in_number(medium, force):
    stack = [torch.stack([value, value]) for value in (medium.vp, medium.vs, medium.rho)]
    batch = sk.Medium(*stack, (10.0, 10.0))
    with pytest.raises(ValueError, match=r"^`medium` must hold 1 or 3 media \(one per shot\), got 2$"):
        run(batch, [force(), force(), force()])
    assert torch.equal(run(batch, [force(), force()]).data, run(medium, [force(), force()]).data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vp": -1.0}, "`vp` must be > 0, got -1.0"),
        ({"vs": -1.0}, "`vs` must be >= 0, got -1.0"),
        ({"rho": 0.0}, "`rho` must be > 0, got 0.0"),
        ({"vs": float("nan")}, "`vs` must be finite, got 1 NaN or infinite values"),
        ({"vs": 1700.0}, r"`vs` must be <= 0.866 `vp` \(positive bulk modulus\), got 0.983 `vp`"),
    ],
)
def test_media_are_possible(medium, change, message):
    values = {name: getattr(medium, name).clone() for name in ("vp", "vs", "rho")}
    for name, value in change.items():
        values[name][3, 4] = value
    with pytest.raises(ValueError, match=f"^{message}$"):
        sk.Medium(**values, spacing=10.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"medium": torch.ones(40, 44)}, "`medium` must be of class Medium, got Tensor"),
        ({"receivers": [(10.0, 0.0)]}, "`receivers` must be of class Receivers, got list"),
        ({"snapshots": 10}, "`snapshots` must be of class Snapshots, got int"),
        ({"shots": [3]}, r"`shots\[0\]` must hold sources, got int"),
        ({"receivers": sk.Receivers(x=[], z=[])}, "`receivers` must hold at least one place, got none"),
    ],
)
def test_refuses_other_classes(medium, force, change, message):
    arguments = {"medium": medium, "shots": force(), "receivers": sk.Receivers(x=10.0, z=0.0)} | change
    with pytest.raises((TypeError, ValueError), match=f"^{message}$"):
        sk.simulate(**arguments, dt=DT, nt=NT)


def test_gradients_of_effective_media_are_refused_not_dropped(force):
    layered = sk.layered_medium((40, 44), 10.0, [0.0, 63.0], [1700.0, 2000.0], [900.0, 1100.0], [2e3, 2.1e3])
    layered.effective["cxx"] = layered.effective["cxx"].clone().requires_grad_()
    with pytest.raises(ValueError, match=r"^`medium.effective\['cxx'\]` must not require a gradient"):
        run(layered, force())


def test_results_are_shown_in_a_line(medium, force):
    seis = run(medium, force(), snapshots=sk.Snapshots(every=NT))
    assert repr(seis).startswith("Seismograms(velocity x, z; shape (1, 2, ")
    assert "Wavefields(x, z; shape (1, 2, 1, 40, 44), 0 to 0 s)" in repr(seis)
    assert len(repr(force())) < 100
    plan = sk.plan(medium, dt=1e-3, nt=NT)
    assert repr(plan).startswith(f"Plan({plan.cells:,} cells, {plan.steps:,} steps of 1 ms, ")


def test_media_have_one_shape(medium):
    with pytest.raises(ValueError, match=r"^`rho` must have the shape of `vp`, \(40, 44\), got \(40, 43\)$"):
        sk.Medium(medium.vp, medium.vs, medium.rho[:, 1:], 10.0)
    with pytest.raises(ValueError, match=r"^`spacing` must be > 0, got 0.0$"):
        sk.Medium(medium.vp, medium.vs, medium.rho, 0.0)
    with pytest.raises(
        ValueError, match=r"^`spacing` must be one number or 2 \(one per axis in array order\), got 1$"
    ):
        sk.Medium(medium.vp, medium.vs, medium.rho, [10.0])
    with pytest.raises(TypeError, match=r"^`vp` must be a number, array or tensor, got str$"):
        sk.Medium("fast", 1.0, 1.0, 10.0)


def test_a_free_surface_needs_depth(force):
    thin = sk.Medium(torch.full((15, 44), 1730.0), 1000.0, 2000.0, 10.0)
    with pytest.raises(ValueError, match=r"^`medium` must have >= 16 planes below a free surface, got 15$"):
        run(thin, force(z=10.0))


def test_media_are_checked_again(medium, force):
    medium.vs[3, 4] = -1.0
    with pytest.raises(ValueError, match=r"^`vs` must be >= 0, got -1.0$"):
        run(medium, force())


def test_media_have_values():
    with pytest.raises(ValueError, match=r"^`vp` must be on the CPU or a GPU, got meta$"):
        sk.Medium(torch.ones(20, 20, device="meta"), 1000.0, 2000.0, 10.0)


@pytest.mark.parametrize(("steps", "share"), [(10, 0.0), (2000, 0.0), (4000, 0.0175), (9000, 0.035)])
def test_long_runs_damp_along_all_axes(medium, steps, share):
    plan = sk.plan(medium, dt=1e-4, nt=steps, dispersion_correction=False)
    assert plan.multiaxial == pytest.approx(share, abs=1e-3)


@pytest.mark.parametrize("multiaxial", [-0.1, 1.1])
def test_refuses_a_share_that_is_none(medium, force, multiaxial):
    with pytest.raises(ValueError, match=r"`multiaxial` must lie in \[0, 1\]"):
        run(medium, force(), multiaxial=multiaxial)


@pytest.mark.filterwarnings("ignore:the source reaches")
def test_a_snapshot_of_what_no_velocity_has_felt_is_refused(medium):
    rate = torch.full((2,), 1e100, dtype=torch.float64)
    source = sk.Explosion(x=200.0, z=150.0, moment=1e300, rate=rate)
    options = {"dt": 1e-4, "nt": 2, "quantity": "pressure", "dispersion_correction": False}
    receivers = sk.Receivers(x=[400.0], z=[380.0])
    with pytest.raises(FloatingPointError, match="not finite"):
        run(medium, source, receivers, snapshots=sk.Snapshots(1, quantity="pressure"), **options)
