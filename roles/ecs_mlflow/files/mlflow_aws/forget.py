# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a health check deleted is gone for good: without this, each check would leave rows until ``mlflow gc``.

MLflow deletes experiments softly. For the experiments of ``mlflow_health``, and no others, the server does right after
their deletion by an admin what ``mlflow gc`` does, and removes the grant that MLflow gave to who had made them. Nobody
but an admin turns an experiment that exists into one of these.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

#: As ``plugins/module_utils/_health/probe.py`` has them.
MARK = "mlflow_aws.health_check"
PREFIX = "mlflow-aws-health-"

_TOKEN = re.compile(r"[0-9a-f]{32}")
_LOG = logging.getLogger(__name__)


def is_of_a_check(name: str, tags: Mapping[str, str]) -> bool:
    """Whether an experiment was made by a health check: its name and its tag hold the same token."""
    token = tags.get(MARK, "")
    return bool(_TOKEN.fullmatch(token)) and name == f"{PREFIX}{token}"


def install() -> None:
    """Let the tracking store of this process forget the experiments of health checks when they are deleted.

    :raises RuntimeError: the installed MLflow is not built as expected.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    from mlflow_aws.hooks import before
    from mlflow_aws.rights import caller, is_admin

    def mark(arguments: dict[str, Any]) -> None:
        if arguments["tag"].key == MARK and not is_admin(caller()):
            raise MlflowException(f"the tag {MARK} is for health checks: only an admin may set it", PERMISSION_DENIED)

    before(SqlAlchemyStore, "set_experiment_tag", mark)
    for name in ("delete_experiment", "get_experiment", "_hard_delete_experiment"):
        if not hasattr(SqlAlchemyStore, name):
            raise RuntimeError(f"this MLflow's tracking store has no {name}")
    delete: Callable[[Any, str], None] = SqlAlchemyStore.delete_experiment

    @functools.wraps(delete)
    def delete_experiment(store: Any, experiment_id: str) -> None:
        delete(store, experiment_id)
        try:
            if not is_admin(caller()):
                return
            experiment = store.get_experiment(experiment_id)
            if is_of_a_check(experiment.name, experiment.tags):
                store._hard_delete_experiment(experiment_id)
                _delete_grants(str(experiment_id))
        except Exception:  # whatever it is: the deletion that was asked for is done
            _LOG.warning("experiment %s of a health check is deleted, but not for good", experiment_id, exc_info=True)

    setattr(SqlAlchemyStore, "delete_experiment", delete_experiment)  # noqa: B010


def _delete_grants(experiment_id: str) -> None:
    from mlflow.server import auth

    if hasattr(auth.store, "delete_grants_for_resource"):  # MLflow 3
        auth.store.delete_grants_for_resource("experiment", experiment_id)
        return
    from mlflow.server.auth.db import models

    row = getattr(models, "SqlExperimentPermission")  # noqa: B009  # MLflow 3 has none
    with auth.store.ManagedSessionMaker() as session:
        session.query(row).filter(row.experiment_id == experiment_id).delete()
