"""What a directory of results holds, read back."""

import csv
import io
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import safetensors
from numpy.typing import NDArray

from ..._errors import FileFormatError, InvalidValueError
from ..._files import MARKER
from ...nn import Plan, plan_from_json
from ...smallworld import SearchResult
from ...trace import Chain
from ...train import Comparison, History, curves_from_csv

_PAGES = ("table1.md", "table2.md", "table7.md")
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class LayerWeights:
    """The mean absolute weight between every two layers.

    Args:
        names: of the layers, the input first.
        values: of shape `[layers, layers]`, NaN where no edge is.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """A network, or one of a DenseNet's dense blocks.

    Args:
        name: empty for a whole network.
        chain: its layers.
        plan: how it was rewired; None for a plain one.
    """

    name: str
    chain: Chain
    plan: Plan | None


@dataclass(frozen=True)
class RunFiles:
    """What was found in a directory that one of the commands wrote; None or nothing for what it does not hold.

    Args:
        path: of the directory.
        settings: what was run with what.
        environment: the command line, the commit, the machine, the versions and the date.
        blocks: the network, or the dense blocks of one.
        searches: over p, by the block's name.
        comparison: of networks that were trained alike.
        history: of a single training.
        federated: rounds of a federated run, as JSON values.
        bench: the result of `swann bench`, as JSON values.
        sweep: the result of a sweep over p, as JSON values.
        study: the effects of a study, as JSON values.
        curves: histories of a study, by network.
        weights: trained ones.
        texts: by file name, tables as Markdown.
        summary: of a conversion.
    """

    path: Path
    settings: Mapping[str, Any]
    environment: Mapping[str, Any]
    blocks: tuple[Block, ...]
    searches: Mapping[str, SearchResult]
    comparison: Comparison | None
    history: History | None
    federated: Mapping[str, Any] | None
    bench: Mapping[str, Any] | None
    sweep: Mapping[str, Any] | None
    study: Sequence[Mapping[str, Any]] | None
    curves: Mapping[str, Sequence[History]] | None
    weights: LayerWeights | None
    texts: Mapping[str, str]
    summary: str

    @property
    def title(self) -> str:
        """What was run, in a line."""
        settings = self.settings
        if settings.get("title"):
            return str(settings["title"])
        command = str(settings.get("command", "run"))
        what = " on ".join(str(settings[name]) for name in ("name", "model", "data") if settings.get(name))
        p = settings.get("p")
        return ": ".join(filter(None, (command, what))) + (f", p = {p:g}" if isinstance(p, int | float) else "")


def read_run(path: str | os.PathLike[str]) -> RunFiles:
    """Read what a command wrote into a directory.

    Args:
        path: the directory.

    Raises:
        InvalidValueError: there is no such directory, or it was not made by one of the commands.
        FileFormatError: a file in it is damaged.
    """
    path = Path(path)
    if not path.is_dir():
        raise InvalidValueError(f"{path} is {'a file' if path.exists() else 'not there'}; name directories of results")
    if not (path / MARKER).is_file():
        inside = sorted(str(marker.parent) for marker in path.glob(f"*/{MARKER}"))
        hint = f"; did you mean {' '.join(inside[:3])}?" if inside else "; name directories that swann's commands wrote"
        raise InvalidValueError(f"{path} holds no results of swann (no {MARKER}){hint}")
    marker = _read(path / MARKER, _marker)
    if marker is None:
        raise FileFormatError(f"{path / MARKER}: it was removed while it was read")
    return RunFiles(
        path=path,
        settings=marker["settings"],
        environment=marker,
        blocks=_read(path / "plan.json", _planned) or _saved(path) or _read(path / "analysis.json", _analyzed) or (),
        searches=_searches(path),
        comparison=_read(path / "comparison.json", Comparison.from_json),
        history=_read(path / "history.json", History.from_json),
        federated=_read(path / "federated.json", _table_of_values),
        bench=_read(path / "bench.json", _table_of_values),
        sweep=_read(path / "sweep.json", _table_of_values),
        study=_read(path / "study.json", _list_of_tables),
        curves=_read(path / "curves.csv", curves_from_csv) if (path / "study.json").is_file() else None,
        weights=_read(path / "weights.csv", _weights),
        texts={name: text for name in _PAGES if (text := _read(path / name, str)) is not None},
        summary=_read(path / "summary.txt", str) or "",
    )


def _read(path: Path, parse: Callable[[str], _Value]) -> _Value | None:
    """Return what a file holds; None if it is not there."""
    if not path.is_file():
        return None
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (FileFormatError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileFormatError(f"{path} is damaged: {error}") from error


def _marker(text: str) -> dict[str, Any]:
    values = _table_of_values(text)
    if not isinstance(values.get("settings"), dict):
        raise FileFormatError("it has no settings")
    return values


def _table_of_values(text: str) -> dict[str, Any]:
    values = json.loads(text)
    if not isinstance(values, dict):
        raise FileFormatError(f"expected a table, found a {type(values).__name__}")
    return values


def _list_of_tables(text: str) -> list[dict[str, Any]]:
    values = json.loads(text)
    if not isinstance(values, list) or not values or not all(isinstance(value, dict) for value in values):
        raise FileFormatError("expected a list of tables")
    return values


def _analyzed(text: str) -> tuple[Block, ...]:
    values = _table_of_values(text)
    parts = values.get("parts", [values])
    chains = [Chain.from_json(part["chain"]) for part in parts]
    return _blocks([(chain, None) for chain in chains if chain.dense or len(chains) == 1])


def _planned(text: str) -> tuple[Block, ...]:
    plan = plan_from_json(json.loads(text))
    return _blocks([(part.chain, part) for part in ((plan,) if isinstance(plan, Plan) else plan.blocks)])


def _blocks(found: Sequence[tuple[Chain, Plan | None]]) -> tuple[Block, ...]:
    return tuple(
        Block(f"block {number}" if chain.dense else "", chain, plan)
        for number, (chain, plan) in enumerate(found, start=1)
    )


def _searches(path: Path) -> dict[str, SearchResult]:
    """Return the searches of a network or of each of its blocks, by the block's name."""
    found = {}
    for file in sorted(path.glob("search*.json")):
        match = re.fullmatch(r"search(?:-(block)-([1-9]\d*))?\.json", file.name)
        result = _read(file, _search) if match else None
        if match and result:
            found[" ".join(filter(None, match.groups()))] = result
    return found


def _search(text: str) -> SearchResult:
    found = SearchResult.from_json(text)
    if not found.S.size or found.S.shape != (len(found.probabilities), len(found.seeds)):
        raise FileFormatError(f"expected a figure for each p and seed, found {found.S.shape}")
    return found


def _weights(text: str) -> LayerWeights:
    header, *rows = csv.reader(io.StringIO(text))
    names = tuple(header[1:])
    values = np.array([[float(cell) if cell else np.nan for cell in row[1:]] for row in rows])
    if values.shape != (len(names), len(names)):
        raise FileFormatError(f"expected a row and a column for each of {len(names)} layers, found {values.shape}")
    return LayerWeights(names, values)


def _saved(path: Path) -> tuple[Block, ...]:
    """Return what a saved network was planned as."""
    file = path / "network.safetensors"
    if not file.is_file():
        return ()
    try:
        with safetensors.safe_open(file, framework="np") as opened:
            plan = (opened.metadata() or {}).get("plan", "")
        return _planned(plan)
    except (safetensors.SafetensorError, FileFormatError, ValueError, RecursionError) as error:
        raise FileFormatError(f"{file} is damaged: {error}") from error
