# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of a container's process: what its definition says, and no more.

Nothing of the emulator's own environment gets through but the settings of the network and of the
package installers that :data:`PASSED` lists: a task must never see the keys of whoever started it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

#: Variables of the emulator that containers get: proxies, certificates and package indexes.
PASSED = frozenset(
    name for upper in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY") for name in (upper, upper.lower())
) | {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
PASSED_PREFIXES = ("PIP_", "UV_")
#: Of those, what would tie an installer to the emulator's own environment.
_NOT_PASSED = frozenset({"UV_PROJECT", "UV_PROJECT_ENVIRONMENT", "UV_PYTHON", "UV_RUN_RECURSION_DEPTH"})
_SYSTEM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


def passed_through(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The part of ``environment`` that containers get."""
    found = {
        name: value
        for name, value in environment.items()
        if (name in PASSED or name.startswith(PASSED_PREFIXES)) and name not in _NOT_PASSED
    }
    # Loopback services are never behind a proxy.
    for name in ("NO_PROXY", "no_proxy"):
        if any(proxy in found for proxy in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", name)):
            found[name] = ",".join(filter(None, [found.get(name), "127.0.0.1", "localhost"]))
    return found


def image_path(folders: list[str]) -> str:
    """PATH of an image whose own programs lie in ``folders``."""
    return ":".join([*folders, *_SYSTEM_PATH])


def compose(
    base: Mapping[str, str], definition: Mapping[str, str], secrets: Mapping[str, str], shim: str
) -> dict[str, str]:
    """The environment of a container.

    :param base: what the platform sets; the definition may override it.
    :param definition: ``environment`` of the definition and of overrides, paths translated.
    :param secrets: the values of ``secrets``; they win over ``environment``.
    :param shim: the folder of the network shim; always first on PYTHONPATH.
    """
    made = {**base, **definition, **secrets}
    made["PYTHONPATH"] = ":".join(filter(None, [shim, made.get("PYTHONPATH")]))
    return made
