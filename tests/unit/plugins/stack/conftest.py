# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection is imported from the checkout."""

from __future__ import annotations

import sys
from pathlib import Path

PLUGIN_TESTS = Path(__file__).resolve().parents[1]
COLLECTIONS = Path(__file__).resolve().parents[4] / "collections"
for folder in (PLUGIN_TESTS, COLLECTIONS):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
