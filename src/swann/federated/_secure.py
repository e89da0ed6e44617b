"""Secure aggregation by Flower's SecAgg+ (Bell et al. 2020): the server learns the mean of the updates alone."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.client.mod import secaggplus_mod
from flwr.clientapp.typing import ClientAppCallable
from flwr.common import (
    Code,
    FitIns,
    FitRes,
    Parameters,
    Status,
    ndarrays_to_parameters,
    parameters_to_ndarrays,
)
from flwr.common.secure_aggregation.secaggplus_constants import RECORD_KEY_CONFIGS, RECORD_KEY_STATE
from flwr.compat.common.recorddict_compat import fitres_to_recorddict
from flwr.proto.node_pb2 import NodeInfo
from flwr.server.client_manager import SimpleClientManager
from flwr.server.compat.grid_client_proxy import GridClientProxy
from flwr.server.compat.legacy_context import LegacyContext
from flwr.server.strategy import FedAvg
from flwr.server.workflow import SecAggPlusWorkflow
from flwr.serverapp import Grid
from flwr.supercore.run import Run

from .._errors import InvalidValueError
from ._compression import encode_weights, flat
from ._messages import ARRAYS, Answer

_RANGE = 16.0
"""Changes of a weight in a round are clipped to so much, and then have 22 bits."""

_THRESHOLD = 0.5
"""Share of the clients that is enough to unmask the sum when the others drop out."""


class SecureGrid(Grid):
    """Asks clients for the sum of their updates in the four stages of SecAgg+, over another grid.

    To the strategy each client that took part seems to have sent the mean of all.

    Args:
        grid: that reaches the clients.
        largest_client: images of the client with the most.
    """

    def __init__(self, grid: Grid, largest_client: int) -> None:
        self._grid = grid
        self._largest_client = largest_client
        self._errors: dict[int, Message] = {}
        self.bytes_down = self.bytes_up = 0

    def set_run(self, run: Run) -> None:
        """Set the run of the grid below."""
        self._grid.set_run(run)

    @property
    def run(self) -> Run:
        """The run of the grid below."""
        return self._grid.run

    def create_message(self, *arguments: Any, **named: Any) -> Message:
        """Return a message of the grid below."""
        return self._grid.create_message(*arguments, **named)

    def get_node_ids(self) -> Iterable[int]:
        """Return the clients of the grid below."""
        return self._grid.get_node_ids()

    def get_nodes(self) -> Iterable[NodeInfo]:
        """Return the clients of the grid below."""
        return self._grid.get_nodes()

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Push messages as they are."""
        return self._grid.push_messages(messages)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Pull answers as they are."""
        return self._grid.pull_messages(message_ids)

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        """Return the mean of the answers in the name of each client that took part, and the errors of the others.

        Args:
            messages: one a client, with uncompressed weights.
            timeout: seconds for each of the four stages.
        """
        asked = {message.metadata.dst_node_id: message for message in messages}
        if not asked:
            return []
        self._errors, self.bytes_down, self.bytes_up = {}, 0, 0
        workflow = _Workflow({node: message.content for node, message in asked.items()}, self._largest_client, timeout)
        found = _Found(asked, self._grid)
        context = LegacyContext(
            Context(0, 0, {}, RecordDict(), {}), strategy=found, client_manager=SimpleClientManager()
        )
        context.state["config"] = ConfigRecord({"current_round": 1})
        context.state["parameters"] = ArrayRecord()
        tap: Any = _Tap(self, self._grid)
        workflow(tap, context)
        taken_part = {node for node, _ in found.answers}
        errors = {node: error for node, error in self._errors.items() if node not in taken_part}
        replies = [  # as if to the strategy's message
            Message(error.error, reply_to=asked[node]) if node in asked else error for node, error in errors.items()
        ]
        for node, answer in found.answers:
            replies.append(Message(content=answer.content(), reply_to=asked[node]))
        return replies


class _Tap:
    """Counts bytes and keeps errors on the way to a grid."""

    def __init__(self, owner: SecureGrid, grid: Grid) -> None:
        self._owner, self._grid = owner, grid

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        asked = list(messages)
        self._owner.bytes_down += sum(map(_size, asked))
        replies = list(self._grid.send_and_receive(asked, timeout=timeout))
        for reply in replies:
            if reply.has_error():
                self._owner._errors.setdefault(reply.metadata.src_node_id, reply)
            else:
                self._owner.bytes_up += _size(reply)
        return replies


class _Workflow(SecAggPlusWorkflow):
    """Flower's protocol, with our own messages in the stage in which clients train."""

    def __init__(self, contents: dict[int, RecordDict], largest_client: int, timeout: float | None) -> None:
        super().__init__(1.0, _THRESHOLD, max_weight=float(largest_client), clipping_range=_RANGE, timeout=timeout)
        self._contents = contents

    def setup_stage(self, grid: Any, context: Any, state: Any) -> bool:
        done: bool = super().setup_stage(grid, context, state)
        state.nid_to_fitins = {node: RecordDict(dict(content)) for node, content in self._contents.items()}
        return done

    def share_keys_stage(self, grid: Any, context: Any, state: Any) -> bool:
        done: bool = super().share_keys_stage(grid, context, state)
        # whoever left before this has masked nothing; Flower 1.41 would look for its shares, and the round would fail
        state.sampled_node_ids = set(state.active_node_ids)
        return done


