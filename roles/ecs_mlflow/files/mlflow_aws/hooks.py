# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How our rules are put into MLflow's classes and modules; where there is no place for one, no server starts."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, PERMISSION_DENIED

from mlflow_aws.locations import ForbiddenLocation, UnreadableLocation

Check = Callable[[dict[str, Any]], None]


def refused(error: ForbiddenLocation) -> MlflowException:
    """What MLflow answers to the client instead of ``error``: 400, or 403 where a right is missing."""
    code = PERMISSION_DENIED if isinstance(error, UnreadableLocation) else INVALID_PARAMETER_VALUE
    return MlflowException(str(error), code)


def original_of(owner: Any, name: str) -> Any:
    """What MLflow has at ``owner.name``.

    :raises RuntimeError: it has nothing there.
    """
    original = getattr(owner, name, None)
    if original is None:
        where = owner.__name__ if inspect.ismodule(owner) else f"{owner.__module__}.{owner.__name__}"
        raise RuntimeError(f"{where} has no {name}: this MLflow cannot be confined")
    return original


def before(owner: type, method: str, check: Check) -> None:
    """Run ``check`` on the arguments (by name) of every call of ``owner.method``."""
    original = original_of(owner, method)
    signature = inspect.signature(original)

    @functools.wraps(original)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            check(signature.bind(*args, **kwargs).arguments)
        except ForbiddenLocation as error:
            raise refused(error) from None
        return original(*args, **kwargs)

    setattr(owner, method, guarded)
