# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the patches of this package replace a method of moto."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

from moto.core.responses import ActionResult


def around(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Replace ``owner.name`` by the decorated function, which gets the original as its first argument.

    :raises AttributeError: when moto has no such method (any more): the patch must be looked at again.
    """
    original = getattr(owner, name)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def replacement(*args: Any, **kwargs: Any) -> Any:
            return function(original, *args, **kwargs)

        static = isinstance(vars(owner).get(name), staticmethod)
        setattr(owner, name, staticmethod(replacement) if static else replacement)
        return function

    return decorate


def add(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give ``owner`` a method that moto lacks.

    :raises AssertionError: when moto has it by now: then the patch has to go.
    """
    assert not hasattr(owner, name), f"moto has {owner.__name__}.{name} by now: drop the patch"

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        setattr(owner, name, function)
        return function

    return decorate


def page(key: str, rows: Sequence[Any], parameters: Mapping[str, Any], most: int = 100) -> ActionResult:
    """One page of an RDS answer, by the request's Marker and MaxRecords."""
    first = int(parameters.get("Marker") or 0)
    end = first + min(int(parameters.get("MaxRecords") or most), most)
    return ActionResult({key: list(rows[first:end]), "Marker": str(end) if end < len(rows) else None})
