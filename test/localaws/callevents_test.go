package localaws_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// Calls have the events that they have on AWS.
func TestCallEvents(t *testing.T) {
	local := startAWS(t, localaws.Options{Parameters: map[string]string{"Mode": "observe"}})
	ctx := t.Context()
	next := catchAll(t, local)
	const document = `{"Statement":[{"Sid":"x","Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}]}`
	for _, c := range []struct {
		what string
		do   func() error
		want string // parts of the events, whose members are sorted
	}{
		{"created", func() error { return local.CreateRepository(ctx, "shop/web", "") },
			`"eventName":"CreateRepository"…"repositoryName":"shop/web"…"repositoryArn":"arn:aws:ecr:…"AWS API Call via CloudTrail"…"aws.ecr"`},
		{"exists", func() error { return local.CreateRepository(ctx, "shop/web", "") },
			`"errorCode":"RepositoryAlreadyExistsException"…"responseElements":null`},
		{"rejected by the proxy", func() error {
			return ignore(local.SetPolicy(ctx, "shop/web", strings.Replace(document, `"*"`, `{"AWS":"AROAGONE"}`, 1)))
		},
			`"errorCode":"InvalidParameterException"…"eventName":"SetRepositoryPolicy"`},
		{"set", func() error { return local.SetPolicy(ctx, "shop/web", document) },
			`"eventName":"SetRepositoryPolicy"…"policyText":…"sessionIssuer":{…"arn":"arn:aws:iam::123456789012:role/operator"`},
		{"deleted by CI", func() error {
			_, err := local.ECR.DeleteRepositoryPolicy(ctx, &ecr.DeleteRepositoryPolicyInput{RepositoryName: aws.String("shop/web")},
				func(o *ecr.Options) { o.Credentials = credentials.NewStaticCredentialsProvider("ci", "ci", "") })
			return err
		}, `"eventName":"DeleteRepositoryPolicy"…"sessionIssuer":{…"arn":"arn:aws:iam::123456789012:role/ci"`},
		{"pushed", func() error { return local.PushImage(ctx, "shop/web") },
			`"eventName":"PutImage"…"action-type":"PUSH","image-digest":"sha256:…"repository-name":"shop/web","result":"SUCCESS"}…"ECR Image Action"`},
		{"read", func() error { return ignore(local.Policy(ctx, "shop/web")) }, ""},
		{"registry policy put", func() error { return putRegistryPolicy(local, registryDocument) },
			`"eventName":"PutRegistryPolicy"…"policyText":…"registryId":"123456789012"…"sessionIssuer":{…"arn":"arn:aws:iam::123456789012:role/operator"`},
		{"registry policy rejected", func() error {
			return ignore(putRegistryPolicy(local, strings.ReplaceAll(registryDocument, "ecr:", "s3:")))
		}, `"errorCode":"InvalidParameterException","errorMessage":"…Invalid registry policy provided`},
		{"registry policy read", func() error { return ignore(registryPolicy(local, local.Region)) }, ""},
		{"registry policy deleted", func() error {
			_, err := local.ECR.DeleteRegistryPolicy(ctx, &ecr.DeleteRegistryPolicyInput{})
			return err
		}, `"eventName":"DeleteRegistryPolicy"…"requestParameters":{}…"responseElements":{"policyText":…}`},
		{"created in another Region", func() error {
			_, err := local.ECR.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("shop/far")}, func(o *ecr.Options) { o.Region = "us-east-1" })
			return err
		}, ""},
		{"a list", func() error { return local.PutList(ctx, "/lists/a", "1") },
			`"name":"/lists/a","operation":"Create","type":"String"…"Parameter Store Change"…"resources":["arn:aws:ssm:eu-central-1:123456789012:parameter/lists/a"]`},
		{"a list again", func() error { return local.PutList(ctx, "/lists/a", "2") }, `"operation":"Update"`},
		{"no longer a list", func() error { return local.DeleteList(ctx, "/lists/a") }, `"name":"/lists/a","operation":"Delete","type":"String"`},
		{"never a list", func() error { return ignore(local.DeleteList(ctx, "/lists/b")) }, ""},
		{"several", func() error {
			_, err := local.SSM.DeleteParameters(ctx, &ssm.DeleteParametersInput{Names: []string{"/lists/b", "/lists/c"}})
			return err
		}, ""},
	} {
		check(t, c.do())
		rest := next()
		if c.want == "" && rest != "" {
			t.Errorf("%s: %s", c.what, rest)
		}
		for part := range strings.SplitSeq(c.want, "…") {
			_, after, found := strings.Cut(rest, part)
			if !found {
				t.Errorf("%s: %s isn't in %s", c.what, part, rest)
			}
			rest = after
		}
	}
}

// ignore drops what a call returns that is to fail, or is about its events alone.
func ignore(...any) error { return nil }

// catchAll returns a function that returns all events since its last call. The rule matches what AWS's services publish.
func catchAll(t *testing.T, local *localaws.AWS) func() string {
	t.Helper()
	created, err := local.SQS.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("events")})
	check(t, err)
	rule := aws.String("all")
	_, err = local.EventBridge.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: rule, EventPattern: aws.String(`{"source":[{"prefix":"aws."}]}`)})
	check(t, err)
	_, err = local.EventBridge.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: rule, Targets: []types.Target{{
		Id: aws.String("queue"), Arn: aws.String("arn:aws:sqs:eu-central-1:" + localaws.Account + ":events")}}})
	check(t, err)
	return func() string {
		var events []string
		for {
			received, err := local.SQS.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: created.QueueUrl, MaxNumberOfMessages: 10})
			check(t, err)
			if len(received.Messages) == 0 {
				return strings.Join(events, "\n")
			}
			for _, message := range received.Messages {
				var event any // so that the members are sorted
				check(t, json.Unmarshal([]byte(*message.Body), &event))
				text, err := json.Marshal(event)
				check(t, err)
				events = append(events, string(text))
			}
		}
	}
}
