package audit

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
)

// WriteCSV writes a row for every repository, statement and consumer, and one for a repository or statement that has
// none. The first row has the names of the columns.
//
// Names and Sids are other people's text, and spreadsheets run what looks like a formula: such a field gets an
// apostrophe in front (https://owasp.org/www-community/attacks/CSV_Injection).
func WriteCSV(w io.Writer, report Report) error {
	worst := worstByPlace(report.Findings)
	rows := [][]string{{
		"account", "region", "repository", "policy", "repository_finding", "statement", "sid", "owner", "effect",
		"statement_finding", "consumer_kind", "consumer", "consumer_account", "consumer_organization", "principal",
		"access", "actions", "conditions",
	}}
	for _, r := range report.Repositories {
		head := []string{report.Account, report.Region, r.Name, string(r.Policy), worst[place{r.Name, anywhere}].String()}
		for _, s := range orZero(r.Statements) {
			for _, c := range orZero(s.Consumers) {
				rows = append(rows, row(head, s, worst[place{r.Name, s.Position}], c))
			}
		}
	}
	return csv.NewWriter(w).WriteAll(rows)
}

func row(head []string, s Statement, finding Severity, c Consumer) []string {
	position := ""
	if s.Position > 0 {
		position = strconv.Itoa(s.Position)
	} else {
		finding = 0 // that of the policy as a whole is in the head
	}
	fields := append(head[:len(head):len(head)], position, s.Sid, string(s.Owner), string(s.Effect), finding.String(),
		string(c.Kind), c.ID, c.Account, c.Organization, c.Principal, joined(s.Access), s.actionText(), s.conditionText())
	for i, field := range fields {
		fields[i] = harmless(field)
	}
	return fields
}

// orZero returns the values, or one zero value if there are none, so that what has none gets a row all the same.
func orZero[T any](values []T) []T {
	if len(values) == 0 {
		return make([]T, 1)
	}
	return values
}

// harmless keeps a spreadsheet from taking a text for a formula.
func harmless(field string) string {
	if trimmed := strings.TrimLeft(field, " \n"); trimmed != "" && strings.ContainsRune("=+-@\t\r＝＋－＠", []rune(trimmed)[0]) {
		return "'" + field
	}
	return field
}
