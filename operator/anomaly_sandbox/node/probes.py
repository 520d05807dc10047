"""Runs one probe of a container: an HTTP request, a connection or a command."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import ssl
from dataclasses import dataclass
from typing import Any

import aiohttp

from anomaly_sandbox.node.launch import Launch

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds and counts of a probe, the API server's defaults filled in."""

    initial_delay: float
    period: float
    timeout: float
    successes: int
    failures: int

    @classmethod
    def of(cls, probe: Json) -> Timing:
        return cls(
            initial_delay=float(probe.get("initialDelaySeconds", 0)),
            period=float(probe.get("periodSeconds", 10)),
            timeout=float(probe.get("timeoutSeconds", 1)),
            successes=int(probe.get("successThreshold", 1)),
            failures=int(probe.get("failureThreshold", 3)),
        )


def port_number(port: int | str, container: Json) -> int:
    """A probe's port by number or by the name of a container port; ValueError for no such name."""
    if isinstance(port, int) or port.isdigit():
        return int(port)
    for item in container.get("ports", ()):
        if item.get("name") == port:
            return int(item["containerPort"])
    raise ValueError(f"container {container['name']} has no port named {port!r}")


async def check(
    probe: Json, container: Json, launch: Launch, pod_ip: str, http: aiohttp.ClientSession
) -> str:
    """Empty when the probe succeeds, else why it failed. Never raises, but for cancellation."""
    timeout = Timing.of(probe).timeout
    try:
        async with asyncio.timeout(timeout):
            if "httpGet" in probe:
                return await _http(probe["httpGet"], container, pod_ip, http)
            if "tcpSocket" in probe:
                return await _tcp(probe["tcpSocket"], container, pod_ip)
            return await _exec(launch.command(probe["exec"].get("command", [])), launch)
    except TimeoutError:
        return f"no answer within {timeout:g} s"
    except (OSError, ValueError, aiohttp.ClientError) as error:
        return str(error) or repr(error)


async def _http(action: Json, container: Json, pod_ip: str, http: aiohttp.ClientSession) -> str:
    scheme = action.get("scheme", "HTTP").lower()
    host = action.get("host") or pod_ip
    port = port_number(action["port"], container)
    path = action.get("path", "/")
    headers = {item["name"]: item["value"] for item in action.get("httpHeaders", ())}
    # As the kubelet: a certificate is not checked.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    async with http.get(
        f"{scheme}://{host}:{port}/{path.lstrip('/')}",
        headers=headers,
        allow_redirects=False,
        ssl=context if scheme == "https" else True,
    ) as response:
        if 200 <= response.status < 400:
            return ""
        return f"HTTP probe failed with statuscode: {response.status}"


async def _tcp(action: Json, container: Json, pod_ip: str) -> str:
    port = port_number(action["port"], container)
    host = action.get("host") or pod_ip
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    return ""


async def _exec(command: list[str], launch: Launch) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        env=dict(launch.env),
        cwd=launch.cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = await process.communicate()
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    if process.returncode == 0:
        return ""
    return f"exit code {process.returncode}: {output[-200:].decode(errors='replace').strip()}"
