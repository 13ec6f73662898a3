// Package browser opens pages in a headless Chromium, which it controls with the Chrome DevTools Protocol:
// https://chromedevtools.github.io/devtools-protocol/
package browser

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// Browser is a Chromium with one page.
type Browser struct {
	command   *exec.Cmd
	requests  *os.File
	responses *bufio.Reader
	errOut    bytes.Buffer
	session   string
	last      int      // ID of a request
	loaded    bool     // the page is loaded
	problems  []string // exceptions and violations of the Content-Security-Policy
}

// Start installs Chromium, if necessary, and starts it. It ends with the context.
func Start(ctx context.Context, root, profile string, progress io.Writer) (*Browser, error) {
	installed, err := install(ctx, root, progress)
	if err != nil {
		return nil, fmt.Errorf("install Chromium: %w", err)
	}
	requestsIn, requests, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer requestsIn.Close()
	responses, responsesOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer responsesOut.Close()
	b := &Browser{requests: requests, responses: bufio.NewReader(responses)}
	// The sandbox needs privileges that a container might not have. The tests open only pages of their own.
	b.command = exec.CommandContext(ctx, installed.program, "--headless", "--no-sandbox", "--disable-gpu",
		"--remote-debugging-pipe", "--user-data-dir="+profile, "about:blank")
	b.command.Env = installed.environment
	b.command.ExtraFiles = []*os.File{requestsIn, responsesOut} // 3 and 4, as the protocol requires
	b.command.Stderr = &b.errOut
	if err := b.command.Start(); err != nil {
		return nil, fmt.Errorf("start Chromium: %w", err)
	}
	if err := b.attach(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

func (b *Browser) attach() error {
	var target struct {
		TargetID string `json:"targetId"`
	}
	if err := b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target); err != nil {
		return err
	}
	var attached struct {
		SessionID string `json:"sessionId"`
	}
	if err := b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached); err != nil {
		return err
	}
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		if err := b.call(domain+".enable", nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// Open opens a page at a width, and waits until it is loaded.
func (b *Browser) Open(url string, width int) error {
	size := map[string]any{"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false}
	if err := b.call("Emulation.setDeviceMetricsOverride", size, nil); err != nil {
		return err
	}
	b.loaded = false
	if err := b.call("Page.navigate", map[string]any{"url": url}, nil); err != nil {
		return err
	}
	for !b.loaded {
		if _, err := b.read(); err != nil {
			return err
		}
	}
	return nil
}

// Evaluate runs a script in the page, waits for its promise, and decodes its value.
func (b *Browser) Evaluate(script string, value any) error {
	var evaluated struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		ExceptionDetails json.RawMessage `json:"exceptionDetails"`
	}
	params := map[string]any{"expression": script, "returnByValue": true, "awaitPromise": true}
	if err := b.call("Runtime.evaluate", params, &evaluated); err != nil {
		return err
	}
	if evaluated.ExceptionDetails != nil {
		return fmt.Errorf("%s: %s", script, evaluated.ExceptionDetails)
	}
	return json.Unmarshal(evaluated.Result.Value, value)
}

// Print returns the page as a PDF file.
func (b *Browser) Print() ([]byte, error) {
	var printed struct {
		Data []byte `json:"data"`
	}
	err := b.call("Page.printToPDF", map[string]any{"preferCSSPageSize": true, "printBackground": true}, &printed)
	return printed.Data, err
}

// EmulatePrint applies the styles of printed pages to the page, or those of the screen.
func (b *Browser) EmulatePrint(printed bool) error {
	media := "screen"
	if printed {
		media = "print"
	}
	return b.call("Emulation.setEmulatedMedia", map[string]any{"media": media}, nil)
}

// Problems returns the exceptions of scripts and the violations of the Content-Security-Policy so far.
func (b *Browser) Problems() []string { return b.problems }

// Close ends Chromium.
func (b *Browser) Close() error {
	_ = b.call("Browser.close", nil, nil)
	_ = b.requests.Close()
	return b.command.Wait()
}

// message is a response or an event.
type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

func (b *Browser) call(method string, params, result any) error {
	b.last++
	request := map[string]any{"id": b.last, "method": method}
	if params != nil {
		request["params"] = params
	}
	if b.session != "" {
		request["sessionId"] = b.session
	}
	text, err := json.Marshal(request)
	if err != nil {
		return err
	}
	if _, err := b.requests.Write(append(text, 0)); err != nil {
		return fmt.Errorf("%s: %w\n%s", method, err, &b.errOut)
	}
	for {
		m, err := b.read()
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", method, err)
		case m.ID != b.last:
		case m.Error != nil:
			return fmt.Errorf("%s: %s", method, m.Error)
		case result == nil:
			return nil
		default:
			return json.Unmarshal(m.Result, result)
		}
	}
}

// read reads the next message, which ends with a zero byte.
func (b *Browser) read() (message, error) {
	text, err := b.responses.ReadBytes(0)
	if err != nil {
		return message{}, fmt.Errorf("the browser ended: %w\n%s", err, &b.errOut)
	}
	var m message
	if err := json.Unmarshal(text[:len(text)-1], &m); err != nil {
		return message{}, err
	}
	switch m.Method {
	case "Page.loadEventFired":
		b.loaded = true
	case "Runtime.exceptionThrown", "Log.entryAdded":
		b.problems = append(b.problems, string(m.Params))
	}
	return m, nil
}
