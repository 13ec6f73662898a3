package simulate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// forge returns the managed statements of a policy after someone has added, replaced, or edited some of them and kept
// the Sid prefix of managed statements.
func (w *world) forge(managed []statement) []statement {
	w.counted["forged statements"]++
	switch w.rand.IntN(4) {
	case 0:
		return []statement{w.forgedStatement()}
	case 1:
		return append(slices.Clone(managed), w.forgedStatement())
	case 2:
		if len(managed) > 0 { // duplicate a statement
			return append(slices.Clone(managed), pick(w, managed...))
		}
		return []statement{w.forgedStatement(), w.forgedStatement()}
	default:
		edited := slices.Clone(managed)
		if len(edited) == 0 {
			edited = []statement{w.forgedStatement()}
		}
		i := w.rand.IntN(len(edited))
		edited[i] = w.editStatement(edited[i])
		return edited
	}
}

// forgedStatement returns a statement with a Sid of managed statements. In most cases, no list specifies such a
// statement.
func (w *world) forgedStatement() statement {
	const (
		pull   = `"Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]`
		other  = `"Principal":{"AWS":["arn:aws:iam::666666666666:root"]}`
		anyone = `"Effect":"Allow","Principal":"*",` + pull

		service = `"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},` + pull
	)
	content := pick(w,
		// principals that the lists don't contain
		`"Effect":"Allow",`+other+`,`+pull,
		anyone+`,"Condition":{"StringEquals":{"aws:PrincipalAccount":["111111111111","666666666666"]}}`,
		`"Effect":"Allow","Principal":{"AWS":"666666666666"},`+pull,
		anyone,
		anyone+`,"Condition":{"StringLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/*"}}`,
		`"Effect":"Allow","Principal":{"AWS":["*","111111111111"],"Federated":"example.com"},`+pull,
		`"Effect":"Allow","Principal":{"Service":["lambda.amazonaws.com","ecs.amazonaws.com"]},`+pull,
		// Lambda on behalf of functions of an organization or OU, and of too many functions
		service+`,"Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:lambda:`+region+`:*:function:*"},"StringEquals":{"aws:SourceOrgID":["o-a1b2c3d4e5","o-zzzzzzzzzz"]}}`,
		service+`,"Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:lambda:`+region+`:*:function:*"},"ForAnyValue:StringLike":{"aws:SourceOrgPaths":"o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/*"}}`,
		service+`,"Condition":{"ArnLike":{"aws:SourceArn":"`+functionsInAllRegions+`"},"StringEquals":{"aws:SourceOrgID":"o-a1b2c3d4e5"}}`,
		service+`,"Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:lambda:`+region+`:*:function:*"}}`,
		service+`,"Condition":{"StringEquals":{"aws:SourceOrgID":"o-a1b2c3d4e5"}}`,
		service+`,"Condition":{"ForAnyValue:StringLike":{"aws:SourceOrgPaths":"o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/*"}}`,
		// unique IDs
		`"Effect":"Allow","Principal":{"AWS":["`+uniqueID+`","111111111111"]},`+pull,
		anyone+`,"Condition":{"ArnEquals":{"aws:PrincipalArn":"`+uniqueID+`"}}`,
		anyone+`,"Condition":{"ArnEquals":{"aws:PrincipalArn":["`+uniqueID+`","arn:aws:iam::444444444444:role/team/deploy"]}}`,
		// other actions
		`"Effect":"Allow","Principal":"*","Action":"ecr:*"`,
		`"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":["ecr:*"]`,
		`"Effect":"Allow",`+other+`,"Action":"ecr:PutImage"`,
		// conditions
		`"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111111111111:root","arn:aws:iam::444444444444:role/team/deploy"]},`+pull+`,"Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`,
		anyone+`,"Condition":{"StringEquals":{"aws:PrincipalAccount":"111111111111"},"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::444444444444:role/team/deploy"}}`,
		anyone+`,"Condition":{"StringNotEquals":{"aws:PrincipalAccount":"111111111111"}}`,
		`"Effect":"Allow","Principal":{"AWS":"111111111111"},`+pull+`,"Resource":"*"`,
		// negations
		`"Effect":"Deny","Principal":"*","Action":"ecr:*"`,
		`"Effect":"Allow","NotPrincipal":{"AWS":"111111111111"},`+pull,
		`"Effect":"Allow","Principal":"*","NotAction":"ecr:PutImage"`,
		// malformed
		`"Effect":"Allow","Principal":1,"Action":2,"Condition":3`,
		`"Effect":null,"Principal":null,"Action":null,"Condition":null`,
		`"Effect":"Allow","Principal":{"AWS":[]},"Action":[],"Condition":{"StringEquals":{}}`,
		`"Effect":"Maybe","Principal":{"AWS":[null]},"Action":["ecr:BatchGetImage",7]`,
		`"Note":"nothing"`,
		// a statement that a list can specify
		anyone+`,"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-zzzzzzzzzz"}}`,
	)
	kind := pick(w, "Accounts", "Accounts", "Accounts", "Principals", "Principals", "Organizations", "OrganizationalUnits", "Lambda", "LambdaOrganizations", "LambdaOrganizations", "LambdaOrganizationalUnits", "Other", "")
	depth := pick(w, "", "", "", "1", "1", "2", "3", "9", "01")
	return readStatement(`{"Sid":"EcrPullPolicy` + kind + depth + `",` + content + `}`)
}

// uniqueID is the unique ID of a deleted role. IAM replaces the ARN of a deleted role in a policy with its unique ID.
const uniqueID = "AROAEXAMPLEEXAMPLEEX"

// editStatement returns a statement with one edit: an additional action, principal, or condition, or fewer actions.
func (w *world) editStatement(s statement) statement {
	if s.unparsed {
		return s
	}
	var elements map[string]any
	must(json.Unmarshal([]byte(s.raw), &elements))
	switch w.rand.IntN(4) {
	case 0:
		elements["Action"] = append(slices.Clone(s.actions), "ecr:PutImage")
	case 1:
		elements["Principal"] = map[string]any{"AWS": append(slices.Clone(s.named), pick(w, "666666666666", uniqueID, "222222222222"))}
	case 2:
		conditions := map[string]any{"IpAddress": map[string]any{"aws:SourceIp": "192.0.2.0/24"}}
		if had, ok := elements["Condition"].(map[string]any); ok {
			maps.Copy(conditions, had)
		}
		elements["Condition"] = conditions
	case 3:
		elements["Action"] = s.actions[:len(s.actions)/2]
	}
	return readStatement(toJSON(elements))
}

// leaveUniqueID replaces the ARN of a deleted role in all policies with a unique ID, as IAM does.
func (w *world) leaveUniqueID(role string) {
	for _, name := range w.repositoryNames {
		r := w.repositories[name]
		d := r.document
		d.managed = slices.Clone(d.managed)
		for i, s := range d.managed {
			if slices.Contains(s.named, role) && !s.everyone {
				d.managed[i] = readStatement(strings.Replace(s.raw, fmt.Sprintf("%q", role), fmt.Sprintf("%q", uniqueID), 1))
			}
		}
		if !r.exists || d.form() == r.document.form() {
			continue
		}
		w.note("IAM replaces the ARN of a role in the policy of %s: %s", name, d)
		w.cloud.SetPolicy(name, d.text())
		r.setDocument(w, d)
		r.tampered, r.needsSchedule = true, true
	}
}
