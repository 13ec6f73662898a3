package simulate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// document is a repository's policy, read without the code that is on trial.
type document struct {
	shell   string      // all but the statements
	foreign []string    // compact
	own     []statement // in order
}

// statement is one of ours.
type statement struct {
	sid    string
	depth  int // of the list that it belongs to; -1 if it belongs to none
	raw    string
	form   string // the same for all statements that mean the same
	grants grants
	wrong  string // why no statement of ours may be so
}

// grants are who may pull, in words: "account 111111111111".
type grants map[string]bool

// readDocument reads a policy that somebody made sure is one.
func readDocument(text string) document {
	if text == "" {
		return document{}
	}
	var read struct {
		Version, ID json.RawMessage
		Statement   []json.RawMessage
	}
	must(json.Unmarshal([]byte(text), &read))
	var d document
	if read.Version != nil {
		d.shell += `"Version":` + string(read.Version) + ","
	}
	if read.ID != nil {
		d.shell += `"Id":` + string(read.ID) + ","
	}
	for _, raw := range read.Statement {
		compact := compacted(raw)
		if strings.HasPrefix(sidOf(compact), policy.SidPrefix) {
			d.own = append(d.own, readStatement(compact))
		} else {
			d.foreign = append(d.foreign, compact)
		}
	}
	return d
}

func (d document) text() string {
	if len(d.foreign) == 0 && len(d.own) == 0 {
		return ""
	}
	statements := slices.Clone(d.foreign)
	for _, s := range d.own {
		statements = append(statements, s.raw)
	}
	return "{" + d.shell + `"Statement":[` + strings.Join(statements, ",") + "]}"
}

// String is what a trace shows of a document.
func (d document) String() string {
	var said []string
	for _, raw := range d.foreign {
		said = append(said, sidOf(raw))
	}
	for _, s := range d.own {
		said = append(said, fmt.Sprintf("%s: %s", s.sid, s.grants))
	}
	return "[" + strings.Join(said, "; ") + "]"
}

// form is the same for documents whose statements of ours mean the same.
func (d document) form() string {
	var forms []string
	for _, s := range d.own {
		forms = append(forms, s.form)
	}
	return strings.Join(forms, "\n")
}

func (d document) grants() grants {
	all := grants{}
	for _, s := range d.own {
		all.add(s.grants)
	}
	return all
}

func (g grants) add(more grants) {
	for who := range more {
		g[who] = true
	}
}

// within tells whether all of the grants are among others.
func (g grants) within(others grants) bool {
	for who := range g {
		if !others[who] {
			return false
		}
	}
	return true
}

// sorted returns the grants in order, so that what comes of them is the same every time.
func (g grants) sorted() []string {
	all := make([]string, 0, len(g))
	for who := range g {
		all = append(all, who)
	}
	slices.Sort(all)
	return all
}

func (g grants) String() string { return strings.Join(g.sorted(), ", ") }

// texts is one string or a list of them.
type texts []string

func (t *texts) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(t))
}

var (
	sidForm  = regexp.MustCompile(`^EcrPullPolicy(Accounts|Principals|Organizations|OrganizationalUnits|Lambda)(\d*)$`)
	rootARN  = regexp.MustCompile(`^arn:aws:iam::(\d{12}):root$`)
	roleARN  = regexp.MustCompile(`^arn:aws:iam::\d{12}:role/`)
	function = regexp.MustCompile(`^arn:aws:lambda:` + region + `:(\d{12}):function:\*$`)
)

func sidOf(statement string) string {
	var read struct{ Sid string }
	must(json.Unmarshal([]byte(statement), &read))
	return read.Sid
}

