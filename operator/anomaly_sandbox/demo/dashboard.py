"""The dashboard beside a demo: a process of the sandbox that acts with its kubeconfig.

It is asked over HTTP, as a browser would, so a dashboard that does not work fails the demo.
"""

from __future__ import annotations

import os
import socket
import sys
import urllib.error
import urllib.request
from http.cookiejar import CookieJar

import yaml

from anomaly_sandbox.control import Control, ProcessSpec
from anomaly_sandbox.demo.stage import DemoError, Stage

PROCESS = "demo-dashboard"
LOG = "dashboard.log"
PORT = 8050
_CODE = "dashboard.code"
_ADDRESS = "dashboard.url"
_SETTINGS = "dashboard-settings.yaml"
_READY_SECONDS = 60.0
_ANSWER_SECONDS = 30.0


def start(stage: Stage) -> None:
    """Start it and wait until it has listed everything. Raises DemoError with the last line of its
    log."""
    state = stage.sandbox.state
    (state / _SETTINGS).write_text(yaml.safe_dump(_settings(stage)))
    (state / _CODE).unlink(missing_ok=True)
    port = _free(PORT)
    (state / _ADDRESS).write_text(f"http://127.0.0.1:{port}")
    arguments = (
        *("--kubeconfig", str(stage.sandbox.kubeconfig), "--port", str(port)),
        *("--settings", str(state / _SETTINGS), "--code-file", str(state / _CODE)),
    )
    spec = ProcessSpec(
        name=PROCESS,
        argv=[sys.executable, "-m", "anomaly_dashboard", *arguments],
        env={"HOME": str(state), **_kept("PATH", "PYTHONPATH")},
        cwd=str(state),
        log=str(state / LOG),
    )
    with Control(state) as control:
        control.start(spec)

    def ready() -> bool:
        if stage.sandbox.process(PROCESS).exit_code is not None:
            raise DemoError(f"the dashboard exited: {_last_words(stage)}")
        return (state / _CODE).exists() and _answers(f"{address(stage)}/readyz")

    stage.until(ready, _READY_SECONDS, f"the dashboard is not ready; see {state / LOG}")


def address(stage: Stage) -> str:
    """Where it listens."""
    return (stage.sandbox.state / _ADDRESS).read_text()


def entrance(stage: Stage) -> str:
    """The same with the code that lets one browser in, once."""
    return f"{address(stage)}/sign-in?code={(stage.sandbox.state / _CODE).read_text().strip()}"


def must_name(stage: Stage, *words: str) -> None:
    """Sign in and look at the overview; DemoError where it does not have one of `words`."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    browser.addheaders = [("Accept", "text/html")]
    try:
        browser.open(entrance(stage), timeout=_ANSWER_SECONDS).close()
        with browser.open(f"{address(stage)}/", timeout=_ANSWER_SECONDS) as answer:
            page = answer.read().decode()
    except OSError as error:
        raise DemoError(
            f"the dashboard gives no overview: {error}; {_last_words(stage)}"
        ) from error
    missing = [word for word in words if word not in page]
    if missing:
        raise DemoError(f"the dashboard's overview does not name {missing[0]}")
    stage.say(f"the dashboard at {address(stage)} names {' and '.join(words)}")


def _settings(stage: Stage) -> dict[str, object]:
    """Those that the operator was installed with: the dashboard asks the same sources."""
    values = stage.sandbox.state / "values.yaml"
    found = yaml.safe_load(values.read_text()) if values.exists() else {}
    return dict(found.get("settings", {}))


def _kept(*variables: str) -> dict[str, str]:
    return {name: os.environ[name] for name in variables if name in os.environ}


def _free(port: int) -> int:
    """`port`, or any other where it is taken."""
    for wanted in (port, 0):
        try:
            with socket.create_server(("127.0.0.1", wanted)) as listening:
                return int(listening.getsockname()[1])
        except OSError:
            continue
    raise DemoError("no port is free for the dashboard")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310 - loopback
            return int(answer.status) == 200
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except OSError:
        return False


def _last_words(stage: Stage) -> str:
    log = stage.sandbox.state / LOG
    return log.read_text().strip().rpartition("\n")[2] if log.exists() else "it wrote no log"
