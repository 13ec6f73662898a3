package awsconfig_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsconfig"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/pace"
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
	setEnvironment(t, nil)
	c, err := awsconfig.FromEnvironment()
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
	if client, ok := options.HTTPClient.(*awshttp.BuildableClient); !ok || client.GetTimeout() <= 0 {
		t.Errorf("%T waits for ever", options.HTTPClient)
	}
	if _, paced := options.Retryer.(*pace.Retryer); !paced {
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
			c, err := awsconfig.FromEnvironment()
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

func TestFromEnvironmentNamesWhatIsMissing(t *testing.T) {
	missing := []string{"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
	setEnvironment(t, map[string]string{missing[0]: "", missing[1]: "", missing[2]: ""})
	_, err := awsconfig.FromEnvironment()
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range missing {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}
