package localaws_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

const accountList = "/ecr-pull-policy/accounts"

func startAWS(t *testing.T, options localaws.Options) *localaws.AWS {
	t.Helper()
	options.Progress = t.Output()
	aws, err := localaws.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := aws.Close(); err != nil {
			t.Error(err)
		}
	})
	return aws
}

func settle(t *testing.T, aws *localaws.AWS) localaws.Activity {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	activity, err := aws.Settle(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return activity
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The stack is read back with its parameters, references and conditions resolved.
func TestStack(t *testing.T) {
	aws := startAWS(t, localaws.Options{Parameters: map[string]string{"PushEvents": "off", "Exclude": "a/**,b"}})

	function := aws.Stack.Functions[localaws.OnRepo]
	if got := function.Environment["EXCLUDE"]; got != "a/**,b" {
		t.Errorf("EXCLUDE is %q", got)
	}
	if got := function.Environment["REGISTRY_ACCOUNT_ID"]; got != localaws.Account {
		t.Errorf("REGISTRY_ACCOUNT_ID is %q", got)
	}
	if !strings.HasPrefix(function.OnFailure, "arn:aws:sqs:") {
		t.Errorf("the destination of failures is %q", function.OnFailure)
	}
	if len(aws.Stack.Sources) != 1 || aws.Stack.Sources[0].Function != localaws.OnRepo || !aws.Stack.Sources[0].PartialResponses {
		t.Errorf("the event sources are %+v", aws.Stack.Sources)
	}

	described, err := aws.CloudFormation.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: &aws.Stack.Name})
	check(t, err)
	if outputs := described.Stacks[0].Outputs; len(outputs) != len(aws.Stack.Outputs) {
		t.Errorf("%d outputs, want those of the template: %d", len(outputs), len(aws.Stack.Outputs))
	}

	resources, err := aws.CloudFormation.DescribeStackResources(t.Context(), &cloudformation.DescribeStackResourcesInput{StackName: &aws.Stack.Name})
	check(t, err)
	types := map[string]int{}
	for _, resource := range resources.StackResources {
		if resource.ResourceType != nil {
			types[*resource.ResourceType]++
		}
	}
	if types["AWS::CloudWatch::Alarm"] == 0 || types["AWS::SQS::QueuePolicy"] != 3 {
		t.Errorf("the stack has %v", types)
	}

	// A rule delivers nothing while it is disabled: here by a parameter of the stack, or by a user.
	pushes := ruleOf(t, aws, "ECR Image Action")
	for i, step := range []struct {
		what string
		do   func() error
		want int
	}{
		{"disabled by the stack", func() error { return nil }, 0},
		{"enabled", func() error {
			_, err := aws.EventBridge.EnableRule(t.Context(), &eventbridge.EnableRuleInput{Name: &pushes})
			return err
		}, 1},
		{"disabled again", func() error {
			_, err := aws.EventBridge.DisableRule(t.Context(), &eventbridge.DisableRuleInput{Name: &pushes})
			return err
		}, 0},
	} {
		check(t, step.do())
		repository := fmt.Sprintf("shop/web-%d", i)
		check(t, aws.Quiet.CreateRepository(t.Context(), repository, ""))
		check(t, aws.PushImage(t.Context(), repository))
		if activity := settle(t, aws); len(activity.Deliveries) != step.want {
			t.Errorf("%s: delivered %+v", step.what, activity.Deliveries)
		}
	}
	schedule := ruleOf(t, aws, "rate(")
	_, err = aws.EventBridge.DisableRule(t.Context(), &eventbridge.DisableRuleInput{Name: &schedule})
	check(t, err)
	if err := aws.Tick(t.Context()); err == nil {
		t.Error("the schedule runs although it is disabled")
	}
}

// ruleOf returns the name of the rule that has a text in its pattern or schedule.
func ruleOf(t *testing.T, aws *localaws.AWS, text string) string {
	t.Helper()
	for _, rule := range aws.Stack.Rules {
		if strings.Contains(rule.Pattern+rule.Schedule, text) {
			return rule.Name
		}
	}
	t.Fatalf("no rule has %s", text)
	return ""
}

// Events, requests and the schedule find their way to the functions, and the functions find AWS.
func TestRouting(t *testing.T) {
	aws := startAWS(t, localaws.Options{})
	ctx := t.Context()

	check(t, aws.PutList(ctx, accountList, "111111111111"))
	check(t, aws.CreateRepository(ctx, "shop/web", ""))
	activity := settle(t, aws)
	if len(activity.Of(localaws.OnRepo)) == 0 || len(activity.Of(localaws.OnAccount)) != 1 {
		t.Errorf("invoked %+v", activity.Invocations)
	}
	for _, invocation := range activity.Invocations {
		if invocation.Error != nil {
			t.Errorf("%s failed: %v", invocation.Function, invocation.Error)
		}
		if !slices.ContainsFunc(invocation.Logs, func(l localaws.LogLine) bool { return l.Fields != nil }) {
			t.Errorf("%s logged nothing structured: %v", invocation.Function, invocation.Logs)
		}
	}
	policy, found, err := aws.Policy(ctx, "shop/web")
	check(t, err)
	if !found || !strings.Contains(policy, "arn:aws:iam::111111111111:root") {
		t.Errorf("the policy is %s", policy)
	}

	group := aws.Stack.Outputs["OnRepoLogGroup"]
	logged, err := aws.CloudWatchLogs.FilterLogEvents(ctx, &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: &group})
	check(t, err)
	if len(logged.Events) != len(aws.Logs(localaws.OnRepo)) {
		t.Errorf("CloudWatch Logs has %d lines", len(logged.Events))
	}
	for pattern, want := range map[string]int{
		`{ $.added[0] = "EcrPullPolicy*" && ($.outcome = "updated" || $.outcome = "deleted") }`: 1,
		`{ $.outcome = "updated" && $.added[0] != "EcrPullPolicy*" }`:                           0,
		`{ $.added[9] = "*" }`: 0,
	} {
		logged, err := aws.CloudWatchLogs.FilterLogEvents(ctx, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &group, FilterPattern: &pattern})
		check(t, err)
		if len(logged.Events) != want {
			t.Errorf("CloudWatch Logs finds %d lines with %s, want %d", len(logged.Events), pattern, want)
		}
	}

	check(t, aws.DeletePolicy(ctx, "shop/web"))
	settle(t, aws)
	if _, found, err = aws.Policy(ctx, "shop/web"); err != nil || !found {
		t.Errorf("the policy is not back: %v", err)
	}

	check(t, aws.Tick(ctx))
	activity = settle(t, aws)
	if len(activity.Deliveries) < 2 || activity.Deliveries[0].Event.DetailType != "Scheduled Event" {
		t.Errorf("the schedule delivered %+v", activity.Deliveries)
	}
}

