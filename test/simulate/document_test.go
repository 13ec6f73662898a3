package simulate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// document is a repository's policy, read without the code under test.
type document struct {
	shell     string      // all but the statements
	unmanaged []string    // compact
	managed   []statement // in order
}

// statement is a managed statement, or one that is forged in the name of managed ones.
type statement struct {
	sid   string
	kind  string // as the Sid says; empty if no list has such statements
	depth int    // of the list that it belongs to; -1 if it belongs to none
	raw   string
	form  string // the same for all statements with the same meaning

	unclear    bool // the fields below say nothing
	allows     bool
	actions    []string
	named      []string // AWS principals other than all of them
	everyone   bool     // all AWS principals
	services   []string
	conditions map[string]texts // values by operator and key
	rest       string           // other elements

	grants   grants // what a list could have granted
	narrowed bool   // something more than a list's test restricts the grants
}

// grants are principals that can pull, in words: "account 111111111111".
type grants map[string]bool

// readDocument reads a policy, or the empty text that stands for none.
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
			d.managed = append(d.managed, readStatement(compact))
		} else {
			d.unmanaged = append(d.unmanaged, compact)
		}
	}
	return d
}

func (d document) text() string {
	if len(d.unmanaged) == 0 && len(d.managed) == 0 {
		return ""
	}
	statements := slices.Clone(d.unmanaged)
	for _, s := range d.managed {
		statements = append(statements, s.raw)
	}
	return "{" + d.shell + `"Statement":[` + strings.Join(statements, ",") + "]}"
}

// String is what a trace shows of a document.
func (d document) String() string {
	var said []string
	for _, raw := range d.unmanaged {
		said = append(said, sidOf(raw))
	}
	for _, s := range d.managed {
		said = append(said, s.String())
	}
	return "[" + strings.Join(said, "; ") + "]"
}

func (s statement) String() string {
	switch {
	case s.isStandard() && s.isByCondition():
		return fmt.Sprintf("%s by condition: %s", s.sid, s.grants)
	case s.isStandard():
		return fmt.Sprintf("%s: %s", s.sid, s.grants)
	default:
		return s.raw
	}
}

// form is the same for documents whose managed statements have the same meaning.
func (d document) form() string {
	var forms []string
	for _, s := range d.managed {
		forms = append(forms, s.form)
	}
	return strings.Join(forms, "\n")
}

// at returns the managed statements of the list at a depth.
func (d document) at(depth int) []statement {
	var statements []statement
	for _, s := range d.managed {
		if s.depth == depth {
			statements = append(statements, s)
		}
	}
	return statements
}

