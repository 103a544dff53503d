# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags of experiments and registered models: which may be set, and what has to change.

Checks: mlflow/utils/validation.py of 2.18.0 and 3.17.2 (_validate_tag_name). The database's own limits count too: it
refuses a longer value with the text of its SQL statement.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import Any

from .errors import ApiError, InvalidOptionsError
from .names import TAG_KEY

#: Tags that begin so belong to MLflow: they may be set, but are never purged.
OWN = "mlflow."

#: What the server says where its database refused a statement.
DATABASE_REFUSED = "BAD_REQUEST"

_KEY = re.compile(r"[/\w.\- :]+")


def checked_text(what: str, text: str, longest: int) -> str:
    """``text``, which the database can keep.

    :raises InvalidOptionsError: it is too long or holds a null character.
    """
    if len(text) > longest:
        raise InvalidOptionsError(
            f"{what} has {len(text)} characters, and MLflow keeps {longest}", remedy="give a shorter one"
        )
    if "\0" in text:
        raise InvalidOptionsError(f"{what} contains a null character", remedy="remove it")
    return text


def checked_tags(
    tags: Mapping[str, Any] | None, longest: int, reserved: Mapping[str, str] | None = None
) -> dict[str, str] | None:
    """The option ``tags`` as texts; None leaves the tags alone.

    :param longest: characters of a value.
    :param reserved: beginnings of keys that are refused, each with its remedy.
    :raises InvalidOptionsError: a key or value that MLflow cannot keep.
    """
    if tags is None:
        return None
    found = {}
    for name, value in tags.items():
        key = str(name)
        if not _KEY.fullmatch(key) or posixpath.normpath(key) != key or key == "." or key.startswith(("/", "..")):
            raise InvalidOptionsError(
                f"tags has the key '{key}', which MLflow does not take",
                remedy="use letters, digits, blanks and _ - . : / only, and no path such as a//b or ../a",
            )
        if len(key) > TAG_KEY:
            raise InvalidOptionsError(
                f"tags has a key of {len(key)} characters, and MLflow keeps {TAG_KEY}", remedy="give a shorter one"
            )
        remedy = next((remedy for start, remedy in (reserved or {}).items() if key.startswith(start)), None)
        if remedy:
            raise InvalidOptionsError(f"tags has the key {key}, which is MLflow's own", remedy=remedy)
        if isinstance(value, (dict, list)):
            raise InvalidOptionsError(f"the tag {key} is no text", remedy="give a text, such as the value as JSON")
        found[key] = checked_text(f"the tag {key}", "" if value is None else str(value), longest)
    return found


def tag_changes(current: Mapping[str, str], wanted: Mapping[str, str], *, purge: bool) -> tuple[list[str], list[str]]:
    """Keys to set and keys to remove, each in order. Pure.

    :param purge: whether tags that are not wanted go; MLflow's own stay.
    """
    changed = sorted(key for key, value in wanted.items() if current.get(key) != value)
    gone = sorted(key for key in current if purge and key not in wanted and not key.startswith(OWN))
    return changed, gone


def put_twice(put: Callable[[], Any]) -> None:
    """Make a write that sets one value, and once more where the database refused it.

    MLflow looks for the row and then inserts it: of two runs at once the second insert fails, and as an update
    it succeeds.
    """
    try:
        put()
    except ApiError as error:
        if error.code != DATABASE_REFUSED:
            raise
        put()
