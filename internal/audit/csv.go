package audit

import (
	"io"
	"strconv"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

// csvColumns returns the names of the columns.
func csvColumns() []string {
	return []string{
		"account", "region", "repository", "policy", "repository_finding", "statement", "sid", "managed", "effect",
		"statement_finding", "consumer_kind", "consumer", "consumer_account", "consumer_organization", "principal",
		"access", "actions", "conditions", "denied_access", "conditional_access",
	}
}

// WriteCSV writes a row for every repository, statement and consumer, after those of the registry policy, which have no
// repository. A repository without statements and a statement without consumers get a row too. The first row contains
// the names of the columns.
//
// A row has only the values of conditions that name its consumer, because a Lambda statement can have a hundred.
//
// Policies can contain text from any author, and spreadsheets evaluate text that looks like a formula. Such a field
// gets a leading apostrophe. Where lists are separated by semicolons, a spreadsheet can divide a field at its semicolons
// and line breaks, so each part is treated like a field: https://owasp.org/www-community/attacks/CSV_Injection
func WriteCSV(w io.Writer, report Report) error {
	worst := worstByPlace(report.Findings)
	rows := [][]string{csvColumns()}
	policies := report.Repositories
	if report.RegistryPolicy.Policy != Absent {
		registry := Repository{Policy: report.RegistryPolicy.Policy, Statements: report.RegistryPolicy.Statements}
		policies = append([]Repository{registry}, policies...)
	}
	for _, r := range policies {
		head := []string{report.Account, report.Region, r.Name, string(r.Policy), worst[place{r.Name, anywhere}].String()}
		for _, s := range orZero(r.Statements) {
			for _, c := range orZero(s.Consumers) {
				rows = append(rows, row(head, s, worst[place{r.Name, s.Position}], c))
			}
		}
	}
	var out strings.Builder
	for _, fields := range rows {
		for i, field := range fields {
			if i > 0 {
				out.WriteByte(',')
			}
			out.WriteString(quoteField(field))
		}
		out.WriteByte('\n')
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// quoteField quotes a field that contains a separator of any spreadsheet. encoding/csv doesn't quote semicolons.
func quoteField(field string) string {
	if !strings.ContainsAny(field, ",;\"\t\r\n") && field == strings.TrimSpace(field) {
		return field
	}
	return `"` + strings.ReplaceAll(field, `"`, `""`) + `"`
}

func row(head []string, s Statement, finding Severity, c iampolicy.Consumer) []string {
	position, managed := strconv.Itoa(s.Position), strconv.FormatBool(s.Managed)
	if s.Position == 0 { // no statement; the finding of the policy as a whole is in the head
		position, managed, finding = "", "", 0
	}
	fields := append(head[:len(head):len(head)], position, s.Sid, managed, string(s.Effect), finding.String(),
		string(c.Kind), c.ID, c.Account, c.Organization, c.Principal, s.accessText(), s.actionText(), joinConditions(s.ConditionsOf(c)),
		s.answered(c, iampolicy.No), s.answered(c, iampolicy.Depends))
	for i, field := range fields {
		fields[i] = escapeFormula(field)
	}
	return fields
}

// answered returns the access of an Allow statement for which a consumer gets an answer.
func (s Statement) answered(c iampolicy.Consumer, answer iampolicy.Answer) string {
	var texts []string
	for _, a := range s.Access {
		if s.Effect == iampolicy.Allow && s.Answer(c, a) == answer {
			texts = append(texts, string(a))
		}
	}
	return strings.Join(texts, " ")
}

// orZero returns the values, or one zero value if there are none.
func orZero[T any](values []T) []T {
	if len(values) == 0 {
		return make([]T, 1)
	}
	return values
}

// escapeFormula prevents a spreadsheet from evaluating a text, or a part of it, as a formula.
func escapeFormula(field string) string {
	var escaped strings.Builder
	starts := true // a cell
	for i, r := range field {
		if starts && strings.ContainsRune("=+-@\t\r＝＋－＠", []rune(strings.TrimLeft(field[i:], " \n") + " ")[0]) {
			escaped.WriteByte('\'')
		}
		starts = strings.ContainsRune(";\t\r\n", r)
		escaped.WriteRune(r)
	}
	return escaped.String()
}
