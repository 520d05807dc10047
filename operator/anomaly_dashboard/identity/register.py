"""What the door and the page to sign in share: settings, sessions, tokens, limits."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from anomaly_dashboard.identity.limits import Limit
from anomaly_dashboard.identity.lines import Lines
from anomaly_dashboard.identity.seal import Seal
from anomaly_dashboard.identity.sessions import Sessions
from anomaly_dashboard.identity.tokens import Tokens
from anomaly_dashboard.settings import DashboardSettings
from anomaly_operator.client.login import Login


@dataclass(slots=True)
class Register:
    """`requests`: limit of one session; `attempts`: to sign in, of one address. `wall` gives unix
    seconds."""

    settings: DashboardSettings
    lines: Lines
    tokens: Tokens
    sessions: Sessions = field(default_factory=Sessions)
    seal: Seal = field(default_factory=Seal)
    requests: Limit = field(default_factory=lambda: Limit(20.0, 200))
    attempts: Limit = field(default_factory=lambda: Limit(10 / 60, 10))
    wall: Callable[[], float] = time.time

    @classmethod
    def over(cls, settings: DashboardSettings, own: Login) -> Register:
        """A new one; `own` is the dashboard's login."""
        lines = Lines(own)
        return cls(settings, lines, Tokens(lines))
