package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aymanbagabas/go-udiff"
	"github.com/fatih/color"
	textutil "github.com/jedib0t/go-pretty/v6/text"
)

const width = 80

// narrator prints the demo, in color on a terminal.
type narrator struct {
	out                                io.Writer
	chapter                            int
	bold, faint, green, red, cyan, yes *color.Color
}

func newNarrator(out io.Writer) *narrator {
	return &narrator{
		out:   out,
		bold:  color.New(color.Bold),
		faint: color.New(color.Faint),
		green: color.New(color.FgGreen),
		red:   color.New(color.FgRed),
		cyan:  color.New(color.FgCyan),
		yes:   color.New(color.FgGreen, color.Bold),
	}
}

func (n *narrator) heading(text string) {
	n.chapter++
	fmt.Fprintln(n.out)
	n.bold.Fprintf(n.out, "%d. %s\n", n.chapter, text)
}

func (n *narrator) text(format string, a ...any) { fmt.Fprintf(n.out, "   "+format+"\n", a...) }

// command prints the command that has the same effect in AWS, whose lines are the arguments.
func (n *narrator) command(lines ...string) {
	n.cyan.Fprintf(n.out, "   $ %s\n", strings.Join(lines, " \\\n     "))
}

func (n *narrator) checked(format string, a ...any) {
	n.yes.Fprint(n.out, "   ✓ ")
	fmt.Fprintln(n.out, wrap(5, fmt.Sprintf(format, a...)))
}

// problem prints what a function logged.
func (n *narrator) problem(text string) {
	n.red.Fprintf(n.out, "     %s\n", wrap(7, text))
}

// wrap breaks a text into lines that fit the width, with an indentation from the second on.
func wrap(indentation int, text string) string {
	lines := textutil.WrapSoft(text, width-indentation)
	return strings.ReplaceAll(lines, "\n", "\n"+strings.Repeat(" ", indentation))
}

func (n *narrator) took(what string, d time.Duration) {
	n.faint.Fprintf(n.out, "   %s after %.1f s\n", what, d.Seconds())
}

// policy prints how the policy of a repository changed, statement by statement.
func (n *narrator) policy(repository, before, after string) {
	n.bold.Fprintf(n.out, "   %s\n", repository)
	if before == after {
		n.faint.Fprintln(n.out, "   unchanged")
		return
	}
	sidsBefore, was := statements(before)
	sids, is := statements(after)
	for _, sid := range sidsBefore {
		if _, found := is[sid]; !found {
			sids = append(sids, sid)
		}
	}
	for _, sid := range sids {
		if was[sid] == is[sid] {
			n.faint.Fprintf(n.out, "    %s (unchanged)\n", sid)
			continue
		}
		n.statement(was[sid], is[sid])
	}
}

// statement prints how a statement changed. One that doesn't exist is "".
func (n *narrator) statement(before, after string) {
	for line := range strings.Lines(diff(before, after)) {
		line = "   " + strings.TrimSuffix(line, "\n")
		switch line[3] {
		case '+':
			n.green.Fprintln(n.out, line)
		case '-':
			n.red.Fprintln(n.out, line)
		default:
			fmt.Fprintln(n.out, line)
		}
	}
}

// statements returns the statements of a policy as text by Sid, and the Sids in their order.
func statements(policy string) (sids []string, texts map[string]string) {
	var document struct{ Statement []json.RawMessage }
	if policy != "" {
		must(json.Unmarshal([]byte(policy), &document))
	}
	texts = map[string]string{}
	for _, statement := range document.Statement {
		var named struct{ Sid string }
		must(json.Unmarshal(statement, &named))
		sids = append(sids, named.Sid)
		texts[named.Sid] = layout(statement, width-4) // three columns of the demo, and one of the diff
	}
	return sids, texts
}

// diff returns the lines of two different texts, with the signs of a unified diff.
func diff(before, after string) string {
	text, err := udiff.ToUnified("before", "after", before, udiff.Strings(before, after), strings.Count(before, "\n")+1)
	must(err)
	_, lines, _ := strings.Cut(text, "@@\n")
	return lines
}

// must panics with an error that can only be a mistake in the demo: ECR stores valid JSON, and the edits of a diff are
// those of its text.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
