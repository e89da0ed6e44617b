"""Federated learning on machines of their own."""

from pathlib import Path
from typing import Annotated

import typer

from .._errors import InvalidValueError
from ._console import note
from ._options import DataDir, DataSize, option

_SUPERLINK, _IMAGES, _LISTEN = "SuperLink", "Images", "Gate"

Folder = Annotated[Path, typer.Argument(help="Folder to write to, new or empty", metavar="DIR", show_default=False)]
SuperLink = Annotated[
    str, option("--superlink", help="Its address", panel=_SUPERLINK, metavar="HOST:PORT", show_default=False)
]
RootCertificates = Annotated[
    Path | None,
    option(
        "--root-certificates",
        help="Certificate of the authority that signed the SuperLink's; the system's by default",
        panel=_SUPERLINK,
        metavar="FILE",
        show_default=False,
    ),
]
Authority = Annotated[
    Path,
    option(
        "--root-certificates",
        help="Certificate of the authority that signed the SuperLink's",
        panel=_SUPERLINK,
        metavar="FILE",
        show_default=False,
    ),
]
NodeKey = Annotated[
    Path | None,
    option(
        "--private-key",
        help="The node's own, whose public half is registered at the SuperLink",
        panel=_SUPERLINK,
        metavar="FILE",
        show_default=False,
    ),
]
Insecure = Annotated[
    bool, option("--insecure", help="Without TLS and keys, for trials on one machine", panel=_SUPERLINK)
]
OwnData = Annotated[
    str,
    option("--data", help="folder:PATH, or digits, mnist, …", panel=_IMAGES, metavar="DATA", show_default=False),
]
PartitionId = Annotated[
    int | None,
    option(
        help="For trials: which of --num-partitions shares of the training images is this node's, from 0",
        panel=_IMAGES,
        min=0,
        metavar="N",
        show_default=False,
    ),
]
NumPartitions = Annotated[
    int | None,
    option(help="Equal shares dealt at random", panel=_IMAGES, min=1, metavar="N", show_default=False),
]
RuntimePort = Annotated[
    int | None,
    option(
        "--port",
        help="On this machine's loopback, between SuperNode and training; a free one by default",
        panel="Machine",
        min=1,
        max=65535,
        metavar="N",
        show_default=False,
    ),
]
Listen = Annotated[str, option("--listen", help="Address for the nodes", panel=_LISTEN, metavar="HOST:PORT")]
Certificate = Annotated[
    Path,
    option(
        "--certificate",
        help="Of the gate, with the names by which nodes know it",
        panel=_LISTEN,
        metavar="FILE",
        show_default=False,
    ),
]
CertificateKey = Annotated[
    Path, option("--private-key", help="Of the certificate", panel=_LISTEN, metavar="FILE", show_default=False)
]


def app_command(folder: Folder) -> None:
    """Write the Flower app that 'flwr run' starts, with all settings of a run and their defaults.

    Example: swann federated app app && flwr run app server --stream
    """
    from ..deployment import write_app  # needs the extra 'federated'

    write_app(folder)
    note(f"written to {folder}: pyproject.toml, swann_app.py; start it with: flwr run {folder} NAME --stream")


def node_command(
    superlink: SuperLink,
    data: OwnData,
    root_certificates: RootCertificates = None,
    private_key: NodeKey = None,
    insecure: Insecure = False,
    data_dir: DataDir = None,
    image_size: DataSize = None,
    partition_id: PartitionId = None,
    num_partitions: NumPartitions = None,
    port: RuntimePort = None,
) -> None:
    """Train on this machine's images for a SuperLink: a Flower SuperNode and a process that stays ready.

    It runs swann's own training alone, whatever app the server sends, and reads its images once.

    Example: swann federated node --superlink server:9092 --root-certificates ca.crt --private-key node
    --data folder:images
    """
    from .. import deployment  # needs the extra 'federated'

    settings = deployment.NodeSettings(
        data, None if data_dir is None else str(data_dir.absolute()), image_size, partition_id, num_partitions
    )
    note(f"{data}: {len(deployment.load_own_data(settings)):,} training images")
    code = deployment.run_node(
        superlink,
        settings,
        root_certificates=root_certificates,
        private_key=private_key,
        insecure=insecure,
        port=port,
    )
    raise typer.Exit(code)


def gate_command(
    root_certificates: Authority,
    certificate: Certificate,
    private_key: CertificateKey,
    superlink: SuperLink = "127.0.0.1:8000",
    listen: Listen = "0.0.0.0:9092",
) -> None:
    """Let nodes on other machines reach a SuperLink on this one, and nothing else of it.

    Flower serves what nodes need and what starts runs and registers nodes on one port, the latter without credentials.
    Bind the SuperLink to 127.0.0.1 and let nodes come to this gate.
    """
    from ..deployment import run_gate  # needs the extra 'federated'

    host, separator, port = listen.rpartition(":")
    if not separator or not port.isdigit() or not 0 < int(port) < 65536:
        raise InvalidValueError(f"--listen: expected HOST:PORT, found {listen!r}")
    note(f"nodes may come to {listen}; only /v1/fleet/ is passed on to {superlink}")
    run_gate(
        superlink,
        root_certificates=root_certificates,
        host=host.strip("[]"),
        port=int(port),
        certificate=certificate,
        private_key=private_key,
    )
