// Package calls counts what each trigger costs: calls to AWS at the HTTP layer, requests on the bus, and lines in the log.
// The real functions are invoked with the events that they get, and nothing is throttled.
package calls
