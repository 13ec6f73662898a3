terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "code_bucket" {
  description = "Name of the bucket with the functions' code, without the hyphen and the Region at its end."
  type        = string
}

variable "alarm_topic_arn" {
  description = "ARN of the SNS topic for alarm notifications."
  type        = string
  default     = ""
}

# The template of a release, next to this file. It is small enough to be passed without a bucket.
resource "aws_cloudformation_stack" "ecr_pull_policy" {
  name          = "ecr-pull-policy"
  template_body = file("${path.module}/template.yaml")
  capabilities  = ["CAPABILITY_IAM"]

  parameters = {
    CodeBucket       = var.code_bucket
    AlarmTopicArn    = var.alarm_topic_arn
    Exclude          = "**/scratch-*"
    LogRetentionDays = 365
  }
}

# A change of the file starts a rollout.
resource "aws_ssm_parameter" "accounts" {
  name  = "/ecr-pull-policy/accounts"
  type  = "String"
  value = file("${path.module}/accounts.txt")

  depends_on = [aws_cloudformation_stack.ecr_pull_policy]
}

output "rollout_now" {
  description = "Command that starts a rollout, for example after a change of the parameters."
  value       = aws_cloudformation_stack.ecr_pull_policy.outputs["RolloutNow"]
}
