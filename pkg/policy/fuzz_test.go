package policy_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// The fuzz targets check the rules with readers of their own, which share
// nothing with the package.

const everyKind = "111111111111,arn:aws:iam::333333333333:role/team/deploy o-a1b2c3d4e5\no-a1b2c3d4e5/r-ab12/ou-ab12-11111111/*"

// fuzzStandard makes a standard of a few bits.
func fuzzStandard(bits uint8) policy.Standard {
	s := standard(policy.GrantPrincipal)
	if bits&1 != 0 {
		s.Style = policy.GrantCondition
	}
	s.Lambda = bits&2 != 0
	if bits&4 != 0 {
		s.ExtraActions = []string{"ecr:ListImages"}
	}
	return s
}

// mergeBits merges lists into the policy that a few bits say: of a repository or
// of the registry, at either level.
func mergeBits(s policy.Standard, existing string, l []*policy.Consumers, bits uint8) (policy.Change, error) {
	if bits&16 != 0 {
		s.Level = policy.LevelRegistry
	}
	if bits&32 == 0 {
		return merge(s, existing, lists(l...))
	}
	listed := lists(l...)
	for i := range listed {
		listed[i].Namespace = strings.TrimSuffix(strings.Repeat("a-b/", i), "/")
	}
	return mergeRegistry(s, existing, listed...)
}

// fuzzLists makes the lists of a path; a text that is no list is a nil one.
func fuzzLists(texts ...string) []*policy.Consumers {
	var l []*policy.Consumers
	for _, text := range texts {
		list, err := policy.ParseList(text, registry)
		if err != nil {
			l = append(l, nil)
			continue
		}
		l = append(l, &list.Consumers)
	}
	return l
}

func addDocuments(add func(existing string)) {
	own := statement("Accounts", `{"AWS":"111111111111"}`, pull, "")
	add("")
	add(document())
	add(document(unmanaged()...))
	add(document(own, `{"Sid":"Other"}`))
	add(document(own, own, statement("Accounts1", `"*"`, pull, "")))
	add(`{"Statement":` + own + `,"Version":"2008-10-17"}`)
	add(`{"Statement":{"Sid":"Other"},"Statement":[]}`)
	add(document(statement("Organizations", `{"AWS":["*"]}`, strings.ToLower(pull), organizations)))
	add(document(statement("Organizations", `"*"`, pull, `{"stringequals":{"AWS:PRINCIPALORGID":"o-a1b2c3d4e5"}}`)))
	add(document(statement("OrganizationalUnits", `"*"`, pull, units)))
	add(document(statement("Lambda", service, lambda, sources)))
	add(document(statement("LambdaOrganizations", service, lambda, sourceOrganizations)))
	add(document(statement("LambdaOrganizationalUnits", service, `"ecr:*"`, strings.Replace(sourceUnits, "eu-west-1", "*", 1))))
	add(document(statement("LambdaOrganizations", service, lambda, `{"StringEquals":{"aws:SourceOrgID":["o-a1b2c3d4e5"]}}`)))
	add(document(byAccount("Accounts", []string{"111111111111"}, "*"), byAccount("AccountsInaDashb", []string{"222222222222"}, "*", "a-b")))
	add(document(strings.Replace(byAccount("AccountsIna", []string{"111111111111"}, "a*"), `"Resource"`, `"NotResource"`, 1), statement("Lambda", service, lambda+`,"Resource":"*"`, sources)))
	add(document(`{"Sid":"` + strings.Repeat("x", 9900) + `"}`))
	add("{ } x")
}

