# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the roles: whether a failure is worth another try."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._transient import KINDS, is_transient


def transient(result: Mapping[str, Any], *kinds: str) -> bool:
    """Whether a task failed with an error of AWS that goes away by itself (see ``module_utils/_transient.py``)."""
    unknown = sorted(set(kinds) - KINDS.keys())
    if unknown:
        raise AnsibleFilterError(f"'{unknown[0]}' is not one of {', '.join(KINDS)}")
    return is_transient(result, *kinds)


class TestModule:
    """The tests of the collection."""

    def tests(self) -> dict[str, Callable[..., bool]]:
        """Names as templates use them, after ``mlops.mlflow_aws.``."""
        return {"transient": transient}
