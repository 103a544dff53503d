# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sizes that Fargate offers.

Source: Amazon ECS developer guide, "Task definition parameters for Fargate", task size
(docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#task_size).
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from .inputs import InvalidInput

_GB = 1024

#: CPU units -> the memory sizes in MiB that may go with them.
MEMORY_FOR_CPU: dict[int, tuple[int, ...]] = {
    256: (512, 1 * _GB, 2 * _GB),
    512: tuple(range(1 * _GB, 4 * _GB + 1, _GB)),
    1024: tuple(range(2 * _GB, 8 * _GB + 1, _GB)),
    2048: tuple(range(4 * _GB, 16 * _GB + 1, _GB)),
    4096: tuple(range(8 * _GB, 30 * _GB + 1, _GB)),
    8192: tuple(range(16 * _GB, 60 * _GB + 1, 4 * _GB)),
    16384: tuple(range(32 * _GB, 120 * _GB + 1, 8 * _GB)),
}


def units(text: str, words: tuple[str, ...], where: str) -> int:
    """A size in ECS's units: ``512``, or ``.5 vCPU`` and ``1 GB`` (1024 units each).

    :param words: the unit words that stand for 1024, in lower case.
    :raises InvalidInput: it is neither.
    """
    number, factor = text.strip().lower(), 1
    for word in words:
        if number.endswith(word):
            number, factor = number.removesuffix(word).strip(), 1024
            break
    try:
        value = Decimal(number) * factor
    except InvalidOperation as error:
        raise InvalidInput(f'{where} is "{text}"; it must be a number such as 512, or 0.5 {words[0]}.') from error
    if not value.is_finite() or value <= 0 or value != int(value):
        raise InvalidInput(f'{where} is "{text}"; it must be a positive whole number of units.')
    return int(value)


def cpu_units(text: str) -> int:
    """CPU units of a task: 1024 are one vCPU."""
    return units(text, ("vcpu",), "cpu")


def memory_mib(text: str) -> int:
    """Memory of a task in MiB."""
    return units(text, ("gb",), "memory")


def check_size(cpu: int, memory: int) -> None:
    """Refuses a pair that Fargate does not offer, and says which it does.

    :raises InvalidInput: the pair is not in :data:`MEMORY_FOR_CPU`.
    """
    if cpu not in MEMORY_FOR_CPU:
        raise InvalidInput(f"cpu is {cpu}; Fargate offers {', '.join(str(c) for c in MEMORY_FOR_CPU)}.")
    allowed = MEMORY_FOR_CPU[cpu]
    if memory in allowed:
        return
    if len(allowed) > 3:
        sizes = f"{allowed[0]} to {allowed[-1]} in steps of {allowed[1] - allowed[0]}"
    else:
        sizes = ", ".join(str(size) for size in allowed)
    fitting = [str(c) for c, sizes_of_cpu in MEMORY_FOR_CPU.items() if memory in sizes_of_cpu]
    remedy = f" {memory} MiB goes with cpu {' or '.join(fitting)}." if fitting else ""
    raise InvalidInput(f"memory is {memory}; with cpu {cpu} Fargate offers {sizes} MiB.{remedy}")
