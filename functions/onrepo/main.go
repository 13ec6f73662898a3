// Command onrepo is the Lambda function that applies the account lists to the repositories that an event names. It uses
// these packages, in the order of the steps:
//
//	internal/onrepo       handles an invocation: an event, or a batch of events from the queue
//	internal/event        decodes the events
//	internal/reconcile    reconciles the repositories
//	internal/accountlist  reads the account lists from SSM
//	internal/registry     reads and writes policies in ECR
//	pkg/policy            parses lists and policies, and merges them
//	internal/event        publishes requests for unfinished repositories if time runs out
package main

import (
	"context"
	"log"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist/parameterstore"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/onrepo"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/settings"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/telemetry"
)

func main() {
	s, err := settings.FromEnvironment()
	if err != nil {
		log.Fatal(err)
	}
	config, err := awsclient.FromEnvironment()
	if err != nil {
		log.Fatal(err)
	}
	repositories := ecr.NewFromConfig(config)
	handler := &onrepo.Handler{
		Stack:   s.Stack,
		Account: s.Standard.Registry.AccountID,
		Reconciler: &reconcile.Reconciler{
			Lists:    parameterstore.New(ssm.NewFromConfig(config), s.ListName, s.Standard),
			Policies: registry.NewPolicies(repositories),
			Registry: registry.NewOwnPolicy(repositories),
			Standard: s.Standard,
			Scope:    s.Scope,
			Observe:  s.Observe,
		},
		Request: func(ctx context.Context, t event.Repositories) error {
			return event.NewPublisher(eventbridge.NewFromConfig(config), t.Trigger, t.Principals).Publish(ctx, t.Names)
		},
		Log: telemetry.NewLogger(os.Stdout),
	}
	lambda.Start(handler.Handle)
}
