"""What travelled in a federated run, as `swann federated` wrote it down."""

import statistics
from collections.abc import Mapping
from typing import Any

from ..._errors import FileFormatError
from ._parts import Section, Table

_MOST_NAMED = 20
"""Refused answers that are listed; the others are counted."""


def federated_section(values: Mapping[str, Any]) -> Section:
    """Return rounds, clients, bytes and seconds as a table, and the answers that were refused.

    Args:
        values: of `federated.json`.

    Raises:
        FileFormatError: a value is missing or of another type.
    """
    try:
        rounds = values["rounds"]
        down, up = (sum(each[name] for each in rounds) for name in ("bytes_down", "bytes_up"))
        asked, answered = (sum(each[name] for each in rounds) for name in ("asked", "answered"))
        refused = [f"round {each['number']}: {reason}" for each in rounds for reason in _reasons(each)]
        missing = asked - answered - sum(len(each["refused"]) for each in rounds)
        rows = [
            ("rounds", f"{len(rounds):,}"),
            ("local updates of a client in each", f"{rounds[0]['updates'] if rounds else 0:,}"),
            ("clients asked, answered", f"{asked:,}, {answered:,}"),
            ("answers refused, not there in time", f"{len(refused):,}, {missing:,}"),
            ("weights of the network", f"{values['n_parameters']:,}"),
            ("sent to clients, and back (MB)", f"{down / 1e6:,.1f}, {up / 1e6:,.1f}"),
            ("of a client in a round (kB)", f"{down / max(asked, 1) / 1e3:,.1f}, {up / max(answered, 1) / 1e3:,.1f}"),
            ("training of all clients in a round (s)", f"{_median(rounds, 'client_seconds'):,.2f}"),
        ]
    except (KeyError, TypeError, IndexError, statistics.StatisticsError) as error:
        raise FileFormatError(f"federated.json is damaged: {type(error).__name__}: {error}") from error
    more = (f"and {len(refused) - _MOST_NAMED:,} more",) if len(refused) > _MOST_NAMED else ()
    details = (("Refused answers", "\n".join((*refused[:_MOST_NAMED], *more))),) if refused else ()
    table = Table.of_rows("Rounds of communication", ("what", "found"), rows, is_text=True)
    return Section("Federation", tables=(table,), details=details)


def _reasons(values: Mapping[str, Any]) -> list[str]:
    """Return why answers of a round were left out; runs of older versions tell of one kind alone."""
    return [*values["refused"], *values.get("surplus", ())]


def _median(rounds: list[Mapping[str, Any]], name: str) -> float:
    return float(statistics.median(each[name] for each in rounds)) if rounds else 0.0
