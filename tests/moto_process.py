# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""moto in the process of the tests: what one module does to it, the next one does not meet.

The planes of the embedded AWS replace methods of moto's classes. In a daemon that is for good. Tests that make a plane
in their own process share that process with other modules, in an order that pytest-xdist chooses.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any


def attributes() -> dict[type, dict[str, Any]]:
    """The attributes of every class of moto that is imported."""
    modules = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == "moto"]
    classes = {
        found
        for module in modules
        for found in list(vars(module).values())
        if isinstance(found, type) and found.__module__.partition(".")[0] == "moto"
    }
    return {each: dict(vars(each)) for each in classes}


@contextlib.contextmanager
def untouched() -> Iterator[None]:
    """Undo every change of moto's classes, and empty its backends, at the end.

    A module of moto that is imported meanwhile is not looked at: import what is hooked before.
    """
    before = attributes()
    try:
        yield
    finally:
        for owner, was in before.items():
            now = dict(vars(owner))
            for name in now.keys() - was.keys():
                delattr(owner, name)
            for name, value in was.items():
                if now.get(name) is not value:
                    setattr(owner, name, value)
        if "moto.core.base_backend" in sys.modules:
            from moto.core.base_backend import BackendDict

            BackendDict.reset()
