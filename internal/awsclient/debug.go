package awsclient

import (
	"context"
	"log/slog"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// LogCalls returns an option for clients that logs every attempt of every call with its duration and, if it failed, the
// error code. It logs nothing of what calls send and receive, which can contain credentials.
func LogCalls(log *slog.Logger) func(*middleware.Stack) error {
	logged := middleware.FinalizeMiddlewareFunc("LogCalls", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		began := time.Now()
		out, metadata, err := next.HandleFinalize(ctx, in)
		attributes := []slog.Attr{
			slog.String("service", awsmiddleware.GetServiceID(ctx)),
			slog.String("operation", awsmiddleware.GetOperationName(ctx)),
			slog.Duration("duration", time.Since(began).Round(100*time.Microsecond)),
		}
		if request, ok := in.Request.(*smithyhttp.Request); ok {
			attributes = append(attributes, slog.String("host", request.URL.Host))
		}
		if err != nil {
			attributes = append(attributes, slog.String("error", code(err)))
		}
		log.LogAttrs(ctx, slog.LevelDebug, "AWS call", attributes...)
		return out, metadata, err
	})
	return func(stack *middleware.Stack) error { return stack.Finalize.Insert(logged, "Retry", middleware.After) }
}

// code returns the code of an error that AWS returned, and what else happened otherwise.
func code(err error) string {
	if answer, ok := Returned(err); ok {
		return answer.ErrorCode()
	}
	if Unanswered(err) {
		return "no response"
	}
	return "failed"
}
