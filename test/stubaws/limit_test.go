package stubaws_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// newECR returns an ECR client that doesn't retry.
func newECR(cloud *stubaws.AWS) *ecr.Client {
	return ecr.NewFromConfig(cloud.Config(), func(o *ecr.Options) { o.Retryer = aws.NopRetryer{} })
}

func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := stubaws.New("123456789012", "eu-central-1")
		cloud.Latency = 100 * time.Millisecond
		cloud.Limits = map[string]stubaws.Limit{"DescribeRepositories": {PerSecond: 2, Burst: 3}}
		client := newECR(cloud)
		throttled := 0
		start := time.Now()
		for range 20 { // during two seconds, the burst allows 3 calls and the rate 4, so that 13 are throttled
			_, err := client.DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{})
			if err != nil && !strings.Contains(err.Error(), "ThrottlingException") {
				t.Fatal(err)
			}
			if err != nil {
				throttled++
			}
		}
		if duration := time.Since(start); duration != 2*time.Second || throttled != 14 && throttled != 13 {
			t.Errorf("%d of 20 calls throttled in %s, want 13 or 14 in 2s", throttled, duration)
		}
	})
}

// TestECRLimits checks limits of ECR that moto doesn't have.
func TestECRLimits(t *testing.T) {
	cloud := stubaws.New("123456789012", "eu-central-1")
	client := newECR(cloud)
	cloud.CreateRepository("a1")
	set := func(document string) error {
		_, err := client.SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("a1"), PolicyText: &document})
		return err
	}
	document := func(sid string) string {
		return `{"Statement":[{"Sid":"` + sid + `","Principal":{"AWS":["arn:aws:iam::111111111111:root"]}}]}`
	}
	overhead := len(document(""))
	if err := set(document(strings.Repeat("ä", 10240-overhead))); err != nil { // not bytes
		t.Errorf("policy of 10,240 characters: %v", err)
	}
	if err := set(document(strings.Repeat("x", 10241-overhead))); err == nil {
		t.Error("policy of 10,241 characters: got no error")
	}
	cloud.ClosePrincipal("111111111111")
	if err := set(document("x")); err == nil || !strings.Contains(err.Error(), "Principal not found") {
		t.Errorf("account that doesn't exist: got %v, want Principal not found", err)
	}
	cloud.OpenPrincipal("111111111111")
	if err := set(document("x")); err != nil {
		t.Errorf("account that exists again: %v", err)
	}
	if _, err := client.DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(1001)}); err == nil {
		t.Error("page of 1,001 repositories: got no error")
	}
}
