// Command onaccount is the Lambda function that applies the account lists to the registry policy, and turns a change to a
// list, or a scheduled event, into requests for all affected repositories. It uses these packages, in the order of the
// steps:
//
//	internal/onaccount    handles an invocation
//	internal/event        decodes the event
//	internal/rollout      reconciles the registry policy, and publishes requests for the repositories
//	internal/accountlist  reads the account lists from SSM
//	internal/reconcile    reconciles the registry policy
//	internal/principals   finds principals that don't exist
//	internal/registry     lists the repositories in ECR
//	internal/event        publishes the requests on EventBridge
package main

import (
	"context"
	"iter"
	"log"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist/parameterstore"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/onaccount"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/principals"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/rollout"
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
	repositories, bus := ecr.NewFromConfig(config), eventbridge.NewFromConfig(config)
	lists := parameterstore.New(ssm.NewFromConfig(config), s.ListName, s.Standard)
	changes := &rollout.Rollout{
		Lists: lists,
		Registry: &reconcile.Reconciler{
			Lists:    lists,
			Registry: registry.NewOwnPolicy(repositories),
			Standard: s.Standard,
			Observe:  s.Observe,
		},
		Names: func(ctx context.Context) iter.Seq2[[]string, error] { return registry.Names(ctx, repositories) },
		Requests: func(kind string, known event.Principals) rollout.Publisher {
			return event.NewPublisher(bus, kind, known)
		},
		Standard: s.Standard,
		Scope:    s.Scope,
	}
	if !s.Observe {
		changes.Principals = &principals.Checker{
			Policies:   registry.NewPolicies(repositories),
			Repository: s.PrincipalCheckRepository,
			Standard:   s.Standard,
		}
	}
	handler := &onaccount.Handler{
		Stack:   s.Stack,
		Account: s.Standard.Registry.AccountID,
		Rollout: changes,
		Created: func(ctx context.Context) (time.Time, error) {
			return registry.CreatedAt(ctx, repositories, s.PrincipalCheckRepository)
		},
		Log: telemetry.NewLogger(os.Stdout),
	}
	lambda.Start(handler.Handle)
}
