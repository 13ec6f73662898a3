package doctor

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// SourceAPI is what the doctor needs of Lambda.
type SourceAPI interface {
	GetEventSourceMapping(context.Context, *lambda.GetEventSourceMappingInput, ...func(*lambda.Options)) (*lambda.GetEventSourceMappingOutput, error)
}

// source looks whether onrepo takes the requests out of their queue.
//
// https://docs.aws.amazon.com/lambda/latest/api/API_GetEventSourceMapping.html
func (d *Doctor) source(ctx context.Context, p parts) []Finding {
	const subject = "queue"
	uuid := p.ids[requestSource]
	if uuid == "" {
		return nil // the resources say so, if they are known
	}
	mapping, err := d.Lambda.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &uuid})
	switch {
	case hasCode(err, "ResourceNotFoundException"):
		return []Finding{problem(subject, redeploy, "nothing takes requests out of the request queue: the event source mapping %s does not exist", uuid)}
	case err != nil:
		return []Finding{unknown(subject, "lambda:GetEventSourceMapping", err)}
	}
	switch state := aws.ToString(mapping.State); state {
	case "Enabled":
		return []Finding{ok(subject, "onrepo takes requests out of the request queue")}
	case "Creating", "Enabling", "Updating":
		return []Finding{warning(subject, "wait, and look again", "onrepo's event source mapping is %s", strings.ToLower(state))}
	default:
		return []Finding{problem(subject, "enable it:", "nothing takes requests out of the request queue: onrepo's event source mapping is %s",
			strings.ToLower(state)).run(d.here("aws lambda update-event-source-mapping --enabled --uuid " + uuid))}
	}
}
