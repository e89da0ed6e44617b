import hashlib
import io
import pickle
import re
import tarfile

import numpy as np
import pytest
import torchvision
from PIL import Image

from swann._errors import DataError, MissingDataError
from swann.data import load

FOLDERS = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}
CLASSES = {"cifar10": torchvision.datasets.CIFAR10, "cifar100": torchvision.datasets.CIFAR100}
LABEL_KEYS = {"cifar10": "labels", "cifar100": "fine_labels"}
PER_FILE = 20


def write_official(name, folder):
    """Write a few random images in the official format; return the images and labels of each file."""
    dataset_class, written = CLASSES[name], {}
    folder.mkdir(parents=True)
    n_classes = int(name.removeprefix("cifar"))
    generator = np.random.default_rng(0)
    for filename, _ in dataset_class.train_list + dataset_class.test_list:
        images = generator.integers(0, 256, (PER_FILE, 3072), dtype=np.uint8)
        labels = generator.integers(0, n_classes, PER_FILE).tolist()
        entry = {"batch_label": filename, LABEL_KEYS[name]: labels, "data": images, "filenames": []}
        (folder / filename).write_bytes(pickle.dumps(entry, protocol=2))
        written[filename] = images.reshape(-1, 3, 32, 32), labels
    meta = {dataset_class.meta["key"]: [f"class {index}" for index in range(n_classes)]}
    (folder / dataset_class.meta["filename"]).write_bytes(pickle.dumps(meta, protocol=2))
    return written


def trust(monkeypatch, name, folder):
    """Make torchvision take the files in `folder` for the official ones: their MD5 sums stand in for the real."""
    dataset_class = CLASSES[name]

    def md5(filename):
        return hashlib.md5((folder / filename).read_bytes()).hexdigest()

    for attribute in ("train_list", "test_list"):
        files = [[filename, md5(filename)] for filename, _ in getattr(dataset_class, attribute)]
        monkeypatch.setattr(dataset_class, attribute, files)
    meta = dataset_class.meta
    monkeypatch.setattr(dataset_class, "meta", {**meta, "md5": md5(meta["filename"])})


@pytest.mark.parametrize("name", FOLDERS)
def test_official_files(tmp_path, monkeypatch, name):
    folder = tmp_path / FOLDERS[name]
    written = write_official(name, folder)
    trust(monkeypatch, name, folder)
    data = load(name, data_dir=tmp_path)
    test_file = CLASSES[name].test_list[0][0]
    train = [part for filename, part in written.items() if filename != test_file]
    assert (data.train_images.numpy() == np.concatenate([images for images, _ in train])).all()
    assert data.train_labels.tolist() == [label for _, labels in train for label in labels]
    assert (data.test_images.numpy() == written[test_file][0]).all()
    assert data.test_labels.tolist() == written[test_file][1]
    assert data.n_classes == int(name.removeprefix("cifar"))
    assert data.classes[1] == "class 1"
    assert data.train_images.is_contiguous()


class Trap:
    """Its pickle writes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_file_that_is_not_the_official_one_is_refused_and_not_run(tmp_path, monkeypatch):
    folder = tmp_path / FOLDERS["cifar100"]
    write_official("cifar100", folder)
    trust(monkeypatch, "cifar100", folder)
    sprung = tmp_path / "sprung"
    path = folder / "test"
    path.write_bytes(pickle.dumps(Trap(sprung)))
    message = f"{path}: damaged or not the official file (its MD5 sum is not "
    with pytest.raises(DataError, match=re.escape(message)):
        load("cifar100", data_dir=tmp_path)
    assert not sprung.exists()


@pytest.mark.parametrize("name", FOLDERS)
def test_real_sums_are_checked(tmp_path, name):
    write_official(name, tmp_path / FOLDERS[name])
    with pytest.raises(DataError, match="damaged or not the official file"):
        load(name, data_dir=tmp_path)


def test_missing_file_is_named(tmp_path, monkeypatch):
    folder = tmp_path / FOLDERS["cifar10"]
    write_official("cifar10", folder)
    trust(monkeypatch, "cifar10", folder)
    (folder / "data_batch_3").unlink()
    message = f"dataset 'cifar10' not found: looked for {folder / 'data_batch_3'};"
    with pytest.raises(MissingDataError, match=re.escape(message)):
        load("cifar10", data_dir=tmp_path)


def test_missing_dataset_says_where_it_was_looked_for(tmp_path):
    message = (
        f"dataset 'cifar10' not found: looked for {tmp_path / 'cifar-10-batches-py'} "
        f"and {tmp_path / 'cifar10' / 'train'}; copy its files there"
    )
    with pytest.raises(MissingDataError, match=re.escape(message)):
        load("cifar10", data_dir=tmp_path)


def test_download(tmp_path, monkeypatch, served):
    folder, address = served
    source = tmp_path / "source" / FOLDERS["cifar100"]
    write_official("cifar100", source)
    trust(monkeypatch, "cifar100", source)
    archive = folder / "cifar.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(source, arcname=source.name)
    dataset_class = CLASSES["cifar100"]
    monkeypatch.setattr(dataset_class, "url", f"{address}/{archive.name}")
    monkeypatch.setattr(dataset_class, "tgz_md5", hashlib.md5(archive.read_bytes()).hexdigest())
    data = load("cifar100", data_dir=tmp_path / "new", download=True)
    assert len(data.train_images) == PER_FILE
    monkeypatch.setattr(dataset_class, "url", f"{tmp_path.as_uri()}/nothing.tar.gz")
    with pytest.raises(MissingDataError, match="'cifar100' could not be downloaded into ") as caught:
        load("cifar100", data_dir=tmp_path / "other", download=True)
    assert "\n" not in str(caught.value)


def test_folders_of_images(tmp_path):
    for part in ("train", "test"):
        for name in ("airplane", "bird"):
            folder = tmp_path / "cifar10" / part / name
            folder.mkdir(parents=True)
            Image.new("RGB", (32, 32), "red").save(folder / "0000.png")
    data = load("cifar10", data_dir=tmp_path, download=True)  # is there: nothing is fetched
    assert (data.name, data.classes) == ("cifar10", ("airplane", "bird"))
    assert data.source == str(tmp_path / "cifar10")
    assert load("cifar10", data_dir=tmp_path, image_size=16).input_shape == (3, 16, 16)


def test_real_images(real_data_dir, tmp_path):
    archive = real_data_dir / "cifar10-jpeg.tar.xz"
    if not archive.is_file():
        pytest.skip(f"no {archive}")
    originals = []
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile():
                content = tar.extractfile(member).read()
                originals.append(np.asarray(Image.open(io.BytesIO(content))))
                for part in ("train", "test"):
                    path = tmp_path / "cifar10" / part / "airplane" / member.name.rsplit("/", 1)[1]
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)
            if len(originals) == 8:
                break
    data = load("cifar10", data_dir=tmp_path)
    assert data.input_shape == (3, 32, 32)
    assert (data.train_images.permute(0, 2, 3, 1).numpy() == np.stack(originals)).all()
