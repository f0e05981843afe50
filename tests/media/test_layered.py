import pytest
import torch

from seiskern.media.layered import gardner_density, layered_crust


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
