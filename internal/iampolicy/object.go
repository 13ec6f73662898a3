package iampolicy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Member is one member of a JSON object.
type Member struct {
	Name  string
	Value json.RawMessage
	End   int // offset of the first byte after the value
}

// ReadObject splits a JSON object into its members. It keeps what encoding/json loses in structs and maps: the order,
// duplicates, the case of names, and bytes that aren't UTF-8.
func ReadObject(object []byte) ([]Member, error) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	if begin, err := decoder.Token(); err != nil || begin != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	var members []Member
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		members = append(members, Member{name.(string), value, int(decoder.InputOffset())})
	}
	return members, nil
}

// checkNames returns an error if an object has a name twice, in any case. encoding/json would keep only one of the
// values, so that a statement could seem narrower than it is. It checks the object and those directly in it, down to
// the number of levels.
func checkNames(value json.RawMessage, levels int) error {
	if levels == 0 {
		return nil
	}
	members, err := ReadObject(value)
	if err != nil {
		return nil // the value isn't an object, so it has no names
	}
	seen := map[string]bool{}
	for _, m := range members {
		folded := strings.ToLower(strings.ToUpper(m.Name)) // as encoding/json: ſ is an s, and the Kelvin sign a k
		if seen[folded] {
			return fmt.Errorf("the name %.40q occurs twice in an object", m.Name)
		}
		seen[folded] = true
		if err := checkNames(m.Value, levels-1); err != nil {
			return err
		}
	}
	return nil
}
