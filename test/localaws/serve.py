"""Runs moto's server, with its arguments. Before, this fixes what moto does unlike AWS:

- It describes the parameters of a stack that are lists as Python writes lists.
- It gives a stack no outputs if a change set creates it, and takes no change set without changes.
- It feeds a mapped queue to the function in Docker.
- It reads the code of a function that an update changes, which is only a text here, as an archive.
- It delivers events for rules that are disabled or have only a schedule, and renames rules that it updates.
- It takes no registry policy but for replication, as ECR did before scope V2.
- It leaves the policies of queues and the alarms out of a stack. The alarms keep the state INSUFFICIENT_DATA.
- It ignores filter patterns of log lines for JSON fields.
"""

import json
import re
import sys

import moto.logs.models
from moto.awslambda.models import LambdaFunction
from moto.cloudformation.models import ChangeSet, Stack
from moto.cloudformation.responses import CloudFormationResponse
from moto.cloudwatch.models import Alarm as MetricAlarm
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.common_models import CloudFormationModel
from moto.ecr.exceptions import InvalidParameterException
from moto.ecr.models import ECRBackend
from moto.events.models import Rule
from moto.iam.exceptions import MalformedPolicyDocument
from moto.iam.policy_validation import IAMPolicyDocumentValidator
from moto.logs.utils import EventMessageFilter, FilterPattern
from moto.server import main
from moto.sqs.models import Queue, sqs_backends

written = Stack.parameter_list.fget


def parameter_list(stack):
    parameters = written(stack)
    for parameter in parameters:
        if isinstance(parameter["ParameterValue"], list):
            parameter["ParameterValue"] = ",".join(str(value) for value in parameter["ParameterValue"])
    return parameters


Stack.parameter_list = property(parameter_list)
apply = ChangeSet.apply


def apply_with_outputs(change_set):
    apply(change_set)
    stack = change_set.stack
    stack.template, stack.template_dict = change_set.template, change_set.template_dict
    stack.output_map = stack._create_output_map()


def has_parameters(stack, values):
    now = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in parameter_list(stack)}
    given = {name: ",".join(value) if isinstance(value, list) else value for name, value in values.items()}
    return now | given == now


validate_different_update = CloudFormationResponse._validate_different_update


def validate_update_of_stack(response, *args):
    if response._get_action() != "CreateChangeSet":  # a change set without changes has the status FAILED
        validate_different_update(response, *args)


CloudFormationResponse._validate_different_update = validate_update_of_stack
ChangeSet.apply = apply_with_outputs
Stack.has_parameters = has_parameters
# The mapping is only for reading. The router, in Go, polls the queue and invokes the function.
Queue.lambda_event_source_mappings = property(lambda queue: {}, lambda queue, mappings: None)
# The code runs outside moto (runner.go).
LambdaFunction.update_function_code = lambda function, code: {}


send_to_targets = Rule.send_to_targets


def send_if_enabled(rule, *args, **kwargs):
    if rule.state != "DISABLED" and not rule.scheduled_expression:
        send_to_targets(rule, *args, **kwargs)


Rule.send_to_targets = send_if_enabled
update_rule = Rule.update_from_cloudformation_json


def update_without_new_name(original_resource, new_resource_name, **rest):
    return update_rule(original_resource=original_resource, new_resource_name=original_resource.name, **rest)


Rule.update_from_cloudformation_json = update_without_new_name


class RegistryPolicyValidator(IAMPolicyDocumentValidator):
    """Takes what the format of IAM takes, with actions of ECR alone. Sids are unique for IAM, not for ECR."""

    def validate(self):
        super().validate()
        for statement in self._statements:
            if not statement.keys() & {"Principal", "NotPrincipal"}:
                raise MalformedPolicyDocument("Policy statement must contain principals.")

    def _validate_version(self):
        pass  # 2008-10-17 is valid too

    def _validate_sid_uniqueness(self):
        pass

    @staticmethod
    def _validate_action_prefix(action):
        IAMPolicyDocumentValidator._validate_action_prefix(action)
        if action != "*" and not action.lower().startswith("ecr:"):
            raise MalformedPolicyDocument(f"{action} is no action of ECR.")


def put_registry_policy(backend, policy_text):
    try:
        RegistryPolicyValidator(policy_text).validate()
    except MalformedPolicyDocument:
        raise InvalidParameterException(
            "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid registry policy provided'"
        )
    backend.registry_policy = policy_text
    return backend.get_registry_policy()


