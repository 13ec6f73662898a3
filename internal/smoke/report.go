package smoke

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
)

// Report is the result of a test.
type Report struct {
	Created     time.Time // zero if the repository wasn't created
	Written     Wait      // for the standard policy
	Restored    Wait      // for the repair
	Kept        bool      // the repair left the unmanaged statements as they were
	Forms       []Form
	Answers     []Answer
	Lines       []Line
	LogErr      error // why the log can't be read
	Leftover    error // why the repository wasn't deleted
	Err         error // why the test ended early
	Interrupted bool  // the context ended

	test *Test
}

// Wait is a wait for a policy.
type Wait struct {
	From, At time.Time // At is zero if the policy didn't come
	TimedOut bool
	Last     string // the last policy that was read
}

// Passed reports whether the stack wrote and restored the policy, and the repository is deleted.
func (r *Report) Passed() bool {
	return r.Err == nil && r.Leftover == nil && !r.Written.At.IsZero() && !r.Restored.At.IsZero() && r.Kept
}

// Missed reports whether the stack didn't write or restore the policy in time.
func (r *Report) Missed() bool { return r.Written.TimedOut || r.Restored.TimedOut }

// seen returns the number of writes by onrepo that the test saw.
func (r *Report) seen() (n int) {
	for _, w := range []Wait{r.Written, r.Restored} {
		if !w.At.IsZero() {
			n++
		}
	}
	return n
}

// writes returns the number of writes in the log.
func (r *Report) writes() (n int) {
	for _, line := range r.Lines {
		if line.isWrite() {
			n++
		}
	}
	return n
}

// Status is the status of a row.
type Status string

// The statuses.
const (
	OK      Status = "ok"
	Failed  Status = "failed"
	Skipped Status = "skipped"
	Note    Status = "note" // what AWS does, which is neither right nor wrong
)

const endedEarlier = "the test ended earlier"

// Row is a row of the report.
type Row struct {
	Status        Status
	Subject, Text string
}

// Rows returns the rows about the stack.
func (r *Report) Rows() []Row {
	if r.Created.IsZero() {
		return r.end()
	}
	rows := []Row{{OK, "repository", "created " + r.test.Repository}, r.policyRow(), r.repairRow()}
	if !r.Restored.At.IsZero() {
		rows = append(rows, r.unmanagedRow())
	}
	return append(rows, r.end()...)
}

func (r *Report) policyRow() Row {
	const subject = "policy"
	switch {
	case r.Written.TimedOut:
		return Row{Failed, subject, r.missed(r.Written, "wasn't written", 0)}
	case r.Written.At.IsZero():
		return Row{Skipped, subject, endedEarlier}
	}
	return Row{OK, subject, fmt.Sprintf("written %s after the repository was created%s", seconds(r.Written.At.Sub(r.Written.From)), r.event(0))}
}

func (r *Report) repairRow() Row {
	const subject = "repair"
	switch {
	case r.Written.TimedOut:
		return Row{Skipped, subject, "there was no policy to restore"}
	case r.Restored.TimedOut && r.test.isStandard(r.Restored.Last):
		return Row{Failed, subject, "the managed statements were restored, but the unmanaged statements were lost; please report this"}
	case r.Restored.TimedOut:
		return Row{Failed, subject, r.missed(r.Restored, "wasn't restored", 1)}
	case r.Restored.At.IsZero():
		return Row{Skipped, subject, endedEarlier}
	}
	return Row{OK, subject, fmt.Sprintf("restored %s after it was replaced%s", seconds(r.Restored.At.Sub(r.Restored.From)), r.event(1))}
}

func (r *Report) unmanagedRow() Row {
	const subject = "unmanaged statements"
	if !r.Kept {
		return Row{Failed, subject, "the repair changed them; please report this"}
	}
	return Row{OK, subject, "unchanged by the repair"}
}

