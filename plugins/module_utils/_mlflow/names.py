# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names MLflow's databases and HTTP can carry, checked before the first request.

Lengths: mlflow/server/auth/db/models.py, mlflow/utils/validation.py and mlflow/store/model_registry/dbmodels/models.py
of 3.17.2. PostgreSQL answers a longer one with 500, and some checks of MLflow name no limit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .errors import InvalidOptionsError

#: Characters of a user's name, of a role's name, and of the resource that a grant of 3.x names.
USERNAME = 255
ROLE = 255
GRANTED = 255
#: MLflow checks for 500; databases other than SQLite keep 256.
EXPERIMENT = 500
#: A 256th character is created, but then the server fails to grant the model to who made it.
MODEL = 255
TAG_KEY = 250
ALIAS = 255

#: Characters of an artifact location; databases other than SQLite keep 256.
LOCATION = 2048

#: The highest number of a version that the database can count to.
HIGHEST = 2**31 - 1


def checked(option: str, name: str, longest: int) -> str:
    """``name``, which is not empty, not too long and has no control character.

    :raises InvalidOptionsError: it is one of these.
    """
    if not name.strip():
        raise InvalidOptionsError(f"{option} is empty", remedy="give a name")
    if len(name) > longest:
        raise InvalidOptionsError(
            f"{option} has {len(name)} characters, and MLflow keeps {longest}", remedy="give a shorter one"
        )
    if any(ord(char) < 32 or ord(char) == 127 for char in name):
        raise InvalidOptionsError(
            f"{option} contains a control character, such as a line break",
            remedy="remove it; a value read from a file may end with a line break",
        )
    return name


def checked_username(option: str, name: str) -> str:
    """A user's name that basic authentication can carry (RFC 7617: no colon).

    :raises InvalidOptionsError: it cannot.
    """
    if ":" in name:
        raise InvalidOptionsError(f"{option} contains a colon", remedy="basic authentication cannot carry it")
    return checked(option, name, USERNAME)


def checked_model(option: str, name: str) -> str:
    """A registered model's name, which MLflow takes without slash and colon.

    :raises InvalidOptionsError: it has one.
    """
    if "/" in name or ":" in name:
        raise InvalidOptionsError(f"{option} contains / or :", remedy="MLflow takes neither in the name of a model")
    return checked(option, name, MODEL)


def checked_location(option: str, location: str) -> str:
    """Where artifacts lie, as the server keeps it: it would complete a relative path by its own folder.

    :raises InvalidOptionsError: it is relative, or has a control character.
    """
    checked(option, location, LOCATION)
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|/", location):
        raise InvalidOptionsError(
            f"{option} {location} is a relative path", remedy="give the whole of it, such as s3://bucket/prefix"
        )
    return location


def checked_aliases(aliases: Mapping[Any, Any] | None) -> dict[str, int] | None:
    """The option ``aliases``; None leaves them alone.

    :raises InvalidOptionsError: an alias or a version that MLflow cannot keep.
    """
    if aliases is None:
        return None
    found = {}
    for name, version in aliases.items():
        alias = str(name)
        if not re.fullmatch(r"[\w-]+", alias) or alias.lower() == "latest" or re.fullmatch(r"[vV]\d+", alias):
            raise InvalidOptionsError(
                f"aliases has the name '{alias}', which MLflow does not take",
                remedy="use letters, digits, _ and - only, and neither latest nor v with a number",
            )
        if len(alias) > ALIAS:
            raise InvalidOptionsError(
                f"aliases has a name of {len(alias)} characters, and MLflow keeps {ALIAS}", remedy="give a shorter one"
            )
        number = str(version)
        if not re.fullmatch(r"[0-9]{1,10}", number) or not 1 <= int(number) <= HIGHEST:
            raise InvalidOptionsError(
                f"the alias {alias} has the version '{number}'", remedy="give the number of a version"
            )
        found[alias] = int(number)
    return found
