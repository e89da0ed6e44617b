import pytest
import torch

import swann
from swann._errors import InvalidValueError
from swann.deployment import ServerSettings
from swann.deployment._network import make_network
from swann.federated import Architecture


@pytest.fixture(scope="module")
def digits():
    return swann.data.load("digits")


def of_size(height, width):
    images, labels = torch.zeros(2, 1, height, width, dtype=torch.uint8), torch.tensor([0, 1])
    return swann.data.ImageData.from_tensors("some", ("a", "b"), images, labels, images, labels)


def test_nodes_build_what_the_server_has(digits):
    for p in (None, 0.5):
        network, told = make_network(ServerSettings(p=p, width=0.5, seed=3), digits)
        built = Architecture.from_json(told.to_json()).build()
        built.load_state_dict(network.state_dict())
        images = torch.rand(2, 1, 8, 8)
        assert torch.equal(built.eval()(images), network.eval()(images))
        again, _ = make_network(ServerSettings(p=p, width=0.5, seed=3), digits)
        assert all(map(torch.equal, network.state_dict().values(), again.state_dict().values()))


def test_a_converted_file_goes_on_with_its_weights(digits, tmp_path):
    twin = swann.convert(swann.models.mnist5(image_size=8, width=0.5), torch.zeros(1, 1, 8, 8), 0.5, seed=0)
    swann.save(twin, tmp_path / "twin.safetensors")
    settings = ServerSettings(model=str(tmp_path / "twin.safetensors"))
    network, told = make_network(settings, digits)
    assert network.training
    assert told == Architecture.of(twin)
    assert all(map(torch.equal, network.state_dict().values(), twin.state_dict().values()))
    with pytest.raises(InvalidValueError, match=r"reads inputs of \(1, 8, 8\), .* has images of \(1, 9, 9\)"):
        make_network(settings, of_size(9, 9))


def test_images_that_are_not_square_are_refused():
    wide = of_size(8, 9)
    with pytest.raises(InvalidValueError, match="images are 8×9; give image-size for square ones"):
        make_network(ServerSettings(), wide)
