"""A door to a SuperLink that lets SuperNodes through and nothing else.

Flower 1.41 serves its Fleet API, for SuperNodes, on the same port as its Control API, for whoever starts runs and
registers nodes; the latter asks for no credentials. With the SuperLink on the loopback interface and this in front of
it, machines outside reach the Fleet API alone.
"""

import re
import ssl
from pathlib import Path

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from .._errors import InvalidValueError

_OF_ONE_LINK = ("connection", "host", "content-length", "transfer-encoding", "content-encoding", "accept-encoding")
"""Headers that belong to one of the two connections."""

_TIMEOUT = 60.0


def make_gate(superlink: str, root_certificates: Path | None = None) -> Starlette:
    """Return the app that passes POST /v1/fleet/… on to a SuperLink and answers 404 to all else.

    Args:
        superlink: its address as host:port, on this machine.
        root_certificates: of the authority that signed its certificate; without TLS if None.
    """
    secure = ssl.create_default_context(cafile=str(root_certificates)) if root_certificates is not None else False
    base = f"{'https' if root_certificates is not None else 'http'}://{superlink}/v1/fleet"
    link = httpx.AsyncClient(verify=secure, timeout=_TIMEOUT)

    async def pass_on(request: Request) -> Response:
        call = str(request.path_params["call"])
        if not re.fullmatch(r"[a-z]+(-[a-z]+)*", call):
            return PlainTextResponse("not found", 404)
        headers = [(name, value) for name, value in request.headers.items() if name not in _OF_ONE_LINK]
        try:
            found = await link.post(f"{base}/{call}", content=await request.body(), headers=headers)
        except httpx.TransportError:
            return PlainTextResponse("the SuperLink does not answer", 503)
        kept = {name: value for name, value in found.headers.items() if name not in _OF_ONE_LINK}
        return Response(found.content, found.status_code, kept)

    return Starlette(routes=[Route("/v1/fleet/{call}", pass_on, methods=["POST"])])


def run_gate(
    superlink: str, *, root_certificates: Path, host: str, port: int, certificate: Path, private_key: Path
) -> None:
    """Run the gate with TLS until it is interrupted.

    Args:
        superlink: address of the SuperLink on this machine, as host:port.
        root_certificates: of the authority that signed the SuperLink's certificate.
        host: address to listen on.
        port: to listen on.
        certificate: of the gate, with the names by which nodes know it.
        private_key: of the certificate.

    Raises:
        InvalidValueError: a file that is not there.
    """
    files = {"root_certificates": root_certificates, "certificate": certificate, "private_key": private_key}
    for name, path in files.items():
        if not path.is_file():
            raise InvalidValueError(f"{name}: there is no file {path}")
    uvicorn.run(
        make_gate(superlink, root_certificates),
        host=host,
        port=port,
        ssl_certfile=certificate,
        ssl_keyfile=str(private_key),
        log_level="warning",
    )
