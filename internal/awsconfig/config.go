// Package awsconfig configures the AWS SDK for the functions and the command line.
package awsconfig

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
)

// maxAttempts is how often a call is made. With the adaptive mode's back-off of up to 20 s between attempts, a
// throttled call has long enough to get through.
//
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
const maxAttempts = 8

// Load returns the configuration that the environment and the options give, with retries that slow all calls of a
// client down while AWS throttles them.
func Load(ctx context.Context, options ...func(*config.LoadOptions) error) (aws.Config, error) {
	options = append([]func(*config.LoadOptions) error{
		config.WithRetryMode(aws.RetryModeAdaptive),
		config.WithRetryMaxAttempts(maxAttempts),
	}, options...)
	c, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("configure the AWS SDK: %w", err)
	}
	return c, nil
}
