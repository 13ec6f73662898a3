// Package awserror says in short what the AWS SDK says at length.
package awserror

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
)

// Text returns the text of an error with the SDK's account of a failed call cut down to its cause: what AWS answered, or
// why there is no answer. Without what is of one call alone (request IDs, attempts, ports), the same cause has the same
// text.
func Text(err error) string {
	var call *smithy.OperationError
	if !errors.As(err, &call) {
		return err.Error()
	}
	return strings.Replace(err.Error(), call.Error(), cause(call), 1)
}

func cause(call *smithy.OperationError) string {
	const undecoded = "UnknownError" // the SDK's code for an answer that no service of AWS gives
	var answer smithy.APIError
	if errors.As(call, &answer) && answer.ErrorCode() != undecoded {
		return answer.ErrorCode() + ": " + answer.ErrorMessage()
	}
	var response interface {
		error
		HTTPStatusCode() int
	}
	if errors.As(call, &response) && response.HTTPStatusCode() >= http.StatusMultipleChoices {
		return fmt.Sprintf("the answer was %d %s", response.HTTPStatusCode(), http.StatusText(response.HTTPStatusCode()))
	}
	innermost := error(call)
	for next := errors.Unwrap(innermost); next != nil; next = errors.Unwrap(innermost) {
		innermost = next
	}
	return innermost.Error()
}
