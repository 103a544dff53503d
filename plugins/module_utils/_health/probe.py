# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What checks write to a server, and how it goes away again: an experiment, a run, a registered model.

MLflow deletes experiments and runs softly: nobody sees them any more, but their rows stay until ``mlflow gc`` (our own
server removes those of a check at once, ``roles/ecs_mlflow/files/mlflow_aws/forget.py``). Artifacts and registered
models go for good. Each stage has an experiment of its own, so that checks at the same time do not meet. One that is
shared would have to be restored by each check, and MLflow restores all runs of all former checks with it.
What a killed check left is removed by a later one.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from .._mlflow.client import Experiment, MlflowClient, Run
from .._mlflow.errors import AlreadyExistsError, ApiError, MlflowError, NotFoundError
from .._mlflow.registry import Registry
from .model import StageFailed, StageSkipped, Target
from .store import store_of

#: Marks experiments, runs and models that a check may remove; its value is the check's own token.
MARK = "mlflow_aws.health_check"

#: What the names of the checks' experiments and registered models begin with.
PREFIX = "mlflow-aws-health-"

#: The experiment that all checks shared once, and its description.
SHARED = PREFIX.rstrip("-")
SHARED_NOTE = "Written and emptied by health checks (mlops.mlflow_aws.mlflow_health). Holds nothing of value."

#: What an earlier check left belongs to nobody after this time (milliseconds).
ABANDONED = 3_600_000

_DESCRIPTION = "mlflow.note.content"
_NOTE = "Of a health check (mlops.mlflow_aws.mlflow_health), which removes it. Holds nothing of value."


def require_writes(target: Target) -> None:
    """Let only a check that may write go on.

    :raises StageSkipped: it may not.
    """
    if not target.writes:
        raise StageSkipped("check mode writes nothing")


@contextmanager
def probe_run(target: Target) -> Iterator[Run]:
    """A run that is gone afterwards, whatever happens in between."""
    with ExitStack() as stack:
        if target.experiment_name is None:
            experiment_id = stack.enter_context(_own_experiment(target))
            yield target.client.create_run(experiment_id, "health-check", {MARK: secrets.token_hex(16)})
        else:
            yield stack.enter_context(_run_in(target, target.experiment_name))


@contextmanager
def _own_experiment(target: Target) -> Iterator[str]:
    """The id of an experiment that is gone afterwards with its runs."""
    _sweep_experiments(target)
    token = secrets.token_hex(16)
    name = f"{PREFIX}{token}"
    try:
        yield target.client.create_experiment(name, {MARK: token, _DESCRIPTION: _NOTE})
    except BaseException:
        # Its creation may have come through though its answer did not. The first error is the one to tell.
        with suppress(MlflowError, StageFailed):
            _drop(target.patient, name)
        raise
    _drop(target.patient, name)


def _drop(client: MlflowClient, name: str) -> None:
    """Delete the experiment, its runs with it.

    :raises StageFailed: it is still there.
    """
    refused: MlflowError | None = None
    try:
        for experiment in client.find_experiments(name):
            try:
                client.delete_experiment(experiment.id)
            except MlflowError as error:
                # A second try after a lost answer is refused, in different words by each version.
                refused = error
        left = client.find_experiments(name)
    except MlflowError as error:
        raise StageFailed(f"experiment {name} could not be removed: {error.message}", error.remedy) from None
    if left:
        why = f": {refused.message}" if refused else ""
        raise StageFailed(
            f"experiment {name} is still there after its deletion{why}",
            "delete it by hand, and look at the server's log",
        )


@contextmanager
def _run_in(target: Target, name: str) -> Iterator[Run]:
    """A run in the experiment ``name``, which stays."""
    client, patient = target.client, target.patient
    experiment = _experiment(client, name)
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
        stage = patient.get_run(run.id).lifecycle_stage
    except MlflowError as error:
        raise StageFailed(f"run {run.id} could not be removed: {error.message}", error.remedy) from None
    if stage != "deleted":
        raise StageFailed(
            f"run {run.id} is still there after its deletion", "delete it by hand, look at the server's log"
        )


@contextmanager
def probe_model(target: Target) -> Iterator[str]:
    """The name of a registered model that is gone afterwards with its versions, whatever happens in between."""
    patient = Registry(target.patient)
    _sweep_models(patient)
    name = f"{PREFIX}{secrets.token_hex(16)}"
    try:
        Registry(target.client).create_model(name, {MARK: name.removeprefix(PREFIX)})
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
    """The experiment that the caller names, created or restored as needed; several checks may run at once."""
    try:
        experiment = client.get_experiment_by_name(name)
    except NotFoundError:
        with suppress(AlreadyExistsError):
            client.create_experiment(name, {_DESCRIPTION: SHARED_NOTE})
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


def _sweep_experiments(target: Target) -> None:
    """Remove what killed checks left, and the experiment of earlier releases. Another user's is not ours to remove."""
    client = target.patient
    for experiment in client.find_experiments(f"{SHARED}%"):
        if not _abandoned(client, experiment):
            continue
        for run in client.search_runs(experiment.id):
            with suppress(MlflowError, StageFailed, StageSkipped):
                store_of(target, run.artifact_uri).remove()
        with suppress(MlflowError):
            client.delete_experiment(experiment.id)


def _abandoned(client: MlflowClient, experiment: Experiment) -> bool:
    """Whether no check needs the experiment any more, and nobody else ever did."""
    token = experiment.tags.get(MARK)
    if token:
        return experiment.name == f"{PREFIX}{token}" and experiment.created < _oldest()
    if experiment.name != SHARED or experiment.tags.get(_DESCRIPTION) != SHARED_NOTE:
        return False
    # Of all runs, since a check of an earlier release may be at work, and a person may have put one there.
    return all(MARK in run.tags and run.start_time < _oldest() for run in client.search_runs(experiment.id))


def _sweep_models(registry: Registry) -> None:
    """Remove what killed checks left. One that another user's check left is not ours to remove."""
    for model in registry.search_models(PREFIX):
        if MARK in model.tags and model.created < _oldest():
            with suppress(MlflowError):
                registry.delete_model(model.name)
