"""What is drawn is what was given; how it looks is for eyes."""

import io
import subprocess
import sys

import numpy as np
import pytest
import torch

from seiskern import plotting

Figure = pytest.importorskip("matplotlib.figure").Figure


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def sensors():
    position = np.linspace(0, 3000, 4)
    y, x = (axis.ravel() for axis in np.meshgrid(position, position, indexing="ij"))
    return x, y


def drawn(figure):
    """Render, so that what only fails on drawing fails here."""
    assert isinstance(figure, Figure)
    figure.savefig(io.BytesIO(), format="png", dpi=40)
    return figure


def test_record_section_places_traces_by_offset_and_scales_them_alike(rng):
    data = 0.1 * rng.normal(size=(2, 3, 20))
    data[0, 1, 7] = 5.0
    figure = drawn(plotting.record_section(data, [3000.0, 1000.0, 2000.0], 0.1, components="xz"))
    x_panel, z_panel = figure.axes
    lines = [line.get_ydata() for line in x_panel.lines]
    assert lines[1].argmax() == 7
    assert lines[1].max() == pytest.approx(1.0 + 1.6, abs=1e-6)  # gap 1 km, overlap 1.6
    np.testing.assert_allclose(lines[0] - 3.0, 1.6 * data[0, 0] / 5.0, atol=1e-12)
    assert "peak 5" in x_panel.get_title()
    assert len(z_panel.lines) == 3


def test_record_section_by_trace_gives_each_its_own_scale(rng):
    data = rng.normal(size=(1, 3, 20)) * np.array([1.0, 10.0, 0.0])[:, None]
    figure = drawn(plotting.record_section(data, [0.0, 1000.0, 2000.0], 0.1, normalise="trace"))
    heights = [np.abs(line.get_ydata() - base).max() for base, line in enumerate(figure.axes[0].lines)]
    assert heights == pytest.approx([1.6, 1.6, 0.0])


def test_record_section_thins_out_many_receivers(rng):
    offsets = rng.uniform(0, 9000, 400)
    figure = plotting.record_section(rng.normal(size=(1, 400, 5)), offsets, 0.1)
    bases = [line.get_ydata() for line in figure.axes[0].lines]
    assert 20 <= len(bases) <= 32


def test_one_receiver_is_enough(rng):
    drawn(plotting.record_section(rng.normal(size=(1, 1, 5)), [1000.0], 0.1))
    drawn(plotting.record_section(np.zeros((1, 2, 5)), [0.0, 0.0], 0.1))


def test_velocity_map_shows_the_length_of_the_vector(sensors):
    data = np.zeros((3, 16, 6))
    data[0, 5, 2], data[1, 5, 2], data[2, 5, 4] = 0.03, 0.04, 0.01
    figure = drawn(plotting.velocity_map(data, *sensors, source=(1500.0, 1500.0)))
    assert "largest 5" in figure.axes[1].get_ylabel()  # cm/s; the components peak at other times


def test_velocity_map_takes_a_tensor_with_a_graph(sensors):
    data = torch.zeros(2, 16, 3, requires_grad=True)
    drawn(plotting.velocity_map(data, *sensors))


def test_snapshots_share_one_scale(rng):
    fields = rng.normal(size=(5, 6, 7))
    figure = drawn(plotting.snapshots(fields, np.arange(5) / 10, (20.0, 10.0), source=(30.0, 60.0)))
    shown = [axes for axes in figure.axes if axes.get_visible() and axes.images]
    assert [axes.get_title() for axes in shown] == ["0.00 s", "0.10 s", "0.20 s", "0.30 s", "0.40 s"]
    assert len({axes.images[-1].get_clim() for axes in shown}) == 1
    np.testing.assert_array_equal(shown[3].images[-1].get_array(), fields[3])
    assert shown[0].images[0].get_extent() == pytest.approx([-0.005, 0.065, 0.11, -0.01])


def test_snapshots_draw_the_medium_behind(rng):
    background = rng.uniform(size=(6, 7))
    figure = drawn(plotting.snapshots(rng.normal(size=(1, 6, 7)), [0.0], (1.0, 1.0), background=background))
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), background)
    drawn(plotting.snapshots(np.zeros((1, 6, 7)), [0.0], (1.0, 1.0), background=np.ones((6, 7))))


