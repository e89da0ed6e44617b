"""Client apps that fail on purpose; worker processes import them from here."""

import json
import logging
import os
import time

from flwr.app import ArrayRecord

from swann.federated import ClientData, make_client_app, simulate

FAULTY = 2
"""The client that fails; clients are numbered from 0."""


def faulty_app(data, rows, fault):
    app = make_client_app(lambda context: ClientData(data, rows[context.node_config["partition-id"]]))

    def call(message, context):
        if context.node_config["partition-id"] == FAULTY:
            return globals()[fault](app, message, context)
        return app(message, context)

    return call


def simulate_and_tell(network, architecture, data, clients, config, checkpoint, connection):
    """Run a server that says after each round how many there were."""
    simulate(
        *(network, architecture, data, clients, config),
        checkpoint=checkpoint,
        on_round=lambda history: connection.send(len(history.rounds)),
    )


def raises(app, message, context):
    raise RuntimeError("out of battery")


def ends(app, message, context):
    os._exit(1)


def sleeps(app, message, context):
    time.sleep(60)


def tells_flowers_level(app, message, context):
    raise RuntimeError(logging.getLevelName(logging.getLogger("flwr").level))


def sends_nan(app, message, context):
    reply = app(message, context)
    return _changed(reply, message, lambda array: array * float("nan"))


def sends_other_shapes(app, message, context):
    reply = app(message, context)
    return _changed(reply, message, lambda array: array.reshape(-1)[:1])


def sends_other_network(app, message, context):
    reply = app(message, context)
    reply.content["swann"]["digest"] = "0" * 64
    return reply


def sends_less(app, message, context):
    reply = app(message, context)
    reply.content["arrays"] = ArrayRecord(dict(list(reply.content["arrays"].items())[1:]))
    return reply


def sends_nothing(app, message, context):
    reply = app(message, context)
    del reply.content["swann"]
    return reply


def sends_no_bytes(app, message, context):
    reply = app(message, context)
    next(iter(reply.content["arrays"].values())).data = b""
    return reply


def counts_too_far(app, message, context):
    reply = app(message, context)
    counters = json.loads(reply.content["swann"]["counters"])
    reply.content["swann"]["counters"] = json.dumps(dict.fromkeys(counters, 10**30))
    return reply


def nests_too_deep(app, message, context):
    reply = app(message, context)
    reply.content["swann"]["counters"] = "[" * 100_000
    return reply


def takes_forever(app, message, context):
    reply = app(message, context)
    reply.content["swann"]["seconds"] = float("nan")
    return reply


def claims_no_images(app, message, context):
    reply = app(message, context)
    reply.content["metrics"]["num-examples"] = -5
    return reply


def _changed(reply, message, change):
    arrays = reply.content["arrays"]
    reply.content["arrays"] = ArrayRecord({name: type(array)(change(array.numpy())) for name, array in arrays.items()})
    return reply


def raises_at_key_sharing(app, message, context):
    if any(record.get("stage") == "share_keys" for record in message.content.config_records.values()):
        raise RuntimeError("out of battery")
    return app(message, context)


def diverges(app, message, context):
    if "swann" in message.content:
        local = json.loads(message.content["swann"]["local"])
        local["optimizer"]["lr"] = 1e38
        message.content["swann"]["local"] = json.dumps(local)
    return app(message, context)


def raises_in_training(app, message, context):
    if "arrays" in message.content:
        raise RuntimeError("out of battery")
    return app(message, context)
