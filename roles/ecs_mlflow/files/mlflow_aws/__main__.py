# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``mlflow-aws serve|migrate|reset-admin|retire|healthcheck``: the command of the task's containers."""

from __future__ import annotations

import io
import os
import sys

from mlflow_aws.errors import Refusal
from mlflow_aws.redact import RedactingStream, Redactor

COMMANDS = ("serve", "migrate", "reset-admin", "retire", "healthcheck")
USAGE = f"usage: mlflow-aws {'|'.join(COMMANDS)}"


def main(arguments: list[str]) -> int:
    """Run one command; the exit code is 0 when it did what it is for.

    Errors are one line on stderr. Messages of PostgreSQL, SQLAlchemy and MLflow may hold URIs, so
    no traceback is ever shown and every line passes the redactor.
    """
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        print(USAGE, file=sys.stderr)
        return 2
    command = arguments[0]
    redact = Redactor.from_environment(os.environ)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # both streams end in one log: keep their order
    sys.stdout = RedactingStream(sys.stdout, redact)
    sys.stderr = RedactingStream(sys.stderr, redact)
    try:
        if command == "healthcheck":
            from mlflow_aws import healthcheck

            return healthcheck.main(os.environ)
        if command in ("migrate", "reset-admin"):
            from mlflow_aws import migrate

            return migrate.main(os.environ) if command == "migrate" else migrate.reset_admin(os.environ)
        if command == "retire":
            from mlflow_aws import retire

            return retire.main(os.environ)
        from mlflow_aws import serve

        return serve.main(os.environ)
    except Refusal as error:
        print(f"mlflow-aws {command}: {error}", file=sys.stderr)
    except Exception as error:
        # The last resort: an unknown message is cut to its first line.
        first_line = (str(error).splitlines() or [""])[0]
        print(f"mlflow-aws {command}: {type(error).__name__}: {first_line}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
