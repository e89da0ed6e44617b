import re

import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from swann._errors import DataError
from swann.data._image_file import centre_cut, open_image


def test_a_missing_file_is_named(tmp_path):
    path = str(tmp_path / "gone.png")
    with pytest.raises(DataError, match=re.escape(f"{path}: cannot be read as an image: ")):
        open_image(path)


def test_an_image_becomes_rgb(tmp_path):
    Image.new("P", (5, 4)).save(tmp_path / "a.png")
    assert open_image(str(tmp_path / "a.png")).mode == "RGB"


@pytest.mark.parametrize("size", [(30, 17), (17, 30), (20, 20)])
def test_the_centre_is_cut_out_as_by_torchvision(size):
    pixels = torch.randint(0, 256, (size[1], size[0], 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    image = Image.fromarray(pixels.numpy())
    expected = v2.Compose([v2.Resize(10), v2.CenterCrop(10), v2.PILToTensor()])(image)
    assert torch.equal(v2.functional.pil_to_tensor(centre_cut(image, 10)), expected)
