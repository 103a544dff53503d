# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables that are named nearly as one of the collection: Ansible takes them, and nothing reads them."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator

#: The names by which the role mlflow_access is given its lists from the inventory.
LISTS = frozenset(
    {"mlflow_users", "mlflow_roles", "mlflow_permissions", "mlflow_experiments", "mlflow_registered_models"}
)
#: Variables of the playbooks that a person sets.
ASKED = frozenset({"destroy_confirm", "rotate_users"})
#: What playbooks and roles of the collection tell a role, beside its variables.
TOLD = frozenset(
    {
        "stack_account_checked_later",
        "stack_database_wanted",
        "stack_existing_may_be_gone",
        "stack_preflight",
        "stack_preflight_done",
        "stack_region_facts_wanted",
        "stack_current_wanted",
        "secrets_rotate",
        "mlflow_access_rotate",
    }
)
#: How much of two names is the same, from 0 to 1, where they are alike.
_ALIKE = 0.8
#: What Ansible and Molecule set themselves, and what a role registers for itself.
_FOREIGN = ("ansible_", "molecule_", "inventory_", "_")


def typos(
    given: Iterable[str], variables: Collection[str], own: Collection[str], ignored: Collection[str]
) -> list[str]:
    """A sentence for each variable that is none of the collection's, and is named nearly as one.

    Nearly is: a letter more, less or other, or two that changed places, or one such slip in each of two words; another
    case, or hyphens; or the name of a role in front that is not the variable's own, as in ``stack_ingress_cidrs``. A
    variable of somebody's own that only begins as ours do is none of our business.

    :param given: the names of all variables there are.
    :param variables: all variables of all roles.
    :param own: the variables that roles set themselves.
    :param ignored: names that the person says are meant as they stand (``stack_ignore_variables``).
    """
    return [
        f"{name}: no variable of this collection has this name, so it has no effect; rename it to "
        f"{' or '.join(nearest)}, or list it in stack_ignore_variables if it belongs to something else"
        for name in _unknown(given, variables, own, ignored)
        if (nearest := _meant(name, variables))
    ]


def resembling(
    given: Iterable[str], variables: Collection[str], own: Collection[str], ignored: Collection[str]
) -> list[str]:
    """A sentence for each variable that :func:`typos` lets pass, and that looks like one of a role all the same.

    It begins as the variables of that role do, and has their next word, or all of the words of one of them, or is
    written much like one: ``rds_deletion_protected``, ``rds_class``, ``storage_bucket_name``. Somebody else's role may
    well have such a variable, so this is for a warning. The parameters are those of :func:`typos`.
    """
    return [
        f"{name}: no variable of this collection has this name, so it has no effect; rename it to {alike} if that is "
        "meant, or list it in stack_ignore_variables"
        for name in _unknown(given, variables, own, ignored)
        if not _meant(name, variables) and (alike := _alike(name, variables))
    ]


def _unknown(
    given: Iterable[str], variables: Collection[str], own: Collection[str], ignored: Collection[str]
) -> Iterator[str]:
    known = {*variables, *LISTS, *ASKED, *own, *TOLD, *ignored}
    return (name for name in sorted(set(given) - known) if not name.startswith(_FOREIGN))


def _meant(name: str, variables: Collection[str]) -> list[str]:
    return _nearest(name, {*variables, *LISTS, *ASKED}) or _under_another_role(name, variables)


def _alike(name: str, variables: Collection[str]) -> str | None:
    """The variable of the same role that has most in common with a name; None where there is too little."""
    meant = {*variables, *ASKED}
    of_role = {
        variable: role
        for variable in meant
        for role in _roles([variable])
        if name.startswith(f"{role}_") and variable.startswith(f"{role}_")
    }
    found = {}
    for variable, role in of_role.items():
        one, other = (text.removeprefix(f"{role}_").split("_") for text in (name, variable))
        ratio = difflib.SequenceMatcher(None, "_".join(one), "_".join(other)).ratio()
        if one[0] == other[0] or set(one) <= set(other) or set(other) <= set(one) or ratio >= _ALIKE:
            found[variable] = ratio
    return max(sorted(found), key=lambda variable: found[variable], default=None)


def _nearest(name: str, meant: Collection[str]) -> list[str]:
    plain = name.lower().replace("-", "_")
    slips = [(_slips(plain, other), other) for other in meant if abs(len(other) - len(plain)) <= 2]
    least, nearest = min(slips, default=(3, ""))
    return [nearest] if least <= 2 else []


def _slips(plain: str, other: str) -> int:
    """How many slips of the pen lie between two names; 3 where they are two names."""
    if (whole := distance(plain, other, 1)) <= 1:
        return whole
    # Two slips in one word make another one: network_name is not meant to be network_nat.
    words, its = plain.split("_"), other.split("_")
    if len(words) != len(its):
        return 3
    slips = [distance(one, two, 1) for one, two in zip(words, its, strict=True)]
    return sum(slips) if max(slips) <= 1 and sum(slips) <= 2 else 3


def _under_another_role(name: str, variables: Collection[str]) -> list[str]:
    """Variables that are called so in another role. Of one word, such as ``tags``, the name would say too little."""
    prefixes = {*_roles(variables), "mlflow", "ecs"}
    tails = [name.removeprefix(f"{prefix}_") for prefix in prefixes if name.startswith(f"{prefix}_")]
    return sorted(
        variable
        for variable in variables
        for role in _roles([variable])
        # What the proof asks about has the names of other things: verify_certificate_arn.
        if role != "verify" and variable.removeprefix(f"{role}_") in tails and "_" in variable.removeprefix(f"{role}_")
    )


def _roles(variables: Collection[str]) -> list[str]:
    long = ("ecs_mlflow", "mlflow_access")
    return sorted({next((role for role in long if name.startswith(role)), name.split("_")[0]) for name in variables})


def distance(one: str, other: str, most: int) -> int:
    """How many letters are more, less, other, or changed places with a neighbour; ``most + 1`` where more than most.

    The optimal string alignment distance (L. Boytsov, "Indexing methods for approximate dictionary searching", 2011).

    >>> distance("netwrok_cidr", "network_cidr", 2)
    1
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, its in enumerate(other, 1):
            cost = min(row[j - 1] + 1, before[j] + 1, before[j - 1] + (letter != its))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == its:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)
