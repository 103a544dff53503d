# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database's class, storage and features against what RDS offers in the region."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.versions import version_numbers

Options = Sequence[Mapping[str, Any]]
#: Storage types that ``rds_storage_type`` takes.
_STORAGE_TYPES = ("gp2", "gp3")


def offer_problems(
    inputs: Mapping[str, Any], region: Mapping[str, Any], now: Mapping[str, Any] | None, version: str
) -> list[str]:
    """One sentence for each variable that the region does not offer with the others.

    What a database that exists already is, RDS keeps, even when it does not offer it for new ones any more.

    :param region: with ``database``, the answer of :func:`database_offers`.
    :param now: the database that exists, or None.
    :param version: the newest version that ``rds_engine_version`` means.
    """
    offers, name = region["database"], inputs["rds_instance_class"]
    kept = now is not None and now["instance_class"] == name
    here = f"region {region['region']}"
    options = _of_version(offers["options"], version)
    if kept and not options:
        options = _of_version(
            offers["options"], max((row["version"] for row in offers["options"]), key=version_numbers, default="")
        )
    if not options:
        return [] if kept else [_class_problem(name, version, offers, here)]
    if not kept and not any(row["encrypted"] for row in options):
        return [
            f"rds_instance_class: in {here}, {name} cannot encrypt its storage, as this collection always does; choose "
            "another class, such as db.t4g.micro"
        ]
    offered = f"for {name} with PostgreSQL {options[0]['version']}"
    return [
        *_storage_problems(inputs, options, (now or {}) if kept else {}, here, offered),
        *(
            f"{variable}: {here} offers no {what} {offered}; set it to false, or choose another rds_instance_class"
            for variable, field, what in (
                ("rds_multi_az", "multi_az", "Multi-AZ"),
                ("rds_performance_insights", "performance_insights", "Performance Insights"),
            )
            if inputs[variable] and not (kept and (now or {})[field]) and not any(row[field] for row in options)
        ),
    ]


def _of_version(options: Options, version: str) -> Options:
    return [row for row in options if row["version"] == version]


def nearest(name: str, names: Collection[str], most: int = 3) -> list[str]:
    """Those of ``names`` that are written most like ``name``, the nearest first.

    >>> nearest("db.t9.micro", ["db.m5.large", "db.t3.large", "db.t3.micro"], most=1)
    ['db.t3.micro']
    """
    return difflib.get_close_matches(name, sorted(names), n=most, cutoff=0)


def _class_problem(name: str, version: str, offers: Mapping[str, Any], here: str) -> str:
    minors = sorted({row["version"] for row in offers["options"]}, key=version_numbers)
    if minors:
        return (
            f"rds_instance_class: {here} offers no {name} with PostgreSQL {version}, but with {', '.join(minors)}; set "
            "rds_engine_version to one of these, or choose another class"
        )
    majors = sorted({one.split(".")[0] for one in offers["versions"]}, key=int)
    lacks = (
        f"no {name} with PostgreSQL {version}, but with {', '.join(majors)}" if majors else f"no {name} for PostgreSQL"
    )
    near = nearest(name, offers["classes"])
    return f"rds_instance_class: {here} offers {lacks}; " + (
        f"choose another class, such as {', '.join(near)}" if near else "choose another class or rds_engine_version"
    )


def _storage_problems(
    inputs: Mapping[str, Any], options: Options, now: Mapping[str, Any], here: str, offered: str
) -> list[str]:
    kind = inputs["rds_storage_type"]
    types = [one for one in _STORAGE_TYPES if one in {row["storage_type"] for row in options}]
    rows = [row for row in options if row["storage_type"] == kind]
    if not rows:
        if now.get("storage_type") == kind:
            return []
        remedy = f"use {' or '.join(types)}" if types else "choose another rds_instance_class"
        return [f"rds_storage_type: {here} offers no {kind} {offered}; {remedy}"]
    least = min(row["min_storage"] or 0 for row in rows)
    most = max(row["max_storage"] or 65536 for row in rows)
    found = []
    for variable, has in (
        ("rds_allocated_storage", now.get("allocated_storage")),
        ("rds_max_allocated_storage", now.get("max_allocated_storage")),
    ):
        size = int(inputs[variable])
        # 0 switches the growth off. Storage never shrinks, so that what there is already is no matter.
        if size and not least <= size <= most and size > int(has or 0):
            found.append(
                f"{variable}: {size} GiB; {here} offers {least} to {most} GiB of {kind} {offered}, choose a number "
                "between"
            )
    grows = int(inputs["rds_max_allocated_storage"])
    if grows and not now.get("max_allocated_storage") and not any(row["storage_grows"] for row in rows):
        found.append(
            f"rds_max_allocated_storage: {grows} GiB, but in {here} storage cannot grow by itself {offered}; set it to "
            "0, or choose another rds_instance_class"
        )
    return found