func FuzzUnmanagedStatementsSurvive(f *testing.F) {
	for _, raw := range unmanaged() {
		f.Add([]byte(raw), everyKind, uint8(7))
	}
	f.Add([]byte(` { "Sid" : "EcrPullPolicy" } `), "none", uint8(0))
	f.Add([]byte(`{"Sid":"EcrPullPolicyAccounts","sid":[ 1 , 2 ]}`), "", uint8(1))
	f.Fuzz(func(t *testing.T, raw []byte, list string, bits uint8) {
		if len(raw) > 5000 {
			return // the limit is another test's subject
		}
		var compact bytes.Buffer
		if json.Compact(&compact, raw) != nil {
			return
		}
		want := []string{`{"Sid":"First"}`}
		if !isManaged(compact.Bytes()) {
			want = append(want, compact.String())
		}
		want = append(want, `-0`)

		// The account list's statements differ, so that there is a change.
		existing := document(`{"Sid":"First"}`, grant("Old", "111111111111"), string(raw), `-0`)
		change, err := merge(fuzzStandard(bits), existing, lists(fuzzLists(list)...))
		if isSizeError(err) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if !change.Changed {
			t.Fatal("not changed")
		}
		var got []string
		for _, element := range elements(t, change.Document) {
			if !isManaged(element) {
				got = append(got, string(element))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}

func FuzzMergeTwiceChangesNothing(f *testing.F) {
	addDocuments(func(existing string) {
		f.Add(existing, everyKind, "none", uint8(7))
		f.Add(existing, "111111111111", "?", uint8(0))
		f.Add(existing, "?", everyKind, uint8(1))
		f.Add(existing, everyKind, "?", uint8(16))
		f.Add(existing, "?", everyKind, uint8(32))
		f.Add(existing, "111111111111", everyKind, uint8(48))
	})
	f.Fuzz(func(t *testing.T, existing, list, namespaced string, bits uint8) {
		s, l := fuzzStandard(bits), fuzzLists(list, namespaced)
		first, err := mergeBits(s, existing, l, bits)
		if err != nil {
			return
		}
		second, err := mergeBits(s, first.Document, l, bits)
		if want := (policy.Change{Document: first.Document}); err != nil || !reflect.DeepEqual(second, want) {
			t.Errorf("first %+v\nsecond %+v, %v", first, second, err)
		}
	})
}

func FuzzMergeGrantsOnlyPullToTheList(f *testing.F) {
	addDocuments(func(existing string) {
		f.Add(existing, everyKind, "none", uint8(7))
		f.Add(existing, "222222222222", "arn:aws:iam::333333333333:user/eve", uint8(6))
		f.Add(existing, everyKind, "222222222222", uint8(48))
	})
	f.Fuzz(func(t *testing.T, existing, list, namespaced string, bits uint8) {
		s, l := fuzzStandard(bits), fuzzLists(list, namespaced)
		if slices.Contains(l, nil) {
			return
		}
		change, err := mergeBits(s, existing, l, bits)
		if err != nil || change.Document == "" {
			return
		}
		for _, element := range elements(t, change.Document) {
			if isManaged(element) {
				checkGrant(t, element, l)
			}
		}
	})
}

// Whatever is in the statements of a list that can't be used, what is left of
// them grants pull to consumers that a list can name.
func FuzzUnusableListKeepsOnlyPull(f *testing.F) {
	addDocuments(func(existing string) { f.Add(existing, uint8(7)); f.Add(existing, uint8(8)) })
	for _, own := range []string{
		statement("Accounts", `{"AWS":["*","111111111111","AROAEXAMPLEEXAMPLE123"],"Service":"x"}`, `["ecr:*"]`, ""),
		statement("Principals", `"*"`, pull, `{"ArnEquals":{"aws:PrincipalArn":["AROAEXAMPLEEXAMPLE123","arn:aws:iam::333333333333:role/${x}/y"]}}`),
		statement("Accounts", `{"AWS":"111111111111"}`, pull, `{"StringEquals":{"aws:PrincipalAccount":["222222222222"],"a":"b"}}`),
		strings.Replace(grant("Accounts", "111111111111"), `"Action"`, `"NotAction"`, 1),
	} {
		f.Add(document(own, `{"Sid":"Other"}`), uint8(8))
	}
	f.Fuzz(func(t *testing.T, existing string, bits uint8) {
		s := fuzzStandard(bits)
		kept := func(existing string) (policy.Change, error) {
			if bits&8 != 0 {
				return mergeAs(s, policy.GrantCondition, existing, lists(nil, nil))
			}
			return merge(s, existing, lists(nil, nil))
		}
		change, err := kept(existing)
		if err != nil || change.Document == "" {
			return
		}
		for _, element := range elements(t, change.Document) {
			if isManaged(element) {
				checkForm(t, element, bits&8 != 0)
			}
		}
		if again, err := kept(change.Document); err != nil || again.Changed {
			t.Errorf("changed again: %+v, %v", again, err)
		}
	})
}

var (
	listedARN     = regexp.MustCompile(`^(\d{12}|arn:aws:iam::\d{12}:(root|(role|user)/[!-~]+))$`)
	listedAccount = regexp.MustCompile(`^\d{12}$`)
	listedRole    = regexp.MustCompile(`^arn:aws:iam::\d{12}:(role|user)/[!-~]+$`)
	listedOrg     = regexp.MustCompile(`^o-[a-z0-9]{10,32}$`)
	listedUnit    = regexp.MustCompile(`^o-[a-z0-9]{10,32}/r-[a-z0-9]{4,32}(/ou-[a-z0-9]{4,32}-[a-z0-9]{8,32})+/\*$`)
	functionsOf   = regexp.MustCompile(`^arn:aws:lambda:eu-west-1:\d{12}:function:\*$`)
	functions     = regexp.MustCompile(`^arn:aws:lambda:eu-west-1:[^:]+:function:.+$`)
)

// checkForm checks rule 2 on a managed statement, whatever list it is of.
func checkForm(t *testing.T, raw json.RawMessage, byCondition bool) {
	t.Helper()
	var st map[string]any
	if err := json.Unmarshal(raw, &st); err != nil {
		t.Fatal(err)
	}
	if st["Effect"] == "Deny" {
		return
	}
	if st["NotAction"] != nil || st["NotPrincipal"] != nil || len(listOf(st["Action"])) == 0 {
		t.Errorf("%s grants all but something", raw)
	}
	for _, action := range listOf(st["Action"]) {
		if !slices.ContainsFunc(append(extras, "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
			func(allowed string) bool { return strings.EqualFold(allowed, action) }) {
			t.Errorf("%s grants %s", raw, action)
		}
	}
	all := func(values []string, form *regexp.Regexp) bool {
		return len(values) > 0 && !slices.ContainsFunc(values, func(v string) bool {
			return !form.MatchString(v) || form != listedUnit && form != functionsOf && form != functions && strings.ContainsAny(v, "*?") || strings.Contains(v, "${")
		})
	}
	tested := func(operator, key string, form *regexp.Regexp) bool {
		operators, _ := st["Condition"].(map[string]any)
		for o, keys := range operators {
			for k, values := range keys.(map[string]any) {
				if strings.EqualFold(o, operator) && strings.EqualFold(k, key) && all(listOf(values), form) {
					return true
				}
			}
		}
		return false
	}
	aws, service := principals(st["Principal"])
	switch {
	case len(service) > 0:
		if len(aws) > 0 || !slices.Equal(service, []string{"lambda.amazonaws.com"}) || !tested("StringLike", "aws:SourceArn", functionsOf) &&
			!(tested("ArnLike", "aws:SourceArn", functions) && (tested("StringEquals", "aws:SourceOrgID", listedOrg) || tested("ForAnyValue:StringLike", "aws:SourceOrgPaths", listedUnit))) {
			t.Errorf("%s grants to services", raw)
		}
	case slices.Equal(aws, []string{"*"}):
		if !tested("StringEquals", "aws:PrincipalAccount", listedAccount) && !tested("ArnEquals", "aws:PrincipalArn", listedRole) &&
			!tested("StringEquals", "aws:PrincipalOrgID", listedOrg) && !tested("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", listedUnit) {
			t.Errorf("%s grants to all principals", raw)
		}
	case !all(aws, listedARN) || byCondition:
		t.Errorf("%s names %q", raw, aws)
	}
}

func FuzzMergeEndsWithinTheLimit(f *testing.F) {
	addDocuments(func(existing string) { f.Add(existing, everyKind, "none", uint16(0), uint8(7)) })
	f.Add("", everyKind, "?", uint16(304), uint8(0))
	f.Add(document(`{"Sid":"é"}`), everyKind, everyKind, uint16(700), uint8(1))
	f.Fuzz(func(t *testing.T, existing, list, namespaced string, more uint16, bits uint8) {
		l := append(fuzzLists(list, namespaced), manyAccounts(int(more%1000)))
		change, err := merge(fuzzStandard(bits), existing, lists(l...))
		switch {
		case err != nil && !reflect.DeepEqual(change, policy.Change{}):
			t.Errorf("a change comes with the error: %+v", change)
		case err != nil:
		case !change.Changed && change.Document != existing:
			t.Errorf("no change, but another document: %s", change.Document)
		case change.Changed && utf8.RuneCountInString(change.Document) > 10240:
			t.Errorf("%d characters", utf8.RuneCountInString(change.Document))
		case change.Changed && change.Document != "" && !json.Valid([]byte(change.Document)):
			t.Errorf("invalid JSON: %s", change.Document)
		}
	})
}

func FuzzParseList(f *testing.F) {
	for _, text := range []string{
		"", "none", "NONE", "*", everyKind, "# only\n", "111111111111#x\r999999999999", "a\u00a0b\u2028c\ufeff\xff",
		"arn:aws:iam::111111111111:role/a:\"<&>\\/b", "arn:aws:sts::111111111111:assumed-role", "arn:::::", "o-/", "o-a1b2c3d4e5//*", "role/",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := policy.ParseList(text, registry)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "account list: ") || !utf8.ValidString(err.Error()) {
				t.Errorf("error %q", err)
			}
			return
		}
		again, err := policy.ParseList(render(list.Consumers), registry)
		if err != nil {
			t.Fatalf("%q: %v", render(list.Consumers), err)
		}
		if !reflect.DeepEqual(again.Consumers, list.Consumers) || again.Notices != nil {
			t.Errorf("got %+v, want %+v", again, list)
		}
		for _, style := range []policy.GrantStyle{policy.GrantPrincipal, policy.GrantCondition} {
			if err := standard(style).Fits("", list.Consumers); err != nil && !isSizeError(err) {
				t.Error(err)
			}
		}
	})
}

// elements returns the statements of a document as they are written.
func elements(t *testing.T, document string) []json.RawMessage {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(document))
	if _, err := decoder.Token(); err != nil {
		t.Fatal(err)
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
		if name != "Statement" {
			continue
		}
		if value[0] == '{' {
			return []json.RawMessage{value}
		}
		var statements []json.RawMessage
		if err := json.Unmarshal(value, &statements); err != nil {
			t.Fatal(err)
		}
		return statements
	}
	return nil
}

// isManaged reads the tokens of a statement for its only Sid.
func isManaged(statement []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(statement))
	decoder.UseNumber()
	var sids []json.Token
	depth, isName, atSid := 0, false, false
	for {
		token, err := decoder.Token()
		if err != nil {
			break
		}
		if depth == 0 && token != json.Delim('{') {
			return false
		}
		switch delim, _ := token.(json.Delim); delim {
		case '{', '[':
			if atSid && depth == 1 {
				sids = append(sids, nil)
			}
			depth++
			isName = depth == 1
		case '}', ']':
			depth--
			isName = depth == 1
		default:
			if depth != 1 {
				continue
			}
			if isName {
				atSid = token == "Sid"
			} else if atSid {
				sids = append(sids, token)
			}
			isName = !isName
		}
	}
	if len(sids) != 1 {
		return false
	}
	sid, _ := sids[0].(string)
	return strings.HasPrefix(sid, "EcrPullPolicy")
}

