package audit

import "fmt"

// Severity is how bad a finding is. A greater one is worse.
type Severity int

// The severities. Low is for what is worth knowing and may well be meant so.
const (
	Low Severity = iota + 1
	Medium
	High
	Critical
)

// severities returns all of them, the worst first.
func severities() []Severity { return []Severity{Critical, High, Medium, Low} }

// String returns the name in lower case.
func (s Severity) String() string {
	switch s {
	case 0:
		return "" // no finding
	case Low:
		return "low"
	case Medium:
		return "medium"
	case High:
		return "high"
	case Critical:
		return "critical"
	}
	return fmt.Sprintf("severity(%d)", int(s))
}

// MarshalText writes the name, for JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