// missed describes a policy that didn't come. writes is the number of earlier writes.
func (r *Report) missed(w Wait, what string, writes int) string {
	text := fmt.Sprintf("%s within %s: ", what, r.test.Timeout)
	var line Line
	for _, candidate := range r.Lines {
		if candidate.isWrite() && writes > 0 {
			writes--
			line = Line{}
		} else {
			line = candidate
		}
	}
	switch {
	case line.Error != "":
		text += "onrepo failed: " + line.Error
	case line.Reason != "":
		text += fmt.Sprintf("the outcome is %s: %s", line.Outcome, line.Reason)
	case line.Outcome != "":
		text += fmt.Sprintf("the outcome is %s", line.Outcome)
	case w.Last != "" && !hasUnmanaged(w.Last):
		text += "the policy isn't the one that the lists specify"
	case r.LogErr != nil:
		text += "no event reached onrepo, or onrepo failed"
	default:
		text += "onrepo logged nothing, so no event reached it, as without a CloudTrail trail"
	}
	return text
}

// event names the event that caused a write, if the log shows it.
func (r *Report) event(earlierWrites int) string {
	for _, line := range r.Lines {
		switch {
		case !line.isWrite():
		case earlierWrites > 0:
			earlierWrites--
		default:
			return ", because of " + line.Trigger
		}
	}
	return ""
}

// end returns the rows about the end of the test.
func (r *Report) end() []Row {
	var rows []Row
	switch {
	case r.Interrupted:
		rows = append(rows, Row{Failed, "test", "interrupted"})
	case r.Err != nil:
		rows = append(rows, Row{Failed, "test", awsclient.ErrorText(r.Err)})
	}
	switch {
	case r.Leftover != nil && r.Created.IsZero():
		rows = append(rows, Row{Failed, "deletion", "the repository may exist: " + awsclient.ErrorText(r.Leftover)})
	case r.Leftover != nil:
		rows = append(rows, Row{Failed, "deletion", "the repository still exists: " + awsclient.ErrorText(r.Leftover)})
	case !r.Created.IsZero():
		rows = append(rows, Row{OK, "deletion", "the repository is deleted"})
	default:
		rows = append(rows, Row{Skipped, "deletion", "no repository was created"})
	}
	return rows
}

// AnswerRows returns the rows about ECR.
func (r *Report) AnswerRows() []Row {
	var rows []Row
	if r.Created.IsZero() || r.Answers == nil {
		return nil
	}
	if len(r.Forms) == 0 {
		rows = append(rows, Row{Note, "returned policy", "the same values as written"})
	}
	for _, form := range r.Forms {
		rows = append(rows, Row{Note, form.Element, form.Written + " → " + form.Returned})
	}
	for _, answer := range r.Answers {
		switch {
		case answer.Skipped != "":
			rows = append(rows, Row{Skipped, answer.Question, answer.Skipped})
		case answer.Rejected != "":
			rows = append(rows, Row{Note, answer.Question, answer.Rejected})
		default:
			rows = append(rows, Row{Note, answer.Question, answer.Accepted})
		}
	}
	return rows
}

// LogRows returns the rows about the log of onrepo.
func (r *Report) LogRows() []Row {
	switch {
	case r.Created.IsZero() || r.Interrupted:
		return nil
	case r.LogErr != nil:
		return []Row{{Skipped, "log", awsclient.ErrorText(r.LogErr)}}
	case len(r.Lines) == 0:
		return []Row{{Note, "log", "no line about the repository"}}
	}
	var rows []Row
	for _, line := range r.Lines {
		text := fmt.Sprintf("%s: %s", line.Trigger, line.Outcome)
		for _, detail := range []string{strings.Join(line.Added, ", "), line.Reason, line.Error} {
			if detail != "" {
				text += "; " + detail
			}
		}
		rows = append(rows, Row{Note, fmt.Sprintf("%+.1f s", line.Time.Sub(r.Created).Seconds()), text})
	}
	return rows
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", max(d, 0).Seconds()) }

var accountID = regexp.MustCompile(`\b\d{12}\b`)

// Mask replaces account IDs, so that a report can be published.
func Mask(text string) string { return accountID.ReplaceAllString(text, "XXXXXXXXXXXX") }
