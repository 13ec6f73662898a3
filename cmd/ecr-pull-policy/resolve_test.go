package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// organizationStub plays AWS Organizations and STS. It pages as AWS does: a page can be empty and not the last one.
type organizationStub struct {
	units    map[string][]string // by parent
	accounts map[string][]map[string]any
	tags     map[string]map[string]string // by account
	pageSize int
	fault    func(operation, id string) (code string)

	mu sync.Mutex
}

const (
	rootID    = "r-ab12"
	prodID    = "ou-ab12-11111111"
	shopID    = "ou-ab12-22222222" // below prodID
	sandboxID = "ou-ab12-33333333"
)

func account(id, name, state string) map[string]any {
	return map[string]any{"Id": id, "Name": name, "State": state, "Status": "ACTIVE"}
}

func newOrganization(t *testing.T) *organizationStub {
	t.Helper()
	o := &organizationStub{
		units: map[string][]string{rootID: {prodID, sandboxID}, prodID: {shopID}},
		accounts: map[string][]map[string]any{
			rootID:    {account("123456789012", "management", "ACTIVE")},
			prodID:    {account("555555555555", "payments", "ACTIVE"), account("111111111111", "platform", "ACTIVE"), account("222222222222", "data", "ACTIVE")},
			shopID:    {account("333333333333", "old shop", "SUSPENDED"), account("444444444444", "shop", "ACTIVE"), account("666666666666", "closing", "PENDING_CLOSURE")},
			sandboxID: {account("777777777777", "sandbox", "ACTIVE")},
		},
		tags: map[string]map[string]string{
			"111111111111": {"stage": "production", "team": "a"}, "222222222222": {"stage": "staging", "team": "a"},
			"444444444444": {"stage": "production", "team": "b"}, "777777777777": {"Stage": "production"},
		},
		pageSize: 2,
		fault:    func(string, string) string { return "" },
	}
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	useEndpoint(t, server.URL)
	return o
}