// What a function fails at is retried as AWS does, and kept.
func TestFailures(t *testing.T) {
	aws := startAWS(t, localaws.Options{Binaries: faultyBinaries(t)})
	ctx := t.Context()

	for _, test := range []struct {
		fault, errorType string
	}{
		{"error", "errorString"},
		{"panic", "string"},
		{"exit", "Runtime.ExitError"},
	} {
		t.Run("an event/"+test.fault, func(t *testing.T) {
			check(t, aws.Publish(ctx, []byte(`{"source": "aws.ecr", "detail-type": "ECR Image Action",
				"detail": {"action-type": "PUSH", "result": "SUCCESS", "faulty": "`+test.fault+`"}}`)))
			activity := settle(t, aws)
			if len(activity.Deliveries) != 1 || len(activity.Invocations) != 3 || len(activity.Dead) != 1 {
				t.Fatalf("%d deliveries, %d invocations, %d dead", len(activity.Deliveries), len(activity.Invocations), len(activity.Dead))
			}
			if got := activity.Invocations[2].Error; got == nil || got.Type != test.errorType {
				t.Errorf("the error is %v", got)
			}
			failure := activity.Dead[0]
			if failure.RequestContext.Condition != "RetriesExhausted" || failure.RequestContext.ApproximateInvokeCount != 3 {
				t.Errorf("the failure is %+v", failure.RequestContext)
			}
			var kept localaws.FailureRecord
			check(t, json.Unmarshal([]byte(receive(t, aws, "OnRepoDeadLetterQueueUrl")), &kept))
			if kept.RequestContext != failure.RequestContext {
				t.Errorf("kept %+v", kept)
			}
		})
	}

	for _, fault := range []string{"error", "item"} {
		t.Run("a message/"+fault, func(t *testing.T) {
			check(t, aws.Publish(ctx, []byte(`{"source": "ecr-pull-policy", "detail-type": "Repository Reconcile Requested",
				"detail": {"faulty": "`+fault+`"}}`)))
			activity := settle(t, aws)
			if len(activity.Invocations) != 5 || activity.Invocations[4].Attempt != 5 { // maxReceiveCount
				t.Fatalf("%d invocations", len(activity.Invocations))
			}

			redrive(t, aws, "OnRepoDeadLetterQueueUrl")
			if activity = settle(t, aws); len(activity.Invocations) != 5 {
				t.Errorf("%d invocations after the redrive", len(activity.Invocations))
			}
			var kept localaws.Event
			check(t, json.Unmarshal([]byte(receive(t, aws, "OnRepoDeadLetterQueueUrl")), &kept))
			if kept.Account != localaws.Account || kept.Source != "ecr-pull-policy" {
				t.Errorf("kept %+v", kept)
			}
		})
	}
}

// redrive moves the messages of a dead-letter queue, whose URL is an output of the stack, back to their queue.
func redrive(t *testing.T, local *localaws.AWS, output string) {
	t.Helper()
	queue := local.Stack.Outputs[output]
	arn := "arn:aws:sqs:" + local.Region + ":" + localaws.Account + ":" + path.Base(queue)
	_, err := local.SQS.StartMessageMoveTask(t.Context(), &sqs.StartMessageMoveTaskInput{SourceArn: &arn})
	check(t, err)
	tasks, err := local.SQS.ListMessageMoveTasks(t.Context(), &sqs.ListMessageMoveTasksInput{SourceArn: &arn})
	check(t, err)
	if len(tasks.Results) != 1 || tasks.Results[0].ApproximateNumberOfMessagesMoved != 1 {
		t.Errorf("the tasks are %+v", tasks.Results)
	}
}

// faultyBinaries builds testdata/faulty in place of both functions.
func faultyBinaries(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, function := range []string{localaws.OnRepo, localaws.OnAccount} {
		build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, function, "bootstrap"), "./testdata/faulty")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return dir
}

// receive takes the one message out of the queue whose URL is an output of the stack.
func receive(t *testing.T, aws *localaws.AWS, output string) string {
	t.Helper()
	url := aws.Stack.Outputs[output]
	received, err := aws.SQS.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
	check(t, err)
	if len(received.Messages) != 1 {
		t.Fatalf("%s has %d messages", output, len(received.Messages))
	}
	message := received.Messages[0]
	_, err = aws.SQS.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: message.ReceiptHandle})
	check(t, err)
	return *message.Body
}
