"""A typical Lambda function, as shown in blog posts. It overwrites the policy of a new repository from the list."""

import json
import os

import boto3

ecr = boto3.client("ecr")
ssm = boto3.client("ssm")


def handler(event, context):
    repository = event["detail"]["requestParameters"]["repositoryName"]
    accounts = ssm.get_parameter(Name=os.environ["ACCOUNT_LIST_NAME"])["Parameter"]["Value"].split(",")
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "AllowPull",
                "Effect": "Allow",
                "Principal": {"AWS": [f"arn:aws:iam::{account}:root" for account in accounts]},
                "Action": [
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:BatchGetImage",
                    "ecr:GetDownloadUrlForLayer",
                ],
            }
        ],
    }
    ecr.set_repository_policy(repositoryName=repository, policyText=json.dumps(policy))
    print(f"set the policy of {repository}")
    return {"repository": repository}
