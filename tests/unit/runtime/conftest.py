# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The package of the task is no part of the checkout's own path: it is put there for these tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FILES = Path(__file__).resolve().parents[3] / "roles" / "ecs_mlflow" / "files"
if str(FILES) not in sys.path:
    sys.path.insert(0, str(FILES))


@pytest.fixture
def install() -> ModuleType:
    """The text of the container ``install`` as a module."""
    spec = importlib.util.spec_from_file_location("mlflow_aws_install", FILES / "install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
