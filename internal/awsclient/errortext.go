package awsclient

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// ErrorText returns the text of an error, with the SDK's account of a failed call reduced to its cause: what AWS answered, or
// which service at which address gave no answer, and why. It leaves out what belongs to one call only (request IDs,
// attempts, local ports), so that the same cause has the same text.
func ErrorText(err error) string {
	var call *smithy.OperationError
	if !errors.As(err, &call) {
		return err.Error()
	}
	return strings.Replace(err.Error(), call.Error(), cause(call), 1)
}

// Unanswered reports whether a call failed because no answer came: nothing accepts connections at the address, the connection
// broke, or the answer took too long.
func Unanswered(err error) bool {
	var sending *smithyhttp.RequestSendError
	var receiving net.Error
	return errors.As(err, &sending) || errors.As(err, &receiving) || errors.Is(err, io.ErrUnexpectedEOF)
}

func cause(call *smithy.OperationError) string {
	const undecoded = "UnknownError" // the SDK's code for an answer that no AWS service gives
	if Unanswered(call) {
		return noAnswer(call)
	}
	var answer smithy.APIError
	if errors.As(call, &answer) && answer.ErrorCode() != undecoded {
		return answer.ErrorCode() + ": " + answer.ErrorMessage()
	}
	if response := responseTo(call); response != nil && response.HTTPStatusCode() >= http.StatusMultipleChoices {
		return fmt.Sprintf("unexpected answer from %s: %d %s", server(call), response.HTTPStatusCode(), http.StatusText(response.HTTPStatusCode()))
	}
	if undecodable := (*smithy.DeserializationError)(nil); errors.As(call, &undecodable) { // a captive portal, for example
		return fmt.Sprintf("unexpected answer from %s: %v", server(call), innermost(call))
	}
	return innermost(call).Error()
}

func noAnswer(call *smithy.OperationError) string {
	if address := addressOf(call); address != nil && address.Host == "" {
		return fmt.Sprintf("the endpoint of %s is not a URL: check AWS_ENDPOINT_URL", call.ServiceID)
	}
	return fmt.Sprintf("no answer from %s: %s", server(call), connection(call))
}

// server names the service and the address of a call.
func server(call *smithy.OperationError) string {
	for inner := call; errors.As(inner.Err, &inner); { // a call can fail because another one, for credentials, does
		call = inner
	}
	name := call.ServiceID
	if address := addressOf(call); address != nil {
		name += " at " + address.Scheme + "://" + address.Host
	}
	return name
}

// addressOf returns the address that a call was sent to; nil if it isn't known.
func addressOf(call *smithy.OperationError) *url.URL {
	var sending *url.Error
	if errors.As(call, &sending) {
		address, err := url.Parse(sending.URL)
		if err == nil {
			return address
		}
	}
	if response := responseTo(call); response != nil && response.Response.Request != nil {
		return response.Response.Request.URL
	}
	return nil
}

// connection describes what happened to a connection. Errors of established connections name local ports.
func connection(err error) string {
	var failure *net.OpError
	if errors.As(err, &failure) && failure.Op != "read" && failure.Op != "write" {
		return failure.Error()
	}
	return innermost(err).Error()
}

func responseTo(call *smithy.OperationError) *smithyhttp.ResponseError {
	var response *smithyhttp.ResponseError
	errors.As(call, &response)
	return response
}

func innermost(err error) error {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return err
}
