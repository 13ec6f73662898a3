package awsclient_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
)

func setEnvironment(t *testing.T, changes map[string]string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_REGION":            "eu-central-1",
		"AWS_ACCESS_KEY_ID":     "ASIAEXAMPLE",
		"AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_SESSION_TOKEN":     "token",
		"AWS_ENDPOINT_URL":      "", // as template.yaml declares it
	} {
		t.Setenv(name, value)
	}
	for name, value := range changes {
		t.Setenv(name, value)
	}
}

func TestFromEnvironment(t *testing.T) {
	setEnvironment(t, map[string]string{"AWS_SDK_UA_APP_ID": "pipelines"})
	c, err := awsclient.FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.AccessKeyID != "ASIAEXAMPLE" || got.SecretAccessKey != "secret" || got.SessionToken != "token" {
		t.Errorf("the credentials are %+v", got)
	}
	options := ecr.NewFromConfig(c).Options()
	if options.Region != "eu-central-1" || options.BaseEndpoint != nil {
		t.Errorf("Region %q, endpoint %q", options.Region, aws.ToString(options.BaseEndpoint))
	}
	if options.AppID != "pipelines" {
		t.Errorf("the application ID in the user agent is %q", options.AppID)
	}
	if client, ok := options.HTTPClient.(*awshttp.BuildableClient); !ok || client.GetTimeout() <= 0 {
		t.Errorf("%T has no timeout", options.HTTPClient)
	}
	if _, paced := options.Retryer.(*awsclient.Retryer); !paced {
		t.Errorf("calls are retried by %T", options.Retryer)
	}
}

func TestEndpoints(t *testing.T) {
	const all, one = "http://127.0.0.1:1", "http://127.0.0.1:2"
	for _, test := range []struct {
		name             string
		environment      map[string]string
		ecr, ssm, events string
	}{
		{"of all services", map[string]string{"AWS_ENDPOINT_URL": all}, all, all, all},
		{"of one service", map[string]string{"AWS_ENDPOINT_URL_EVENTBRIDGE": one}, "", "", one},
		{"of one service before that of all", map[string]string{"AWS_ENDPOINT_URL": all, "AWS_ENDPOINT_URL_ECR": one}, one, all, all},
	} {
		t.Run(test.name, func(t *testing.T) {
			setEnvironment(t, test.environment)
			c, err := awsclient.FromEnvironment()
			if err != nil {
				t.Fatal(err)
			}
			for service, endpoint := range map[string]struct{ got, want string }{
				"ECR":         {aws.ToString(ecr.NewFromConfig(c).Options().BaseEndpoint), test.ecr},
				"SSM":         {aws.ToString(ssm.NewFromConfig(c).Options().BaseEndpoint), test.ssm},
				"EventBridge": {aws.ToString(eventbridge.NewFromConfig(c).Options().BaseEndpoint), test.events},
			} {
				if endpoint.got != endpoint.want {
					t.Errorf("%s is at %q, want %q", service, endpoint.got, endpoint.want)
				}
			}
		})
	}
}

// recorder is an HTTP client that keeps the host of a request and sends none.
type recorder struct{ host string }

func (r *recorder) Do(request *http.Request) (*http.Response, error) {
	r.host = request.URL.Host
	return nil, errors.New("not sent")
}

func TestEndpointVariants(t *testing.T) {
	for _, test := range []struct {
		name, region     string
		fips, dualStack  string
		ecr, ssm, events string
	}{
		{"undeclared", "us-east-1", "", "", "api.ecr.us-east-1.amazonaws.com", "ssm.us-east-1.amazonaws.com", "events.us-east-1.amazonaws.com"},
		{"standard", "us-east-1", "false", "false", "api.ecr.us-east-1.amazonaws.com", "ssm.us-east-1.amazonaws.com", "events.us-east-1.amazonaws.com"},
		{"FIPS", "us-east-1", "true", "false", "api.ecr-fips.us-east-1.amazonaws.com", "ssm-fips.us-east-1.amazonaws.com", "events-fips.us-east-1.amazonaws.com"},
		{"dual-stack", "us-east-1", "false", "true", "ecr.us-east-1.api.aws", "ssm.us-east-1.api.aws", "events.us-east-1.api.aws"},
		{"both", "us-east-1", "true", "true", "ecr-fips.us-east-1.api.aws", "ssm-fips.us-east-1.api.aws", "events-fips.us-east-1.api.aws"},
		{"China", "cn-north-1", "", "", "api.ecr.cn-north-1.amazonaws.com.cn", "ssm.cn-north-1.amazonaws.com.cn", "events.cn-north-1.amazonaws.com.cn"},
		{"European Sovereign Cloud", "eusc-de-east-1", "", "", "api.ecr.eusc-de-east-1.amazonaws.eu", "ssm.eusc-de-east-1.amazonaws.eu", "events.eusc-de-east-1.amazonaws.eu"},
		{"isolated", "us-iso-east-1", "", "", "api.ecr.us-iso-east-1.c2s.ic.gov", "ssm.us-iso-east-1.c2s.ic.gov", "events.us-iso-east-1.c2s.ic.gov"},
	} {
		t.Run(test.name, func(t *testing.T) {
			setEnvironment(t, map[string]string{
				"AWS_REGION": test.region, "AWS_USE_FIPS_ENDPOINT": test.fips, "AWS_USE_DUALSTACK_ENDPOINT": test.dualStack,
			})
			c, err := awsclient.FromEnvironment()
			if err != nil {
				t.Fatal(err)
			}
			client := &recorder{}
			c.HTTPClient, c.Retryer = client, func() aws.Retryer { return aws.NopRetryer{} }
			for want, call := range map[string]func() error{
				test.ecr: func() error {
					_, err := ecr.NewFromConfig(c).DescribeRepositories(t.Context(), nil)
					return err
				},
				test.ssm: func() error {
					_, err := ssm.NewFromConfig(c).GetParameters(t.Context(), &ssm.GetParametersInput{Names: []string{"/accounts"}})
					return err
				},
				test.events: func() error {
					_, err := eventbridge.NewFromConfig(c).PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{}}})
					return err
				},
			} {
				if err := call(); err == nil || client.host != want {
					t.Errorf("called %s, want %s: %v", client.host, want, err)
				}
			}
		})
	}
}

func TestInvalidVariant(t *testing.T) {
	setEnvironment(t, map[string]string{"AWS_USE_FIPS_ENDPOINT": "perhaps"})
	if _, err := awsclient.FromEnvironment(); err == nil || !strings.Contains(err.Error(), "perhaps") {
		t.Errorf("got %v", err)
	}
}

func TestMissingVariables(t *testing.T) {
	missing := []string{"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
	setEnvironment(t, map[string]string{missing[0]: "", missing[1]: "", missing[2]: ""})
	_, err := awsclient.FromEnvironment()
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range missing {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}
