# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file of ``plugins/`` can be imported: a type checker takes a file that moved for one without types."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path.relative_to(ROOT) for path in (ROOT / "plugins").rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=str)
def test_it_can_be_imported(path: Path) -> None:
    importlib.import_module(f"ansible_collections.mlops.mlflow_aws.{'.'.join(path.with_suffix('').parts)}")
