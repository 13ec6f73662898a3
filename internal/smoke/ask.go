package smoke

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// formsDocument returns a policy with values that ECR may store in another form. It grants only to the registry's own
// account.
func formsDocument(r policy.Registry) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[`+
		`{"Sid":"SmokeLists","Effect":"Allow","Principal":{"AWS":["arn:%[1]s:iam::%[2]s:root"]},"Action":["ecr:ListImages","ecr:DescribeImages"],"Condition":{"Bool":{"aws:SecureTransport":true}}},`+
		`{"Sid":"SmokeStrings","Effect":"Allow","Principal":{"AWS":"%[2]s"},"Action":"ecr:ListImages"}]}`, r.Partition, r.AccountID)
}

// Form is an element of a policy that ECR returned in another form than it was written.
type Form struct{ Element, Written, Returned string }

// compareForms returns what differs between a policy as it was written and as it was returned, member by member. White
// space is one of the elements.
func compareForms(written, returned string) []Form {
	var forms []Form
	if returned == written {
		return nil
	}
	if compact(returned) != returned {
		forms = append(forms, Form{"white space", fmt.Sprintf("none (%d characters)", len(written)), fmt.Sprintf("some (%d characters)", len(returned))})
	}
	forms = append(forms, compareMembers("document", written, returned)...)
	before, after := unmanaged(written), unmanaged(returned)
	for i := range min(len(before), len(after)) {
		forms = append(forms, compareMembers(fmt.Sprintf("statement %d", i+1), before[i], after[i])...)
	}
	if len(before) != len(after) {
		forms = append(forms, Form{"statements", fmt.Sprint(len(before)), fmt.Sprint(len(after))})
	}
	return forms
}

// compareMembers compares the order of the members of two objects, and their values except for the statements.
func compareMembers(object, written, returned string) []Form {
	before, err := iampolicy.ReadObject([]byte(written))
	if err != nil {
		return nil
	}
	after, err := iampolicy.ReadObject([]byte(returned))
	if err != nil {
		return []Form{{object, written, returned}}
	}
	var forms []Form
	if a, b := names(before), names(after); a != b {
		forms = append(forms, Form{object + ", order", a, b})
	}
	for _, m := range before {
		i := slices.IndexFunc(after, func(n iampolicy.Member) bool { return n.Name == m.Name })
		if i < 0 || m.Name == "Statement" {
			continue
		}
		if a, b := compact(string(m.Value)), compact(string(after[i].Value)); a != b {
			forms = append(forms, Form{object + ", " + m.Name, a, b})
		}
	}
	return forms
}

func names(members []iampolicy.Member) string {
	var names []string
	for _, m := range members {
		names = append(names, m.Name)
	}
	return strings.Join(names, ", ")
}

// compact returns JSON without white space.
func compact(text string) string {
	var buffer bytes.Buffer
	if json.Compact(&buffer, []byte(text)) != nil {
		return text
	}
	return buffer.String()
}

// unmanaged returns the unmanaged statements of a policy as compact JSON.
func unmanaged(document string) []string {
	var read struct{ Statement []json.RawMessage }
	if json.Unmarshal([]byte(document), &read) != nil {
		return nil
	}
	var statements []string
	for _, raw := range read.Statement {
		var statement struct{ Sid string }
		if json.Unmarshal(raw, &statement) == nil && !strings.HasPrefix(statement.Sid, policy.SidPrefix) {
			statements = append(statements, compact(string(raw)))
		}
	}
	return statements
}

func hasUnmanaged(document string) bool { return len(unmanaged(document)) > 0 }

// Answer is ECR's answer to a policy.
type Answer struct {
	Question string
	Skipped  string // why ECR wasn't asked, or ""
	Rejected string // the error of ECR, or "" if it accepted the policy
	Accepted string // what it means if ECR accepted the policy
}

// ask writes policies to the repository to find out whether ECR accepts them.
func (t *Test) ask(ctx context.Context, r *Report) error {
	t.Progress("asking ECR which policies it accepts")
	type statement struct {
		Sid       string
		Effect    string
		Principal map[string]string
		Action    []string
		Condition map[string]map[string][]string `json:",omitempty"`
	}
	functions := t.Standard.Registry.FunctionPattern("*")
	lambda := func(operator, key string, values []string) statement {
		conditions := map[string]map[string][]string{"ArnLike": {"aws:SourceArn": {functions}}, operator: {key: values}}
		return statement{"SmokeLambda", "Allow", map[string]string{"Service": "lambda.amazonaws.com"}, []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}, conditions}
	}
	missing := "arn:" + t.Standard.Registry.Partition + ":iam::" + t.Standard.Registry.AccountID + ":role/" + t.Repository + "/gone"
	var organizations, units []string
	for _, list := range t.Lists {
		if list.Consumers != nil {
			organizations = append(organizations, list.Consumers.Organizations...)
			units = append(units, list.Consumers.OrganizationalUnits...)
		}
	}
	const stored = "accepted: ECR stores the condition; whether a pull by Lambda meets it isn't tested"
	for _, question := range []struct {
		answer    Answer
		statement statement
	}{
		{Answer{Question: "principal that doesn't exist", Accepted: "accepted: the policy names a role that doesn't exist"},
			statement{"SmokePrincipal", "Allow", map[string]string{"AWS": missing}, []string{"ecr:ListImages"}, nil}},
		{Answer{Question: "aws:SourceOrgID for Lambda", Accepted: stored, Skipped: skipIfNone(organizations, "organization")},
			lambda("StringEquals", "aws:SourceOrgID", organizations)},
		{Answer{Question: "aws:SourceOrgPaths for Lambda", Accepted: stored, Skipped: skipIfNone(units, "organizational unit")},
			lambda("ForAnyValue:StringLike", "aws:SourceOrgPaths", units)},
	} {
		answer := question.answer
		if answer.Skipped == "" {
			document, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []statement{question.statement}})
			if err != nil {
				return err
			}
			err = t.Registry.SetPolicy(ctx, t.Repository, string(document))
			switch {
			case errors.Is(err, registry.ErrRejected):
				answer.Rejected = answerText(err)
			case err != nil:
				return err
			}
		}
		r.Answers = append(r.Answers, answer)
	}
	return nil
}

// answerText returns the error that ECR returned, without what the call was.
func answerText(err error) string {
	if answer, ok := awsclient.Returned(err); ok {
		return "rejected: " + answer.ErrorCode() + ": " + answer.ErrorMessage()
	}
	return awsclient.ErrorText(err)
}

func skipIfNone(values []string, what string) string {
	if len(values) == 0 {
		return "no " + what + " is in the lists"
	}
	return ""
}
