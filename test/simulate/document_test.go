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

// document is the policy of a repository. The simulation parses it without the code under test.
type document struct {
	header    string      // members Version and Id, as JSON text
	unmanaged []string    // unmanaged statements, as compact JSON
	managed   []statement // managed statements, in order
}

// statement is a managed statement, or a forged statement whose Sid is that of a managed one.
type statement struct {
	sid   string
	kind  string // kind in the Sid, such as Accounts; empty if managed statements have no such Sid
	depth int    // depth of the list in the Sid; -1 if managed statements have no such Sid
	list  string // name of the list in the Sid, in the registry policy
	on    texts  // Resource or NotResource and its patterns, in the registry policy
	raw   string // JSON text
	form  string // canonical form, which is equal for statements with the same meaning

	unparsed   bool // the statement can't be parsed, and the fields below have no meaning
	allows     bool // the effect is Allow
	actions    []string
	named      []string // AWS principals other than "*"
	everyone   bool     // the principals include "*"
	services   []string
	conditions map[string]texts // values, by operator and key
	rest       string           // other elements, as JSON text

	grants   grants // grants that a list can specify
	narrowed bool   // other conditions or elements restrict the grants

	unconditional bool // in the registry policy: only Resource and NotResource restrict the grants
}

// grants is a set of descriptions of consumers that can pull, such as "account 111111111111".
type grants map[string]bool

// readDocument parses a policy. The empty text means that there is no policy.
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
		d.header += `"Version":` + string(read.Version) + ","
	}
	if read.ID != nil {
		d.header += `"Id":` + string(read.ID) + ","
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

// text returns the policy as JSON, or "" if it has no statements.
func (d document) text() string {
	if len(d.unmanaged) == 0 && len(d.managed) == 0 {
		return ""
	}
	statements := slices.Clone(d.unmanaged)
	for _, s := range d.managed {
		statements = append(statements, s.raw)
	}
	return "{" + d.header + `"Statement":[` + strings.Join(statements, ",") + "]}"
}

// String returns a description of the document for the trace.
func (d document) String() string {
	var statements []string
	for _, raw := range d.unmanaged {
		statements = append(statements, sidOf(raw))
	}
	for _, s := range d.managed {
		statements = append(statements, s.String())
	}
	return "[" + strings.Join(statements, "; ") + "]"
}

func (s statement) String() string {
	switch {
	case s.isStandard() && s.usesCondition():
		return fmt.Sprintf("%s using a condition: %s", s.sid, s.grants)
	case s.isStandard():
		return fmt.Sprintf("%s: %s", s.sid, s.grants)
	default:
		return s.raw
	}
}

// form returns a canonical form, which is equal for documents whose managed statements have the same meaning.
func (d document) form() string {
	var forms []string
	for _, s := range d.managed {
		forms = append(forms, s.form)
	}
	return strings.Join(forms, "\n")
}

// at returns the managed statements of the list at the given depth.
func (d document) at(depth int) []statement {
	var statements []statement
	for _, s := range d.managed {
		if s.depth == depth {
			statements = append(statements, s)
		}
	}
	return statements
}

// forms returns a canonical form of statements, which doesn't depend on their order.
func forms(statements []statement) string {
	var all []string
	for _, s := range statements {
		all = append(all, s.form)
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// grantsByList returns the grants of a document, each with the depth of its list.
func (d document) grantsByList() grants {
	all := grants{}
	for _, s := range d.managed {
		for grant := range s.grants {
			all[fmt.Sprintf("%s at depth %d", grant, s.depth)] = true
		}
	}
	return all
}

// sorted returns the grants in alphabetical order, so that a seed always produces the same trace.
func (g grants) sorted() []string { return slices.Sorted(maps.Keys(g)) }

func (g grants) String() string { return strings.Join(g.sorted(), ", ") }

// texts is a list of strings, which JSON can also represent as a single string.
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
			return fmt.Errorf("%s: null isn't a string", data)
		}
		*t = append(*t, *element)
	}
	return nil
}

var (
	sidForm   = regexp.MustCompile(`^EcrPullPolicy(Accounts|Principals|Organizations|OrganizationalUnits|Lambda|LambdaOrganizations|LambdaOrganizationalUnits)(|[1-9]\d*)$`)
	accountID = regexp.MustCompile(`^\d{12}$`)
	rootARN   = regexp.MustCompile(`^arn:aws:iam::(\d{12}):root$`)
	roleARN   = regexp.MustCompile(`^arn:aws:iam::\d{12}:role/[a-z/-]+$`)
	function  = regexp.MustCompile(`^arn:aws:lambda:` + region + `:(\d{12}):function:\*$`)
	orgID     = regexp.MustCompile(`^(o-[a-z0-9]{10})$`)
	unitPath  = regexp.MustCompile(`^(o-[a-z0-9]{10}/r-ab12/ou-ab12-\d{8}/\*)$`)
)

