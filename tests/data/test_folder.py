import re
import shutil

import numpy as np
import pytest
from PIL import Image
from torchvision import transforms
from torchvision.datasets import ImageFolder

from swann._errors import DataError, InvalidValueError, MissingDataError
from swann.data import load


def write_image(path, size=(12, 10), seed=0, mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path):
    """Three training images and one test image of each of two classes, 12 pixels wide and 10 high."""
    for number, name in enumerate(("cat", "dog")):
        for index in range(3):
            write_image(tmp_path / "train" / name / f"{index}.png", seed=10 * number + index)
        write_image(tmp_path / "test" / name / "0.png", seed=10 * number + 5)
    return tmp_path


def test_images_of_one_size_are_read_as_they_are(folder):
    data = load(f"folder:{folder}")
    assert data.name == f"folder:{folder}"
    assert data.classes == ("cat", "dog")
    assert data.train_labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.input_shape == (3, 10, 12)
    for image, (path, _) in zip(data.train_images, ImageFolder(folder / "train").samples, strict=True):
        assert (image.permute(1, 2, 0).numpy() == np.asarray(Image.open(path))).all()


@pytest.mark.parametrize("many", [False, True])
def test_resizing_and_cropping_agree_with_torchvision(folder, monkeypatch, many):
    if many:
        monkeypatch.setattr("swann.data._folder._SMALL", 0)
        monkeypatch.setattr("swann.data._folder._RUN", 2)
    write_image(folder / "train" / "cat" / "3.png", size=(9, 31), seed=99)
    data = load(f"folder:{folder}", image_size=8)
    transform = transforms.Compose([transforms.Resize(8), transforms.CenterCrop(8), transforms.PILToTensor()])
    expected = ImageFolder(folder / "train", transform=transform)
    assert len(data.train_images) == len(expected) == 7
    for image, label, (theirs, their_label) in zip(data.train_images, data.train_labels, expected, strict=True):
        assert (image == theirs).all()
        assert label == their_label


def test_grey_images_become_rgb(folder):
    for path in folder.glob("*/*/*.png"):
        write_image(path, mode="L")
    assert load(f"folder:{folder}").input_shape == (3, 10, 12)


def test_val_stands_in_for_test(folder):
    (folder / "test").rename(folder / "val")
    assert len(load(f"folder:{folder}").test_images) == 2


def test_images_of_several_sizes_need_an_image_size(folder):
    path = folder / "train" / "dog" / "odd.png"
    write_image(path, size=(7, 9))
    message = f"{path}: the image has 7×9 pixels, others 12×10; give --image-size (image_size=...)"
    with pytest.raises(InvalidValueError, match=re.escape(message)):
        load(f"folder:{folder}")


@pytest.mark.parametrize("damage", ["truncate", "text", "empty"])
@pytest.mark.parametrize("extension", ["png", "jpg"])
def test_damaged_image_is_named(folder, damage, extension):
    path = folder / "test" / "dog" / f"broken.{extension}"
    write_image(path, size=(60, 60))
    content = path.read_bytes()
    path.write_bytes({"truncate": content[: len(content) // 2], "text": b"no image", "empty": b""}[damage])
    with pytest.raises(DataError, match=re.escape(f"{path}: cannot be read as an image: ")) as caught:
        load(f"folder:{folder}", image_size=8)
    assert "\n" not in str(caught.value)


def test_damaged_first_image_is_named(folder):
    path = folder / "train" / "cat" / "0.png"
    path.write_bytes(b"no image")
    with pytest.raises(DataError, match=re.escape(f"{path}: cannot be read as an image: ")):
        load(f"folder:{folder}")


def test_memory_is_estimated_before_decoding(folder, monkeypatch):
    def fail(*_):
        raise AssertionError("an image was decoded")

    monkeypatch.setattr("swann.data._folder._decode", fail)
    message = r"folder:.*: 8 images of 3×100×100 take 0.00 GiB in memory, more than the limit of 0.00 GiB"
    with pytest.raises(InvalidValueError, match=message):
        load(f"folder:{folder}", image_size=100, memory_limit=8 * 30_000 - 1, stream=False)


def test_class_that_is_not_in_test(folder):
    shutil.rmtree(folder / "test" / "dog")
    message = f"{folder}: class 'dog' is in train/ but not in test/ (1 of 2 classes); both need the same class folders"
    with pytest.raises(DataError, match=re.escape(message)):
        load(f"folder:{folder}")


def test_class_that_is_not_in_train(folder):
    write_image(folder / "test" / "eel" / "0.png")
    with pytest.raises(DataError, match=re.escape("class 'eel' is in test/ but not in train/ (1 of 3 classes)")):
        load(f"folder:{folder}")


def test_class_without_images(folder):
    (folder / "train" / "eel").mkdir()
    message = f"{folder / 'train'}: Found no valid file for the classes eel"
    with pytest.raises(DataError, match=re.escape(message)):
        load(f"folder:{folder}")


def test_no_train(folder):
    shutil.rmtree(folder / "train")
    message = f"no folder train/ in {folder}, which holds test; expected train/<class>/ and test/<class>/"
    with pytest.raises(MissingDataError, match=re.escape(message)):
        load(f"folder:{folder}")


def test_neither_test_nor_val(folder):
    shutil.rmtree(folder / "test")
    with pytest.raises(MissingDataError, match=re.escape(f"no folder test/ or val/ in {folder}, which holds train;")):
        load(f"folder:{folder}")


def test_no_such_folder(tmp_path):
    with pytest.raises(MissingDataError, match=re.escape(f"{tmp_path / 'absent'}, which does not exist;")):
        load(f"folder:{tmp_path / 'absent'}")


def test_corrupt_images_are_left_out_and_named_if_asked(folder):
    (folder / "train" / "cat" / "0.png").write_bytes(b"no image")
    cut = folder / "test" / "dog" / "1.png"
    write_image(cut)
    cut.write_bytes(cut.read_bytes()[:60])
    (folder / "train" / "dog" / "9.png").symlink_to(folder / "gone.png")
    with pytest.raises(DataError, match="0.png: cannot be read as an image"):
        load(f"folder:{folder}")
    data = load(f"folder:{folder}", skip_corrupt=True)
    assert data.train_labels.tolist() == [0, 0, 1, 1, 1]
    assert data.test_labels.tolist() == [0, 1]
    assert [reason.partition(":")[0].rpartition("/")[2] for reason in data.skipped] == ["0.png", "9.png", "1.png"]
    for image, name in zip(data.train_images, ("cat/1", "cat/2", "dog/0", "dog/1", "dog/2"), strict=True):
        expected = np.asarray(Image.open(folder / "train" / f"{name}.png"))
        assert (image.permute(1, 2, 0).numpy() == expected).all()
    assert data.subset(train=4).skipped == data.split_validation(0.5).skipped == data.skipped


def test_a_class_without_a_readable_image_is_named(folder):
    (folder / "test" / "dog" / "0.png").write_bytes(b"")
    with pytest.raises(DataError, match="test/dog: none of its images can be read"):
        load(f"folder:{folder}", skip_corrupt=True)
