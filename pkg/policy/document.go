package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// document is a repository's policy, taken apart into the statements that are
// ours and all the rest, which is kept as compact JSON and never interpreted.
type document struct {
	before, after string            // the text around the value of Statement
	foreign       []json.RawMessage // in the order of the document
	own           []ownStatement    // in the order of the document
}

// ownStatement is a statement of ours in a document.
type ownStatement struct {
	sid string
	raw json.RawMessage
}

// readDocument takes a policy apart. The text "" is no policy. It is an error
// if the text isn't clearly a policy, for then nothing may be written over it.
func readDocument(text string) (document, error) {
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
		if err := doc.readStatements(m.value); err != nil {
			return document{}, err
		}
	}
	return doc, nil
}

// readStatements sorts the statements into foreign ones and ours. A policy may
// have one statement in the place of an array:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_statement.html
func (d *document) readStatements(value json.RawMessage) error {
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
		if sid, ok := ownSid(raw); ok {
			d.own = append(d.own, ownStatement{sid, raw})
		} else {
			d.foreign = append(d.foreign, raw)
		}
	}
	return nil
}

// ownSid returns the Sid of a statement and whether it is one of ours. Only a
// statement with one Sid can be: with two it is not clear whose it is.
func ownSid(raw json.RawMessage) (string, bool) {
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

// with returns the text of the document with other statements of ours, and ""
// if it has no statement then.
func (d document) with(own []ownStatement) string {
	statements := make([][]byte, 0, len(d.foreign)+len(own))
	for _, raw := range d.foreign {
		statements = append(statements, raw)
	}
	for _, o := range own {
		statements = append(statements, o.raw)
	}
	before, after := d.before, d.after
	switch {
	case len(statements) == 0:
		return ""
	case len(d.foreign) == 0:
		before, after = `{"Version":"2012-10-17","Statement":`, "}"
	}
	return before + "[" + string(bytes.Join(statements, []byte(","))) + "]" + after
}
