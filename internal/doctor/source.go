package doctor

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
)

// SourceAPI has the Lambda operations that the checks use.
type SourceAPI interface {
	GetEventSourceMapping(context.Context, *lambda.GetEventSourceMappingInput, ...func(*lambda.Options)) (*lambda.GetEventSourceMappingOutput, error)
}

// source checks whether onrepo receives requests from the request queue:
// https://docs.aws.amazon.com/lambda/latest/api/API_GetEventSourceMapping.html
func (d *Doctor) source(ctx context.Context, p parts) []Finding {
	const subject = "queue"
	uuid := p.ids[requestSource]
	if uuid == "" {
		return nil // complete reports it
	}
	mapping, err := d.Lambda.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &uuid})
	switch {
	case awsclient.HasCode(err, "ResourceNotFoundException"):
		return []Finding{problem(subject, redeploy, "onrepo receives no requests from the request queue: the event source mapping %s doesn't exist", uuid)}
	case err != nil:
		return []Finding{unknown(subject, "lambda:GetEventSourceMapping", err)}
	}
	switch state := aws.ToString(mapping.State); state {
	case "Enabled":
		return []Finding{ok(subject, "onrepo receives requests from the request queue")}
	case "Creating", "Enabling", "Updating":
		return []Finding{warning(subject, "wait a minute, then run doctor again", "the state of onrepo's event source mapping is %s", strings.ToLower(state))}
	default:
		return []Finding{problem(subject, "enable the event source mapping:", "onrepo receives no requests from the request queue: the state of its event source mapping is %s",
			strings.ToLower(state)).with(d.command("aws lambda update-event-source-mapping --enabled --uuid " + uuid))}
	}
}
