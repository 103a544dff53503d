# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables that are named nearly as one of a role: Ansible takes them, and nothing reads them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

#: How alike two names are: one letter more, less or other, or two that changed places, in a name of usual length.
_ALIKE = 0.87
#: The names by which the role mlflow_access is given its lists from the inventory.
LISTS = frozenset(
    {"mlflow_users", "mlflow_roles", "mlflow_permissions", "mlflow_experiments", "mlflow_registered_models"}
)
#: What playbooks and roles of the collection tell a role, beside its variables.
TOLD = frozenset(
    {
        "stack_account_checked_later",
        "stack_given_may_be_gone",
        "stack_preflight",
        "stack_preflight_done",
        "stack_region_facts_wanted",
        "stack_settings_wanted",
        "secrets_rotate",
        "mlflow_access_rotate",
    }
)


def typos(role: str, given: Iterable[str], options: Collection[str], own: Collection[str]) -> list[str]:
    """A sentence for each variable that has the role's prefix, is none of its variables, and is named nearly as one.

    A variable of somebody's own that only shares the prefix is none of our business.

    :param given: the names of all variables there are.
    :param options: the variables of the role.
    :param own: the variables that the role sets itself.
    """
    known = {*options, *own, *(LISTS if role == "mlflow_access" else ())}
    prefixes = (f"{role}_", "mlflow_") if role == "mlflow_access" else (f"{role}_",)
    found = []
    for name in sorted(set(given) - known - TOLD):
        nearest = get_close_matches(name, known, n=1, cutoff=_ALIKE) if name.startswith(prefixes) else []
        if nearest:
            found.append(f"{name} is no variable of the role {role}, so it has no effect; is {nearest[0]} meant?")
    return found
