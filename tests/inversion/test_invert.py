from functools import partial

import pytest
import torch

import seiskern as sk
from seiskern import inversion
from seiskern.verify.ring import relative_error

LBFGS = partial(torch.optim.LBFGS, line_search_fn="strong_wolfe", max_iter=1, max_eval=10)


def run(observed, survey, start, iterations=12, **options):
    model = inversion.Model(start)
    job = inversion.Inversion(
        observed, survey, model, stages=[inversion.Stage(iterations=iterations)], **options
    )
    return list(job), model


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimizer": LBFGS},
        {"batch": 2},
        {"encode": 2},
        {"optimizer": partial(torch.optim.RMSprop, lr=0.003)},
    ],
    ids=["adam", "lbfgs", "batch", "encode", "rmsprop"],
)
def test_it_gets_nearer_to_the_data_and_to_the_truth(observed, survey, start, medium, options):
    history, model = run(observed, survey, start, **options)
    assert len(history) == 12
    assert [iteration.number for iteration in history] == list(range(1, 13))
    assert history[-1].misfit < history[0].misfit / 2
    for name in ("vp", "vs"):
        found = relative_error(getattr(model(), name), getattr(medium, name))
        assert found < relative_error(getattr(start, name), getattr(medium, name))


def test_three_lines_are_enough(observed, survey, start, medium):
    model = inversion.Model(start)
    seen = []
    found = inversion.invert(
        observed, survey, model, stages=[inversion.Stage(iterations=3)], callback=seen.append
    )
    assert len(seen) == 3
    assert not found.vp.requires_grad
    assert torch.equal(found.vp, model().vp)


def test_chunks_have_the_gradient_of_all_shots(observed, survey, start):
    gradients = []
    for chunk in (None, 1, 3):
        model = inversion.Model(start)
        job = inversion.Inversion(
            observed, survey, model, chunk=chunk, optimizer=partial(torch.optim.SGD, lr=0.0)
        )
        job.step()
        gradients.append([parameter.grad for parameter in model.parameters()])
    for other in gradients[1:]:
        for got, want in zip(other, gradients[0], strict=True):
            torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-12 * float(want.abs().max()))


def test_stages_see_their_frequencies_in_turn(observed, survey, start):
    model = inversion.Model(start)
    stages = [inversion.Stage(iterations=2, lowpass=2.0), inversion.Stage(iterations=3)]
    job = inversion.Inversion(observed, survey, model, stages=stages)
    assert job.iterations == 5
    first = next(iter(job))
    torch.testing.assert_close(job.observed, inversion.lowpass(observed, survey.dt, 2.0), rtol=0, atol=0)
    optimizer = job.optimizer
    history = [first, *job]
    assert [iteration.stage for iteration in history] == [0, 0, 1, 1, 1]
    assert torch.equal(job.observed, observed)
    assert job.optimizer is not optimizer
    with pytest.raises(RuntimeError, match="all 5 iterations are done"):
        job.step()


def test_what_is_added_to_the_misfit_is_told_apart(observed, survey, start):
    far = sk.Medium(start.vp, 0.9 * start.vs, start.rho, start.spacing)
    history, _ = run(
        observed,
        survey,
        start,
        2,
        regularization=[inversion.Damping(2.0, far), lambda medium: medium.vp.sum() * 0],
    )
    assert history[0].regularization == pytest.approx((1 / 0.9 - 1) ** 2, rel=1e-6)
    bare, _ = run(observed, survey, start, 1)
    assert history[0].misfit == pytest.approx(bare[0].misfit, rel=1e-12)


def test_regularization_makes_the_model_smoother(observed, survey, start, medium):
    _, bare = run(observed, survey, start)
    _, smooth = run(observed, survey, start, regularization=[inversion.Roughness(1e5)])
    rough = inversion.Roughness(1.0)
    with torch.no_grad():
        assert float(rough(smooth())) < 0.5 * float(rough(bare()))


def test_gradients_are_preconditioned_in_turn(observed, survey, start):
    _, model = run(
        observed, survey, start, 1, precondition=[lambda g: torch.zeros_like(g), lambda g: g + 1.0]
    )
    for parameter in model.parameters():  # the first step of Adam is lr times the sign
        torch.testing.assert_close(parameter, torch.full_like(parameter, -0.01), rtol=1e-6, atol=0)


def test_misfits_change_the_gradient(observed, survey, start):
    def correlation(synthetic, data):
        return 1 - (synthetic * data).sum() / (synthetic.norm() * data.norm())

    history, _ = run(observed, survey, start, 3, misfit=correlation)
    assert 0 < history[-1].misfit < history[0].misfit < 1


def test_the_same_seed_draws_the_same_shots(observed, survey, start):
    runs = [run(observed, survey, start, 4, batch=2, seed=seed)[1]() for seed in (0, 0, 1)]
    assert torch.equal(runs[0].vp, runs[1].vp)
    assert not torch.equal(runs[0].vp, runs[2].vp)


@pytest.mark.parametrize("optimizer", [inversion.invert.__globals__["Adam"], LBFGS], ids=["adam", "lbfgs"])
def test_an_inversion_goes_on_from_its_state_to_the_bit(tmp_path, observed, survey, start, optimizer):
    from seiskern.io import read_state, write_state

    def new():
        stages = [inversion.Stage(iterations=3, lowpass=2.0), inversion.Stage(iterations=4)]
        options = {"stages": stages, "optimizer": optimizer, "batch": 3}
        options["scheduler"] = torch.optim.lr_scheduler.CosineAnnealingLR
        return inversion.Inversion(observed, survey, inversion.Model(start), **options)

    whole = new()
    list(whole)
    for done in (1, 3, 5):
        job = new()
        for _ in range(done):
            job.step()
        write_state(tmp_path / "state", job.state_dict())
        again = new()
        again.load_state_dict(read_state(tmp_path / "state")[0])
        assert len(again.history) == done
        list(again)
        for name, value in again.model.state_dict().items():
            assert torch.equal(value, whole.model.state_dict()[name])
        assert [i.misfit for i in again.history] == [i.misfit for i in whole.history]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": 2, "encode": 1}, "must not both be given"),
        ({"batch": 5}, "`batch` must be <= 4"),
        ({"chunk": 0}, "`chunk` must be >= 1"),
        ({"stages": []}, "`stages` must hold at least one"),
    ],
)
def test_wrong_input_is_refused(observed, survey, start, options, message):
    with pytest.raises(ValueError, match=message):
        inversion.Inversion(observed, survey, inversion.Model(start), **options)


def test_data_must_be_those_of_the_survey(observed, survey, start):
    with pytest.raises(ValueError, match=r"`observed` must have shape \(4, component, receiver, 80\)"):
        inversion.Inversion(observed[:3], survey, inversion.Model(start))
    with pytest.raises(ValueError, match="`observed` must be finite"):
        inversion.Inversion(observed * float("nan"), survey, inversion.Model(start))
