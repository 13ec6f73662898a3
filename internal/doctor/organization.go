package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

// OrganizationAPI has the operations of AWS Organizations that the checks use. Any account can describe its
// organization. Only the management account and delegated administrators can read policies:
// https://docs.aws.amazon.com/organizations/latest/APIReference/action-reference.html
type OrganizationAPI interface {
	DescribeOrganization(context.Context, *organizations.DescribeOrganizationInput, ...func(*organizations.Options)) (*organizations.DescribeOrganizationOutput, error)
	ListPoliciesForTarget(context.Context, *organizations.ListPoliciesForTargetInput, ...func(*organizations.Options)) (*organizations.ListPoliciesForTargetOutput, error)
	ListParents(context.Context, *organizations.ListParentsInput, ...func(*organizations.Options)) (*organizations.ListParentsOutput, error)
	DescribePolicy(context.Context, *organizations.DescribePolicyInput, ...func(*organizations.Options)) (*organizations.DescribePolicyOutput, error)
}

const organizationSubject = "organization"

// organization checks whether a resource control policy (RCP) can deny pulls, whatever the policies of repositories
// allow. DescribeEffectivePolicy, which any account can call, doesn't cover RCPs:
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeEffectivePolicy.html,
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html
func (d *Doctor) organization(ctx context.Context) []Finding {
	described, err := d.Organizations.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})
	switch {
	case awsclient.HasCode(err, "AWSOrganizationsNotInUseException"):
		return []Finding{ok(organizationSubject, "the account isn't in an organization, so no resource control policy (RCP) can deny pulls")}
	case err != nil:
		return []Finding{unknown(organizationSubject, "organizations:DescribeOrganization", err)}
	case described.Organization == nil:
		return []Finding{unknown(organizationSubject, "organizations:DescribeOrganization", fmt.Errorf("the response has no organization"))}
	}
	organization := described.Organization
	id := aws.ToString(organization.Id)
	switch {
	case aws.ToString(organization.MasterAccountId) == d.Standard.Registry.AccountID:
		return []Finding{ok(organizationSubject, "the account is the management account of %s, which resource control policies (RCPs) don't affect", id)}
	case organization.FeatureSet == types.OrganizationFeatureSetConsolidatedBilling:
		return []Finding{ok(organizationSubject, "the organization %s has only the features for consolidated billing, so it has no resource control policies (RCPs)", id)}
	}
	policies, err := d.controlPolicies(ctx)
	switch {
	case awsclient.Denied(err):
		return []Finding{d.unseen(id, aws.ToString(organization.MasterAccountId))}
	case err != nil:
		return []Finding{unknown(organizationSubject, "organizations:ListPoliciesForTarget and organizations:ListParents", err)}
	}
	return d.denyingPolicies(ctx, id, policies)
}

// unseen returns the note that the account can't read RCPs, which is normal for a member account.
func (d *Doctor) unseen(organization, management string) Finding {
	return Finding{
		Severity: Note, Subject: organizationSubject,
		Message: fmt.Sprintf("the account is a member of %s; its resource control policies (RCPs) can deny pulls whatever repository policies allow, and this account can't read them", organization),
		Remedy:  fmt.Sprintf("if pulls are denied, ask the owner of the management account %s whether an RCP denies ECR actions, and run there:", management),
		Commands: []string{
			"aws organizations list-policies-for-target --filter RESOURCE_CONTROL_POLICY --target-id " + d.Standard.Registry.AccountID,
		},
	}
}

// controlPolicies returns the RCPs of the account and of everything above it, without the one of AWS that allows all.
func (d *Doctor) controlPolicies(ctx context.Context) ([]types.PolicySummary, error) {
	var policies []types.PolicySummary
	for target := d.Standard.Registry.AccountID; target != ""; {
		pages := organizations.NewListPoliciesForTargetPaginator(d.Organizations, &organizations.ListPoliciesForTargetInput{
			TargetId: &target, Filter: types.PolicyTypeResourceControlPolicy,
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, policy := range page.Policies {
				isKnown := slices.ContainsFunc(policies, func(p types.PolicySummary) bool { return aws.ToString(p.Id) == aws.ToString(policy.Id) })
				if !policy.AwsManaged && !isKnown {
					policies = append(policies, policy)
				}
			}
		}
		if strings.HasPrefix(target, "r-") {
			break
		}
		parents, err := d.Organizations.ListParents(ctx, &organizations.ListParentsInput{ChildId: &target})
		if err != nil {
			return nil, err
		}
		target = ""
		if len(parents.Parents) > 0 { // there is only one
			target = aws.ToString(parents.Parents[0].Id)
		}
	}
	return policies, nil
}

// denyingPolicies returns findings for the RCPs that can deny pulls. Whether they deny those of the consumers depends on
// conditions that aren't evaluated.
func (d *Doctor) denyingPolicies(ctx context.Context, organization string, policies []types.PolicySummary) []Finding {
	var findings []Finding
	for _, summary := range policies {
		id, name := aws.ToString(summary.Id), aws.ToString(summary.Name)
		described, err := d.Organizations.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: &id})
		if err != nil || described.Policy == nil {
			findings = append(findings, unknown(organizationSubject, "organizations:DescribePolicy", fmt.Errorf("policy %s (%s): %w", name, id, err)))
			if awsclient.Unanswered(err) {
				return findings
			}
			continue
		}
		statements, err := iampolicy.Read(aws.ToString(described.Policy.Content))
		if err != nil {
			findings = append(findings, unknown(organizationSubject, "organizations:DescribePolicy", fmt.Errorf("policy %s (%s): %w", name, id, err)))
			continue
		}
		for i, s := range statements {
			if s.Err == nil && (s.Effect != iampolicy.Deny || !s.CoversAction("ecr:BatchGetImage")) {
				continue
			}
			findings = append(findings, warning(organizationSubject, "check whether its conditions and resources exempt the pulls of all consumers in the lists:",
				"statement %d of the resource control policy (RCP) %s can deny pulls, whatever repository policies allow%s", i+1, name, conditionsOf(s)).
				with("aws organizations describe-policy --policy-id "+id))
		}
	}
	if len(findings) == 0 {
		return []Finding{ok(organizationSubject, "no resource control policy (RCP) of %s denies pulls from this account", organization)}
	}
	return findings
}

func conditionsOf(s iampolicy.Statement) string {
	var conditions []string
	for _, c := range s.Conditions {
		conditions = append(conditions, c.String())
	}
	if len(conditions) == 0 {
		return ""
	}
	return " (condition: " + strings.Join(conditions, "; ") + ")"
}
