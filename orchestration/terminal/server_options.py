"""The options of ``run`` and ``serve`` that say where the server listens, and those of every verb that asks one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from orchestration.serving import Serving

PANEL = "Server"


def _option(*names: str, what: str, default: str | bool = False, metavar: str | None = None, **more: Any) -> Any:
    return typer.Option(*names, help=what, rich_help_panel=PANEL, show_default=default, metavar=metavar, **more)


Host = Annotated[
    str | None,
    _option("--host", what="Address to listen on; beyond this machine only with TLS.", default="127.0.0.1"),
]
Port = Annotated[
    int | None, _option("--port", what="Port.", default="the first free one from 8765 on", min=0, max=65_535)
]
AllowHost = Annotated[
    list[str] | None,
    _option("--allow-host", what="A further host name by which it may be asked; may be repeated.", metavar="NAME"),
]
TlsCert = Annotated[str | None, _option("--tls-cert", what="Certificate (PEM): https instead of http.", metavar="FILE")]
TlsKey = Annotated[str | None, _option("--tls-key", what="Its key (PEM), without a password.", metavar="FILE")]
AllowInsecure = Annotated[
    bool,
    _option(
        "--allow-insecure",
        what="Listen beyond this machine without TLS: everybody on the way reads the token. Only where something "
        "else protects the way.",
    ),
]

Url = Annotated[
    str | None,
    typer.Option("--url", help="Ask a running server, like http://127.0.0.1:8765, instead of the database."),
]
TokenFile = Annotated[
    str | None,
    typer.Option(
        "--token-file",
        help="With --url: the file of a token.",
        show_default="ARGUS_API_TOKEN, else api-token in the data folder",
    ),
]


def serving(
    host: str | None,
    port: int | None,
    names: list[str] | None,
    tls_cert: str | None,
    tls_key: str | None,
    insecure: bool,
) -> Serving:
    from orchestration.serving import LOOPBACK, Serving

    return Serving(
        host=host or LOOPBACK,
        port=port,
        names=tuple(names or ()),
        tls_cert=tls_cert,
        tls_key=tls_key,
        insecure=insecure,
    )
