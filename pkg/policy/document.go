package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

// Document is the policy of a repository or of the registry, parsed once for any
// number of merges and questions. It isn't modified after that, so that
// goroutines can share it. The zero value is that of a repository without a
// policy.
type Document struct {
	text          string
	registry      Registry
	level         Level
	before, after string             // the compact text around the value of Statement
	unmanaged     []json.RawMessage  // compact, never interpreted, in the order of the document
	managed       []managedStatement // in the order of the document
	removed       []Removal          // from unmanaged statements; see WithoutDeletedPrincipals
	positions     []int              // of the unmanaged statements before that; nil if nothing was removed

	// What grants the same as the document; nil if nothing is known to. See
	// CoveredBy.
	cover      *Document
	repository string

	only bool // to be marked; see AsOnly
}

// managedStatement is a managed statement, decoded beside its JSON.
type managedStatement struct {
	sid     string
	raw     json.RawMessage
	meaning statement
	ok      bool // the meaning could be read
}

// ParseDocument parses the policy of a repository in a registry, as
// GetRepositoryPolicy returns it; "" if the repository has no policy:
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetRepositoryPolicy.html
//
// It fails for a text that isn't clearly a policy and must not be
// overwritten: the text must be one JSON object with one Statement element, an
// array or an object. What the statements contain isn't checked, and there is
// no limit to the size of the text.
func ParseDocument(text string, registry Registry) (Document, error) {
	return parseDocument(text, registry, LevelRepository)
}

// ParseRegistryDocument parses the policy of a registry, as GetRegistryPolicy
// returns it; "" if the registry has no policy. It fails like [ParseDocument].
//
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetRegistryPolicy.html
func ParseRegistryDocument(text string, registry Registry) (Document, error) {
	return parseDocument(text, registry, LevelRegistry)
}

func parseDocument(text string, registry Registry, level Level) (Document, error) {
	doc := Document{level: level, registry: registry}
	if text == "" {
		return doc, nil
	}
	if err := doc.read(text); err != nil {
		return Document{}, fmt.Errorf("policy document: %w", err)
	}
	return doc, nil
}

// Level returns the level that the document is at.
func (d Document) Level() Level {
	if d.level.isRegistry() {
		return LevelRegistry
	}
	return LevelRepository
}

// String returns the text that was parsed, byte for byte. It is "" for the zero
// value.
func (d Document) String() string { return d.text }

func (d *Document) read(text string) error {
	var buffer bytes.Buffer
	if err := json.Compact(&buffer, []byte(text)); err != nil {
		return fmt.Errorf("invalid JSON: %w", err)
	}
	compact := buffer.Bytes()
	members, err := iampolicy.ReadObject(compact)
	if err != nil {
		return err
	}

	d.text = text
	found := false
	for _, m := range members {
		if m.Name != "Statement" {
			continue
		}
		if found {
			return errors.New("two Statement elements; expected one")
		}
		found = true
		d.before, d.after = string(compact[:m.End-len(m.Value)]), string(compact[m.End:])
		if err := d.readStatements(m.Value); err != nil {
			return err
		}
	}
	if !found {
		return errors.New("no Statement element; expected one")
	}
	return nil
}

// readStatements separates the managed from the unmanaged statements. A policy
// can have one statement instead of an array:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_statement.html
func (d *Document) readStatements(value json.RawMessage) error {
	var statements []json.RawMessage
	switch value[0] {
	case '{':
		statements = []json.RawMessage{value}
	case '[':
		if err := json.Unmarshal(value, &statements); err != nil {
			return err
		}
	default:
		return errors.New("invalid Statement element; expected an array or an object")
	}
	for _, raw := range statements {
		sid, ok := managedSid(raw)
		if !ok {
			d.unmanaged = append(d.unmanaged, raw)
			continue
		}
		managed := managedStatement{sid: sid, raw: raw}
		managed.meaning, managed.ok = decodeStatement(raw, d.registry.Partition)
		d.managed = append(d.managed, managed)
	}
	return nil
}

// managedSid returns the Sid of a statement, and reports whether the statement
// is managed. A statement with two Sids isn't: it is unclear which one applies.
func managedSid(raw json.RawMessage) (string, bool) {
	members, err := iampolicy.ReadObject(raw)
	if err != nil {
		return "", false
	}
	var sids []json.RawMessage
	for _, m := range members {
		if m.Name == "Sid" {
			sids = append(sids, m.Value)
		}
	}
	if len(sids) != 1 {
		return "", false
	}
	sid, ok := readString(sids[0])
	return sid, ok && strings.HasPrefix(sid, SidPrefix)
}

// at returns the managed statements of the list in a place.
func (d Document) at(p place) []managedStatement {
	var statements []managedStatement
	for _, m := range d.managed {
		if _, suffix, ok := parseSid(m.sid); ok && suffix == p.suffix {
			statements = append(statements, m)
		}
	}
	return statements
}

// with returns the text of the document with other managed statements. It is ""
// if no statement is left.
func (d Document) with(managed []managedStatement) string {
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