// The conditions that match the consumers, for each kind of statement.
const (
	accountCondition  = "StringEquals aws:PrincipalAccount"
	roleCondition     = "ArnEquals aws:PrincipalArn"
	orgCondition      = "StringEquals aws:PrincipalOrgID"
	unitCondition     = "ForAnyValue:StringLike aws:PrincipalOrgPaths"
	functionCondition = "StringLike aws:SourceArn"

	functionOrgCondition  = "StringEquals aws:SourceOrgID"
	functionUnitCondition = "ForAnyValue:StringLike aws:SourceOrgPaths"
	anyFunctionCondition  = "ArnLike aws:SourceArn" // in addition to the other two
)

// conditionOf returns the condition that matches the consumers in statements of a kind, and a function that returns the
// grant for a value of the condition, or "" for an invalid value.
func conditionOf(kind string) (condition string, grant func(value string) string) {
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
		return accountCondition, matching(accountID, "account")
	case "Principals":
		return roleCondition, matching(roleARN, "principal")
	case "Organizations":
		return orgCondition, matching(orgID, "organization")
	case "OrganizationalUnits":
		return unitCondition, matching(unitPath, "unit")
	case "Lambda":
		return functionCondition, matching(function, "functions of")
	case "LambdaOrganizations":
		return functionOrgCondition, matching(orgID, "functions of")
	case "LambdaOrganizationalUnits":
		return functionUnitCondition, matching(unitPath, "functions of")
	}
	return "", func(string) string { return "" }
}

// principalGrant returns the grant for a principal that a statement of a kind names, or "" if no list can specify it.
func principalGrant(kind, arn string) string {
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

// readStatement parses a statement with the Sid prefix of managed statements. Its content can be forged.
func readStatement(raw string) statement {
	s := statement{sid: sidOf(raw), depth: -1, raw: raw, form: raw, unparsed: true, grants: grants{}}
	if parts := sidForm.FindStringSubmatch(s.sid); parts != nil {
		s.kind = parts[1]
		s.depth, _ = strconv.Atoi(parts[2]) // without a number, the depth is 0
	}
	elements := map[string]json.RawMessage{}
	must(json.Unmarshal([]byte(raw), &elements))
	if !s.readElements(elements) {
		return s
	}
	s.unparsed = false
	s.form = fmt.Sprint(s.sid, s.allows, s.everyone, s.named, s.services, s.actions, s.conditions, s.rest)
	s.readGrants()
	return s
}

// readElements parses the elements of a statement, and reports whether it could parse all of them.
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
		case "Resource", "NotResource": // onrepo writes one pattern as a list
			rest[name] = value
			var patterns texts
			if json.Unmarshal(value, &patterns) == nil {
				rest[name] = json.RawMessage(toJSON(sortedUnique(patterns)))
			}
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
		return fmt.Errorf("parse principal %s: %w", value, err)
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
		return fmt.Errorf("parse condition %s: %w", value, err)
	}
	s.conditions = map[string]texts{}
	for operator, keys := range read {
		for key, values := range keys {
			s.conditions[operator+" "+key] = sortedUnique(values)
		}
	}
	return nil
}

// readGrants sets the grants of the statement that a list can specify.
func (s *statement) readGrants() {
	if !s.allows || s.kind == "" || len(s.allowedActions()) == 0 {
		return
	}
	condition, grant := conditionOf(s.kind)
	_, hasCondition := s.conditions[condition]
	conditional := hasCondition && !s.isForLambda() && s.everyone || hasCondition && s.isForLambda() && slices.Contains(s.services, lambdaService)
	more := len(s.conditions)
	if conditional {
		more--
		if s.isForAllFunctions() {
			more--
		}
		for _, value := range s.conditions[condition] {
			s.grants[grant(value)] = true
		}
	} else {
		for _, arn := range s.named {
			s.grants[principalGrant(s.kind, arn)] = true
		}
	}
	delete(s.grants, "") // grants that no list can specify
	s.narrowed = more > 0 || s.rest != ""
}

const lambdaService = "Service lambda.amazonaws.com"

func (s statement) isForLambda() bool { return strings.HasPrefix(s.kind, "Lambda") }

// isForLambdaOfOrganizations reports whether a statement must have a condition on the functions in addition to the one
// on their organization.
func (s statement) isForLambdaOfOrganizations() bool { return s.isForLambda() && s.kind != "Lambda" }

// isForAllFunctions reports whether a statement has the standard condition on the functions, or a wider one, which onrepo
// replaces with it.
func (s statement) isForAllFunctions() bool {
	return s.isForLambdaOfOrganizations() && slices.ContainsFunc(s.conditions[anyFunctionCondition], func(value string) bool {
		return value == functionsOf("*") || value == functionsInAllRegions
	})
}

