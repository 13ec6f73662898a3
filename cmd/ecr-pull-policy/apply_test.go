package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

const accountList = "/ecr-pull-policy/accounts"

// watching is CloudFormation's answer about a stack in mode observe.
const watching = `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>watching</StackName><Parameters>
<member><ParameterKey>AccountListName</ParameterKey><ParameterValue>/ecr-pull-policy/accounts</ParameterValue></member>
<member><ParameterKey>GrantStyle</ParameterKey><ParameterValue>principal</ParameterValue></member>
<member><ParameterKey>LambdaStatement</ParameterKey><ParameterValue>on</ParameterValue></member>
<member><ParameterKey>ExtraActions</ParameterKey><ParameterValue></ParameterValue></member>
<member><ParameterKey>Include</ParameterKey><ParameterValue>**</ParameterValue></member>
<member><ParameterKey>Exclude</ParameterKey><ParameterValue></ParameterValue></member>
<member><ParameterKey>Mode</ParameterKey><ParameterValue>observe</ParameterValue></member>
</Parameters></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`

// newCloud returns an AWS for the program: a stub, and the two calls that it hasn't.
func newCloud(t *testing.T) *stubaws.AWS {
	t.Helper()
	cloud := stubaws.New("123456789012", "eu-central-1")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		switch {
		case request.Header.Get("X-Amz-Target") != "":
			cloud.ServeHTTP(w, request)
		case request.FormValue("Action") == "GetCallerIdentity":
			fmt.Fprint(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
		case request.FormValue("StackName") == "watching":
			fmt.Fprint(w, watching)
		case request.FormValue("StackName") == "secret":
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>not for you</Message></Error></ErrorResponse>`)
		default:
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `<ErrorResponse><Error><Code>ValidationError</Code><Message>does not exist</Message></Error></ErrorResponse>`)
		}
	}))
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "stub", "AWS_SECRET_ACCESS_KEY": "stub",
		"AWS_EC2_METADATA_DISABLED": "true", "HOME": t.TempDir(),
	} {
		t.Setenv(name, value)
	}
	return cloud
}

// output is both outputs of the program, which tells of an interrupt while it writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func call(ctx context.Context, args ...string) (status int, said string) {
	var out output
	status = run(ctx, args, strings.NewReader(""), &out, &out)
	return status, out.String()
}

func says(t *testing.T, said string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(said, part) {
			t.Errorf("it doesn't say %q:\n%s", part, said)
		}
	}
}

// A stack that observes is deployed by somebody who wants to look first: nothing is written unless that is said.
func TestObserve(t *testing.T) {
	const introduction = "registry 123456789012 in eu-central-1, stack watching (mode observe: it writes nothing), list /ecr-pull-policy/accounts\n\n"
	for _, c := range []struct {
		args   []string
		status int
		writes int
		says   []string
	}{
		{[]string{"plan"}, exitChanges, 0, []string{introduction, "1 to change"}},
		{[]string{"apply", "--yes"}, exitFailed, 0, []string{introduction, "the mode is observe, so nothing is written: ", "Mode=enforce", "say --mode enforce"}},
		{[]string{"apply", "--yes", "--mode", "enforce"}, 0, 1, []string{"stack watching, list", "applied: 1 updated"}},
		{[]string{"apply", "--yes", "--mode", "force"}, exitFailed, 0, []string{`Mode: "force" is neither enforce nor observe`}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			cloud := newCloud(t)
			cloud.CreateRepository("a/api")
			cloud.PutList(accountList, "111111111111")
			status, said := call(t.Context(), append(c.args, "--stack", "watching")...)
			if status != c.status {
				t.Errorf("exit status %d", status)
			}
			says(t, said, c.says...)
			if got := cloud.Calls()["SetRepositoryPolicy"]; got != c.writes {
				t.Errorf("%d policies were written, want %d", got, c.writes)
			}
		})
	}
}

// What plan and apply work on is said before anything else.
func TestIntroduction(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.PutList(accountList, "111111111111")
	file := filepath.Join(t.TempDir(), "accounts.txt")
	if err := os.WriteFile(file, []byte("222222222222"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"plan"}, "no stack, list /ecr-pull-policy/accounts"},
		{[]string{"plan", "--accounts", "222222222222"}, "no stack, --accounts in the place of list /ecr-pull-policy/accounts"},
		{[]string{"apply", "--yes", "--stack", "", "--list", file}, "no stack, --list " + file + " in the place of list /ecr-pull-policy/accounts"},
	} {
		var out, errOut bytes.Buffer
		run(t.Context(), c.args, strings.NewReader(""), &out, &errOut)
		if want := "registry 123456789012 in eu-central-1, " + c.want + "\n\n"; !strings.HasPrefix(out.String(), want) {
			t.Errorf("%s begins with\n%swant\n%s", c.args, out.String(), want)
		}
	}
}

// A repository that can't follow is told after all others were served.
func TestFailedRepository(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/full", "b/api", "c/api")
	full := fmt.Sprintf(`{"Statement":[{"Sid":%q}]}`, strings.Repeat("x", 10_200))
	cloud.SetPolicy("a/full", full)
	cloud.PutList(accountList, "111111111111")
	for _, command := range [][]string{{"plan"}, {"apply", "--yes"}} {
		status, said := call(t.Context(), command...)
		if status != 1 {
			t.Errorf("%s: exit status %d", command, status)
		}
		says(t, said, "There is no stack ecr-pull-policy", "the same change in 2 repositories: b/api, c/api",
			"failed: a/full: the policy document would have", "3 repositories: 2 to change, 0 unchanged, 1 failed")
	}
	for repository, want := range map[string]string{"a/full": full, "b/api": "111111111111", "c/api": "111111111111"} {
		if got, _ := cloud.Policy(repository); !strings.Contains(got, want) {
			t.Errorf("%s has %s", repository, got)
		}
	}
}

func TestFailuresOfApply(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/denied", "b/api")
	cloud.PutList(accountList, "111111111111,arn:aws:iam::222222222222:role/gone")
	cloud.ClosePrincipal("arn:aws:iam::222222222222:role/gone")
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if call.Operation == "SetRepositoryPolicy" && strings.Contains(string(call.Body), "a/denied") {
			return stubaws.Fault{Code: "AccessDeniedException"}
		}
		return stubaws.Fault{}
	}
	status, said := call(t.Context(), "apply", "--yes")
	if status != 1 {
		t.Errorf("exit status %d", status)
	}
	says(t, said, "failed: a/denied: set policy of a/denied:", "AccessDeniedException",
		"rejected: arn:aws:iam::222222222222:role/gone: ECR says that it does not exist", "applied: 1 updated, 1 failed")
}

// What fails alike in many repositories is told once.
func TestManyFailures(t *testing.T) {
	cloud := newCloud(t)
	for i := range 500 {
		cloud.CreateRepository(fmt.Sprintf("a/%03d", i))
	}
	cloud.CreateRepository("b/full", "c/full")
	for i, name := range []string{"b/full", "c/full"} {
		cloud.SetPolicy(name, fmt.Sprintf(`{"Statement":[{"Sid":%q}]}`, strings.Repeat("x", 10_200+i)))
	}
	cloud.PutList(accountList, "111111111111")
	for operation, command := range map[string][]string{
		"GetRepositoryPolicy": {"plan"},
		"SetRepositoryPolicy": {"apply", "--yes"},
	} {
		cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
			if call.Operation == operation && strings.Contains(string(call.Body), `"a/`) {
				return stubaws.Fault{Code: "AccessDeniedException"}
			}
			return stubaws.Fault{}
		}
		status, said := call(t.Context(), command...)
		if status != 1 {
			t.Errorf("%s: exit status %d", command, status)
		}
		says(t, said, "a/000: AccessDeniedException: stubaws was told to\n  the same in 499 more: a/001, a/002,", "… and 493 more (--all lists each)\n",
			"failed: b/full: the policy document would have", "\n  the same in 1 more: c/full\n")
		if len(said) > 3000 {
			t.Errorf("%s says %d characters:\n%s", command, len(said), said)
		}
		_, said = call(t.Context(), append(command, "--all")...)
		says(t, said, "failed: a/000:", "failed: a/499:", "failed: c/full:")
	}
}

