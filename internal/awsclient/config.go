// Package awsclient provides what the clients of all AWS services share: the configuration in Lambda, retries, the rate
// limit for calls, and error texts.
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

// environment is the variables that Lambda sets for a function, and those for the endpoints of AWS.
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
	AppID           string `env:"AWS_SDK_UA_APP_ID"`
}

// FromEnvironment returns the configuration from the environment of a function. Its credentials are valid for as long
// as the process exists. The error names every missing variable.
//
// It replaces config.LoadDefaultConfig, which starts more slowly (docs/performance.md). It doesn't read:
//
//   - Shared files, profiles, SSO, web identities, and instance metadata: a function has none of them.
//   - Credentials from AWS_CONTAINER_CREDENTIALS_FULL_URI: Lambda provides them only with SnapStart, which its runtime
//     provided.al2023 doesn't have.
//   - AWS_MAX_ATTEMPTS, AWS_RETRY_MODE, and AWS_DEFAULTS_MODE: [Retryer] and callTimeout take their place.
//   - AWS_CA_BUNDLE: Go itself reads SSL_CERT_FILE.
//   - AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: leave the endpoint variables empty instead.
//   - Request compression, account-based endpoints, checksums, and authentication schemes: no operation of ECR, SSM, or
//     EventBridge that the functions call offers a choice.
//   - The SDK's own log on stderr: failed calls are in the structured log.
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
		AppID:         e.AppID,
		ConfigSources: []any{serviceEndpoints{}, endpointVariants{fips: e.FIPS, dualStack: e.DualStack}},
	}
	if e.Endpoint != "" {
		c.BaseEndpoint = &e.Endpoint
	}
	return c, nil
}

// callTimeout is how long one attempt to call AWS can take. AWS responds within a second or not at all. Without a
// timeout, the SDK's clients wait until the deadline of the invocation.
const callTimeout = 10 * time.Second

// serviceEndpoints are the variables for the endpoint of one service, such as AWS_ENDPOINT_URL_ECR.
//
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
type serviceEndpoints struct{}

// GetServiceBaseEndpoint implements an interface of the SDK for sources of configuration.
func (serviceEndpoints) GetServiceBaseEndpoint(_ context.Context, service string) (endpoint string, found bool, err error) {
	endpoint = os.Getenv("AWS_ENDPOINT_URL_" + strings.ToUpper(strings.ReplaceAll(service, " ", "_")))
	return endpoint, endpoint != "", nil
}

// endpointVariants are the variables that choose FIPS and dual-stack endpoints.
//
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-endpoints.html
type endpointVariants struct{ fips, dualStack bool }

// GetUseFIPSEndpoint implements an interface of the SDK for sources of configuration.
func (v endpointVariants) GetUseFIPSEndpoint(context.Context) (state aws.FIPSEndpointState, found bool, err error) {
	if v.fips {
		return aws.FIPSEndpointStateEnabled, true, nil
	}
	return aws.FIPSEndpointStateDisabled, true, nil
}

// GetUseDualStackEndpoint implements an interface of the SDK for sources of configuration.
func (v endpointVariants) GetUseDualStackEndpoint(context.Context) (state aws.DualStackEndpointState, found bool, err error) {
	if v.dualStack {
		return aws.DualStackEndpointStateEnabled, true, nil
	}
	return aws.DualStackEndpointStateDisabled, true, nil
}
