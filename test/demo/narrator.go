package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aymanbagabas/go-udiff"
	"github.com/fatih/color"
	textutil "github.com/jedib0t/go-pretty/v6/text"
	"github.com/tidwall/pretty"
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

// policy prints how the policy of a repository changed.
func (n *narrator) policy(repository, before, after string) {
	before, after = indent(before), indent(after)
	n.bold.Fprintf(n.out, "   %s\n", repository)
	if before == after {
		n.faint.Fprintln(n.out, "   unchanged")
		return
	}
	for i, line := range diff(before, after) {
		switch {
		case i < 2, strings.HasPrefix(line, "@@"), strings.HasPrefix(line, `\`):
		case strings.HasPrefix(line, "+"):
			n.green.Fprintf(n.out, "   %s\n", line)
		case strings.HasPrefix(line, "-"):
			n.red.Fprintf(n.out, "   %s\n", line)
		default:
			fmt.Fprintf(n.out, "   %s\n", line)
		}
	}
}

// diff returns the lines of a unified diff that shows both documents whole.
func diff(before, after string) []string {
	text, err := udiff.ToUnified("before", "after", before, udiff.Strings(before, after), strings.Count(before, "\n")+1)
	if err != nil {
		panic(err) // the edits are those of before
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// indent formats a policy, with short lists on one line.
func indent(policy string) string {
	if policy == "" {
		return ""
	}
	return string(pretty.PrettyOptions([]byte(policy), &pretty.Options{Indent: " ", Width: width - 7}))
}
