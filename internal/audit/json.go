package audit

import (
	"encoding/json"
	"io"
	"time"
)

// schema is the version of the JSON form of a report. Version 2 has managed and unmanaged statements instead of owners,
// and all principals instead of everybody. Version 3 has at most one finding for each statement, and subtracts Deny
// statements from the findings and the totals. In version 4, repositories share their statements and consumers.
const schema = 4

// Output is the JSON form of a report. It is stable: while Schema stays the same, members can be added, but no member is
// renamed or removed. Lists are never null.
type Output struct {
	Schema         int                `json:"schema"`
	Account        string             `json:"account"`
	Region         string             `json:"region"`
	Generated      time.Time          `json:"generated"`
	Totals         Totals             `json:"totals"`
	Findings       []Finding          `json:"findings"`
	Repositories   []OutputRepository `json:"repositories"` // by name
	Grants         []Grants           `json:"grants"`
	RegistryPolicy RegistryPolicy     `json:"registryPolicy"`
	Accepted       []AcceptedFinding  `json:"accepted"`
}

// OutputRepository is a repository in an Output.
type OutputRepository struct {
	Name       string `json:"name"`
	Policy     State  `json:"policy"`
	OutOfScope bool   `json:"outOfScope"`
	Grants     int    `json:"grants"` // index in Grants of the Output
}

// Grants are the statements and consumers of a repository. Most repositories have the same as many others, and they can
// be long.
type Grants struct {
	Statements []Statement      `json:"statements"`
	Consumers  []ConsumerAccess `json:"consumers"`
}

// WriteJSON writes the report as an indented Output.
func WriteJSON(w io.Writer, report Report) error {
	output := Output{
		Schema: schema, Account: report.Account, Region: report.Region, Generated: report.Generated, Totals: report.Totals, Findings: report.Findings,
		Repositories: []OutputRepository{}, Grants: []Grants{}, RegistryPolicy: report.RegistryPolicy, Accepted: report.Accepted,
	}
	index := map[string]int{} // of the grants, by their JSON form
	for _, r := range report.Repositories {
		grants := Grants{r.Statements, r.Consumers}
		key, err := json.Marshal(grants)
		if err != nil {
			return err
		}
		i, ok := index[string(key)]
		if !ok {
			i = len(output.Grants)
			index[string(key)] = i
			output.Grants = append(output.Grants, grants)
		}
		output.Repositories = append(output.Repositories, OutputRepository{r.Name, r.Policy, r.OutOfScope, i})
	}
	return writeIndented(w, output)
}

func writeIndented(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
