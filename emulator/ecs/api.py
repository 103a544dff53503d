# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ECS actions on services and tasks, in place of moto's.

Source: Amazon ECS API reference. Clusters, task definitions and tags stay moto's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from moto.core.responses import ActionResult
from moto.ecs.exceptions import ClusterNotFoundException, ServiceNotFoundException
from moto.ecs.models import Cluster, TaskDefinition
from moto.ecs.responses import EC2ContainerServiceResponse

from emulator.ecs import definitions
from emulator.ecs.errors import EcsError, LaunchFailure, client_error, invalid_parameter
from emulator.ecs.launch import Launcher
from emulator.ecs.network import check_network, check_target_group
from emulator.ecs.service import DEFAULT_DEPLOYMENT_CONFIGURATION, Deployment, Service
from emulator.ecs.store import Store
from emulator.ecs.task import Task

#: Parameters of a service that a new deployment takes over; a change of one makes a new deployment.
DEPLOYED = (
    "networkConfiguration",
    "loadBalancers",
    "platformVersion",
    "launchType",
    "capacityProviderStrategy",
    "serviceRegistries",
)
#: Parameters of a service that take effect without a new deployment.
KEPT = (
    "healthCheckGracePeriodSeconds",
    "enableExecuteCommand",
    "enableECSManagedTags",
    "propagateTags",
    "placementConstraints",
    "placementStrategy",
    "availabilityZoneRebalancing",
)


