# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stages that write and read back: roundtrip, artifacts, model."""

from __future__ import annotations

import json
import math
import os
import secrets

from .._mlflow.registry import Registry
from .model import Finding, StageFailed, Target
from .probe import probe_model, probe_run, require_writes
from .store import BINARY, MODEL_FILE, MODEL_FOLDER, opened, store_of


def roundtrip(target: Target) -> Finding:
    """A run with a metric, a parameter and a tag, written, read back and removed."""
    require_writes(target)
    # Characters that a wrong encoding anywhere on the way to the database would change.
    text = f"{secrets.token_hex(8)} %40 ü ✓ \"'"
    value = secrets.randbelow(10**9) / 10**9
    client = target.client
    with probe_run(target) as run:
        client.log_metric(run.id, "health", value, step=1)
        client.log_param(run.id, "health", text)
        client.set_tag(run.id, "health", text)
        read = client.get_run(run.id)
        wrong = [
            kind
            for kind, same in (
                ("metric", math.isclose(read.metrics.get("health", math.nan), value, rel_tol=1e-12)),
                ("parameter", read.params.get("health") == text),
                ("tag", read.tags.get("health") == text),
            )
            if not same
        ]
        if wrong:
            raise StageFailed(
                f"{', '.join(wrong)} of run {run.id} came back changed or not at all",
                "check that the tracking database is UTF-8 and that all tasks share it",
            )
    return Finding("metric, parameter and tag written, read back and removed")


def artifacts(target: Target) -> Finding:
    """An artifact written where the server keeps them, read back byte for byte, and removed."""
    require_writes(target)
    data = os.urandom(target.artifact_size)
    with probe_run(target) as run, opened(target, run.artifact_uri) as store:
        store.write(BINARY, data)
        _compare(store.read(BINARY), data)
        if BINARY not in store.names():
            raise StageFailed("the artifact is readable but not listed", "look at the server's log")
    return Finding(f"{len(data)} bytes written {store.shown}, read back byte for byte and removed")


def model(target: Target) -> Finding:
    """A model registered, found again through the registry, loaded from where that says, and removed."""
    require_writes(target)
    registry = Registry(target.client)
    with probe_run(target) as run, opened(target, run.artifact_uri) as store:
        written = mlmodel(run.id, secrets.token_hex(16))
        store.write(f"{MODEL_FOLDER}/{MODEL_FILE}", written)
        source = f"{run.artifact_uri}/{MODEL_FOLDER}"
        with probe_model(target) as name:
            made = registry.create_version(name, source, run.id)
            found = registry.get_version(name, made.version)
            if (found.status, found.source, found.run_id) != ("READY", source, run.id):
                raise StageFailed(
                    f"version {made.version} of model {name} came back as {found.status} from {found.source}",
                    "check that all tasks share the tracking database, and look at the server's log",
                )
            _compare(store_of(target, registry.download_uri(name, made.version)).read(MODEL_FILE), written)
    return Finding(f"a model of {len(written)} bytes written {store.shown}, registered, found, loaded and removed")


def mlmodel(run_id: str, token: str) -> bytes:
    """The file that makes a folder a model for MLflow (mlflow/models/model.py); JSON is YAML too.

    The model has no code: what it is loaded for is its file.
    """
    flavors = {"python_function": {"loader_module": "mlflow_aws_health_check", "python_version": "3.11.0"}}
    said = {"artifact_path": MODEL_FOLDER, "flavors": flavors, "model_uuid": token, "run_id": run_id}
    return (json.dumps(said, indent=2) + "\n").encode()


def _compare(read: bytes, written: bytes) -> None:
    if read != written:
        raise StageFailed(
            f"the artifact came back changed: {len(written)} bytes written, {len(read)} read",
            "check that all tasks use one artifact root, and what lies between client and server",
        )
