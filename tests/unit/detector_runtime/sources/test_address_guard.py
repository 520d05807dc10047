"""Where a runner may go: a table of addresses, written in all the ways in which people hide one."""

from __future__ import annotations

import pytest

from detector_runtime.errors import (
    AddressRefusedError,
    ConfigInvalidError,
    SourceUnavailableError,
)
from detector_runtime.sources.address_guard import GuardRules, check_url

NAMES = {
    "prometheus": ["10.0.3.4"],
    "prometheus.monitoring.svc": ["10.0.3.4"],
    "prometheus.monitoring.svc.": ["10.0.3.4"],
    "metrics_01.example": ["192.0.2.10"],
    "xn--bcher-kva.example": ["192.0.2.11"],
    "both.example": ["2001:db8::5", "192.0.2.5"],
    "localhost": ["127.0.0.1", "::1"],
    "localhost.": ["127.0.0.1"],
    "loop.example": ["127.0.0.53"],
    "metadata.google.internal": ["169.254.169.254"],
    "mixed.example": ["10.0.0.9", "169.254.169.254"],
    "kubernetes.default.svc": ["10.96.0.1"],
    "v6loop.example": ["::1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "zone.example": ["fe80::1%eth0"],
    "empty.example": [],
}
RULES = GuardRules(
    denied_cidrs=("172.20.0.0/16", "2001:db8:dead::/48"), api_server=("10.96.0.1", 443)
)


def resolver(host: str, port: int) -> list[str]:
    if host not in NAMES:
        raise OSError(-2, "Name or service not known")
    return NAMES[host]


ALLOWED = [
    "http://prometheus:9090",
    "http://PROMETHEUS:9090",
    "HTTP://prometheus:9090",
    "http://prometheus",
    "https://prometheus",
    "http://prometheus:9090/",
    "http://prometheus:9090/tenant/a",
    "http://prometheus.monitoring.svc:9090",
    "http://prometheus.monitoring.svc.:9090",
    "http://metrics_01.example",
    "http://xn--bcher-kva.example",
    "http://both.example",
    "http://10.0.3.4:9090",
    "http://192.168.1.1",
    "http://172.16.5.5",
    "http://100.64.0.1",
    "http://[fd00::5]:9090",
    "http://[2001:db8::5]",
    "http://[64:ff9b::a00:304]",
    "http://[::ffff:10.0.3.4]",
]
REFUSED = [
    ("http://127.0.0.1:9090", "loopback"),
    ("http://127.0.0.1.:9090", "dotted decimal"),
    ("http://127.255.255.254", "loopback"),
    ("http://localhost:9090", "loopback"),
    ("http://LOCALHOST:9090", "loopback"),
    ("http://localhost.:9090", "loopback"),
    ("http://loop.example", "loopback"),
    ("http://[::1]:9090", "loopback"),
    ("http://[0:0:0:0:0:0:0:1]", "loopback"),
    ("http://v6loop.example", "loopback"),
    ("http://[::ffff:127.0.0.1]", "loopback"),
    ("http://[::ffff:7f00:1]", "loopback"),
    ("http://mapped.example", "loopback"),
    ("http://[::127.0.0.1]", "127.0.0.1"),
    ("http://[2002:7f00:1::]", "loopback"),
    ("http://[64:ff9b::7f00:1]", "loopback"),
    ("http://[64:ff9b:1::7f00:1]", "loopback"),
    ("http://2130706433", "dotted decimal"),
    ("http://0x7f000001", "dotted decimal"),
    ("http://0x7f.1", "dotted decimal"),
    ("http://017700000001", "dotted decimal"),
    ("http://0177.0.0.1", "dotted decimal"),
    ("http://127.1", "dotted decimal"),
    ("http://127.0.1", "dotted decimal"),
    ("http://10.0.3.004", "dotted decimal"),
    ("http://169.254.169.254/latest", "link-local"),
    ("http://metadata.google.internal", "link-local"),
    ("http://mixed.example", "link-local"),
    ("http://[fe80::1]", "link-local"),
    ("http://[fe80::1%25eth0]", "link-local"),
    ("http://zone.example", "link-local"),
    ("http://[fec0::1]", "link-local"),
    ("http://[::ffff:169.254.169.254]", "link-local"),
    ("http://[2002:a9fe:a9fe::]", "link-local"),
    ("http://[64:ff9b::a9fe:a9fe]", "link-local"),
    ("http://[2001:0:a9fe:a9fe::1]", "link-local"),
    ("http://0.0.0.0:9090", "unspecified"),
    ("http://0.1.2.3", "unspecified"),
    ("http://0", "dotted decimal"),
    ("http://[::]", "unspecified"),
    ("http://[::ffff:0.0.0.0]", "unspecified"),
    ("http://224.0.0.1", "multicast"),
    ("http://[ff02::1]", "multicast"),
    ("http://[::ffff:224.0.0.1]", "multicast"),
    ("http://255.255.255.255", "reserved"),
    ("http://240.0.0.1", "reserved"),
    ("http://10.96.0.1", "API server"),
    ("https://10.96.0.1:6443", "API server"),
    ("https://kubernetes.default.svc", "API server"),
    ("http://[::ffff:10.96.0.1]", "API server"),
    ("http://[64:ff9b::a60:1]", "API server"),
    ("http://172.20.3.3", "administrator"),
    ("http://[::ffff:172.20.3.3]", "administrator"),
    ("http://[2001:db8:dead::1]", "administrator"),
    ("http://user:secret@prometheus", "user information"),
    ("http://user@prometheus", "user information"),
    ("http://@prometheus", "user information"),
    ("http://prometheus@169.254.169.254", "user information"),
    ("ftp://prometheus", "only http"),
    ("file:///etc/passwd", "only http"),
    ("gopher://prometheus", "only http"),
    ("//prometheus", "only http"),
    ("prometheus:9090", "only http"),
    ("", "only http"),
    ("http://", "no host"),
    ("http:///api", "no host"),
    ("http://:9090", "no host"),
    ("http://prometheus:0", "port"),
    ("http://prometheus:", "port"),
    ("http://prometheus:65536", "cannot be read"),
    ("http://prometheus:9o90", "cannot be read"),
    ("http://prometheus:-1", "cannot be read"),
    ("http://prometheus#@169.254.169.254", "fragment"),
    ("http://prometheus/#x", "fragment"),
    ("http://prometheus/?a=b", "query"),
    ("http://prometheus/#", "fragment"),
    ("http://prometheus\\@169.254.169.254", "printable ASCII"),
    ("http://prome theus", "printable ASCII"),
    ("http://prometheus\r\nX-Evil: 1", "printable ASCII"),
    ("http://prometheus\x00", "printable ASCII"),
    ("http://bücher.example", "punycode"),
    ("http://①②⑦.⓪.⓪.①", "printable ASCII"),
    ("http://127。0。0。1", "printable ASCII"),
    ("http://%31%32%37.0.0.1", "host name"),
    ("http://prometheus%2e", "host name"),
    ("http://a..b", "host name"),
    ("http://-a.example", "host name"),
    ("http://" + "a" * 64, "host name"),
    ("http://[::1", "cannot be read"),
]


@pytest.mark.parametrize("url", ALLOWED)
def test_an_address_in_a_cluster_or_outside_is_dialled(url):
    endpoint = check_url(url, RULES, resolver)
    assert endpoint.addresses
    assert endpoint.port in {80, 443, 9090}


@pytest.mark.parametrize(("url", "reason"), REFUSED)
def test_an_address_that_leads_elsewhere_is_refused_with_the_reason(url, reason):
    with pytest.raises(AddressRefusedError, match=reason):
        check_url(url, RULES, resolver)


def test_the_table_is_long_enough_to_mean_something():
    assert len(REFUSED) + len(ALLOWED) >= 60


def test_a_name_that_does_not_resolve_is_the_sources_absence():
    for url in ("http://nowhere.example", "http://empty.example"):
        with pytest.raises(SourceUnavailableError, match="resolve"):
            check_url(url, RULES, resolver)


def test_the_administrator_may_allow_loopback_and_nothing_else_by_it():
    rules = GuardRules(allow_loopback=True, api_server=("127.0.0.1", 6443))
    assert check_url("http://127.0.0.1:9090", rules, resolver).addresses == ("127.0.0.1",)
    assert check_url("http://[::1]:9090", rules, resolver).host == "::1"
    for url in ("http://169.254.169.254", "http://0.0.0.0", "https://127.0.0.1:6443"):
        with pytest.raises(AddressRefusedError):
            check_url(url, rules, resolver)


def test_all_checked_addresses_are_kept_in_order_and_the_name_stays():
    endpoint = check_url("https://both.example/x/", RULES, resolver)
    assert endpoint.addresses == ("2001:db8::5", "192.0.2.5")
    assert (endpoint.host, endpoint.port, endpoint.path) == ("both.example", 443, "/x")
    assert endpoint.origin == "https://both.example:443"


def test_a_denied_range_that_cannot_be_read_denies_the_run():
    with pytest.raises(ConfigInvalidError, match=r"10\.0\.0\.0/99"):
        check_url("http://prometheus", GuardRules(denied_cidrs=("10.0.0.0/99",)), resolver)


def test_refusals_do_not_repeat_credentials():
    with pytest.raises(AddressRefusedError) as caught:
        check_url("http://ada:canary-secret@prometheus", RULES, resolver)
    assert "canary-secret" not in str(caught.value)
