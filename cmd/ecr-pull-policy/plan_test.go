package main

import "testing"

// For an invalid list, the plan uses the newest valid version and shows a warning.
func TestVersionUsedInstead(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.PutList(accountList, "111111111111")
	cloud.PutList(accountList, "1111")
	status, out := call(t.Context(), "plan")
	if status != exitFailed {
		t.Errorf("exit status %d", status)
	}
	contains(t, out, "warning: version 2 of account list /ecr-pull-policy/accounts can't be used, so version 1 is used instead: ", "+ account 111111111111")
}