class Actions:
    """The actions; each takes the parsed parameters of a request and answers the result document.

    :param wake: wakes the scheduler.
    """

    def __init__(self, store: Store, launcher: Launcher, wake: Callable[[], None]) -> None:
        self._store = store
        self._launcher = launcher
        self._wake = wake
        self._tokens: dict[tuple[str, str, str], list[Task]] = {}
        self._service_tokens: dict[tuple[str, str], str] = {}

    def install(self) -> None:
        """Put the actions in the place of moto's."""
        names = (
            "create_service",
            "update_service",
            "delete_service",
            "describe_services",
            "list_services",
            "run_task",
            "stop_task",
            "list_tasks",
            "describe_tasks",
        )
        for name in names:
            setattr(EC2ContainerServiceResponse, name, self._hook(getattr(self, name)))
        guarded: Any = EC2ContainerServiceResponse.delete_cluster
        guarded = getattr(guarded, "__wrapped__", guarded)
        check = self._check_cluster_is_empty

        def delete_cluster(response: EC2ContainerServiceResponse) -> ActionResult:
            check(response.params, response.current_account, response.region)
            result: ActionResult = guarded(response)
            return result

        vars(delete_cluster)["__wrapped__"] = guarded
        setattr(EC2ContainerServiceResponse, "delete_cluster", delete_cluster)  # noqa: B010

    def _hook(self, action: Callable[[dict[str, Any], str, str], dict[str, Any]]) -> Callable[[Any], ActionResult]:
        def hooked(response: EC2ContainerServiceResponse) -> ActionResult:
            parameters: Any = response.params
            with self._store.lock:
                result = action(dict(parameters), response.current_account, response.region)
            self._wake()
            return ActionResult(result)

        return hooked

    # Shared look-ups.

    def _cluster(self, parameters: dict[str, Any], account: str, region: str) -> Cluster:
        name = (parameters.get("cluster") or "default").split("/")[-1]
        cluster = self._store.backend(account, region).clusters.get(name)
        if cluster is None or cluster.status == "INACTIVE":
            raise ClusterNotFoundException()
        return cluster

    def _definition(self, text: str, account: str, region: str) -> TaskDefinition:
        definition = self._store.backend(account, region).describe_task_definition(text)
        if definition.status != "ACTIVE":
            raise client_error("TaskDefinition is inactive")
        return definition

    def _service(self, parameters: dict[str, Any], account: str, region: str) -> Service:
        cluster = self._cluster(parameters, account, region)
        service = self._store.find_service(cluster.arn, parameters["service"])
        if service is None:
            raise ServiceNotFoundException()
        return service

    def _check_cluster_is_empty(self, parameters: Any, account: str, region: str) -> None:
        with self._store.lock:
            cluster = self._cluster(parameters, account, region)
            if any(each.cluster_arn == cluster.arn and each.status == "ACTIVE" for each in self._store.services):
                raise EcsError(
                    "ClusterContainsServicesException",
                    "The Cluster cannot be deleted while Services are active.",
                )
            if any(task.last_status != "STOPPED" for task in self._store.tasks_of(cluster.arn)):
                raise EcsError("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")

    # Services.

    def create_service(self, parameters: dict[str, Any], account: str, region: str) -> dict[str, Any]:
        """CreateService."""
        cluster = self._cluster(parameters, account, region)
        controller = (parameters.get("deploymentController") or {"type": "ECS"})["type"]
        if controller != "ECS":
            raise EcsError("UnsupportedFeatureException", f"The deployment controller {controller} is not supported.")
        if parameters.get("schedulingStrategy") == "DAEMON":
            raise invalid_parameter("The daemon scheduling strategy does not support the Fargate launch type.")
        if not parameters.get("taskDefinition"):
            raise invalid_parameter("TaskDefinition can not be blank.")
        if parameters.get("desiredCount") is None:
            raise invalid_parameter("Desired count can not be null.")
        existing = self._store.find_service(cluster.arn, parameters["serviceName"])
        token = str(parameters.get("clientToken") or "")
        if existing is not None and existing.status == "ACTIVE":
            # The same request once more (API CreateService, clientToken).
            if token and self._service_tokens.get((cluster.arn, existing.name)) == token:
                return {"service": existing.describe(tags=True)}
            raise invalid_parameter("Creation of service was not idempotent.")
        if existing is not None and existing.status == "DRAINING":
            raise invalid_parameter("Unable to Start a service that is still Draining.")
        definition = self._definition(parameters["taskDefinition"], account, region)
        self._choose_capacity(parameters, cluster, definition)
        kept = self._checked_settings(parameters, {}, definition, account, region)
        kept["deploymentController"] = {"type": controller}
        kept["deploymentConfiguration"] = _deployment_configuration(
            DEFAULT_DEPLOYMENT_CONFIGURATION, parameters.get("deploymentConfiguration")
        )
        service = Service(
            account=account,
            region=region,
            cluster_name=cluster.name,
            cluster_arn=cluster.arn,
            name=parameters["serviceName"],
            desired_count=int(parameters["desiredCount"]),
            parameters=kept,
            tags=list(parameters.get("tags") or []),
            created_by=f"arn:aws:iam::{account}:root",
        )
        service.deploy(Deployment(definition, _deployed(kept)))
        self._store.add_service(service)
        self._service_tokens[cluster.arn, service.name] = token
        return {"service": service.describe(tags=True)}

    @staticmethod
    def _choose_capacity(parameters: dict[str, Any], cluster: Cluster, definition: TaskDefinition) -> None:
        """Settle launch type or strategy, and check that the definition can run there."""
        strategy = parameters.get("capacityProviderStrategy")
        if strategy and parameters.get("launchType"):
            raise invalid_parameter(
                "Specifying both a launch type and capacity provider strategy is not supported. "
                "Remove one and try again."
            )
        if not strategy and not parameters.get("launchType"):
            strategy = cluster.default_capacity_provider_strategy
            if strategy:
                parameters["capacityProviderStrategy"] = strategy
            else:
                parameters["launchType"] = "EC2"
        if strategy:
            known = set(cluster.capacity_providers or [])
            for each in strategy:
                if each["capacityProvider"] not in known:
                    raise invalid_parameter(
                        "The specified capacity provider strategy cannot contain a capacity provider that is not "
                        f"associated with the cluster: {each['capacityProvider']}."
                    )
        if (strategy or parameters.get("launchType") == "FARGATE") and not _runs_on_fargate(definition):
            raise invalid_parameter("Task definition does not support launch_type FARGATE.")

    def _checked_settings(
        self,
        parameters: dict[str, Any],
        before: dict[str, Any],
        definition: TaskDefinition,
        account: str,
        region: str,
    ) -> dict[str, Any]:
        """The settings of a service after a request that may change some of them."""
        after = dict(before)
        if not before:
            after.update(
                loadBalancers=[],
                serviceRegistries=[],
                platformVersion="LATEST",
                enableECSManagedTags=False,
                enableExecuteCommand=False,
                propagateTags="NONE",
                placementConstraints=[],
                placementStrategy=[],
                availabilityZoneRebalancing="ENABLED",
            )
        after.update({name: parameters[name] for name in (*DEPLOYED, *KEPT) if parameters.get(name) is not None})
        if definition.network_mode == "awsvpc":
            complete = check_network(after.get("networkConfiguration"), account, region)
            after["networkConfiguration"] = {"awsvpcConfiguration": complete}
        for each in after["loadBalancers"]:
            _check_load_balancer(each, definition, account, region)
        grace = after.get("healthCheckGracePeriodSeconds")
        if grace and not after["loadBalancers"] and "healthCheckGracePeriodSeconds" in parameters:
            checked = any(each.get("healthCheck") for each in definition.container_definitions)
            if not checked:
                raise invalid_parameter(
                    "Health check grace period is only valid for services configured to use load balancers"
                )
        if after["loadBalancers"]:
            after.setdefault("healthCheckGracePeriodSeconds", 0)
        return after

    def update_service(self, parameters: dict[str, Any], account: str, region: str) -> dict[str, Any]:
        """UpdateService."""
        service = self._service(parameters, account, region)
        if service.status != "ACTIVE":
            raise EcsError("ServiceNotActiveException", "Service was not ACTIVE.")
        primary = service.primary
        definition = primary.definition
        if parameters.get("taskDefinition"):
            definition = self._definition(parameters["taskDefinition"], account, region)
            if not _runs_on_fargate(definition):
                raise invalid_parameter("Task definition does not support launch_type FARGATE.")
        after = self._checked_settings(parameters, service.parameters, definition, account, region)
        after["deploymentConfiguration"] = _deployment_configuration(
            service.configuration, parameters.get("deploymentConfiguration")
        )
        if parameters.get("capacityProviderStrategy"):
            after.pop("launchType", None)
        if parameters.get("desiredCount") is not None:
            service.desired_count = int(parameters["desiredCount"])
            service.steady = False
        settings = _deployed(after)
        service.parameters = after
        changed = definition is not primary.definition or settings != primary.settings
        if changed or parameters.get("forceNewDeployment"):
            service.deploy(Deployment(definition, settings))
        return {"service": service.describe(tags=True)}

    def delete_service(self, parameters: dict[str, Any], account: str, region: str) -> dict[str, Any]:
        """DeleteService."""
        service = self._service(parameters, account, region)
        if service.status == "INACTIVE":
            raise ServiceNotFoundException()
        if service.desired_count > 0 and not parameters.get("force"):
            raise invalid_parameter("The service cannot be stopped while it is scaled above 0.")
        service.desired_count = 0
        service.status = "DRAINING"
        return {"service": service.describe(tags=True)}

    def describe_services(self, parameters: dict[str, Any], account: str, region: str) -> dict[str, Any]:
        """DescribeServices."""
        cluster = self._cluster(parameters, account, region)
        names: list[str] = parameters.get("services") or []
        if not names:
            raise invalid_parameter("Services cannot be empty.")
        if len(names) > 10:
            raise invalid_parameter("Services cannot have more than 10 elements.")
        tags = "TAGS" in (parameters.get("include") or [])
        found, failures = [], []
        for name in names:
            service = self._store.find_service(cluster.arn, name)
            if service is not None:
                found.append(service.describe(tags))
            else:
                arn = name if name.startswith("arn:") else f"{cluster.arn.replace(':cluster/', ':service/')}/{name}"
                failures.append({"arn": arn, "reason": "MISSING"})
        return {"services": found, "failures": failures}

    def list_services(self, parameters: dict[str, Any], account: str, region: str) -> dict[str, Any]:
        """ListServices."""
        cluster = self._cluster(parameters, account, region)
        arns = sorted(
            each.arn
            for each in self._store.services
            if each.cluster_arn == cluster.arn
            and each.status != "INACTIVE"
            and parameters.get("launchType") in (None, each.launch_type)
            and parameters.get("schedulingStrategy") in (None, each.scheduling_strategy)
        )
        return _page("serviceArns", arns, parameters, 10)

    # Tasks.

    def run_task(self, parameters: dict[str, Any], account: str, region: str) -> dict[str, Any]:
        """RunTask."""
        cluster = self._cluster(parameters, account, region)
        token = parameters.get("clientToken")
        key = (cluster.arn, account, str(token))
        # A token means its tasks for as long as those are known.
        self._tokens = {
            token_key: tasks
            for token_key, tasks in self._tokens.items()
            if any(task.task_arn in self._store.tasks for task in tasks)
        }
        if token and key in self._tokens:
            return {"tasks": [task.describe(tags=True) for task in self._tokens[key]], "failures": []}
        count = int(parameters.get("count") or 1)
        if not 1 <= count <= 10:
            raise invalid_parameter("Count must be between 1 and 10.")
        definition = self._definition(parameters["taskDefinition"], account, region)
        self._choose_capacity(parameters, cluster, definition)
        known = {each["name"] for each in definition.container_definitions}
        for override in (parameters.get("overrides") or {}).get("containerOverrides") or []:
            if override.get("name") not in known:
                raise invalid_parameter(
                    f"Override for container named {override.get('name')} is not a container in the TaskDefinition."
                )
        network = check_network(parameters.get("networkConfiguration"), account, region)
        try:
            tasks = [
                self._launcher.alone(cluster, account, region, definition, network, parameters) for _ in range(count)
            ]
        except LaunchFailure as failure:
            message = str(failure)
            raise (client_error if message.startswith("ECS was unable") else invalid_parameter)(message) from None
        if token:
            self._tokens[key] = tasks
        return {"tasks": [task.describe(tags=True) for task in tasks], "failures": []}

    def stop_task(self, parameters: dict[str, Any], account: str, region: str) -> dict[str, Any]:
        """StopTask."""
        cluster = self._cluster(parameters, account, region)
        task = self._store.find_task(cluster.arn, parameters["task"])
        if task is None:
            raise invalid_parameter("The referenced task was not found.")
        task.request_stop("UserInitiated", parameters.get("reason") or "Task stopped by user")
        return {"task": task.describe(tags=True)}

    def list_tasks(self, parameters: dict[str, Any], account: str, region: str) -> dict[str, Any]:
        """ListTasks; without ``desiredStatus`` those that are meant to run, as on AWS."""
        cluster = self._cluster(parameters, account, region)
        service_name = parameters.get("serviceName")
        if service_name:
            service_name = service_name.split("/")[-1]
            if self._store.find_service(cluster.arn, service_name) is None:
                raise ServiceNotFoundException()
        if parameters.get("containerInstance"):
            return {"taskArns": []}
        wanted = parameters.get("desiredStatus") or "RUNNING"
        arns = [
            task.task_arn
            for task in self._store.tasks_of(cluster.arn)
            if task.desired_status == wanted
            and service_name in (None, task.group.removeprefix("service:"))
            and (service_name is None or task.group.startswith("service:"))
            and parameters.get("family") in (None, task.definition.family)
            and parameters.get("startedBy") in (None, task.started_by)
            and parameters.get("launchType") in (None, task.launch_type)
        ]
        return _page("taskArns", arns, parameters, 100)

    def describe_tasks(self, parameters: dict[str, Any], account: str, region: str) -> dict[str, Any]:
        """DescribeTasks."""
        cluster = self._cluster(parameters, account, region)
        names: list[str] = parameters.get("tasks") or []
        if not names:
            raise invalid_parameter("Tasks cannot be empty.")
        if len(names) > 100:
            raise invalid_parameter("Tasks cannot have more than 100 elements.")
        tags = "TAGS" in (parameters.get("include") or [])
        found, failures = [], []
        for name in names:
            task = self._store.find_task(cluster.arn, name)
            if task is not None:
                found.append(task.describe(tags))
            else:
                arn = name if name.startswith("arn:") else f"{cluster.arn.replace(':cluster/', ':task/')}/{name}"
                failures.append({"arn": arn, "reason": "MISSING"})
        return {"tasks": found, "failures": failures}


