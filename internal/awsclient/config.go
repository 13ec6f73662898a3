// Package awsclient is what the clients of all AWS services have in common: their configuration in Lambda, how they retry
// and pace calls, and the texts of their errors.
package awsclient

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/caarlos0/env/v11"
)

// environment is what Lambda sets for a function, and where AWS is if it is not the real one.
//
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
type environment struct {
	Region          string `env:"AWS_REGION,notEmpty"`
	AccessKeyID     string `env:"AWS_ACCESS_KEY_ID,notEmpty"`
	SecretAccessKey string `env:"AWS_SECRET_ACCESS_KEY,notEmpty"`
	SessionToken    string `env:"AWS_SESSION_TOKEN"`
	Endpoint        string `env:"AWS_ENDPOINT_URL"`
	FIPS            bool   `env:"AWS_USE_FIPS_ENDPOINT"`
	DualStack       bool   `env:"AWS_USE_DUALSTACK_ENDPOINT"`
}

// FromEnvironment returns the configuration that the environment of a function gives. The credentials in it are as long
// good as the process lives. The error names every variable that is missing.
func FromEnvironment() (aws.Config, error) {
	e, err := env.ParseAs[environment]()
	if err != nil {
		return aws.Config{}, fmt.Errorf("configure the AWS SDK: %w", err)
	}
	c := aws.Config{
		Region:        e.Region,
		Credentials:   credentials.NewStaticCredentialsProvider(e.AccessKeyID, e.SecretAccessKey, e.SessionToken),
		HTTPClient:    awshttp.NewBuildableClient().WithTimeout(callTimeout),
		Retryer:       NewRetryer,
		ConfigSources: []any{serviceEndpoints{}, endpointVariants{fips: e.FIPS, dualStack: e.DualStack}},
	}
	if e.Endpoint != "" {
		c.BaseEndpoint = &e.Endpoint
	}
	return c, nil
}

// callTimeout is how long one attempt of a call may take: AWS answers within a second or never. The SDK's own clients wait
// until the deadline of the invocation.
const callTimeout = 10 * time.Second

// serviceEndpoints are the variables that say where one service is: AWS_ENDPOINT_URL_ECR, say.
//
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
type serviceEndpoints struct{}

// GetServiceBaseEndpoint is what the SDK's clients ask a source of configuration.
func (serviceEndpoints) GetServiceBaseEndpoint(_ context.Context, service string) (endpoint string, found bool, err error) {
	endpoint = os.Getenv("AWS_ENDPOINT_URL_" + strings.ToUpper(strings.ReplaceAll(service, " ", "_")))
	return endpoint, endpoint != "", nil
}

// endpointVariants are the variables that choose FIPS and dual-stack endpoints.
//
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-endpoints.html
type endpointVariants struct{ fips, dualStack bool }

// GetUseFIPSEndpoint is what the SDK's clients ask a source of configuration.
func (v endpointVariants) GetUseFIPSEndpoint(context.Context) (state aws.FIPSEndpointState, found bool, err error) {
	if v.fips {
		return aws.FIPSEndpointStateEnabled, true, nil
	}
	return aws.FIPSEndpointStateDisabled, true, nil
}

// GetUseDualStackEndpoint is what the SDK's clients ask a source of configuration.
func (v endpointVariants) GetUseDualStackEndpoint(context.Context) (state aws.DualStackEndpointState, found bool, err error) {
	if v.dualStack {
		return aws.DualStackEndpointStateEnabled, true, nil
	}
	return aws.DualStackEndpointStateDisabled, true, nil
}
