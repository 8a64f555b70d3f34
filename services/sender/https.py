"""Reads small files over HTTPS, from servers that have to prove their names."""

from __future__ import annotations

import ssl

import httpx

from gateway.dns.port import Dns, Failed, Found, addresses

HTTPS_PORT = 443
CONNECT_SECONDS = 10.0
READ_SECONDS = 20.0
MOST_ADDRESSES = 3
"""Addresses of a server that are tried."""


class NotFetched(Exception):
    """There is no such file, or nobody can tell now."""


class Https:
    """Asks servers for files. Nothing is followed, sent along or remembered."""

    def __init__(self, dns: Dns, context: ssl.SSLContext, *, port: int = HTTPS_PORT) -> None:
        self._dns = dns
        self._port = port
        # The environment could name proxies, which see and change what is fetched by their own certificates.
        self._client = httpx.AsyncClient(
            verify=context,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=20, max_keepalive_connections=0),
        )

    async def fetch(self, host: str, path: str, *, content_type: str, most_bytes: int) -> bytes:
        """The file at `path` of `host`, of that type. Raises `NotFetched`."""
        match await addresses(self._dns, host):
            case Found() as found if found.names:
                ips = found.names[:MOST_ADDRESSES]
            case Failed(reason):
                raise NotFetched(f"the address of {host} cannot be found now: {reason}")
            case _:
                raise NotFetched(f"{host} has no address")
        trouble = ""
        for ip in ips:
            try:
                return await self._read(ip, host, path, content_type, most_bytes)
            except httpx.TransportError as failure:
                trouble = str(failure) or type(failure).__name__
        raise NotFetched(f"{host} cannot be asked now: {trouble}")

    async def close(self) -> None:
        """Ask nothing more."""
        await self._client.aclose()

    async def _read(self, ip: str, host: str, path: str, content_type: str, most_bytes: int) -> bytes:
        place = f"[{ip}]" if ":" in ip else ip
        # The name is the one that the certificate is for; who has it, our own DNS client has said.
        async with self._client.stream(
            "GET",
            f"https://{place}:{self._port}{path}",
            headers={"Host": host, "Accept": content_type, "Accept-Encoding": "identity"},
            extensions={"sni_hostname": host},
        ) as response:
            if response.status_code != httpx.codes.OK:
                raise NotFetched(f"{host} answers with {response.status_code}")
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            if kind != content_type:
                raise NotFetched(f"{host} sends something of the type {kind or 'unknown'}")
            content = b""
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > most_bytes:
                    raise NotFetched(f"{host} sends more than {most_bytes} bytes")
            return content
