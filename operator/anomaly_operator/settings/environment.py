"""Which environment variables an admin may add to a pod, and why others are refused.

The environment decides where Python and the dynamic loader find code, which certificates count,
where the API server is and how many threads a run starts. Those names stay ours.
"""

from __future__ import annotations

import re

_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")
_CODE = "it decides from where the process loads code or files"
_TRUST = "it changes which certificates and cryptography the process trusts"
_SERVER = "it decides which API server the process speaks to"
PROXY = (
    "a proxy would connect in place of the pod, and the address guard could not check where; the "
    "pods read no proxy, so make the source reachable directly"
)
_THREADS = "each pod computes in one thread, because it requests a fraction of a core"
_REFUSED = (
    (re.compile(r"^(PYTHON.*|LD_.*|PATH|HOME|TMPDIR|TEMP|TMP|ENV|BASH_ENV|IFS)$"), _CODE),
    (re.compile(r"^(VIRTUAL_ENV|GCONV_PATH|LOCPATH|NLSPATH|GLIBC_.*|MALLOC_.*)$"), _CODE),
    (re.compile(r"^(OPENSSL_.*|SSL_.*|SSLKEYLOGFILE|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE)$"), _TRUST),
    (
        re.compile(r"^(KUBERNETES_.*|KUBECONFIG|POD_IP|HOSTALIASES|LOCALDOMAIN|RES_OPTIONS)$"),
        _SERVER,
    ),
    (re.compile(r"^.*PROXY$"), PROXY),
    (re.compile(r"^(OMP|GOMP|KMP|OPENBLAS|GOTO|MKL|BLIS|NUMEXPR|VECLIB|LOKY)_.*$"), _THREADS),
    (re.compile(r"^(NPY|NUMPY|SCIPY|SKLEARN|JOBLIB|THREADPOOLCTL)_.*$"), _CODE),
)


def refusal(name: str) -> str:
    """Why the variable may not be set; empty when it may. Names count in any case."""
    if _NAME.match(name) is None:
        return "a name has letters, digits and underscores and starts with no digit"
    return next((why for names, why in _REFUSED if names.match(name.upper())), "")