const functionsInAllRegions = "arn:aws:lambda:*:*:function:*"

// usesCondition reports whether the statement grants access to accounts or roles using a condition.
func (s statement) usesCondition() bool {
	condition, _ := conditionOf(s.kind)
	return (s.kind == "Accounts" || s.kind == "Principals") && s.everyone && len(s.named) == 0 && s.conditions[condition] != nil
}

// isStandard reports whether there is a list that specifies the statement.
func (s statement) isStandard() bool { return s.defect() == "" && !s.narrowed }

// defect returns the reason why the statement isn't valid as a managed statement, or "" if it is valid. An additional
// condition that restricts the grants isn't a defect.
func (s statement) defect() string {
	condition, _ := conditionOf(s.kind)
	forms := 0
	for _, is := range []bool{s.everyone, len(s.named) > 0, len(s.services) > 0} {
		if is {
			forms++
		}
	}
	names := s.named
	if s.everyone || len(s.services) > 0 {
		names = s.conditions[condition]
	}
	switch {
	case s.unparsed:
		return "it can't be parsed"
	case !s.allows:
		return "its effect isn't Allow"
	case s.kind == "":
		return "managed statements have no such Sid"
	case !slices.Equal(s.allowedActions(), s.actions):
		return fmt.Sprintf("some of its actions aren't allowed: %s", s.actions)
	case forms != 1 || len(names) == 0:
		return "it has no principals, or several kinds of principals"
	case len(s.services) > 0 && (!s.isForLambda() || len(s.services) > 1):
		return "it grants access to a service that this kind of statement can't name"
	case s.isForLambdaOfOrganizations() && !slices.Equal(s.conditions[anyFunctionCondition], texts{functionsOf("*")}):
		return "it isn't limited to the functions in the Region"
	case len(s.grants) != len(names):
		return fmt.Sprintf("a list can't specify some of its principals: %s", names)
	}
	return ""
}

func pullActions() []string {
	return []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
}

func lambdaActions() []string { return []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"} }

// allowedActions returns the actions that a managed statement of this kind can allow and that this statement allows.
func (s statement) allowedActions() []string {
	allowed := append(pullActions(), "ecr:DescribeImages", "ecr:DescribeRepositories", "ecr:ListImages",
		"ecr:ListTagsForResource", "ecr:DescribeImageScanFindings", "ecr:GetLifecyclePolicy",
		"ecr:BatchGetRepositoryScanningConfiguration", "ecr:GetRepositoryPolicy", "ecr:BatchImportUpstreamImage",
		"ecr:GetImageCopyStatus")
	if s.isForLambda() {
		allowed = lambdaActions()
	}
	slices.Sort(allowed)
	return slices.DeleteFunc(allowed, func(action string) bool { return !s.hasAction(action) })
}

// hasAction reports whether one of the statement's actions, which can be patterns, matches an action.
func (s statement) hasAction(action string) bool {
	return slices.ContainsFunc(s.actions, func(pattern string) bool {
		matches, err := path.Match(pattern, action)
		return err == nil && matches
	})
}

// covers reports whether the statement gives a consumer at least the access that another statement gives it: all of its
// actions, and no additional conditions.
func (s statement) covers(grant string, other statement) bool {
	condition, value := conditionFor(grant)
	for name, values := range s.conditions {
		others := other.conditions[name]
		if name == condition && len(other.named) == 0 {
			others = texts{value}
		}
		if name == anyFunctionCondition && s.isForAllFunctions() {
			continue
		}
		if len(others) == 0 || slices.ContainsFunc(others, func(v string) bool { return !slices.Contains(values, v) }) {
			return false
		}
	}
	names := s.everyone || slices.ContainsFunc(s.named, func(arn string) bool { return principalGrant("Accounts", arn) == grant }) ||
		strings.HasPrefix(grant, "functions of") && slices.Contains(s.services, lambdaService)
	return s.allows && names && (s.rest == "" || s.rest == other.rest) &&
		!slices.ContainsFunc(other.actions, func(action string) bool { return !s.hasAction(action) })
}

// conditionFor returns the condition that matches the consumer of a grant, and the value of the condition.
func conditionFor(grant string) (condition, value string) {
	word, value, _ := strings.Cut(strings.Replace(grant, "functions of", "functions", 1), " ")
	switch word {
	case "account":
		return accountCondition, value
	case "principal":
		return roleCondition, value
	case "organization":
		return orgCondition, value
	case "unit":
		return unitCondition, value
	}
	switch {
	case unitPath.MatchString(value):
		return functionUnitCondition, value
	case orgID.MatchString(value):
		return functionOrgCondition, value
	default:
		return functionCondition, functionsOf(value)
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

// must panics if err isn't nil. It is for errors that only a defect in the simulation can cause.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
