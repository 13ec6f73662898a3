// Package calls counts the AWS calls, published requests, and log lines that each trigger causes. It invokes the real
// functions with sample events and counts the calls at the HTTP layer, without throttling.
package calls
