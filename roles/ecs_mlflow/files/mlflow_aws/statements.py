# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No statement in an error of the database: MLflow answers an error's text, and logs it.

With the statement go its values, such as the hash of a password.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine


def install() -> None:
    """Strike the statement out of the errors of all engines of this process."""
    event.listen(Engine, "handle_error", _strike)


def _strike(context: Any) -> None:
    if context.sqlalchemy_exception is not None:
        context.sqlalchemy_exception.statement = None