func TestCredentials(t *testing.T) {
	newCloud(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<ErrorResponse><Error><Code>ExpiredToken</Code><Message>too late</Message></Error></ErrorResponse>`)
	}))
	t.Cleanup(server.Close)
	configuration := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(configuration, []byte("[profile broken]\ncredential_process = false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", configuration)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	const signIn = "sign in with aws sso login, or name a profile with --profile or AWS_PROFILE\n"
	expect := func(want string, args ...string) {
		t.Helper()
		if status, said := call(t.Context(), append([]string{"plan"}, args...)...); status != 1 || said != "ecr-pull-policy: "+want {
			t.Errorf("exit status %d\n%swant\n%s", status, said, want)
		}
	}
	expect("AWS refuses the credentials: ExpiredToken: too late; " + signIn)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	expect("no AWS credentials: " + signIn)
	expect("get AWS credentials: failed to refresh cached credentials, process provider error: error in credential_process: exit status 1; "+
		"sign in with aws sso login --profile broken, or name another profile\n", "--profile", "broken")
}

// Who waits learns soon that AWS can't be reached.
func TestUnreachable(t *testing.T) {
	newCloud(t)
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		calls++
		panic(http.ErrAbortHandler) // without an answer
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	const want = "ecr-pull-policy: ask AWS whose credentials these are: EOF\n"
	if status, said := call(t.Context(), "plan"); status != 1 || said != want || calls > fewAttempts {
		t.Errorf("exit status %d after %d calls\n%swant\n%s", status, calls, said, want)
	}
}

// The commands that doctor says are for the profile and the Region that it looked at.
func TestDoctorCommands(t *testing.T) {
	newCloud(t)
	configuration := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(configuration, []byte("[profile ci]\naws_access_key_id = stub\naws_secret_access_key = stub\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", configuration)
	status, said := call(t.Context(), "doctor", "--profile", "ci", "--region", "eu-west-1")
	if status != 1 {
		t.Errorf("exit status %d", status)
	}
	says(t, said, "registry 123456789012 in eu-west-1, stack ecr-pull-policy, list "+accountList,
		"  sam build && sam deploy --stack-name ecr-pull-policy --region eu-west-1 --profile ci\n",
		"  ecr-pull-policy validate accounts.txt --account-id 123456789012 --region eu-west-1\n",
		"  aws ssm put-parameter --type String --name "+accountList+" --value file://accounts.txt --region eu-west-1 --profile ci\n")
}

// Lists that can't be read any more stop it.
func TestListsGoAway(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.PutList(accountList, "111111111111")
	planned := false
	cloud.OnDone = func(_ context.Context, call stubaws.Call, _ error) {
		planned = planned || call.Operation == "GetRepositoryPolicy"
	}
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if planned && call.Operation == "GetParameters" {
			return stubaws.Fault{Code: "AccessDeniedException"}
		}
		return stubaws.Fault{}
	}
	status, said := call(t.Context(), "apply", "--yes")
	if status != 1 {
		t.Errorf("exit status %d", status)
	}
	says(t, said, "read list "+accountList)
}

// Ctrl-C while the first of several batches is written: that batch is finished, with the check that no list moved.
func TestInterruptedBatch(t *testing.T) {
	cloud := newCloud(t)
	for i := range 2*batchSize + 1 {
		cloud.CreateRepository(fmt.Sprintf("a/%02d", i))
	}
	cloud.PutList(accountList, "111111111111")
	ctx, interrupt := context.WithCancel(t.Context())
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if call.Operation == "SetRepositoryPolicy" {
			interrupt()
		}
		return stubaws.Fault{}
	}
	status, said := call(ctx, "apply", "--yes")
	if status != exitInterrupted {
		t.Errorf("exit status %d", status)
	}
	says(t, said, "applied: 20 updated", "interrupted: 21 repositories left: a/20, a/21,", "run apply again")
	if status, said = call(t.Context(), "apply", "--yes"); status != 0 {
		t.Errorf("again: exit status %d", status)
	}
	says(t, said, "applied: 21 updated")
	if status, said = call(t.Context(), "apply", "--yes"); status != 0 || !strings.Contains(said, "0 to change, 41 unchanged") {
		t.Errorf("a third time: exit status %d\n%s", status, said)
	}
}

func TestErrors(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"stack not to be seen":  {[]string{"plan", "--stack", "secret"}, "--stack '' uses the template's defaults"},
		"no list":               {[]string{"plan"}, "no account list can be used"},
		"wrong setting":         {[]string{"plan", "--lambda-statement", "maybe"}, `"maybe" is neither on nor off`},
		"two lists":             {[]string{"plan", "--list", "x", "--accounts", "none"}, "[list accounts]"},
		"no file":               {[]string{"plan", "--list", "/does/not/exist"}, "read account list"},
		"nobody to ask":         {[]string{"apply"}, "say --yes"},
		"nothing to render":     {[]string{"render", "a/api", "--accounts", "none"}, "let nobody pull a/api"},
		"doctor without stack":  {[]string{"doctor", "--stack", ""}, "name the stack"},
		"no pattern":            {[]string{"plan", "--include", ""}, "a pattern of the repositories in scope is empty: write ** for all of them"},
		"an empty pattern":      {[]string{"plan", "--include", "team-a/**,"}, "a pattern of the repositories in scope is empty"},
		"no name":               {[]string{"render", "Team A"}, `"Team A" is not a repository name: `},
		"list of 9,000":         {[]string{"plan", "--accounts", "111111111111#" + strings.Repeat("x", 9000)}, "--accounts: has 9013 characters, and a parameter holds at most 8192"},
		"list that doesn't fit": {[]string{"plan", "--accounts", accounts(400)}, "ECR's limit is 10240"},
	} {
		t.Run(name, func(t *testing.T) {
			status, said := call(t.Context(), c.args...)
			if status != 1 {
				t.Errorf("exit status %d", status)
			}
			says(t, said, c.want)
		})
	}
	t.Setenv("AWS_REGION", "")
	if _, said := call(t.Context(), "plan"); !strings.Contains(said, "no Region") {
		t.Errorf("without a Region: %s", said)
	}
}

// Who is asked and says no wrote nothing, and nothing failed.
func TestAnswers(t *testing.T) {
	for answer, want := range map[string]struct {
		writes int
		says   string
	}{
		"no\n":  {0, "Only yes goes ahead: Nothing was written.\n"},
		"":      {0, "Nothing was written.\n"},
		"yes\n": {1, "applied: 1 updated"},
	} {
		cloud := newCloud(t)
		cloud.CreateRepository("a/api")
		cloud.PutList(accountList, "111111111111")
		var out output
		command := &cobra.Command{}
		command.SetContext(t.Context())
		command.SetIn(strings.NewReader(answer))
		command.SetOut(&out)
		command.SetErr(&out)
		s, store, err := (&listFlags{}).connect(command, newFlags())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.write(command, store, []string{"a/api"}, false, false); err != nil {
			t.Errorf("%q: %v", answer, err)
		}
		says(t, out.String(), "Write the policies of 1 repository in 123456789012, eu-central-1?", want.says)
		if got := cloud.Calls()["SetRepositoryPolicy"]; got != want.writes {
			t.Errorf("%q: %d policies were written, want %d", answer, got, want.writes)
		}
	}
}

func accounts(n int) string {
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("1%011d", i))
	}
	return strings.Join(ids, ",")
}

// An invalid list is told, and the version that stands in is planned.
func TestVersionThatStandsIn(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.PutList(accountList, "111111111111")
	cloud.PutList(accountList, "1111")
	status, said := call(t.Context(), "plan")
	if status != exitChanges {
		t.Errorf("exit status %d", status)
	}
	says(t, said, "can't be used in version 2, and version 1 stands in", "+ account 111111111111")
}
