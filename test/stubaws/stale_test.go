package stubaws_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// TestStale checks that a stale read returns the policy before the last write, for each kind of write.
func TestStale(t *testing.T) {
	cloud := stubaws.New("123456789012", "eu-central-1")
	client := newECR(cloud)
	read := func(stale bool) string {
		cloud.OnCall = func(context.Context, stubaws.Call) stubaws.Fault { return stubaws.Fault{Stale: stale} }
		output, err := client.GetRepositoryPolicy(t.Context(), &ecr.GetRepositoryPolicyInput{RepositoryName: aws.String("api")})
		switch {
		case err == nil:
			return strings.Join(strings.Fields(*output.PolicyText), "")
		case strings.Contains(err.Error(), "RepositoryPolicyNotFoundException"):
			return "none"
		default:
			return "unknown"
		}
	}
	const first, second = `{"Statement":[{"Sid":"first"}]}`, `{"Statement":[{"Sid":"second"}]}`
	for _, step := range []struct {
		name       string
		do         func() error
		now, stale string
	}{
		{"no repository", func() error { return nil }, "unknown", "unknown"},
		{"created", func() error { cloud.CreateRepository("api"); return nil }, "none", "none"},
		{"policy set by another tool", func() error { cloud.SetPolicy("api", first); return nil }, first, "none"},
		{"policy set", func() error {
			_, err := client.SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("api"), PolicyText: aws.String(second)})
			return err
		}, second, first},
		{"policy deleted", func() error {
			_, err := client.DeleteRepositoryPolicy(t.Context(), &ecr.DeleteRepositoryPolicyInput{RepositoryName: aws.String("api")})
			return err
		}, "none", second},
		{"recreated", func() error { cloud.DeleteRepository("api"); cloud.CreateRepository("api"); return nil }, "none", "none"},
	} {
		cloud.OnCall = nil
		if err := step.do(); err != nil {
			t.Fatal(step.name, err)
		}
		if now, stale := read(false), read(true); now != step.now || stale != step.stale {
			t.Errorf("%s: read %s, stale %s; want %s, %s", step.name, now, stale, step.now, step.stale)
		}
	}
}