class _Found(FedAvg):
    """Receives the mean from the protocol, in the place of a strategy."""

    def __init__(self, asked: dict[int, Message], grid: Grid) -> None:
        super().__init__()
        self._asked, self._grid = asked, grid
        self.answers: list[tuple[int, Answer]] = []

    def configure_fit(self, *_: Any) -> list[tuple[Any, FitIns]]:
        return [(GridClientProxy(node, self._grid, 0), FitIns(Parameters([], ""), {})) for node in self._asked]

    def aggregate_fit(self, server_round: int, results: Any, failures: Any) -> tuple[None, dict[str, Any]]:  # noqa: ARG002
        sent = flat(next(iter(self._asked.values())).content[ARRAYS])  # type: ignore[arg-type]
        (change,) = parameters_to_ndarrays(results[0][1].parameters)
        arrays = encode_weights({"": sent + change.astype(np.float32)}, "none")
        for proxy, result in results:
            values = result.metrics
            answer = Answer(
                arrays=arrays,
                digest=values["digest"],
                scales=[],
                counters=json.loads(values["counters"]),
                n_examples=result.num_examples,
                train_loss=values["train_loss"],
                steps=values["steps"],
                seconds=values["seconds"],
            )
            self.answers.append((proxy.node_id, answer))
        return None, {}


def mask_if_asked(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
    """Take part in secure aggregation where the server asks for it; a mod of a client's app."""
    if RECORD_KEY_CONFIGS not in message.content.config_records:
        return call_next(message, context)

    def train(message: Message, context: Context) -> Message:
        received = flat(message.content.array_records[ARRAYS])
        answer = Answer.of(call_next(message, context).content)
        change = flat(answer.arrays) - received
        if not np.isfinite(change).all():
            raise InvalidValueError("the weights are not finite after training; nothing is sent")
        largest = float(context.state.config_records[RECORD_KEY_STATE]["max_weight"])  # type: ignore[arg-type]
        if answer.n_examples > largest:
            raise InvalidValueError(f"{answer.n_examples} images; the server's largest client has {largest:g}")
        metrics: dict[str, Any] = {
            "digest": answer.digest,
            "counters": json.dumps(answer.counters),
            "train_loss": answer.train_loss,
            "steps": answer.steps,
            "seconds": answer.seconds,
        }
        result = FitRes(Status(Code.OK, ""), ndarrays_to_parameters([change]), answer.n_examples, metrics)
        return Message(content=fitres_to_recorddict(result, keep_input=True), reply_to=message)

    return secaggplus_mod(message, context, train)


def _size(message: Message) -> int:
    """Return the bytes of arrays and of byte strings in a message."""
    total = sum(len(array.data) for record in message.content.array_records.values() for array in record.values())
    for record in message.content.config_records.values():
        for value in record.values():
            items = value if isinstance(value, list) else [value]
            total += sum(len(item) for item in items if isinstance(item, (bytes, str)))
    return total
