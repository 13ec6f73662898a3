package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// resolves runs resolve in an organization that has more accounts in an OU than a page, and one that is closed.
func (w world) resolves() {
	w.t.Helper()
	ctx := w.t.Context()
	root, err := w.Quiet.CreateOrganization(ctx)
	w.must(err)
	unit := func(parent, name string) string {
		id, err := w.Quiet.CreateUnit(ctx, parent, name)
		w.must(err)
		return id
	}
	account := func(unit, name string, tags ...types.Tag) string {
		id, err := w.Quiet.CreateAccount(ctx, root, unit, name, tags...)
		w.must(err)
		return id
	}
	production := unit(root, "production")
	shop := unit(production, "shop")
	var ids []string
	for i := range 23 {
		ids = append(ids, account(production, fmt.Sprintf("service %d", i)))
	}
	tagged := account(shop, "shop # production", types.Tag{Key: aws.String("stage"), Value: aws.String("production")})
	closed := account(shop, "old")
	_, err = w.Quiet.Organizations.CloseAccount(ctx, &organizations.CloseAccountInput{AccountId: &closed})
	w.must(err)

	file := filepath.Join(w.t.TempDir(), "accounts.txt")
	out, errOut := w.run(0, "resolve", production, "--out", file)
	contains(w.t, out, file+": 24 entries, 24 added, 0 removed\n")
	contains(w.t, errOut, "note: left out accounts that aren't active: "+closed+" (SUSPENDED)\n")
	list, err := os.ReadFile(file)
	w.must(err)
	var got []string
	for line := range strings.Lines(string(list)) {
		if id, _, _ := strings.Cut(line, " "); id != "#" {
			got = append(got, id)
		}
	}
	want := slices.Sorted(slices.Values(append(ids, tagged)))
	if !slices.Equal(got, want) {
		w.t.Errorf("got the list\n%s\nwant %s", list, want)
	}
	contains(w.t, string(list), tagged+" # shop # production\n")
	w.run(0, "validate", file)

	if out, _ := w.run(0, "resolve", "--tag", "stage=production", "--no-comments"); out != tagged+"\n" {
		w.t.Errorf("accounts with the tag: %s", out)
	}
	w.run(2, "resolve", production, "--exclude", ids[0], "--check", file)
	_, errOut = w.run(1, "resolve", shop, "--out", file)
	contains(w.t, errOut, "23 of 24 entries of "+file+" would be removed, which is more than a quarter, so nothing was written")
	_, errOut = w.run(1, "resolve", "ou-ab12-11111111")
	contains(w.t, errOut, "list the accounts of ou-ab12-11111111: ")
}