// checkGrant checks rule 2 on a managed statement.
func checkGrant(t *testing.T, raw json.RawMessage, l []*policy.Consumers) {
	t.Helper()
	var st map[string]any
	if err := json.Unmarshal(raw, &st); err != nil {
		t.Fatal(err)
	}
	for name := range st {
		if !slices.Contains([]string{"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}, name) {
			t.Errorf("%s has %s", raw, name)
		}
	}
	for _, action := range listOf(st["Action"]) {
		if !slices.ContainsFunc(append(extras, "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
			func(allowed string) bool { return strings.EqualFold(allowed, action) }) {
			t.Errorf("%s grants %s", raw, action)
		}
	}

	var roots, named, organizations, units, functions, ids []string
	for _, c := range l {
		ids = append(ids, c.Accounts...)
		for _, id := range c.Accounts {
			roots = append(roots, id, "arn:aws:iam::"+id+":root")
			functions = append(functions, "arn:aws:lambda:eu-west-1:"+id+":function:*")
		}
		named = append(named, c.Principals...)
		organizations = append(organizations, c.Organizations...)
		units = append(units, c.OrganizationalUnits...)
	}
	aws, service := principals(st["Principal"])
	switch {
	case len(service) > 0:
		if len(aws) > 0 || !slices.Equal(service, []string{"lambda.amazonaws.com"}) {
			t.Errorf("%s names %q and %q", raw, service, aws)
		}
		conditions, _ := st["Condition"].(map[string]any)
		if ofAll, ok := conditions["ArnLike"].(map[string]any); ok && len(conditions) == 2 &&
			slices.Equal(listOf(ofAll["aws:SourceArn"]), []string{"arn:aws:lambda:eu-west-1:*:function:*"}) {
			delete(conditions, "ArnLike") // never alone
		}
		checkPinned(t, raw, conditions, map[string][]string{
			"stringlike aws:sourcearn":                  functions,
			"stringequals aws:sourceorgid":              organizations,
			"foranyvalue:stringlike aws:sourceorgpaths": units,
		})
	case slices.Contains(aws, "*"):
		checkPinned(t, raw, st["Condition"], map[string][]string{
			"stringequals aws:principalaccount":            ids,
			"arnequals aws:principalarn":                   named,
			"stringequals aws:principalorgid":              organizations,
			"foranyvalue:stringlike aws:principalorgpaths": units,
		})
	default:
		for _, arn := range aws {
			if !slices.Contains(append(roots, named...), arn) {
				t.Errorf("%s names %s", raw, arn)
			}
		}
	}
}

// checkPinned checks that a condition holds for the listed values of one of the
// tests only.
func checkPinned(t *testing.T, raw []byte, condition any, allowed map[string][]string) {
	t.Helper()
	pinned := 0
	operators, _ := condition.(map[string]any)
	for operator, keys := range operators {
		for key, values := range keys.(map[string]any) {
			for _, value := range listOf(values) {
				pinned++
				if !slices.Contains(allowed[strings.ToLower(operator+" "+key)], value) {
					t.Errorf("%s lets %s %s %s", raw, operator, key, value)
				}
			}
		}
	}
	if pinned == 0 {
		t.Errorf("%s has no condition", raw)
	}
}

func principals(value any) (aws, service []string) {
	if named, ok := value.(map[string]any); ok {
		return listOf(named["AWS"]), listOf(named["Service"])
	}
	return listOf(value), nil
}

func listOf(value any) []string {
	switch value := value.(type) {
	case string:
		return []string{value}
	case []any:
		var values []string
		for _, v := range value {
			s, _ := v.(string)
			values = append(values, s)
		}
		return values
	}
	return nil
}
