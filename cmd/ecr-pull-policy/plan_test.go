package main

import "testing"

// An invalid list is reported, and the newest valid version is planned instead.
func TestVersionUsedInstead(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.PutList(accountList, "111111111111")
	cloud.PutList(accountList, "1111")
	status, said := call(t.Context(), "plan")
	if status != exitFailed {
		t.Errorf("exit status %d", status)
	}
	says(t, said, "can't be used in version 2, and version 1 is used instead", "+ account 111111111111")
}
