# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says what AWS answered, where the message of a failed module does not."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: errors
type: notification
short_description: Say what AWS answered where a failed module does not
version_added: "1.0.0"
description:
  - Some modules of C(amazon.aws) end with a message such as C(Failed to create security group), and leave the error
    code and the text of AWS in a traceback that is not shown.
  - After such a message this callback prints the error code, the operation and the text of AWS, or the error of
    botocore where it is not an answer of AWS.
  - When the credentials of a run have expired, it says so in a sentence, with the remedy. The same where RDS takes no
    other change of the storage so soon after the last one.
  - Tasks with C(no_log) are left alone.
notes:
  - From ansible-core 2.19 on a module sends its traceback only where it is told to. While this callback is enabled, the
    modules of C(amazon.aws) and C(community.aws) are told to. Which tracebacks Ansible itself shows is up to
    C(display_traceback) as before.
author:
  - The mlops.mlflow_aws authors (@mlops)
requirements:
  - Enable it with C(callbacks_enabled = mlops.mlflow_aws.errors) in C(ansible.cfg).
"""

import functools
import re
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.plugins.callback import CallbackBase
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.status import storage_kept
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.access import EXPIRED, expired

#: Those whose messages can leave out what AWS said. The modules of this collection say it themselves.
COLLECTIONS = ("amazon.aws.", "community.aws.")
#: The argument by which ansible-core tells a module, from 2.19 on, of which events to send tracebacks.
TRACEBACKS = "_ansible_tracebacks_for"

#: As botocore words every answer that is an error (botocore.exceptions.ClientError.MSG_TEMPLATE).
_ANSWER = re.compile(
    r"An error occurred \((?P<code>[^)]+)\) when calling the (?P<operation>\w+) operation"
    r"(?: \(reached max retries: \d+\))?: (?P<text>.+)"
)
#: As a traceback ends with an error of amazon.aws, whose text is ``<what failed>: <what botocore said>``.
_CAUSE = re.compile(r"^ansible_collections\.(?:amazon|community)\.aws\.\S+: (?P<text>.+)", re.MULTILINE)


def hidden_answer(result: Mapping[str, Any], trace: str) -> str | None:
    """What a failed module leaves out of its message.

    ``AWS answered: InvalidVpcID.NotFound (CreateSecurityGroup): The vpc ID ... does not exist``, or
    ``The cause: Failed to describe security groups: Could not connect to the endpoint URL ...``.

    :param result: as a callback gets it.
    :param trace: the traceback.
    :returns: None where the message has it, where nothing more is known, and for ``no_log``.
    """
    # ansible-core 2.19 and newer censor all but the traceback.
    if "censored" in result or result.get("_ansible_no_log"):
        return None
    message = str(result.get("msg", ""))
    # Of several errors the last one ended the module: the module may have dealt with the others.
    if answers := list(_ANSWER.finditer(trace)):
        last = answers[-1]
        told = f"AWS answered: {last['code']} ({last['operation']}): {last['text'].strip()}"
        return None if last["code"] in message else told
    if causes := _CAUSE.findall(trace):
        text = causes[-1].strip()
        return None if text in message else f"The cause: {text}"
    return None


def session_over(result: Mapping[str, Any], trace: str) -> str | None:
    """What to do when a module failed because the credentials of the run have expired; None for any other failure.

    A run that waits for long, with a session of an hour, ends so in whatever module comes next.
    """
    said = f"{result.get('msg', '')}\n{trace}"
    codes = [answer["code"] for answer in _ANSWER.finditer(said) if answer["code"] in EXPIRED]
    return expired(codes[-1]) if codes else None


def traceback_of(result: Any) -> str:
    """The traceback of a failed task or item, with those of its causes, the cause first; empty without any.

    :param result: ansible-core 2.18 has the text in the result itself, newer ones a chain of events.
    """
    if not hasattr(result, "exception"):
        return str(result._result.get("exception") or "")
    parts: list[str] = []
    event = result.exception and result.exception.event
    while event:
        parts.insert(0, event.formatted_traceback or "")
        event = event.chain and event.chain.event
    return "\n".join(parts)


def ask_for_tracebacks(arguments: dict[str, Any], module: str) -> None:
    """Let a module of COLLECTIONS send the traceback of an error, as each does with ansible-core 2.18.

    :param arguments: what ansible-core is about to give to the module; changed in place.
    """
    if module.startswith(COLLECTIONS) and TRACEBACKS in arguments and not arguments.get("_ansible_no_log"):
        arguments[TRACEBACKS] = sorted({*arguments[TRACEBACKS], "error"})


def let_modules_send_tracebacks() -> None:
    """Complete what each action gives to its module, in this process and in the workers that it forks.

    The setting that ansible-core has for this, ``display_traceback``, would show tracebacks of all failed tasks. The
    method is a private one: an ansible-core without it, or with other arguments, runs as without the callback.
    """
    former = getattr(ActionBase, "_update_module_args", None)
    if former is None:
        return

    @functools.wraps(former)
    def completed(self: Any, *given: Any, **more: Any) -> Any:
        answer = former(self, *given, **more)
        if len(given) > 1 and isinstance(given[0], str) and isinstance(given[1], dict):
            ask_for_tracebacks(given[1], given[0])
        return answer

    ActionBase._update_module_args = completed


class CallbackModule(CallbackBase):
    """What AWS answered to failed tasks."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "mlops.mlflow_aws.errors"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Before any task runs."""
        let_modules_send_tracebacks()

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Tell it of a task."""
        self._tell(result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        """Tell it of one item of a loop."""
        self._tell(result)

    def _tell(self, result: Any) -> None:
        # ansible-core 2.18 has it by its private name only.
        found, trace = result.result if hasattr(result, "result") else result._result, traceback_of(result)
        kept = storage_kept(f"{found.get('msg', '')}\n{trace}")
        for told in (hidden_answer(found, trace), session_over(found, trace), kept):
            if told:
                self._display.display(told, color="red")
