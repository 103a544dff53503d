# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ECS modules have in common: how they begin and end, their clients, and their options for waiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from .client import EcsClient, LogReader, retries
from .errors import EcsError, EcsFailure
from .inputs import InvalidInput
from .masking import without_values
from .roles import NewRoles
from .waiting import Patience

NETWORK_OPTIONS: dict[str, Any] = {
    "subnets": {"type": "list", "elements": "str"},
    "security_groups": {"type": "list", "elements": "str"},
    "assign_public_ip": {"type": "bool"},
}
TAG_OPTIONS: dict[str, Any] = {
    "tags": {"type": "dict", "aliases": ["resource_tags"]},
    "purge_tags": {"type": "bool", "default": True},
}
#: For modules that start tasks.
ROLE_OPTIONS: dict[str, Any] = {"roles_changed": {"type": "bool", "default": False}}


#: Options that hold environment variables of containers.
_WITH_ENVIRONMENT = ("containers", "overrides")


class DiscreetModule(AnsibleModule):  # type: ignore[misc]  # ansible-core is not typed
    """An AnsibleModule that echoes no secret of a container's environment in its invocation (``-vvv`` shows that).

    That holds for arguments that are refused too, and those are refused before a module's own code runs.
    """

    def exit_json(self, **kwargs: Any) -> NoReturn:
        """Ends the module well."""
        super().exit_json(**self._discreetly(kwargs))
        raise AssertionError("unreachable")

    def fail_json(self, msg: str, **kwargs: Any) -> NoReturn:
        """Ends the module with a failure."""
        super().fail_json(msg, **self._discreetly(kwargs))
        raise AssertionError("unreachable")

    def _discreetly(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        params: dict[str, Any] = self.params or {}
        shown = {k: without_values(v) if k in _WITH_ENVIRONMENT else v for k, v in params.items()}
        return {"invocation": {"module_args": shown}, **kwargs}


def aws_module(**settings: Any) -> AnsibleAWSModule:
    """An AnsibleAWSModule on top of :class:`DiscreetModule`; all ECS modules support check mode."""
    AnsibleAWSModule.default_settings["module_class"] = DiscreetModule
    return AnsibleAWSModule(supports_check_mode=True, **settings)


def wait_options(timeout: int) -> dict[str, Any]:
    """The argument specification of the options for waiting."""
    return {
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "int", "default": timeout},
        "wait_sleep": {"type": "float", "default": 5},
        "log_lines": {"type": "int", "default": 40},
        "no_log_tail": {"type": "bool", "default": False},
    }


def patience(params: dict[str, Any]) -> Patience:
    """How long the options say to wait.

    :raises InvalidInput: a number that cannot work.
    """
    for option in ("wait_timeout", "wait_sleep"):
        if params[option] <= 0:
            raise InvalidInput(f"{option} is {params[option]}; it must be more than 0 seconds.")
    return Patience(timeout=params["wait_timeout"], interval=params["wait_sleep"])


def log_lines(params: dict[str, Any]) -> int:
    """How many log lines to show of each container; 0 for none.

    :raises InvalidInput: more than CloudWatch Logs answers at once, or less than none.
    """
    if not 0 <= params["log_lines"] <= 10000:
        raise InvalidInput(f"log_lines is {params['log_lines']}; it must be 0 to 10000.")
    return 0 if params["no_log_tail"] else int(params["log_lines"])


def clients(module: Any) -> tuple[EcsClient, LogReader]:
    """The clients of a module, with its credentials and region."""

    def logs_client(region: str | None) -> Any:
        extra = {"region": region} if region else {}
        return module.client("logs", retry_decorator=retries(), **extra)

    new_roles = NewRoles(
        lambda: module.client("iam", retry_decorator=retries()), changed=bool(module.params.get("roles_changed"))
    )
    ecs = EcsClient(module.client("ecs", retry_decorator=retries()), new_roles=new_roles)
    return ecs, LogReader(logs_client)


def run_module(module: AnsibleAWSModule, work: Callable[[AnsibleAWSModule], dict[str, Any]]) -> None:
    """Does a module's work and ends the module with its result, or with what it raised."""
    try:
        result = work(module)
    except EcsFailure as error:
        module.fail_json(msg=str(error.message), **error.kwargs)
    except InvalidInput as error:
        module.fail_json(msg=str(error))
    except EcsError as error:
        if error.exception:
            module.fail_json_aws(error.exception, msg=error.message)
        module.fail_json(msg=str(error.message))
    else:
        module.exit_json(**result)
