"""The part of Flower that runs on a client."""

from collections.abc import Callable

import numpy as np
from flwr.app import ConfigRecord, Context, Message
from flwr.clientapp import ClientApp
from flwr.clientapp.mod import fixedclipping_mod
from flwr.clientapp.typing import ClientAppCallable
from flwr.supercore.differential_privacy import KEY_CLIPPING_NORM
from torch import nn

from .._errors import FileFormatError
from ..train._random import Stream, derive_seed
from ._architecture import Architecture, digest_of
from ._compression import decode_weights, encode_update
from ._local_training import ClientData, train_locally
from ._messages import ARRAYS, CONFIG, Answer, Order
from ._secure import mask_if_asked
from ._state import State

OpenData = Callable[[Context], ClientData]
"""Returns the images of the client that a context describes."""

_KNOWN = "swann-architecture"
"""Where a client keeps the architecture from one round to the next."""


class NoArchitectureError(FileFormatError):
    """The server believes that the client has the architecture, and it has not."""


def make_client_app(open_data: OpenData, *, any_model: bool = False) -> ClientApp:
    """Return the app that trains on a client's images, for Flower's SuperNodes or a simulation.

    A client gets the architecture once and keeps it; each round brings weights and how to train, and takes weights
    back. It answers with an error to a message that it does not understand, and trains nothing then.

    Args:
        open_data: gives the images of a client; called in every round, so it should keep what it read.
        any_model: let the server name a model of any package, which is imported then; else those of swann and
            torchvision alone. For a server that is this process.
    """
    app = ClientApp(mods=[mask_if_asked, _clip_if_asked])
    networks: dict[str, tuple[nn.Module, State]] = {}

    @app.train()
    def train(message: Message, context: Context) -> Message:
        order = Order.of(message.content)
        text = _architecture(order, context)
        if order.digest not in networks:
            architecture = Architecture.from_json(text)
            if not any_model:
                architecture.check_ours()
            networks.clear()
            network = architecture.build()
            networks[order.digest] = network, State.of(network)
        config = message.content.config_records[CONFIG]
        seed = client_seed(order.seed, int(config["server-round"]), context)  # type: ignore[arg-type]
        (network, state), own = networks[order.digest], open_data(context)
        received = decode_weights(message.content.array_records[ARRAYS], state.shapes())
        state.set_(received, order.counters)
        trained = train_locally(network, own, order.local, seed, float(config.get("proximal-mu", 0.0)))  # type: ignore[arg-type]
        state = State.of(network)  # training may have replaced a tensor
        networks[order.digest] = network, state
        arrays, scales = encode_update(state.weights(), received, order.compression, np.random.default_rng(seed))
        answer = Answer(
            arrays=arrays,
            digest=order.digest,
            scales=scales,
            counters=state.counters(),
            n_examples=len(own),
            train_loss=trained.loss,
            steps=trained.steps,
            seconds=trained.seconds,
        )
        return Message(content=answer.content(), reply_to=message)

    return app


def client_seed(seed: int, server_round: int, context: Context) -> int:
    """Return the seed of a client in a round, the same wherever it is computed."""
    client = int(context.node_config.get("partition-id", context.node_id % 2**32))
    return derive_seed(seed, Stream.MODEL, server_round, client)


def remember(context: Context, text: str) -> None:
    """Keep the JSON of an architecture for the rounds to come."""
    context.state[_KNOWN] = ConfigRecord({"architecture": text})


def _clip_if_asked(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
    """Clip the update where the server's strategy wants differential privacy on the clients."""
    if KEY_CLIPPING_NORM in message.content.config_records.get(CONFIG, {}):
        hidden = {name: record for name, record in message.content.config_records.items() if name != CONFIG}
        for name in hidden:  # Flower's clipping wants its settings alone
            del message.content[name]

        def call_with_hidden(message: Message, context: Context) -> Message:
            message.content.update(hidden)
            return call_next(message, context)

        return fixedclipping_mod(message, context, call_with_hidden)
    return call_next(message, context)


def _architecture(order: Order, context: Context) -> str:
    """Return the JSON of the architecture that is asked for, which the message brings or the client has kept."""
    if text := order.architecture:
        if (found := digest_of(text)) != order.digest:
            raise FileFormatError(f"the architecture's SHA-256 is {found[:8]}…, not {order.digest[:8]}…")
        remember(context, text)
        return text
    kept = context.state.config_records.get(_KNOWN)
    if kept is None or digest_of(text := str(kept["architecture"])) != order.digest:
        raise NoArchitectureError(f"no architecture {order.digest[:8]}… is kept here; send it again")
    return text
