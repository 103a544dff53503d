# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The code that runs in the tasks, packed into texts."""

from __future__ import annotations

import base64
import io
import lzma
import tokenize
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from ansible.errors import AnsibleError

#: The earliest time that a zip can hold: the same files give the same text on every machine.
_TIME = (1980, 1, 1, 0, 0, 0)


#: The lines of the notice of copyright and licence, which stays.
_NOTICE = 3


def _is_docstring(tokens: list[tokenize.TokenInfo], number: int) -> bool:
    """Whether a string is a statement of its own."""
    layout = (tokenize.COMMENT, tokenize.NL)
    earlier = (token.type for token in reversed(tokens[:number]) if token.type not in layout)
    begins = next(earlier) in (tokenize.ENCODING, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    later = (token.type for token in tokens[number + 1 :] if token.type != tokenize.COMMENT)
    return begins and next(later) == tokenize.NEWLINE


def without_prose(source: bytes) -> bytes:
    """Python code in UTF-8 without its comments and docstrings; each line of code keeps its number.

    Only text between positions that all versions of Python's tokenizer agree on is cut out, so that the result does
    not depend on the version that runs Ansible.
    """
    tokens = list(tokenize.tokenize(io.BytesIO(source).readline))
    lines = source.decode().split("\n")
    for number, token in reversed(list(enumerate(tokens))):
        (first, start), (last, end) = token.start, token.end
        docstring = token.type == tokenize.STRING and _is_docstring(tokens, number)
        if docstring or (token.type == tokenize.COMMENT and first > _NOTICE):
            head, tail = lines[first - 1][:start], lines[last - 1][end:]
            lines[first - 1 : last] = [(head + '""' * docstring + tail).rstrip(), *[""] * (last - first)]
    return "\n".join(lines).encode()


def packed_code(text: str) -> str:
    """Python code that runs the code ``text``, at half of its length; the same for the same text."""
    packed = lzma.compress(without_prose(text.encode()).rstrip() + b"\n", preset=9)
    return f'import base64,lzma\nexec(lzma.decompress(base64.b64decode("{base64.b64encode(packed).decode()}")))\n'


def payload(folder: str) -> str:
    """The files below ``folder`` as a zip, compressed as a whole by xz, in base64; the same for the same files.

    A task definition holds at most 64 KiB. xz over all files saves a third against a zip's own compression, and
    leaving out comments and docstrings saves another third.

    Bytecode and hidden files are left out. Paths in the zip begin with the folder's own name.

    :raises AnsibleError: there is no such folder, or it is empty.
    """
    root = Path(folder)
    files = sorted(
        path
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    )
    if not files:
        raise AnsibleError(f"{folder} holds no files to pack")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in files:
            entry = zipfile.ZipInfo(f"{root.name}/{path.relative_to(root).as_posix()}", _TIME)
            entry.external_attr = 0o644 << 16
            content = path.read_bytes()
            archive.writestr(entry, without_prose(content) if path.suffix == ".py" else content)
    return base64.b64encode(lzma.compress(buffer.getvalue(), preset=9)).decode()


@cache
def texts() -> Mapping[str, str]:
    """The texts that run in the tasks.

    :returns: ``install``, the program that installs MLflow, and ``payload``, that which then runs it.
    """
    files = Path(__file__).resolve().parents[2] / "roles" / "ecs_mlflow" / "files"
    install = files.joinpath("install.py").read_text(encoding="utf-8")
    return {"install": packed_code(install), "payload": payload(str(files / "mlflow_aws"))}