func (o *organizationStub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	operation, isOrganizations := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AWSOrganizationsV20161128.")
	if !isOrganizations {
		fmt.Fprint(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/stub</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`)
		return
	}
	var input struct {
		ParentID   string `json:"ParentId"`
		ResourceID string `json:"ResourceId"`
		NextToken  string
	}
	_ = json.NewDecoder(r.Body).Decode(&input)
	o.mu.Lock()
	defer o.mu.Unlock()
	if code := o.fault(operation, input.ParentID+input.ResourceID); code != "" {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "Message": "stub"})
		return
	}
	var key string
	var items []any
	switch operation {
	case "ListRoots":
		key, items = "Roots", []any{map[string]string{"Id": rootID}}
	case "ListAccountsForParent":
		key = "Accounts"
		for _, a := range o.accounts[input.ParentID] {
			items = append(items, a)
		}
	case "ListOrganizationalUnitsForParent":
		key = "OrganizationalUnits"
		for _, id := range o.units[input.ParentID] {
			items = append(items, map[string]string{"Id": id})
		}
	case "ListTagsForResource":
		key = "Tags"
		for name, value := range o.tags[input.ResourceID] {
			items = append(items, map[string]string{"Key": name, "Value": value})
		}
	}
	page := map[string]any{key: []any{}, "NextToken": "0"}
	if from, err := strconv.Atoi(input.NextToken); err == nil {
		to := min(from+o.pageSize, len(items))
		page[key] = items[from:to]
		page["NextToken"] = strconv.Itoa(to)
		if to == len(items) {
			delete(page, "NextToken")
		}
	}
	_ = json.NewEncoder(w).Encode(page)
}

func TestResolve(t *testing.T) {
	newOrganization(t)
	const header = "# Written by ecr-pull-policy resolve from AWS Organizations. Changes will be overwritten.\n"
	for name, c := range map[string]struct {
		args        []string
		out, errOut string
	}{
		"an OU": {[]string{prodID},
			header + "111111111111 # platform\n222222222222 # data\n444444444444 # shop\n555555555555 # payments\n",
			"note: left out accounts that aren't active: 333333333333 (SUSPENDED), 666666666666 (PENDING_CLOSURE)\n"},
		"not recursive":    {[]string{prodID, "--recursive=false", "--no-comments"}, "111111111111\n222222222222\n555555555555\n", ""},
		"overlapping OUs":  {[]string{shopID, prodID, "--no-comments", "-q"}, "111111111111\n222222222222\n444444444444\n555555555555\n", ""},
		"a root":           {[]string{rootID, "--recursive=false", "--no-comments"}, "123456789012\n", ""},
		"exclude":          {[]string{prodID, "--exclude", shopID + ",222222222222", "--no-comments"}, "111111111111\n555555555555\n", ""},
		"a tag":            {[]string{prodID, "--tag", "stage=production", "--no-comments", "-q"}, "111111111111\n444444444444\n", ""},
		"a tag without OU": {[]string{"--tag", "Stage=production", "--no-comments", "-q"}, "777777777777\n", ""},
		"tags":             {[]string{prodID, "--tag", "stage=production", "--tag", "stage=staging", "--tag", "team=a", "--no-comments", "-q"}, "111111111111\n222222222222\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, out, errOut := offline(t, "", append([]string{"resolve"}, c.args...)...)
			if status != 0 || out != c.out || errOut != c.errOut {
				t.Errorf("exit status %d\n%s%s", status, out, errOut)
			}
		})
	}
}

func TestResolveErrors(t *testing.T) {
	o := newOrganization(t)
	o.accounts["ou-ab12-00000000"] = []map[string]any{account("888888888888", "new", "")}
	o.accounts["ou-ab12-99999999"] = []map[string]any{account("999999999999", "closed", "CLOSED")}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"nothing selected":  {nil, "no accounts are selected; pass the ID of an OU or a root, or a tag\n"},
		"not an ID":         {[]string{"Production"}, `"Production": invalid ID; expected that of an OU, such as ou-ab12-11111111, or of a root, such as r-ab12`},
		"not an excluded":   {[]string{prodID, "--exclude", "11"}, `"11": invalid ID; expected that of an account, which has 12 digits`},
		"unknown excluded":  {[]string{prodID, "--exclude", "777777777777"}, "777777777777, which is to be excluded, isn't among the selected OUs"},
		"not a tag":         {[]string{prodID, "--tag", "stage"}, `"stage": invalid tag; expected KEY=VALUE`},
		"no account":        {[]string{prodID, "--tag", "stage=none"}, "no active account is selected, so nothing was written"},
		"no active account": {[]string{"ou-ab12-99999999"}, "999999999999 (CLOSED)\necr-pull-policy: no active account is selected"},
		"no state":          {[]string{"ou-ab12-00000000"}, "list the accounts of ou-ab12-00000000: the response doesn't have the state of account 888888888888"},
		"two files":         {[]string{prodID, "--out", "a", "--check", "b"}, "none of the others can be"},
		"no file":           {[]string{prodID, "--check", ""}, "the name of the file is empty"},
		"standard output":   {[]string{prodID, "--out", "-"}, "leave out --out"},
		"no file to check":  {[]string{prodID, "--check", "/does/not/exist"}, "no such file"},
		"no folder":         {[]string{prodID, "--out", "/does/not/exist"}, "write account list: "},
	} {
		t.Run(name, func(t *testing.T) {
			status, out := call(t.Context(), append([]string{"resolve"}, c.args...)...)
			if status != exitFailed {
				t.Errorf("exit status %d", status)
			}
			contains(t, out, c.want)
		})
	}
}

// The names of accounts never become entries, and SSM accepts the list.
func TestResolveNames(t *testing.T) {
	o := newOrganization(t)
	var accounts []map[string]any
	var ids []string
	for i, name := range []string{
		"", "# 999999999999", "a\n999999999999", "a\r999999999999", "a\u2028999999999999", "a\v999999999999", "a\u0085999999999999",
		"a\x00\x1b[31m", "\n", "{{ssm:secret}}", "\u202e999999999999", "none",
	} {
		ids = append(ids, fmt.Sprintf("%012d", i+1))
		accounts = append(accounts, account(ids[i], name, "ACTIVE"))
	}
	o.accounts[prodID], o.units[prodID] = accounts, nil
	status, out, _ := offline(t, "", "resolve", prodID)
	list, err := policy.ParseList(out, policy.Registry{Partition: "aws", Region: "eu-central-1", AccountID: "123456789012"})
	if status != 0 || err != nil || !slices.Equal(list.Consumers.Accounts, ids) || strings.Contains(out, "{{") {
		t.Errorf("exit status %d, %v\n%s", status, err, out)
	}
	if lines := strings.Count(out, "\n"); lines != len(ids)+1 || strings.ContainsAny(out, "\x00\x1b\r\v\u0085\u2028\u202e") {
		t.Errorf("%d lines\n%q", lines, out)
	}
}

func TestResolveFile(t *testing.T) {
	newOrganization(t)
	for name, c := range map[string]struct {
		before  string
		args    []string
		status  int
		output  string
		written bool
	}{
		"new":              {"", nil, 0, "+ 111111111111  platform\n+ 222222222222  data\n+ 444444444444  shop\n+ 555555555555  payments\n%s: 4 entries, 4 added, 0 removed\n", true},
		"the same":         {"555555555555 444444444444,222222222222\n111111111111 # name", nil, 0, "%s: 4 entries, 0 added, 0 removed\n", true},
		"a quarter":        {"111111111111 222222222222 444444444444 333333333333", nil, 0, "+ 555555555555  payments\n- 333333333333  old shop, SUSPENDED\n%s: 4 entries, 1 added, 1 removed\n", true},
		"more":             {"111111111111 222222222222 333333333333", nil, 1, "1 of 3 entries of %s would be removed, which is more than a quarter, so nothing was written; if this is intended, pass --allow-shrink\n", false},
		"allowed":          {"999999999999", []string{"--allow-shrink"}, 0, "4 added, 1 removed\n", true},
		"another entry":    {"111111111111 222222222222 444444444444 555555555555 o-a1b2c3d4e5", nil, 1, "%s contains o-a1b2c3d4e5, which resolve would remove, so nothing was written", false},
		"none":             {"none", []string{"--allow-shrink"}, 1, "%s contains none, which revokes all grants; to replace it, delete the file\n", false},
		"invalid":          {"what?", nil, 1, `%s: line 1, column 1: "what?": `, false},
		"check equal":      {"555555555555 444444444444,222222222222\n111111111111 # name", []string{"--check"}, 0, "%s: 4 entries, 0 added, 0 removed\n", false},
		"check other":      {"999999999999 none-other", []string{"--check"}, 1, `"none-other": `, false},
		"check different":  {"111111111111 222222222222 444444444444 o-a1b2c3d4e5", []string{"--check"}, 2, "+ 555555555555  payments\n- o-a1b2c3d4e5\n%s: 4 entries, 1 added, 1 removed\n", false},
		"check of revoked": {"none", []string{"--check"}, 2, "%s: 4 entries, 4 added, 0 removed\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "accounts.txt")
			if c.before != "" {
				if err := os.WriteFile(file, []byte(c.before), 0o640); err != nil {
					t.Fatal(err)
				}
			}
			args := []string{"resolve", prodID, "--out", file}
			if slices.Contains(c.args, "--check") {
				args[2] = "--check"
			} else {
				args = append(args, c.args...)
			}
			status, out := call(t.Context(), args...)
			if status != c.status {
				t.Errorf("exit status %d", status)
			}
			contains(t, out, strings.ReplaceAll(c.output, "%s", file))
			after, err := os.ReadFile(file)
			if err != nil || (string(after) != c.before) != c.written {
				t.Errorf("the file is now %q, %v", after, err)
			}
			if info, err := os.Stat(file); c.before != "" && (err != nil || info.Mode().Perm() != 0o640) {
				t.Errorf("the mode of the file is now %v, %v", info.Mode(), err)
			}
		})
	}
}

// A failed read writes nothing, at whatever call and page it fails.
func TestResolveFailedReads(t *testing.T) {
	o := newOrganization(t)
	const before = "111111111111\n"
	file := filepath.Join(t.TempDir(), "accounts.txt")
	if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"resolve", prodID, "--tag", "stage=production", "--tag", "stage=staging", "--out", file}
	unchanged := func() {
		t.Helper()
		if after, err := os.ReadFile(file); err != nil || string(after) != before {
			t.Errorf("the file is now %q, %v", after, err)
		}
		if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 1 {
			t.Errorf("files left behind: %v, %v", entries, err)
		}
	}
	const denied = "AccessDeniedException"
	for _, c := range []struct{ operation, id, code, want string }{
		{"ListAccountsForParent", shopID, denied, "list the accounts of " + shopID + ": AccessDeniedException: stub; use credentials of the management account or of a delegated administrator that allow organizations:ListAccountsForParent\n"},
		{"ListAccountsForParent", shopID, "ParentNotFoundException", "stub; check the ID, and that the credentials belong to the same organization\n"},
		{"ListAccountsForParent", shopID, "AWSOrganizationsNotInUseException", "stub; use credentials of the management account or of a delegated administrator\n"},
		{"ListOrganizationalUnitsForParent", prodID, denied, "list the OUs of " + prodID + ": "},
		{"ListTagsForResource", "444444444444", denied, "list the tags of account 444444444444: "},
	} {
		calls := 0
		o.fault = func(operation, id string) string {
			if operation == c.operation && id == c.id {
				if calls++; calls > 1 { // not the first page
					return c.code
				}
			}
			return ""
		}
		status, out := call(t.Context(), args...)
		if status != exitFailed {
			t.Errorf("%s: %s: exit status %d", c.operation, c.code, status)
		}
		contains(t, out, c.want)
		unchanged()
	}

	ctx, interrupt := context.WithCancel(t.Context())
	o.fault = func(operation, _ string) string {
		if operation == "ListTagsForResource" {
			interrupt()
		}
		return ""
	}
	if status, out := call(ctx, args...); status != exitInterrupted || out != "interrupted\n" {
		t.Errorf("exit status %d\n%s", status, out)
	}
	unchanged()

	throttled := 0
	o.fault = func(string, string) string {
		if throttled++; throttled%3 == 0 {
			return "TooManyRequestsException"
		}
		return ""
	}
	if status, out := call(t.Context(), args...); status != 0 || !strings.HasSuffix(out, "3 entries, 2 added, 0 removed\n") {
		t.Errorf("throttled: exit status %d\n%s", status, out)
	}
}

// Somebody revokes all grants while the organization is read.
func TestResolveKeepsWhatWasWrittenMeanwhile(t *testing.T) {
	o := newOrganization(t)
	file := filepath.Join(t.TempDir(), "accounts.txt")
	if err := os.WriteFile(file, []byte("111111111111 222222222222 444444444444 555555555555"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.fault = func(string, string) string {
		if err := os.WriteFile(file, []byte("none"), 0o600); err != nil {
			t.Error(err)
		}
		return ""
	}
	status, out := call(t.Context(), "resolve", prodID, "--out", file)
	if after, err := os.ReadFile(file); status != exitFailed || err != nil || string(after) != "none" {
		t.Errorf("exit status %d, the file is now %q, %v", status, after, err)
	}
	contains(t, out, "contains none, which revokes all grants")
}

// What resolve writes fits into a parameter and into a policy.
func TestResolveLimits(t *testing.T) {
	o := newOrganization(t)
	o.pageSize = 20 // as in AWS
	for _, c := range []struct {
		accounts int
		name     string
		args     []string
		status   int
		comments bool
		want     string
	}{
		{100, strings.Repeat("n", 20), nil, 0, true, ""},
		{100, strings.Repeat("n", 50), nil, 0, false, "note: left out all comments, because with them, the list has 6690 characters, and the parameter can hold only 4096\n"},
		{130, "n", nil, 1, false, "130 accounts are too many for a list, so nothing was written: the policy document would have "},
		{130, "n", []string{"--grant-style", "condition"}, 0, true, ""},
		{400, "n", []string{"--grant-style", "condition", "--lambda-statement", "off"}, 0, true, "so the parameter must use the advanced tier\n"},
		{400, strings.Repeat("n", 20), []string{"--grant-style", "condition", "--lambda-statement", "off"}, 0, false, "the parameter can hold only 8192\n"},
		{640, "", []string{"--grant-style", "condition", "--lambda-statement", "off", "--no-comments"}, 1, false, "a parameter can hold only 8192"},
	} {
		o.accounts[prodID], o.units[prodID] = nil, nil
		for i := range c.accounts {
			o.accounts[prodID] = append(o.accounts[prodID], account(fmt.Sprintf("1%011d", i), c.name, "ACTIVE"))
		}
		status, out, errOut := offline(t, "", append([]string{"resolve", prodID}, c.args...)...)
		if status != c.status || strings.Contains(out, "#") != c.comments {
			t.Errorf("%d accounts: exit status %d\n%s%s", c.accounts, status, out, errOut)
		}
		if !strings.Contains(errOut, c.want) || c.want == "" && errOut != "" {
			t.Errorf("%d accounts: output is not %q:\n%s", c.accounts, c.want, errOut)
		}
		if status, _, errOut := offline(t, out, append([]string{"validate", "-"}, slices.DeleteFunc(c.args, func(a string) bool { return a == "--no-comments" })...)...); c.status == 0 && status != 0 {
			t.Errorf("%d accounts: validate: %s", c.accounts, errOut)
		}
	}
}
