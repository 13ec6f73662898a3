// Package calls counts the AWS calls, EventBridge entries, and log lines of each trigger. It counts calls at the HTTP
// layer. The real functions are invoked with the events that they get, and nothing is throttled.
package calls
