"""Where datasets are looked for, and what is said when they are not there."""

import os
from pathlib import Path

from .._errors import MissingDataError

DATA_DIR_VARIABLE = "SWANN_DATA_DIR"


def find_data_dir(name: str, data_dir: str | os.PathLike[str] | None) -> Path:
    """Return the folder in which dataset `name` is looked for: `data_dir`, else what SWANN_DATA_DIR says.

    Raises:
        MissingDataError: neither is given.
    """
    chosen = data_dir if data_dir is not None else os.environ.get(DATA_DIR_VARIABLE) or None
    if chosen is None:
        raise MissingDataError(
            f"dataset {name!r}: no folder to look in; give --data-dir (data_dir=...) or set {DATA_DIR_VARIABLE}, "
            f"and add --download (download=True) to fetch the dataset into it"
        )
    return Path(chosen).expanduser()


def missing(name: str, looked_at: list[Path]) -> MissingDataError:
    """Return the error for a dataset that is at none of the paths `looked_at`."""
    places = " and ".join(str(path) for path in looked_at)
    return MissingDataError(
        f"dataset {name!r} not found: looked for {places}; copy its files there, "
        f"point --data-dir (data_dir=...) or {DATA_DIR_VARIABLE} to the folder that holds them, "
        f"or fetch it with --download (download=True)"
    )


def download_failed(name: str, data_dir: Path, error: Exception) -> MissingDataError:
    """Return the error for a dataset that could not be fetched into `data_dir`."""
    return MissingDataError(f"dataset {name!r} could not be downloaded into {data_dir}: {one_line(error)}")


def one_line(error: Exception) -> str:
    """Return an error's message on one line."""
    return " ".join(str(error).split()) or type(error).__name__
