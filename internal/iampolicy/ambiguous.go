package iampolicy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// checkNames returns an error if an object in valid JSON has a name twice, in any case. encoding/json would keep only one
// of the values, so that a statement could seem narrower than it is. At the levels below depth, names aren't checked.
func checkNames(text []byte, depth int) error {
	type object struct {
		names   map[string]bool // nil in an array
		isValue bool            // the next token is a value
	}
	var open []object
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if err != nil {
			return nil // the end, as the JSON is valid
		}
		if n := len(open); n > 0 && open[n-1].names != nil && token != json.Delim('}') {
			top := &open[n-1]
			if !top.isValue {
				name := token.(string)
				folded := strings.ToLower(strings.ToUpper(name)) // as encoding/json: ſ is an s, and the Kelvin sign a k
				if n <= depth && top.names[folded] {
					return fmt.Errorf("the name %.40q occurs twice in an object", name)
				}
				top.names[folded], top.isValue = true, true
				continue
			}
			top.isValue = false
		}
		switch token {
		case json.Delim('{'):
			open = append(open, object{names: map[string]bool{}})
		case json.Delim('['):
			open = append(open, object{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
	}
}
