package awsclient

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// ErrorText returns the text of an error, with the SDK's description of a failed call reduced to its cause: the error
// that AWS returned, or the service and address that didn't respond, and why. It leaves out details of a single call
// (request IDs, attempts, local ports), so that the same cause has the same text.
func ErrorText(err error) string {
	call, ok := errors.AsType[*smithy.OperationError](err)
	if !ok {
		return err.Error()
	}
	return strings.Replace(err.Error(), call.Error(), cause(call), 1)
}

// Unanswered reports whether a call failed because there was no response: the address accepts no connections, the
// connection was closed, or the call timed out.
func Unanswered(err error) bool {
	_, sending := errors.AsType[*smithyhttp.RequestSendError](err)
	network, receiving := errors.AsType[net.Error](err)
	_, isFile := network.(syscall.Errno) //nolint:errorlint // errors of files have the methods of a net.Error
	return sending || receiving && !isFile || errors.Is(err, io.ErrUnexpectedEOF)
}

// Undecided reports whether AWS may have carried out a call that failed: there was no response, or that of a failure in
// AWS.
func Undecided(err error) bool {
	response, ok := errors.AsType[*smithyhttp.ResponseError](err)
	return Unanswered(err) || ok && response.HTTPStatusCode() >= http.StatusInternalServerError
}

// Returned returns the error that an AWS service returned. It reports false for any other error, such as that of a
// proxy's response.
func Returned(err error) (smithy.APIError, bool) {
	const undecoded = "UnknownError" // the SDK's code for a response that isn't from an AWS service
	answer, ok := errors.AsType[smithy.APIError](err)
	return answer, ok && answer.ErrorCode() != undecoded
}

// HasCode reports whether an AWS service returned an error with one of the codes.
func HasCode(err error, codes ...string) bool {
	answer, ok := Returned(err)
	return ok && slices.Contains(codes, answer.ErrorCode())
}

// Denied reports whether an AWS service denied access. The services use different error codes for this.
func Denied(err error) bool {
	return HasCode(err, "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError")
}

// Expired reports whether an AWS service rejected credentials because they expired. The services use different error
// codes for this.
func Expired(err error) bool {
	return HasCode(err, "ExpiredToken", "ExpiredTokenException", "RequestExpired")
}

// Action returns the IAM action that a call requires, such as ecr:DescribeRepositories.
//
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
func Action(call *smithy.OperationError) string {
	prefix := strings.ToLower(call.ServiceID)
	if prefix == "eventbridge" {
		prefix = "events"
	}
	return prefix + ":" + call.OperationName
}

func cause(call *smithy.OperationError) string {
	if Unanswered(call) {
		return noResponse(call)
	}
	if answer, ok := Returned(call); ok {
		return answer.ErrorCode() + ": " + answer.ErrorMessage()
	}
	if response := responseTo(call); response != nil && response.HTTPStatusCode() >= http.StatusMultipleChoices {
		return fmt.Sprintf("unexpected response from %s: %d %s", server(call), response.HTTPStatusCode(), http.StatusText(response.HTTPStatusCode()))
	}
	if _, ok := errors.AsType[*smithy.DeserializationError](call); ok { // a captive portal, for example
		return fmt.Sprintf("unexpected response from %s: %v", server(call), innermost(call))
	}
	return innermost(call).Error()
}

func noResponse(call *smithy.OperationError) string {
	if address := addressOf(call); address != nil && address.Host == "" {
		return fmt.Sprintf("the endpoint of %s isn't a URL; check AWS_ENDPOINT_URL", call.ServiceID)
	}
	return fmt.Sprintf("no response from %s: %s", server(call), connection(call))
}

// server names the service and the address of a call.
func server(call *smithy.OperationError) string {
	for inner := call; errors.As(inner.Err, &inner); { // a call fails if the call that it depends on for credentials fails
		call = inner
	}
	name := call.ServiceID
	if address := addressOf(call); address != nil {
		name += " at " + address.Scheme + "://" + address.Host
	}
	return name
}

// addressOf returns the address that a call was sent to, or nil if it isn't known.
func addressOf(call *smithy.OperationError) *url.URL {
	if sending, ok := errors.AsType[*url.Error](call); ok {
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

// connection returns the text of a connection error. Errors of established connections contain local ports.
func connection(err error) string {
	if failure, ok := errors.AsType[*net.OpError](err); ok && failure.Op != "read" && failure.Op != "write" {
		return failure.Error()
	}
	return innermost(err).Error()
}

func responseTo(call *smithy.OperationError) *smithyhttp.ResponseError {
	response, _ := errors.AsType[*smithyhttp.ResponseError](call)
	return response
}

func innermost(err error) error {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return err
}
