package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// writeHelp writes the help of a command in the width of the terminal.
func writeHelp(command *cobra.Command, _ []string) {
	out := command.OutOrStdout()
	columns := width(out)
	root := command.Root()
	command.Example = strings.ReplaceAll(command.Example, "  "+programName+" ", "  "+root.CommandPath()+" ")
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages ", fmt.Sprintf(".FlagUsagesWrapped %d ", columns)))
	fmt.Fprintf(out, "%s\n\n%s", wrapHelp(cmp.Or(command.Long, command.Short), columns), command.UsageString())
}

// wrapHelp wraps a help text: paragraphs, items such as "  0  the list is valid", and lines that begin with a tab, which
// it leaves as they are.
func wrapHelp(help string, columns int) string {
	var wrapped strings.Builder
	for _, b := range blocks(help) {
		indent := strings.Repeat(" ", len(b.label))
		body := b.text
		if !strings.HasPrefix(body, "\t") {
			body = wrap(body, columns-len(b.label))
		}
		wrapped.WriteString(b.label + strings.ReplaceAll(body, "\n", "\n"+indent) + "\n")
	}
	return strings.TrimRight(wrapped.String(), "\n")
}

// block is a paragraph or an item of a help text, or an empty line.
type block struct {
	label string // of an item, with its indentation
	text  string
}

// blocks joins the lines of paragraphs and items. The lines of an item are indented as its text.
func blocks(help string) []block {
	var all []block
	for line := range strings.SplitSeq(help, "\n") {
		content := strings.TrimLeft(line, " ")
		indent := len(line) - len(content)
		if last := len(all) - 1; last >= 0 && content != "" && content[0] != '\t' && all[last].text != "" && indent == len(all[last].label) {
			all[last].text += " " + content
			continue
		}
		b := block{label: line[:indent], text: content}
		if label, body, isItem := strings.Cut(content, "  "); isItem && indent > 0 {
			b = block{label: line[:indent] + label + "  ", text: body}
		}
		all = append(all, b)
	}
	return all
}