# https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-permissions.html
ECRBackend.put_registry_policy = put_registry_policy


class Recreated:
    """An update that creates the resource again, under the same name."""

    @classmethod
    def update_from_cloudformation_json(cls, original_resource, cloudformation_json, account_id, region_name, **_):
        name = original_resource.physical_resource_id
        return cls.create_from_cloudformation_json(name, cloudformation_json, account_id, region_name)


class QueuePolicy(Recreated, CloudFormationModel):
    """A type that moto finds because it is a subclass. The module is for moto's list of instances by service."""

    __module__ = Queue.__module__

    @staticmethod
    def cloudformation_name_type():
        return ""

    @staticmethod
    def cloudformation_type():
        return "AWS::SQS::QueuePolicy"

    @classmethod
    def create_from_cloudformation_json(cls, name, resource, account, region, **_):
        for url in resource["Properties"]["Queues"]:
            queue = sqs_backends[account][region].get_queue(url.rpartition("/")[2])
            queue.policy = json.dumps(resource["Properties"]["PolicyDocument"])
        policy = cls()
        policy.physical_resource_id = name
        return policy


class Alarm(Recreated, CloudFormationModel):
    """An alarm of a metric, or of an expression, which is left out."""

    __module__ = MetricAlarm.__module__

    @staticmethod
    def cloudformation_name_type():
        return "AlarmName"

    @staticmethod
    def cloudformation_type():
        return "AWS::CloudWatch::Alarm"

    @classmethod
    def create_from_cloudformation_json(cls, name, resource, account, region, **_):
        properties = resource["Properties"]
        created = cloudwatch_backends[account][region].put_metric_alarm(
            name=name,
            namespace=properties.get("Namespace"),
            metric_name=properties.get("MetricName"),
            comparison_operator=properties["ComparisonOperator"],
            evaluation_periods=properties["EvaluationPeriods"],
            period=properties.get("Period"),
            threshold=properties["Threshold"],
            statistic=properties.get("Statistic"),
            description=properties["AlarmDescription"],
            dimensions=properties.get("Dimensions", []),
            alarm_actions=properties.get("AlarmActions", []),
            ok_actions=properties.get("OKActions", []),
            treat_missing_data=properties.get("TreatMissingData"),
        )
        created.state_value = "INSUFFICIENT_DATA"
        alarm = cls()
        alarm.physical_resource_id = name
        return alarm

    @classmethod
    def delete_from_cloudformation_json(cls, name, resource, account, region):
        cloudwatch_backends[account][region].delete_alarms([name])


class JSONFilterPattern(FilterPattern):
    """Comparisons of fields with texts, such as { $.a[0] = "*" && ($.b = "c" || $.b != "d*") }:

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters.html
    """

    token = re.compile(r'\s*(?:(\$[\w.\[\]]+)\s*(!?=)\s*"([^"]*)"|(&&|\|\||[()]))')

    def matches(self, message):
        try:
            fields = json.loads(message)
        except ValueError:
            return False
        python, rest = "", self.term.strip()[1:-1].strip()
        while rest:
            token = self.token.match(rest)
            if not token:
                raise ValueError(f"the pattern {self.term} isn't simulated, from {rest}")
            path, operator, text, symbol = token.groups()
            if path:
                python += str(self.compare(fields, path, operator, text))
            else:
                python += {"&&": " and ", "||": " or "}.get(symbol, symbol)
            rest = rest[token.end() :].strip()
        return eval(python)  # True, False, and, or, and parentheses

    @staticmethod
    def compare(value, path, operator, text):
        for name in re.findall(r"\w+", path):
            try:
                value = value[int(name) if isinstance(value, list) else name]
            except (IndexError, KeyError, TypeError, ValueError):
                return False
        pattern = ".*".join(re.escape(part) for part in text.split("*"))
        found = isinstance(value, str) and re.fullmatch(pattern, value, re.DOTALL) is not None
        return found == (operator == "=")


class MessageFilter(EventMessageFilter):
    def __init__(self, pattern):
        super().__init__(pattern)
        if pattern and pattern.lstrip().startswith("{"):
            self.filter_type = JSONFilterPattern(pattern)


moto.logs.models.EventMessageFilter = MessageFilter

sys.exit(main())
