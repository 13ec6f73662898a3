package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

// layout formats a JSON value. What fits into the width stays on one line, so that a diff shows which elements of a
// statement change.
func layout(value json.RawMessage, width int) string {
	var lines []string
	var add func(depth int, name string, value json.RawMessage, end string)
	add = func(depth int, name string, value json.RawMessage, end string) {
		indentation := strings.Repeat(" ", depth)
		if line := indentation + name + spaced(value) + end; len(line) <= width || !bytes.ContainsAny(value[:1], "{[") {
			lines = append(lines, line)
			return
		}
		names, values := parts(value)
		lines = append(lines, indentation+name+string(value[0]))
		for i := range values {
			comma := ","
			if i == len(values)-1 {
				comma = ""
			}
			add(depth+1, names[i], values[i], comma)
		}
		lines = append(lines, indentation+string(value[len(value)-1])+end)
	}
	add(0, "", value, "")
	return strings.Join(lines, "\n") + "\n"
}

// spaced formats a value on one line.
func spaced(value json.RawMessage) string {
	names, values := parts(value)
	if values == nil {
		return string(value)
	}
	var texts []string
	for i := range values {
		texts = append(texts, names[i]+spaced(values[i]))
	}
	return string(value[0]) + strings.Join(texts, ", ") + string(value[len(value)-1])
}

// parts returns what an object or an array consists of. The names end in a colon, and are empty in an array.
func parts(value json.RawMessage) (names []string, values []json.RawMessage) {
	if members, err := iampolicy.ReadObject(value); err == nil {
		for _, m := range members {
			names, values = append(names, fmt.Sprintf("%q: ", m.Name)), append(values, m.Value)
		}
		return names, values
	}
	if json.Unmarshal(value, &values) != nil {
		return nil, nil
	}
	return make([]string, len(values)), values
}
