package localaws

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// LogLine is one line that a function wrote.
type LogLine struct {
	Time   time.Time
	Text   string
	Fields map[string]any // of a line that is a JSON object, else nil
}

// functionLog receives the output of a sandbox and its function, and keeps the lines of the function. It writes all
// output to a file too.
type functionLog struct {
	file  io.Writer
	wrote func(LogLine)
	ends  chan struct{} // the sandbox's line after an invocation's last

	mu    sync.Mutex
	rest  []byte // an unfinished line
	lines []LogLine
}

func newFunctionLog(file io.Writer, wrote func(LogLine)) *functionLog {
	return &functionLog{file: file, wrote: wrote, ends: make(chan struct{}, 1)}
}

func (l *functionLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			break
		}
		l.add(string(line))
		l.rest = rest
	}
	return l.file.Write(p)
}

func (l *functionLog) add(text string) {
	switch {
	case strings.HasPrefix(text, "REPORT RequestId: "), strings.Contains(text, "(rapid) Invoke DONE failed"):
		select {
		case l.ends <- struct{}{}:
		default:
		}
	case strings.Contains(text, " (rapid) "), strings.HasPrefix(text, "START RequestId: "), strings.HasPrefix(text, "END RequestId: "):
	default:
		line := LogLine{Time: time.Now(), Text: text}
		if strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &line.Fields) != nil {
			line.Fields = nil
		}
		l.lines = append(l.lines, line)
		l.wrote(line)
	}
}

// since returns the lines from a position on, and the position after them.
func (l *functionLog) since(position int) ([]LogLine, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]LogLine(nil), l.lines[position:]...), len(l.lines)
}

// endOf returns the last lines of a file, to be shown in an error.
func endOf(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	end := &tail{limit: 2 << 10}
	_, _ = end.Write(text)
	return end.String()
}

func portTaken(log string) bool {
	return strings.Contains(strings.ToLower(log), "address already in use")
}
