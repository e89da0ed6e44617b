"""A strategy around Flower's own: sends what exists, refuses what does not fit, counts what travelled."""

import math
from collections import Counter
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy
from numpy.typing import NDArray

from .._errors import FileFormatError
from ..train._random import Stream, derive_seed
from ._architecture import Architecture
from ._arrays import read_array, record_of_each
from ._compression import PACKED, decode_update, encode_weights, n_bytes, unpacked
from ._config import FederatedConfig
from ._messages import ARRAYS, METRICS, N_EXAMPLES, OWN, TRAIN_LOSS, Answer, Order
from ._state import Counters, Weights
from ._strategies import is_elementwise, make_strategy, seeded, spared_collections


@dataclass
class Traffic:
    """What happened between server and clients in a round.

    Args:
        asked: clients that got a message.
        answered: clients whose answer was averaged.
        refused: reasons by client, of answers that were not.
        surplus: reasons by client, of answers beside the one that each client owes, such as second or late ones.
        bytes_down: to the clients.
        bytes_up: from the clients.
        client_seconds: of training, of all clients together.
        steps: of their optimizers.
        train_loss: mean over the clients' images.
    """

    asked: int = 0
    answered: int = 0
    refused: list[str] = field(default_factory=list)
    surplus: list[str] = field(default_factory=list)
    bytes_down: int = 0
    bytes_up: int = 0
    client_seconds: float = 0.0
    steps: int = 0
    train_loss: float = math.nan

    @property
    def missing(self) -> int:
        """Clients that did not answer in time."""
        return self.asked - self.answered - len(self.refused)


class SurplusError(FileFormatError):
    """An answer beside the one that a client owes."""


