"""Makes the template of a release: plain CloudFormation, with the code of the functions in a bucket.

Reads {"template": translated template, "version": "v0.1.0", "build": version and commit} on stdin, and writes YAML on
stdout. It is compact, because CloudFormation and StackSets take at most 51,200 bytes that aren't in a bucket. For the
same reason, it has the short forms of the intrinsic functions. It has no aliases, which CloudFormation doesn't support.
"""

import json
import re
import sys

import yaml

FUNCTIONS = {"OnRepoFunction": "onrepo", "OnAccountFunction": "onaccount"}

# Each Region has its own bucket, because Lambda reads code only from its own Region, and a stack set has one template.
PARAMETERS = {
    "CodeBucket": {
        "Type": "String",
        "Description": "Name of the S3 bucket with the code of the functions, without a hyphen and the Region at its end."
        " For example, the value my-code stands for the bucket my-code-eu-central-1 in that Region.",
        "AllowedPattern": "^[a-z0-9][a-z0-9-]{1,46}[a-z0-9]$",
        "ConstraintDescription": "must be the name of an S3 bucket in lowercase, without its Region",
    },
    "CodePrefix": {
        "Type": "String",
        "Default": "",
        "Description": "Start of the keys of the code in the bucket, such as ecr-pull-policy/.",
        "AllowedPattern": "^([a-zA-Z0-9._/-]*/)?$",
        "ConstraintDescription": "must be empty or end in a slash",
        "MaxLength": 500,
    },
}


def released(template, version, build):
    template["Parameters"] |= PARAMETERS
    template["Parameters"]["Architecture"]["Description"] = "Instruction set architecture of the functions."
    template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"].append(
        {"Label": {"default": "Where the code is"}, "Parameters": list(PARAMETERS)}
    )
    template["Outputs"]["Version"]["Value"] = build
    for logical_id, name in FUNCTIONS.items():
        # A new version has a new key. CloudFormation would otherwise not see that the code has changed.
        properties = template["Resources"][logical_id]["Properties"]
        del properties["Tags"]  # lambda:createdBy SAM
        properties["Code"] = {
            "S3Bucket": {"Fn::Sub": "${CodeBucket}-${AWS::Region}"},
            "S3Key": {"Fn::Sub": "${CodePrefix}%s_%s_${Architecture}.zip" % (name, version)},
        }
    for resource in template["Resources"].values():
        resource.pop("Metadata", None)  # how SAM builds functions
        if resource["Type"] == "AWS::CloudWatch::Dashboard":
            body = resource["Properties"]["DashboardBody"]
            body["Fn::Sub"] = json.dumps(json.loads(body["Fn::Sub"]), separators=(",", ":"))
    return template


class Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data):
        return True


def is_short(value):
    return len(json.dumps(value)) <= 300


def tag_of(value):
    """Returns the name of the intrinsic function that a mapping calls, or None."""
    if len(value) != 1:
        return None
    key = next(iter(value))
    return key.removeprefix("Fn::") if key in ("Ref", "Condition") or key.startswith("Fn::") else None


def represent_dict(dumper, value):
    tag = tag_of(value)
    if tag in (None, "Condition"):
        return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=is_short(value))
    argument = next(iter(value.values()))
    if tag == "GetAtt":
        argument = ".".join(argument)
    if isinstance(argument, str):
        return dumper.represent_scalar("!" + tag, argument)
    if isinstance(argument, list):
        return dumper.represent_sequence("!" + tag, argument, flow_style=is_short(argument))
    return dumper.represent_mapping("!" + tag, argument.items())


def represent_list(dumper, value):
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=is_short(value))


Dumper.add_representer(dict, represent_dict)
Dumper.add_representer(list, represent_list)


def main():
    request = json.load(sys.stdin)
    template = released(request["template"], request["version"], request["build"])
    text = yaml.dump(template, Dumper=Dumper, sort_keys=False, width=1_000_000, allow_unicode=True)
    sys.stdout.write(re.sub(r"(!(?:Ref|GetAtt)) '([\w.:]+)'", r"\1 \2", text))  # needs no quotation marks


if __name__ == "__main__":
    main()
