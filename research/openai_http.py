"""The HTTP client under the model's client: no proxies or keys of the environment, no redirects, bounded answers."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx2
import openai  # noqa: F401  sets levels of its own, before ours

from research.failures import TooLarge

MOST_BYTES = 2_000_000
"""Of an answer on the wire."""
CONNECT_WITHIN = 5.0
LIMITS = httpx2.Timeout(None, connect=CONNECT_WITHIN)
"""Reads have no time-out of their own: the deadline is around the whole answer."""

for _library in ("openai", "httpx2", "httpcore2"):
    # below warnings they log addresses and headers, in which an endpoint may tell the key back
    logging.getLogger(_library).setLevel(logging.WARNING)


class _Bounded(httpx2.AsyncByteStream):
    """A body that raises TooLarge instead of going on for ever."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = 0
        async for part in self._stream:
            seen += len(part)
            if seen > MOST_BYTES:
                raise TooLarge(f"answered more than {MOST_BYTES:,} bytes")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _bound(response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise TooLarge("answered compressed, which was not asked for")
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _Bounded(response.stream)


def sound(base_url: str) -> str:
    """The base URL, if there can be an endpoint. Raises ValueError, also for what the client trips over later."""
    try:
        parts = urlsplit(base_url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        httpx2.URL(base_url)
    except (ValueError, httpx2.InvalidURL) as error:
        raise ValueError(f"research.base_url: {error}") from None
    if not good:
        raise ValueError("research.base_url: begins with http:// or https:// and the name of a host")
    return base_url


def client(base_url: str) -> httpx2.AsyncClient:
    """For the running event loop; whoever opens it closes it there. Certificates are only loaded where they are
    looked at: a tenth of a second."""
    return httpx2.AsyncClient(
        verify=not base_url.lower().startswith("http:"),
        trust_env=False,
        follow_redirects=False,
        timeout=LIMITS,
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [_bound]},
    )
