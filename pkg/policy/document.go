package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// document is a repository's policy, taken apart into its managed statements
// and all the rest, which is kept as compact JSON and never interpreted.
type document struct {
	before, after string             // the text around the value of Statement
	unmanaged     []json.RawMessage  // in the order of the document
	managed       []managedStatement // in the order of the document
}

// managedStatement is a managed statement of a document.
type managedStatement struct {
	sid     string
	raw     json.RawMessage
	meaning statement
	ok      bool // the meaning could be read
}

// readDocument takes a policy apart. The text "" is no policy. It is an error
// if the text isn't clearly a policy, for then nothing may be written over it.
func readDocument(text, partition string) (document, error) {
	if text == "" {
		return document{}, nil
	}
	var buffer bytes.Buffer
	if err := json.Compact(&buffer, []byte(text)); err != nil {
		return document{}, fmt.Errorf("is not valid JSON: %w", err)
	}
	compact := buffer.Bytes()
	members, err := readObject(compact)
	if err != nil {
		return document{}, err
	}

	var doc document
	found := false
	for _, m := range members {
		if m.name != "Statement" {
			continue
		}
		if found {
			return document{}, errors.New("has two members named Statement")
		}
		found = true
		doc.before, doc.after = string(compact[:m.end-len(m.value)]), string(compact[m.end:])
		if err := doc.readStatements(m.value, partition); err != nil {
			return document{}, err
		}
	}
	if !found {
		return document{}, errors.New("has no member named Statement")
	}
	return doc, nil
}

// readStatements separates the managed from the unmanaged statements. A policy
// may have one statement instead of an array:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_statement.html
func (d *document) readStatements(value json.RawMessage, partition string) error {
	var statements []json.RawMessage
	switch value[0] {
	case '{':
		statements = []json.RawMessage{value}
	case '[':
		if err := json.Unmarshal(value, &statements); err != nil {
			return err
		}
	default:
		return errors.New("has a Statement that is neither an array nor an object")
	}
	for _, raw := range statements {
		sid, ok := managedSid(raw)
		if !ok {
			d.unmanaged = append(d.unmanaged, raw)
			continue
		}
		managed := managedStatement{sid: sid, raw: raw}
		managed.meaning, managed.ok = decodeStatement(raw, partition)
		d.managed = append(d.managed, managed)
	}
	return nil
}

// managedSid returns the Sid of a statement and whether the statement is
// managed. A statement with two Sids is not: it isn't clear whose it is.
func managedSid(raw json.RawMessage) (string, bool) {
	members, err := readObject(raw)
	if err != nil {
		return "", false
	}
	var sids []json.RawMessage
	for _, m := range members {
		if m.name == "Sid" {
			sids = append(sids, m.value)
		}
	}
	if len(sids) != 1 {
		return "", false
	}
	sid, ok := readString(sids[0])
	return sid, ok && strings.HasPrefix(sid, SidPrefix)
}

// at returns the managed statements of the list at a depth.
func (d document) at(depth int) []managedStatement {
	var statements []managedStatement
	for _, m := range d.managed {
		if _, of, ok := parseSid(m.sid); ok && of == depth {
			statements = append(statements, m)
		}
	}
	return statements
}

// with returns the text of the document with other managed statements, and ""
// if it has no statement then.
func (d document) with(managed []managedStatement) string {
	statements := make([][]byte, 0, len(d.unmanaged)+len(managed))
	for _, raw := range d.unmanaged {
		statements = append(statements, raw)
	}
	for _, m := range managed {
		statements = append(statements, m.raw)
	}
	before, after := d.before, d.after
	switch {
	case len(statements) == 0:
		return ""
	case len(d.unmanaged) == 0:
		before, after = `{"Version":"2012-10-17","Statement":`, "}"
	}
	return before + "[" + string(bytes.Join(statements, []byte(","))) + "]" + after
}