class CheckedStrategy(Strategy):
    """One of Flower's strategies, with answers checked before it sees them.

    A client gets the architecture with its first message and again after it said that it lost it. Refused, and named,
    is an answer with an error, of another architecture, with more or fewer weights or some that are not finite, or
    without a positive number of images; also, as surplus, a second one of the same client, one to an earlier round
    and one that nobody asked for. Whole numbers of the network's state are not averaged: the largest counts. Clients
    are drawn, and noise is, from the seed and the round alone.

    Args:
        config: which strategy, with which settings.
        architecture: of the network.
        weights: at the beginning.
        counters: at the beginning.
        n_clients: clients that must be there before a round begins.
        first_round: rounds that were done before.
        seeded_noise: repeat the noise of differential privacy under the same seed. Whoever knows the seed can take the
            noise away again: for experiments alone.
    """

    def __init__(
        self,
        config: FederatedConfig,
        architecture: Architecture,
        weights: Weights,
        counters: Counters,
        n_clients: int,
        *,
        first_round: int = 0,
        seeded_noise: bool = False,
    ) -> None:
        self.config = config
        self.architecture = architecture
        self.weights = weights
        self.counters = dict(counters)
        self.first_round = first_round
        self.inner = make_strategy(config, n_clients)
        self.traffic = Traffic()
        self.informed: set[int] = set()
        self.images: dict[int, int] = {}  # of each client that answered
        self._seeded_noise = seeded_noise
        self._packs = is_elementwise(config)  # one array takes less time than many
        self._asked: set[int] = set()
        self._group = ""

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Draw clients and return what each of them is sent."""
        number = server_round + self.first_round
        with seeded(derive_seed(self.config.seed, Stream.AUGMENT, number)):
            messages = list(self.inner.configure_train(number, arrays, config, grid))
        sent = encode_weights(self.weights, self.config.compression)
        self.traffic = Traffic(asked=len(messages))
        self._asked = {message.metadata.dst_node_id for message in messages}
        self._group = str(number)
        texts = {True: "", False: self.architecture.to_json()}
        orders = {informed: self._order(text).record() for informed, text in texts.items()}
        asked = []
        for message in messages:
            node, kind = message.metadata.dst_node_id, message.metadata.message_type
            informed = node in self.informed
            content = RecordDict({**message.content, ARRAYS: sent, OWN: orders[informed]})
            asked.append(Message(content, node, kind, group_id=self._group))  # its answer says the same
            self.traffic.bytes_down += n_bytes(sent) + len(texts[informed].encode())
        return asked

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Check the answers and return what the inner strategy makes of those that fit; None without any."""
        fitting: list[Message] = []
        counters: list[Counters] = []
        losses: list[tuple[int, float]] = []
        seen: Counter[int] = Counter()
        for reply in sorted(replies, key=lambda reply: reply.metadata.src_node_id):  # sums depend on the order
            node = reply.metadata.src_node_id
            if not reply.has_error():
                self.traffic.bytes_up += sum(map(n_bytes, reply.content.array_records.values()))
            try:
                self._check_owed(reply, seen)
                answer, values = self._accept(reply)
            except SurplusError as error:
                self.traffic.surplus.append(f"client {node}: {error}")
                continue
            except (FileFormatError, ValueError, KeyError, TypeError, OverflowError) as error:
                self.traffic.refused.append(f"client {node}: {_last_line(error)}")
                continue
            self.informed.add(node)
            self.images[node] = answer.n_examples
            fitting.append(reply)
            counters.append(answer.counters)
            losses.append((answer.n_examples, answer.train_loss))
            self.traffic.client_seconds += answer.seconds
            self.traffic.steps += answer.steps
            metrics = MetricRecord({N_EXAMPLES: answer.n_examples, TRAIN_LOSS: answer.train_loss})
            arrays = {PACKED: values} if self._packs else self._unpacked(values)
            reply.content = RecordDict({ARRAYS: record_of_each(arrays), METRICS: metrics})
        self.traffic.answered = len(fitting)
        if not fitting:
            return None, None
        total = sum(images for images, _ in losses)
        self.traffic.train_loss = sum(images * loss for images, loss in losses) / total
        found, metrics_of_all = self._aggregate(server_round + self.first_round, fitting)
        if found is None:
            return None, metrics_of_all
        self._set(found, counters)
        return record_of_each(self.weights), metrics_of_all

    def configure_evaluate(self, *_: object) -> Iterable[Message]:
        """Ask no client to evaluate: the server does."""
        return []

    def aggregate_evaluate(self, *_: object) -> MetricRecord | None:
        """Return nothing."""
        return None

    def summary(self) -> None:
        """Print nothing."""

    def _order(self, architecture: str) -> Order:
        return Order(
            digest=self.architecture.digest,
            architecture=architecture,
            local=self.config.local,
            compression=self.config.compression,
            counters=self.counters,
            seed=self.config.seed,
        )

    def _check_owed(self, reply: Message, seen: Counter[int]) -> None:
        """Raise an error for an answer that its client does not owe in this round; count those that it does.

        Raises:
            SurplusError: nobody asked for it, it is late, or not the first.
            FileFormatError: the SuperLink says that it lost a client.
        """
        node, group = reply.metadata.src_node_id, reply.metadata.group_id
        if node not in self._asked:
            if reply.has_error():
                raise FileFormatError(f"no client: {_last_line(reply.error.reason or reply.error.code)}")
            raise SurplusError("answered without being asked")
        if group != self._group:
            raise SurplusError(f"answered late: round {group or 'unknown'} in round {self._group}")
        seen[node] += 1
        if seen[node] > 1:
            raise SurplusError("answered twice; the first answer counts")

    def _accept(self, reply: Message) -> tuple[Answer, NDArray[np.float32]]:
        """Return what a reply holds and its weights, packed, or raise an error that says why it is refused."""
        if reply.has_error():
            self.informed.discard(reply.metadata.src_node_id)  # perhaps it lost the architecture: send it again
            raise FileFormatError(f"failed: {_last_line(reply.error.reason or reply.error.code)}")
        answer = Answer.of(reply.content)
        if answer.digest != self.architecture.digest:
            raise FileFormatError(
                f"trained another network, {answer.digest[:8]}… instead of {self.architecture.digest[:8]}…"
            )
        if answer.n_examples < 1 or not math.isfinite(answer.train_loss):
            raise FileFormatError(f"{answer.n_examples} images, training loss {answer.train_loss:g}")
        values = decode_update(answer.arrays, answer.scales, self.weights, self.config.compression)
        return answer, values

    def _aggregate(self, number: int, replies: list[Message]) -> tuple[ArrayRecord | None, MetricRecord | None]:
        own = self.config.privacy.kind != "none" and not self._seeded_noise
        noise = nullcontext() if own else seeded(derive_seed(self.config.seed, Stream.MODEL, number))
        with spared_collections(), noise:
            return self.inner.aggregate_train(number, replies)

    def _set(self, found: ArrayRecord, counters: list[Counters]) -> None:
        """Take the mean as the network's weights; a variance that noise made negative becomes 0."""
        mean = {name: read_array(array).astype(np.float32) for name, array in found.items()}
        for name, values in (self._unpacked(mean[PACKED]) if self._packs else mean).items():
            self.weights[name] = values.clip(min=0) if name.endswith("running_var") else values
        for name in self.counters:
            self.counters[name] = max(each.get(name, 0) for each in counters)

    def _unpacked(self, values: NDArray[np.float32]) -> Weights:
        return unpacked(values, {name: array.shape for name, array in self.weights.items()})


def _last_line(problem: object) -> str:
    """Return the last line of a message, which of a traceback is the error."""
    lines = [line.strip() for line in str(problem).strip().splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no reason given"