def _deployed(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: parameters[name] for name in DEPLOYED if name in parameters}


def _deployment_configuration(before: dict[str, Any], given: dict[str, Any] | None) -> dict[str, Any]:
    after = {**before, **{name: value for name, value in (given or {}).items() if value is not None}}
    after["deploymentCircuitBreaker"] = {"enable": False, "rollback": False, **after["deploymentCircuitBreaker"]}
    if after["maximumPercent"] == after["minimumHealthyPercent"] == 100:
        raise invalid_parameter(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments."
        )
    return after


def _runs_on_fargate(definition: TaskDefinition) -> bool:
    if "FARGATE" in (definition.requires_compatibilities or []):
        return True
    try:
        definitions.check_fargate(vars(definition))
    except EcsError:
        return False
    return True


def _check_load_balancer(given: dict[str, Any], definition: TaskDefinition, account: str, region: str) -> None:
    name, port = given.get("containerName"), given.get("containerPort")
    containers: list[dict[str, Any]] = list(definition.container_definitions)
    container = next((each for each in containers if each["name"] == name), None)
    if container is None:
        raise invalid_parameter(f"The container {name} does not exist in the task definition.")
    if port not in [mapping["containerPort"] for mapping in container.get("portMappings") or []]:
        raise invalid_parameter(f"The container {name} did not have a container port {port} defined.")
    if not given.get("targetGroupArn"):
        raise invalid_parameter("Fargate services need a targetGroupArn in each load balancer.")
    check_target_group(given["targetGroupArn"], account, region)


def _page(name: str, arns: Sequence[str], parameters: dict[str, Any], size: int) -> dict[str, Any]:
    """One page of a list; the token is the number of entries that earlier pages had."""
    try:
        begin = int(parameters.get("nextToken") or 0)
    except ValueError:
        raise invalid_parameter("Invalid token.") from None
    end = begin + int(parameters.get("maxResults") or size)
    page: dict[str, Any] = {name: list(arns[begin:end])}
    if end < len(arns):
        page["nextToken"] = str(end)
    return page
