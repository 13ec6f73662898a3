"""Runs moto's server, with its arguments. Before, this fixes what moto does unlike AWS:

- It describes the parameters of a stack that are lists as Python writes lists.
- It gives a stack no outputs if a change set creates it, and takes no change set without changes.
- It feeds a mapped queue to the function in Docker.
- It reads the code of a function that an update changes, which is only a text here, as an archive.
- It delivers events for rules that are disabled or have only a schedule.
- It takes no registry policy but for replication, as ECR did before scope V2.
"""

import sys

from moto.awslambda.models import LambdaFunction
from moto.cloudformation.models import ChangeSet, Stack
from moto.cloudformation.responses import CloudFormationResponse
from moto.ecr.exceptions import InvalidParameterException
from moto.ecr.models import ECRBackend
from moto.events.models import Rule
from moto.iam.exceptions import MalformedPolicyDocument
from moto.iam.policy_validation import IAMPolicyDocumentValidator
from moto.server import main
from moto.sqs.models import Queue

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
# The code runs in an emulator.
LambdaFunction.update_function_code = lambda function, code: {}


send_to_targets = Rule.send_to_targets


def send_if_enabled(rule, *args, **kwargs):
    if rule.state != "DISABLED" and not rule.scheduled_expression:
        send_to_targets(rule, *args, **kwargs)


Rule.send_to_targets = send_if_enabled


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

sys.exit(main())
