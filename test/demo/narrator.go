package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aymanbagabas/go-udiff"
	"github.com/fatih/color"
	"github.com/tidwall/pretty"
)

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

// command prints the command that has the same effect in AWS.
func (n *narrator) command(format string, a ...any) {
	n.cyan.Fprintf(n.out, "   $ "+format+"\n", a...)
}

func (n *narrator) checked(format string, a ...any) {
	n.yes.Fprint(n.out, "   ✓ ")
	fmt.Fprintf(n.out, format+"\n", a...)
}

func (n *narrator) took(what string, d time.Duration) {
	n.faint.Fprintf(n.out, "   %s after %.1f s\n", what, d.Seconds())
}

// policy prints how the policy of a repository changed.
func (n *narrator) policy(repository, before, after string) {
	before, after = indent(before), indent(after)
	n.bold.Fprintf(n.out, "   %s\n", repository)
	if before == after {
		n.faint.Fprintln(n.out, "     unchanged")
		return
	}
	for i, line := range diff(before, after) {
		switch {
		case i < 2, strings.HasPrefix(line, "@@"), strings.HasPrefix(line, `\`):
		case strings.HasPrefix(line, "+"):
			n.green.Fprintf(n.out, "     %s\n", line)
		case strings.HasPrefix(line, "-"):
			n.red.Fprintf(n.out, "     %s\n", line)
		default:
			fmt.Fprintf(n.out, "     %s\n", line)
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

// indent formats a policy, with lists on one line.
func indent(policy string) string {
	if policy == "" {
		return ""
	}
	return string(pretty.PrettyOptions([]byte(policy), &pretty.Options{Indent: "  ", Width: 140}))
}
