package main

import "testing"

func TestAuditOutputs(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api", "a/open")
	cloud.SetPolicy("a/open", `{"Version":"2012-10-17","Statement":[{"Sid":"Everybody","Effect":"Allow","Principal":"*","Action":"ecr:*"}]}`)
	cloud.PutList(accountList, "111111111111")
	for format, parts := range map[string][]string{
		"table": {"critical", "a/open", "Everybody"},
		"json":  {`"schema": 3`, `"sid": "Everybody"`},
		"csv":   {"repository,policy", ",Everybody,"},
		"html":  {"<!doctype html>", "Everybody", "a/api"},
	} {
		status, out := call(t.Context(), "audit", "--output", format)
		if status != exitChanges {
			t.Errorf("%s: exit status %d", format, status)
		}
		contains(t, out, parts...)
	}
	if status, out := call(t.Context(), "audit", "--output", "xml"); status != exitFailed || out != "ecr-pull-policy: --output \"xml\" must be table, json, csv, or html\n" {
		t.Errorf("exit status %d: %s", status, out)
	}
}
