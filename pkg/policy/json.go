package policy

import (
	"bytes"
	"encoding/json"
	"slices"
)

// readString reads a JSON string. It reports false for any other value.
func readString(value json.RawMessage) (string, bool) {
	var s *string
	err := json.Unmarshal(value, &s)
	if err != nil || s == nil {
		return "", false
	}
	return *s, true
}

// readStrings reads an element that can be one string or an array of strings,
// and sorts it. It reports false for any other value.
func readStrings(value json.RawMessage) ([]string, bool) {
	if s, ok := readString(value); ok {
		return []string{s}, true
	}
	var elements []*string
	if err := json.Unmarshal(value, &elements); err != nil || slices.Contains(elements, nil) {
		return nil, false
	}
	values := make([]string, len(elements))
	for i, element := range elements {
		values[i] = *element
	}
	return sortedUnique(values), true
}

// writeJSON is json.Marshal without the escapes for HTML, which would add
// characters and make ARNs hard to read.
func writeJSON(value any) json.RawMessage {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // strings, slices, and maps of them always encode
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))
}
