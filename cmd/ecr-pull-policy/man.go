package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newMan() *cobra.Command {
	command := &cobra.Command{
		Use:   "man DIRECTORY",
		Short: "Write the man pages",
		Long: `Write a man page for each command to a directory, which must exist. To read the pages, run, for example,
man -l DIRECTORY/ecr-pull-policy-plan.1.

For shell completion, see completion --help.`,
		Example: `  ecr-pull-policy man ~/.local/share/man/man1`,
		Args:    exactly("DIRECTORY"),
	}
	command.RunE = func(command *cobra.Command, args []string) error {
		root := command.Root()
		delete(root.Annotations, cobra.CommandDisplayNameAnnotation)
		for _, one := range append(root.Commands(), root) {
			one.Long = markdown(one.Long)
		}
		if err := doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "ecr-pull-policy", Manual: "ecr-pull-policy"}, args[0]); err != nil {
			return fmt.Errorf("write man pages: %w", err)
		}
		return nil
	}
	return command
}

// markdown returns a help text as Markdown.
func markdown(help string) string {
	escape := strings.NewReplacer("*", `\*`, "_", `\_`, "<", `\<`, "[", `\[`)
	var text strings.Builder
	for _, b := range blocks(help) {
		switch label := strings.TrimSpace(b.label); {
		case label != "":
			fmt.Fprintf(&text, "\n- %s: %s\n", escape.Replace(label), escape.Replace(b.text))
		case strings.HasPrefix(b.text, "\t"):
			text.WriteString("\n" + b.text + "\n")
		default:
			text.WriteString(escape.Replace(b.text) + "\n")
		}
	}
	return text.String()
}
