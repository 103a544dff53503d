# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What checks write to a server, and how it goes away again: a run, a registered model.

MLflow deletes runs and experiments softly: rows stay until ``mlflow gc``. So that checks do not leave thousands
of experiments, all share one, which stays (empty) between checks; their runs are deleted softly, their artifacts
and registered models for good. What a killed check left is removed by a later one.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..mlflow.client import Experiment, MlflowClient, Run
from ..mlflow.errors import AlreadyExistsError, ApiError, MlflowError, NotFoundError
from ..mlflow.registry import Registry
from .model import StageFailed, StageSkipped, Target
from .store import store_of

#: Marks runs and models that a check may remove; its value is the check's own token.
MARK = "mlflow_aws.health_check"

#: What the names of the checks' registered models begin with.
MODEL_PREFIX = "mlflow-aws-health-"

#: What an earlier check left belongs to nobody after this time (milliseconds).
ABANDONED = 3_600_000

_NOTE = "Written and emptied by health checks (mlops.mlflow_aws.mlflow_health). Holds nothing of value."


def require_writes(target: Target) -> None:
    """Let only a check that may write go on.

    :raises StageSkipped: it may not.
    """
    if not target.writes:
        raise StageSkipped("check mode writes nothing")


@contextmanager
def probe_run(target: Target) -> Iterator[Run]:
    """A run in the health experiment that is gone afterwards, whatever happens in between."""
    client, patient = target.client, target.patient
    experiment = _experiment(client, target.experiment_name)
    _sweep_runs(target, experiment)
    token = secrets.token_hex(16)
    run: Run | None = None
    try:
        run = client.create_run(experiment.id, "health-check", {MARK: token})
        yield run
    except BaseException:
        # The first error is the one to tell; what cannot be removed now goes with a later check.
        with suppress(MlflowError):
            _remove(patient, [run] if run else _marked(patient, experiment, token))
        raise
    try:
        _remove(patient, [run])
    except MlflowError as error:
        raise StageFailed(f"run {run.id} could not be removed: {error.message}", error.remedy) from None


@contextmanager
def probe_model(target: Target) -> Iterator[str]:
    """The name of a registered model that is gone afterwards with its versions, whatever happens in between."""
    patient = Registry(target.patient)
    _sweep_models(patient)
    name = f"{MODEL_PREFIX}{secrets.token_hex(16)}"
    try:
        Registry(target.client).create_model(name, {MARK: name.removeprefix(MODEL_PREFIX)})
        yield name
    except BaseException:
        # Its creation may have come through though its answer did not.
        with suppress(MlflowError):
            patient.delete_model(name)
        raise
    try:
        patient.delete_model(name)
        # Asked by a search, since who asks for one model that is gone may get a 403.
        left = patient.search_models(name)
    except MlflowError as error:
        raise StageFailed(f"registered model {name} could not be removed: {error.message}", error.remedy) from None
    if left:
        raise StageFailed(
            f"registered model {name} is still there after its deletion",
            "delete it by hand, and look at the server's log",
        )


def _remove(client: MlflowClient, runs: list[Run]) -> None:
    for run in runs:
        client.finish_run(run.id)
        client.delete_run(run.id)


def _marked(client: MlflowClient, experiment: Experiment, token: str) -> list[Run]:
    """Runs of this check whose creation was not answered."""
    return [run for run in client.search_runs(experiment.id) if run.tags.get(MARK) == token]


def _experiment(client: MlflowClient, name: str) -> Experiment:
    """The experiment of the checks, created or restored as needed; several checks may run at once."""
    try:
        experiment = client.get_experiment_by_name(name)
    except NotFoundError:
        with suppress(AlreadyExistsError):
            client.create_experiment(name, {"mlflow.note.content": _NOTE})
        experiment = client.get_experiment_by_name(name)
    if experiment.lifecycle_stage != "active":
        try:
            client.restore_experiment(experiment.id)
        except ApiError:
            if client.get_experiment_by_name(name).lifecycle_stage != "active":
                raise
    return experiment


def _oldest() -> int:
    return int(time.time() * 1000) - ABANDONED


def _sweep_runs(target: Target, experiment: Experiment) -> None:
    """Remove what earlier checks left: runs that finished (restored with their experiment) or were abandoned."""
    for run in target.patient.search_runs(experiment.id):
        if MARK in run.tags and (run.status == "FINISHED" or run.start_time < _oldest()):
            with suppress(MlflowError, StageFailed, StageSkipped):
                store_of(target, run.artifact_uri).remove()
            _remove(target.patient, [run])


def _sweep_models(registry: Registry) -> None:
    """Remove what killed checks left. One that another user's check left is not ours to remove."""
    for model in registry.search_models(MODEL_PREFIX):
        if MARK in model.tags and model.created < _oldest():
            with suppress(MlflowError):
                registry.delete_model(model.name)