def test_medium_section_has_a_panel_for_each_property(rng):
    vp, vs = rng.uniform(1000, 2000, (2, 5, 6))
    receivers = np.array([[0.0, 0.0], [20.0, 0.0]])
    figure = drawn(plotting.medium_section({"Vp": vp, "Vs": vs}, (10.0, 10.0), receivers=receivers))
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), vp)
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), vs)


def test_trace_comparison_draws_both(rng):
    computed, recorded = rng.normal(size=(2, 3, 2, 9))
    figure = drawn(plotting.trace_comparison(computed, recorded, 0.1, components="xyz", start=1.0))
    assert len(figure.axes) == 6
    below, above = figure.axes[4].lines  # receiver 1, component y
    np.testing.assert_array_equal(below.get_ydata(), recorded[1, 1])
    np.testing.assert_array_equal(above.get_ydata(), computed[1, 1])
    assert above.get_xdata()[0] == 1.0


def test_misfit_curves_are_drawn_over_their_largest():
    delays = np.linspace(-1, 1, 5)
    figure = drawn(plotting.misfit_curves(delays, {"L2": delays**2 / 4, "nothing": 0 * delays}))
    _, line, flat = figure.axes[0].lines  # after that at zero
    np.testing.assert_allclose(line.get_ydata(), delays**2)
    np.testing.assert_array_equal(flat.get_ydata(), 0)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["L2", "nothing"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plotting.record_section(np.zeros((2, 5)), [0.0, 1.0], 1.0), "`data` must be"),
        (lambda: plotting.record_section(np.zeros((1, 2, 5)), [0.0], 1.0), "`offsets` must be"),
        (
            lambda: plotting.record_section(np.zeros((1, 1, 5)), [0.0], 1.0, normalise="no"),
            "`normalise` must be 'section' or 'trace', got 'no'",
        ),
        (
            lambda: plotting.velocity_map(np.zeros((3, 4, 5)), np.zeros(4), np.arange(4)),
            "not all on one line",
        ),
        (lambda: plotting.velocity_map(np.zeros((3, 4, 5)), np.zeros(3), np.zeros(4)), "`x` must be"),
        (lambda: plotting.snapshots(np.zeros((2, 3, 4)), [0.0], (1.0, 1.0)), "`times` must be"),
        (lambda: plotting.snapshots(np.zeros((3, 4)), [0.0], (1.0, 1.0)), "`fields` must be"),
        (lambda: plotting.misfit_curves([0.0, 1.0], {"a": np.zeros(3)}), r"`curves\['a'\]` must be"),
        (lambda: plotting.misfit_curves([0.0], {}), "`curves` must hold 1 to 6 misfits, got 0"),
        (lambda: plotting.medium_section({}, (1.0, 1.0)), "`fields` must hold"),
        (
            lambda: plotting.medium_section({"a": np.zeros((2, 2)), "b": np.zeros((2, 3))}, (1.0, 1.0)),
            r"`fields\['b'\]` must be",
        ),
        (
            lambda: plotting.trace_comparison(
                np.zeros((3, 2, 9)), np.zeros((3, 1, 9)), 1.0, components="xyz"
            ),
            "`recorded` must be",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_matplotlib_is_imported_late_and_pyplot_never():
    code = (
        "import sys, numpy as np, seiskern.plotting as p; assert 'matplotlib' not in sys.modules;"
        "p.record_section(np.zeros((1, 2, 5)), [0., 1.], 1.); assert 'matplotlib.pyplot' not in sys.modules"
    )
    done = run(code)
    assert done.returncode == 0, done.stderr


def test_without_matplotlib_the_extra_is_named():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import numpy as np, seiskern.plotting as p\n"
        "p.record_section(np.zeros((1, 2, 5)), [0., 1.], 1.)"
    )
    done = run(code)
    assert "ImportError: figures need matplotlib: pip install 'seiskern[plot]'" in done.stderr
