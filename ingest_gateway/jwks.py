"""The identity provider's public keys: read from a file or a URL, kept, and read again now and then.

A request never waits for the provider. While it is away the last keys hold, for a day at most.
"""

import asyncio
import time
from pathlib import Path

import httpx2
import jwt

from ingest_gateway.auth import Caller
from ingest_gateway.jwts import JwtRules, jwt_caller, read_jwks
from pipeline.telemetry import logger

TIMEOUT_S = 10
LARGEST_BYTES = 1_048_576
LONGEST_KEPT_S = 86_400
RETRY_S = 5
log = logger(__name__)


class Jwks:
    """Keys by id, kept current by `run`. `source`: a path or an http(s) URL; empty: the development secret only."""

    def __init__(self, rules: JwtRules, source: str, refresh_s: int) -> None:
        self._rules, self._source, self._refresh_s = rules, source, refresh_s
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = 0.0

    def caller(self, token: str, now_s: float) -> Caller:
        """The caller that a JWT names. Raises Problem."""
        fresh = time.monotonic() - self._read_at < LONGEST_KEPT_S
        return jwt_caller(token, {**(self._keys if fresh else {}), **self._rules.keys}, self._rules, now_s)

    async def run(self) -> None:
        """Read the keys again and again, until cancelled."""
        while self._source:
            try:
                self._keys = read_jwks(await self._content())
                self._read_at = time.monotonic()
                pause = self._refresh_s
            except (OSError, ValueError, httpx2.HTTPError) as error:
                log.warning("JWKS cannot be read", source=self._source, error=repr(error)[:300])
                pause = min(RETRY_S, self._refresh_s)
            await asyncio.sleep(pause)

    async def _content(self) -> bytes:
        if not self._source.startswith(("http://", "https://")):
            return await asyncio.to_thread(Path(self._source).read_bytes)
        content = b""
        async with httpx2.AsyncClient(timeout=TIMEOUT_S) as http, http.stream("GET", self._source) as answer:
            answer.raise_for_status()
            async for piece in answer.aiter_bytes():
                content += piece
                if len(content) > LARGEST_BYTES:
                    raise ValueError(f"more than {LARGEST_BYTES} bytes")
        return content
