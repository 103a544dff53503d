# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be shown of a task definition: no value that looks secret, and no value that fills the screen."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "(hidden)"
CHANGED = "(hidden, changed)"
_LONG = 200
_SECRET_WORD = re.compile(
    r"(?i)passw|passphrase|secret|token|credential|private|api_?key|dsn"
    r"|(^|[^a-z])(pass|pwd|pw|key|keys|auth|salt|cookie|pin|signature)($|[^a-z])"
)
_URL_PASSWORD = re.compile(r"(?P<before>\w://[^\s:/@]*:)(?P<password>[^\s@]+)(?=@)")
#: Maps whose keys are a user's own names, so that a name can tell that its value is secret.
NAMED_VALUES = ("environment", "options", "docker_labels", "driver_opts", "labels", "properties")


def looks_secret(name: str) -> bool:
    """Whether a variable's name says that its value is a secret."""
    return bool(_SECRET_WORD.search(name))


def holds_password(value: str) -> bool:
    """Whether a value is a URL with a password in it."""
    return bool(_URL_PASSWORD.search(value))


def shown(value: Any, before: Any = None) -> Any:
    """What a diff shows of ``value``.

    :param before: the value on the diff's other side. A hidden value that is not the same says so, or the diff
        would not show that it changed; give it for one of the two sides only.
    """
    return _shown(value, before, "", False)


def _shown(value: Any, before: Any, name: str, named: bool) -> Any:
    if isinstance(value, Mapping):
        beside = before if isinstance(before, Mapping) else {}
        return {key: _shown(item, beside.get(key), key, name in NAMED_VALUES) for key, item in value.items()}
    if isinstance(value, list):
        others = before if isinstance(before, list) else []
        return [_shown(item, others[i] if i < len(others) else None, "", False) for i, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    differs = isinstance(before, str) and before != value
    if named and looks_secret(name):
        return CHANGED if differs else HIDDEN
    if len(value) > _LONG:
        return f"sha256:{hashlib.sha256(value.encode()).hexdigest()[:16]} ({len(value)} characters)"
    masked = _without_password(value)
    return f"{masked} {CHANGED}" if differs and masked == _without_password(before) else masked


def _without_password(value: str) -> str:
    return _URL_PASSWORD.sub(rf"\g<before>{HIDDEN}", value)


def without_values(containers: Any) -> Any:
    """A user's containers as they may be echoed: what looks secret is hidden, as in a diff, but long texts stay."""
    if not isinstance(containers, list):
        return containers
    return [_container_without_values(item) if isinstance(item, Mapping) else item for item in containers]


def _echoed(value: Any, name: str = "", named: bool = False) -> Any:
    if isinstance(value, Mapping):
        return {key: _echoed(item, str(key), name in NAMED_VALUES) for key, item in value.items()}
    if isinstance(value, list):
        return [_echoed(item) for item in value]
    if not isinstance(value, str):
        return value
    return HIDDEN if named and looks_secret(name) else _without_password(value)


def _container_without_values(container: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = _echoed({key: item for key, item in container.items() if key != "environment"})
    environment = container.get("environment")
    if isinstance(environment, Mapping):
        result["environment"] = {key: _value(str(key), value) for key, value in environment.items()}
    elif isinstance(environment, list):
        result["environment"] = [_pair(item) if isinstance(item, Mapping) else item for item in environment]
    elif "environment" in container:
        result["environment"] = environment
    return result


def _pair(pair: Mapping[str, Any]) -> dict[str, Any]:
    return {**pair, "value": _value(str(pair.get("name", "")), pair.get("value"))}


def _value(name: str, value: Any) -> Any:
    return value if value is None else _shown(str(value), None, name, True)
