"""Translates a SAM template into plain CloudFormation. Without network.

Reads {"template": text, "forMoto": bool} on stdin and writes the translated template on stdout. For moto, what it
doesn't keep of a resource (a function's retries, an event source mapping's batch size) is added as an output of the
stack, so that it is moto's CloudFormation that resolves the parameters, conditions and references in it.
"""

import json
import sys

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

OUTPUT_PREFIX = "LocalAws"

# The properties that the local AWS plays, by type.
PLAYED = {
    "AWS::Lambda::Function": [
        "Architectures",
        "Code",
        "Environment",
        "Handler",
        "LoggingConfig",
        "MemorySize",
        "Role",
        "Timeout",
    ],
    "AWS::Lambda::EventSourceMapping": [
        "BatchSize",
        "Enabled",
        "EventSourceArn",
        "FilterCriteria",
        "FunctionName",
        "FunctionResponseTypes",
    ],
    "AWS::Lambda::EventInvokeConfig": ["DestinationConfig", "FunctionName", "MaximumRetryAttempts"],
}

# moto has neither retries nor the alarms of a dashboard.
NOT_FOR_MOTO = {"AWS::Lambda::EventInvokeConfig", "AWS::CloudWatch::Dashboard"}


class NoManagedPolicies:
    def load(self):
        return {}


def translate(text):
    template = yaml_parse(text)
    if "Transform" not in template:
        return template

    # The translator takes code only from S3. moto takes it only if it is there, so in the end it gets a stub.
    stub = "s3://stub/stub"
    template.get("Globals", {}).get("Function", {}).pop("CodeUri", None)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = stub

    # The translator would write the defaults over every Ref, and the stack could not be given anything else.
    defaults = {
        name: parameter.pop("Default")
        for name, parameter in template.get("Parameters", {}).items()
        if "Default" in parameter
    }
    translated = transform(template, {}, NoManagedPolicies())
    for name, default in defaults.items():
        translated["Parameters"][name]["Default"] = default
    return translated


def played(logical_id, resource):
    properties = resource.get("Properties", {})
    facts = {name: properties[name] for name in PLAYED[resource["Type"]] if name in properties}
    if resource["Type"] == "AWS::Lambda::Function":
        facts["FunctionName"] = {"Ref": logical_id}
        facts["Arn"] = {"Fn::GetAtt": [logical_id, "Arn"]}
    return {"LogicalId": logical_id, "Type": resource["Type"], "Properties": facts}


def for_moto(template):
    outputs = template.setdefault("Outputs", {})
    resources = template["Resources"]
    for logical_id, resource in list(resources.items()):
        if resource["Type"] in PLAYED:
            output = {"Value": {"Fn::ToJsonString": played(logical_id, resource)}}
            if "Condition" in resource:
                output["Condition"] = resource["Condition"]
            outputs[OUTPUT_PREFIX + logical_id] = output
        resource.pop("Metadata", None)  # sam build adds to it
        if resource["Type"] in NOT_FOR_MOTO:
            del resources[logical_id]
        elif resource["Type"] == "AWS::Lambda::Function":
            resource["Properties"]["Code"] = {"ZipFile": "the real code runs in an emulator"}
        elif resource["Type"] == "AWS::ECR::Repository":
            # CloudFormation makes a name in lowercase letters, moto one that ECR rejects.
            resource["Properties"].setdefault("RepositoryName", {"Fn::Sub": "${AWS::StackName}-" + logical_id.lower()})
    return template


def main():
    request = json.load(sys.stdin)
    translated = translate(request["template"])
    json.dump(for_moto(translated) if request["forMoto"] else translated, sys.stdout)


if __name__ == "__main__":
    main()
