// Package audit says who may pull from and push to the repositories of a registry, through which statement, and what
// a reviewer would mark about it.
//
// It is pure: Run takes policy texts and account lists, and the writers turn its Report into a table, JSON, CSV or
// one self-contained page of HTML. To look at a page with every kind of finding:
//
//	go run ./internal/audit/sample > report.html
//
// Statements are read leniently, as others write them: one value or a list, any case of element names, operators and
// condition keys, numbers and booleans for strings. What can't be read is a finding.
package audit