// readStatement reads a statement of ours.
func readStatement(raw string) statement {
	var read struct {
		Sid, Effect string
		Principal   json.RawMessage
		Action      texts
		Condition   map[string]map[string]texts
	}
	must(json.Unmarshal([]byte(raw), &read))
	s := statement{sid: read.Sid, depth: -1, raw: raw, grants: grants{}}
	if parts := sidForm.FindStringSubmatch(s.sid); parts != nil {
		s.depth, _ = strconv.Atoi(parts[2]) // none is 0
	}
	var principal map[string]texts
	everyone := string(read.Principal) == `"*"`
	if !everyone {
		must(json.Unmarshal(read.Principal, &principal))
	}
	conditions := map[string]texts{}
	for operator, keys := range read.Condition {
		for key, values := range keys {
			conditions[operator+" "+key] = values
			slices.Sort(values)
		}
	}
	slices.Sort(read.Action)
	slices.Sort(principal["AWS"])
	s.form = fmt.Sprint(s.sid, read.Effect, everyone, principal, read.Action, conditions)

	switch pull := isPull(read.Action); {
	case read.Effect != "Allow":
		s.wrong = "it doesn't allow"
	case !pull:
		s.wrong = fmt.Sprintf("it allows %s", read.Action)
	case everyone:
		s.wrong = s.grants.underCondition(conditions)
	case len(principal["AWS"]) > 0 && len(principal) == 1 && len(conditions) == 0:
		s.wrong = s.grants.toPrincipals(principal["AWS"])
	case fmt.Sprint(principal) == "map[Service:[lambda.amazonaws.com]]" && len(conditions) == 1:
		s.wrong = s.grants.toFunctions(conditions["StringLike aws:SourceArn"])
	default:
		s.wrong = "no statement of ours is like that"
	}
	return s
}

// isPull tells whether the actions are of the pull side: all that the worlds of the simulation need.
func isPull(actions []string) bool {
	pull := []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:DescribeImages", "ecr:GetDownloadUrlForLayer"}
	return len(actions) > 0 && !slices.ContainsFunc(actions, func(a string) bool { return !slices.Contains(pull, a) })
}

func (g grants) toPrincipals(arns []string) (wrong string) {
	for _, arn := range arns {
		if !rootARN.MatchString(arn) && !roleARN.MatchString(arn) {
			return arn + " is no principal"
		}
		g[grantTo(arn)] = true
	}
	return ""
}

// underCondition is for statements that name everyone.
func (g grants) underCondition(conditions map[string]texts) (wrong string) {
	accounts := conditions["StringEquals aws:PrincipalAccount"]
	if arns := conditions["ArnEquals aws:PrincipalArn"]; len(arns) > 0 && len(accounts) > 0 && len(conditions) == 2 {
		return g.toPrincipals(arns)
	}
	if len(conditions) != 1 {
		return "everyone may pull"
	}
	organizations := conditions["StringEquals aws:PrincipalOrgID"]
	units := conditions["ForAnyValue:StringLike aws:PrincipalOrgPaths"]
	for _, id := range accounts {
		g["account "+id] = true
	}
	for _, id := range organizations {
		g["organization "+id] = true
	}
	for _, path := range units {
		g["unit "+path] = true
	}
	if len(g) == 0 {
		return "everyone may pull"
	}
	return ""
}

func (g grants) toFunctions(patterns []string) (wrong string) {
	for _, pattern := range patterns {
		parts := function.FindStringSubmatch(pattern)
		if parts == nil {
			return pattern + " pins no account"
		}
		g["functions of "+parts[1]] = true
	}
	if len(g) == 0 {
		return "any function may pull"
	}
	return ""
}

// grantTo says what a principal is granted, given by its ARN or as an account ID.
func grantTo(principal string) string {
	switch parts := rootARN.FindStringSubmatch(principal); {
	case parts != nil:
		return "account " + parts[1]
	case strings.HasPrefix(principal, "arn:"):
		return "principal " + principal
	default:
		return "account " + principal
	}
}

func compacted(raw []byte) string {
	var buffer bytes.Buffer
	must(json.Compact(&buffer, raw))
	return buffer.String()
}

// must is for what cannot go wrong but by a mistake in the simulation.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
