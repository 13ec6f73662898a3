package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	file, ok := fileOf(stream)
	return ok && isatty.IsTerminal(file.Fd())
}

func fileOf(stream any) (*os.File, bool) {
	if checked, ok := stream.(*checkedWriter); ok {
		stream = checked.Writer
	}
	file, ok := stream.(*os.File)
	return file, ok
}

// width returns the number of columns for text: those of the terminal, within bounds in which text is readable.
func width(out io.Writer) int {
	const narrowest, widest, elsewhere = 40, 120, 100
	if file, ok := fileOf(out); ok {
		if columns, _, err := term.GetSize(int(file.Fd())); err == nil && columns > 0 {
			return min(max(columns, narrowest), widest)
		}
	}
	return elsewhere
}

// wrap breaks the lines of a text between words. Words that are longer than a line, such as addresses, stay whole.
func wrap(text string, columns int) string {
	var wrapped strings.Builder
	length := 0
	for i, word := range strings.Fields(text) {
		size := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case length+1+size > columns:
			wrapped.WriteByte('\n')
			length = 0
		default:
			wrapped.WriteByte(' ')
			length++
		}
		wrapped.WriteString(word)
		length += size
	}
	return wrapped.String()
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

// confirm asks a question, and reports whether the answer is yes. If not, it says what was canceled.
func confirm(command *cobra.Command, question, canceled string) (bool, error) {
	if out := command.ErrOrStderr(); isTerminal(out) {
		question = wrap(question, width(out))
	}
	fmt.Fprintf(command.ErrOrStderr(), "%s\nOnly 'yes' is accepted: ", question)
	answers := make(chan string, 1)
	go func() { // because Ctrl-C can't interrupt a read
		line, _ := bufio.NewReader(command.InOrStdin()).ReadString('\n')
		answers <- line
	}()
	select {
	case answer := <-answers:
		if strings.TrimSpace(answer) == "yes" {
			return true, nil
		}
		fmt.Fprintln(command.ErrOrStderr(), canceled)
		return false, nil
	case <-command.Context().Done():
		fmt.Fprintf(command.ErrOrStderr(), "\n%s\n", canceled)
		return false, command.Context().Err()
	}
}

// canConfirm returns an error if a command must ask for confirmation and can't.
func canConfirm(command *cobra.Command, yes bool) error {
	if yes || isTerminal(command.InOrStdin()) {
		return nil
	}
	return errors.New("can't ask for confirmation because standard input isn't a terminal; pass --yes to skip it")
}

// surviveClosedPipe lets the process continue if a reader of its output ends, as tee does at Ctrl-C, until the returned
// function is called. Otherwise, writing to the closed pipe would end a command before it has finished its work in AWS.
func surviveClosedPipe() (stop func()) {
	ignored := make(chan os.Signal, 1)
	signal.Notify(ignored, syscall.SIGPIPE)
	return func() { signal.Stop(ignored) }
}
