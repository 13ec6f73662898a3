package policy_test

import (
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// The Kelvin sign isn't a K to IAM: an action that is written with it grants nothing, so nothing may be kept of it.
func TestKeepActionWithKelvinSign(t *testing.T) {
	text := document(`{"Sid":"EcrPullPolicyAccounts","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":["ecr:BatchChec` + "\u212a" + `LayerAvailability"]}`)
	doc, err := policy.ParseDocument(text, registry)
	if err != nil {
		t.Fatal(err)
	}
	change, err := standard(policy.GrantPrincipal).Merge(doc, []policy.Listed{{}})
	if err != nil || strings.Contains(change.Document, "ecr:BatchCheckLayerAvailability") {
		t.Errorf("got %s, %v", change.Document, err)
	}
}
