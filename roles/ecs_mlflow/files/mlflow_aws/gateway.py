# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of MLflow's AI gateway in the database are encrypted under a passphrase of this stack's own.

MLflow encrypts each key with a key of its own, and wraps that with one that it derives from a passphrase and a version
(``mlflow/utils/crypto.py``). Where no passphrase is set it takes one that stands in its source code, and version 1.
Ours goes with version 2, so that a row tells which of the two it needs.
"""

from __future__ import annotations

from typing import Any

PUBLISHED, OURS = 1, 2


def rewrap(connection: Any, passphrase: str) -> None:
    """Wrap anew what is wrapped under the published passphrase, all of it or nothing; prints how many there were.

    A row that something else was used for stays as it is: nobody but whoever knows that can read it.

    :param connection: of psycopg2, to the tracking database at its newest schema.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.secrets')")
        if cursor.fetchone() == (None,):  # MLflow 2
            return
        cursor.execute(
            "SELECT secret_id, encrypted_value, wrapped_dek FROM secrets WHERE kek_version = %s FOR UPDATE",
            (PUBLISHED,),
        )
        rows = cursor.fetchall()
        if not rows:
            return
        from mlflow.exceptions import MlflowException
        from mlflow.utils.crypto import DEFAULT_KEK_PASSPHRASE, KEKManager, rotate_secret_encryption

        published = KEKManager(DEFAULT_KEK_PASSPHRASE, PUBLISHED)
        ours = KEKManager(passphrase, OURS)
        done = 0
        for secret_id, value, wrapped in rows:
            try:
                rotated = rotate_secret_encryption(bytes(value), bytes(wrapped), published, ours)
            except MlflowException:
                continue
            cursor.execute(
                "UPDATE secrets SET wrapped_dek = %s, kek_version = %s WHERE secret_id = %s",
                (rotated.wrapped_dek, OURS, secret_id),
            )
            done += 1
    print(f"keys of the AI gateway: {done} of {len(rows)} encrypted anew, under this stack's own passphrase")
    if done < len(rows):
        print("WARNING: the others are encrypted under another passphrase: enter them again in MLflow")
