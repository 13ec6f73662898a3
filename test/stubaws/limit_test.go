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

// newECR returns an ECR client that makes every call once.
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
		for range 20 { // in two seconds: three of the burst, and four of the rate
			_, err := client.DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{})
			if err != nil && !strings.Contains(err.Error(), "ThrottlingException") {
				t.Fatal(err)
			}
			if err != nil {
				throttled++
			}
		}
		if took := time.Since(start); took != 2*time.Second || throttled != 14 && throttled != 13 {
			t.Errorf("%d of 20 calls throttled in %s, want 13 in 2s", throttled, took)
		}
	})
}

// TestECRLimits checks the limits that no local AWS has.
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
	if err := set(document(strings.Repeat("ä", 10240-overhead))); err != nil { // characters, not bytes
		t.Errorf("10,240 characters: %v", err)
	}
	if err := set(document(strings.Repeat("x", 10241-overhead))); err == nil {
		t.Error("10,241 characters were taken")
	}
	cloud.ClosePrincipal("111111111111")
	if err := set(document("x")); err == nil || !strings.Contains(err.Error(), "Principal not found") {
		t.Errorf("a closed account: %v", err)
	}
	cloud.OpenPrincipal("111111111111")
	if err := set(document("x")); err != nil {
		t.Errorf("an open account: %v", err)
	}
	if _, err := client.DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(1001)}); err == nil {
		t.Error("a page of 1,001 was given")
	}
}
