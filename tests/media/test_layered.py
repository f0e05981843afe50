import pytest
import torch

from seiskern.media.effective import layer_shares
from seiskern.media.layered import gardner_density, layered_crust, layered_medium


def test_nodes_on_an_interface_belong_to_the_lower_layer():
    vp, vs, rho = layered_crust((5, 2, 3), 0.1, [0.0, 0.3], [1000.0, 2000.0], 2.0, [2000.0, 2500.0])
    assert vs[:, 0, 0].tolist() == [1000, 1000, 1000, 2000, 2000]
    assert torch.equal(vp, 2 * vs)
    assert rho[:, 1, 2].tolist() == [2000, 2000, 2000, 2500, 2500]


def test_uses_the_vertical_spacing_and_a_ratio_for_each_layer():
    vp, _, rho = layered_crust((3, 2), (10.0, 1.0), [0.0, 15.0], [1000.0, 1000.0], [1.5, 3.0])
    assert vp[:, 1].tolist() == [1500, 1500, 3000]
    torch.testing.assert_close(rho, gardner_density(vp))


def test_gardner_is_that_of_the_paper():
    # 0.23 V^0.25 with V in ft/s gives g/cm^3: 2.30 at 10,000 ft/s.
    assert gardner_density(torch.tensor(3048.0)).item() == pytest.approx(2300, rel=0.005)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0, 1.0], [1.0]), "`vs` must have one value per layer"),
        (([0.0, 1.0], [1.0, 1.0], [1.7]), "`vp_vs` must have one value per layer"),
        (([0.0], [1.0], 1.7, [1.0, 1.0]), "`rho` must have one value per layer"),
        (([1.0, 2.0], [1.0, 1.0]), "`tops` must increase strictly from 0"),
        (([0.0, 0.0], [1.0, 1.0]), "`tops` must increase strictly from 0"),
        (([], []), "`tops` must increase strictly from 0"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        layered_crust((3, 3), 1.0, *arguments)


MEDIUM = {"vp": (2000.0, 4000.0), "vs": (1000.0, 2000.0), "rho": (2000.0, 3000.0)}


@pytest.mark.parametrize("offset", [0.0, 0.3, 0.5, 0.8])
def test_a_cut_cell_holds_the_means_of_its_layers(offset):
    h, top = 10.0, (4 + offset) * 10.0
    medium = layered_medium((8, 3), h, (0.0, top), **MEDIUM, dtype=torch.float64)
    node = 4 if offset < 0.5 else 5
    upper = (top - (node - 0.5) * h) / h  # share of the upper layer
    mean = upper * 2000 + (1 - upper) * 3000
    modulus = 1 / (upper / (2000 * 2000**2) + (1 - upper) / (3000 * 4000**2))
    shear = 1 / (upper / (2000 * 1000**2) + (1 - upper) / (3000 * 2000**2))
    assert medium.rho[node, 1].item() == pytest.approx(mean)
    assert (medium.rho * medium.vp.square())[node, 1].item() == pytest.approx(modulus)
    assert (medium.rho * medium.vs.square())[node, 1].item() == pytest.approx(shear)
    assert medium.vs[:node, 0].tolist() == pytest.approx([1000] * node)
    assert medium.vp[node + 1 :, 0].tolist() == pytest.approx([4000] * (7 - node))


def test_mass_and_compliance_are_those_of_the_layers():
    tops = (0.0, 13.0, 31.7, 55.5)
    share = layer_shares(10, 10.0, tops, half=False, smooth=False)
    thickness = torch.full((10,), 10.0, dtype=torch.float64)
    thickness[0] = 5  # the cell at the surface reaches down only
    torch.testing.assert_close(thickness @ share, torch.tensor([13.0, 18.7, 23.8, 39.5]).double())


def test_a_cell_with_any_fluid_carries_no_shear():
    medium = layered_medium((4, 2), 10.0, (0.0, 12.0), (1500.0, 3000.0), (0.0, 1500.0), (1000.0, 2200.0))
    assert medium.vs[:, 0].tolist() == pytest.approx([0, 0, 1500, 1500])


def test_an_interface_on_the_edge_of_a_cell_cuts_none():
    medium = layered_medium((16, 2), 0.1, (0.0, 0.75), **MEDIUM)
    assert set(medium.rho[:, 0].tolist()) == {2000.0, 3000.0}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"vp": (2.0, -2.0)}, "`vp` must be > 0"), ({"vs": (1.0, 1.9)}, "`vs` must be <= 0.866 `vp`")],
)
def test_each_layer_must_be_a_rock_however_thin(wrong, message):
    rocks = {"vp": (2.0, 2.0), "vs": (1.0, 1.0), "rho": (1.0, 1.0)} | wrong
    with pytest.raises(ValueError, match=message):
        layered_medium((4, 4), 1.0, (0.0, 3.4), **rocks)


def test_layers_must_agree():
    with pytest.raises(ValueError, match="`rho` must have one value per layer"):
        layered_medium((4, 4), 1.0, (0.0, 1.0), (2.0, 2.0), (1.0, 1.0), (1.0,))
    with pytest.raises(ValueError, match="`tops` must increase strictly from 0"):
        layered_medium((4, 4), 1.0, (1.0,), (2.0,), (1.0,), (1.0,))
