package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

// newProgress returns a progress bar, which is visible only on a terminal.
func newProgress(out io.Writer, total int, what string) *progressbar.ProgressBar {
	if !isTerminal(out) {
		return progressbar.DefaultSilent(int64(total))
	}
	return progressbar.NewOptions(total,
		progressbar.OptionSetWriter(out),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(),
		progressbar.OptionSetWidth(30),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
}

// confirm asks a question, and reports whether the answer is yes.
func confirm(command *cobra.Command, question string) (bool, error) {
	fmt.Fprintf(command.ErrOrStderr(), "%s\nOnly 'yes' is accepted: ", question)
	answers := make(chan string, 1)
	go func() { // because Ctrl-C can't interrupt a read
		line, _ := bufio.NewReader(command.InOrStdin()).ReadString('\n')
		answers <- line
	}()
	select {
	case answer := <-answers:
		return strings.TrimSpace(answer) == "yes", nil
	case <-command.Context().Done():
		return false, command.Context().Err()
	}
}