// forms is the same for statements with the same meaning, in whatever order.
func forms(statements []statement) string {
	var all []string
	for _, s := range statements {
		all = append(all, s.form)
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// byList returns what a document grants, each with the depth of the list that it comes from.
func (d document) byList() grants {
	all := grants{}
	for _, s := range d.managed {
		for who := range s.grants {
			all[fmt.Sprintf("%s at depth %d", who, s.depth)] = true
		}
	}
	return all
}

// sorted returns the grants in order, so that what comes of them is the same every time.
func (g grants) sorted() []string { return slices.Sorted(maps.Keys(g)) }

func (g grants) String() string { return strings.Join(g.sorted(), ", ") }

// texts is one string or a list of them.
type texts []string

func (t *texts) UnmarshalJSON(data []byte) error {
	var one *string
	if json.Unmarshal(data, &one) == nil && one != nil {
		*t = texts{*one}
		return nil
	}
	var many []*string
	if err := json.Unmarshal(data, &many); err != nil {
		return err
	}
	*t = texts{}
	for _, element := range many {
		if element == nil {
			return fmt.Errorf("%s: null is no text", data)
		}
		*t = append(*t, *element)
	}
	return nil
}

var (
	sidForm   = regexp.MustCompile(`^EcrPullPolicy(Accounts|Principals|Organizations|OrganizationalUnits|Lambda)(|[1-9]\d*)$`)
	accountID = regexp.MustCompile(`^\d{12}$`)
	rootARN   = regexp.MustCompile(`^arn:aws:iam::(\d{12}):root$`)
	roleARN   = regexp.MustCompile(`^arn:aws:iam::\d{12}:role/[a-z/-]+$`)
	function  = regexp.MustCompile(`^arn:aws:lambda:` + region + `:(\d{12}):function:\*$`)
	orgID     = regexp.MustCompile(`^o-[a-z0-9]{10}$`)
	unitPath  = regexp.MustCompile(`^o-[a-z0-9]{10}/r-ab12/ou-ab12-\d{8}/\*$`)
)

// The conditions by which the statements of a kind tell their consumers from all others.
const (
	accountTest  = "StringEquals aws:PrincipalAccount"
	roleTest     = "ArnEquals aws:PrincipalArn"
	orgTest      = "StringEquals aws:PrincipalOrgID"
	unitTest     = "ForAnyValue:StringLike aws:PrincipalOrgPaths"
	functionTest = "StringLike aws:SourceArn"
)

// testOf returns the condition of a kind, and what each of its values grants.
func testOf(kind string) (test string, grant func(value string) string) {
	matching := func(form *regexp.Regexp, word string) func(string) string {
		return func(value string) string {
			parts := form.FindStringSubmatch(value)
			if parts == nil {
				return ""
			}
			return word + " " + parts[len(parts)-1]
		}
	}
	switch kind {
	case "Accounts":
		return accountTest, matching(accountID, "account")
	case "Principals":
		return roleTest, matching(roleARN, "principal")
	case "Organizations":
		return orgTest, matching(orgID, "organization")
	case "OrganizationalUnits":
		return unitTest, matching(unitPath, "unit")
	case "Lambda":
		return functionTest, matching(function, "functions of")
	}
	return "", func(string) string { return "" }
}

// byName returns what a principal of a statement of a kind grants.
func byName(kind, arn string) string {
	switch root := rootARN.FindStringSubmatch(arn); {
	case kind == "Accounts" && root != nil:
		return "account " + root[1]
	case (kind == "Accounts" || kind == "Principals") && roleARN.MatchString(arn):
		return "principal " + arn
	}
	return ""
}

func sidOf(statement string) string {
	var read struct{ Sid string }
	must(json.Unmarshal([]byte(statement), &read))
	return read.Sid
}

// readStatement reads a managed statement, whatever is in it.
func readStatement(raw string) statement {
	s := statement{sid: sidOf(raw), depth: -1, raw: raw, form: raw, unclear: true, grants: grants{}}
	if parts := sidForm.FindStringSubmatch(s.sid); parts != nil {
		s.kind = parts[1]
		s.depth, _ = strconv.Atoi(parts[2]) // none is 0
	}
	elements := map[string]json.RawMessage{}
	must(json.Unmarshal([]byte(raw), &elements))
	if !s.readElements(elements) {
		return s
	}
	s.unclear = false
	s.form = fmt.Sprint(s.sid, s.allows, s.everyone, s.named, s.services, s.actions, s.conditions, s.rest)
	s.readGrants()
	return s
}

// readElements reports whether the statement can be understood.
func (s *statement) readElements(elements map[string]json.RawMessage) (ok bool) {
	for _, needed := range []string{"Effect", "Principal", "Action"} {
		if elements[needed] == nil {
			return false
		}
	}
	rest := map[string]json.RawMessage{}
	for name, value := range elements {
		var err error
		switch name {
		case "Sid":
		case "Effect":
			s.allows = string(value) == `"Allow"`
			ok = s.allows || string(value) == `"Deny"`
		case "Principal":
			err = s.readPrincipal(value)
		case "Action":
			err = json.Unmarshal(value, (*texts)(&s.actions))
			s.actions = sortedUnique(s.actions)
		case "Condition":
			err = s.readConditions(value)
		case "NotPrincipal", "NotAction":
			return false
		default:
			rest[name] = value
		}
		if err != nil {
			return false
		}
	}
	if len(rest) > 0 {
		s.rest = toJSON(rest)
	}
	return ok
}

func (s *statement) readPrincipal(value json.RawMessage) error {
	if string(value) == `"*"` {
		s.everyone = true
		return nil
	}
	var principals map[string]texts
	if err := json.Unmarshal(value, &principals); err != nil || principals == nil {
		return fmt.Errorf("%s is no principal: %w", value, err)
	}
	for _, one := range principals["AWS"] {
		switch {
		case one == "*":
			s.everyone = true
		case accountID.MatchString(one):
			s.named = append(s.named, "arn:aws:iam::"+one+":root")
		default:
			s.named = append(s.named, one)
		}
	}
	s.named = sortedUnique(s.named)
	delete(principals, "AWS")
	for kind, names := range principals {
		for _, name := range names {
			s.services = append(s.services, kind+" "+name)
		}
	}
	s.services = sortedUnique(s.services)
	return nil
}

func (s *statement) readConditions(value json.RawMessage) error {
	var read map[string]map[string]texts
	if err := json.Unmarshal(value, &read); err != nil || read == nil {
		return fmt.Errorf("%s is no condition: %w", value, err)
	}
	s.conditions = map[string]texts{}
	for operator, keys := range read {
		for key, values := range keys {
			s.conditions[operator+" "+key] = sortedUnique(values)
		}
	}
	return nil
}

// readGrants finds what a list could have granted by the statement.
func (s *statement) readGrants() {
	if !s.allows || s.kind == "" || len(s.allowedActions()) == 0 {
		return
	}
	test, grant := testOf(s.kind)
	_, tested := s.conditions[test]
	byTest := tested && s.kind != "Lambda" && s.everyone || tested && s.kind == "Lambda" && slices.Contains(s.services, lambdaService)
	more := len(s.conditions)
	if byTest {
		more--
		for _, value := range s.conditions[test] {
			s.grants[grant(value)] = true
		}
	} else {
		for _, arn := range s.named {
			s.grants[byName(s.kind, arn)] = true
		}
	}
	delete(s.grants, "") // what no list could have granted
	s.narrowed = more > 0 || s.rest != ""
}

const lambdaService = "Service lambda.amazonaws.com"

// isByCondition reports whether accounts or roles are granted without being named.
func (s statement) isByCondition() bool {
	test, _ := testOf(s.kind)
	return (s.kind == "Accounts" || s.kind == "Principals") && s.everyone && len(s.named) == 0 && s.conditions[test] != nil
}

// isStandard reports whether some list could have made the statement.
func (s statement) isStandard() bool { return s.wrong() == "" && !s.narrowed }

// wrong says why no managed statement can be as it is. A condition that narrows it is not wrong.
func (s statement) wrong() string {
	test, _ := testOf(s.kind)
	forms := 0
	for _, is := range []bool{s.everyone, len(s.named) > 0, len(s.services) > 0} {
		if is {
			forms++
		}
	}
	names := s.named
	if s.everyone || len(s.services) > 0 {
		names = s.conditions[test]
	}
	switch {
	case s.unclear:
		return "its meaning isn't clear"
	case !s.allows:
		return "it doesn't allow"
	case s.kind == "":
		return "no list has such statements"
	case !slices.Equal(s.allowedActions(), s.actions):
		return fmt.Sprintf("it allows %s", s.actions)
	case forms != 1 || len(names) == 0:
		return "it doesn't say who can pull"
	case len(s.services) > 0 && (s.kind != "Lambda" || len(s.services) > 1):
		return "services can pull"
	case len(s.grants) != len(names):
		return fmt.Sprintf("no list names some of %s", names)
	}
	return ""
}

func pullActions() []string {
	return []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
}

func lambdaActions() []string { return []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"} }

// allowedActions returns the actions of the statement that may be allowed: those of the pull-side allow-list.
func (s statement) allowedActions() []string {
	allowed := append(pullActions(), "ecr:DescribeImages", "ecr:DescribeRepositories", "ecr:ListImages",
		"ecr:ListTagsForResource", "ecr:DescribeImageScanFindings", "ecr:GetLifecyclePolicy",
		"ecr:BatchGetRepositoryScanningConfiguration", "ecr:GetRepositoryPolicy", "ecr:BatchImportUpstreamImage",
		"ecr:GetImageCopyStatus")
	if s.kind == "Lambda" {
		allowed = lambdaActions()
	}
	slices.Sort(allowed)
	return slices.DeleteFunc(allowed, func(action string) bool { return !s.hasAction(action) })
}

func (s statement) hasAction(action string) bool {
	return slices.ContainsFunc(s.actions, func(pattern string) bool {
		matches, err := path.Match(pattern, action)
		return err == nil && matches
	})
}

// covers reports whether the statement lets a principal do all that another one does, under the same conditions or
// less.
func (s statement) covers(who string, other statement) bool {
	test, value := testFor(who)
	for name, values := range s.conditions {
		others := other.conditions[name]
		if name == test && len(other.named) == 0 {
			others = texts{value}
		}
		if len(others) == 0 || slices.ContainsFunc(others, func(v string) bool { return !slices.Contains(values, v) }) {
			return false
		}
	}
	names := s.everyone || slices.ContainsFunc(s.named, func(arn string) bool { return byName("Accounts", arn) == who }) ||
		test == functionTest && slices.Contains(s.services, lambdaService)
	return s.allows && names && (s.rest == "" || s.rest == other.rest) &&
		!slices.ContainsFunc(other.actions, func(action string) bool { return !s.hasAction(action) })
}

// testFor returns the condition by which a principal is granted, and its value.
func testFor(who string) (test, value string) {
	word, value, _ := strings.Cut(strings.Replace(who, "functions of", "functions", 1), " ")
	switch word {
	case "account":
		return accountTest, value
	case "principal":
		return roleTest, value
	case "organization":
		return orgTest, value
	case "unit":
		return unitTest, value
	default:
		return functionTest, functionsOf(value)
	}
}

func functionsOf(account string) string {
	return "arn:aws:lambda:" + region + ":" + account + ":function:*"
}

func sortedUnique(values []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(values)))
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
