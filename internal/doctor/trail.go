package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
)

// TrailAPI is what the doctor needs of CloudTrail.
type TrailAPI interface {
	DescribeTrails(context.Context, *cloudtrail.DescribeTrailsInput, ...func(*cloudtrail.Options)) (*cloudtrail.DescribeTrailsOutput, error)
	GetTrailStatus(context.Context, *cloudtrail.GetTrailStatusInput, ...func(*cloudtrail.Options)) (*cloudtrail.GetTrailStatusOutput, error)
	GetEventSelectors(context.Context, *cloudtrail.GetEventSelectorsInput, ...func(*cloudtrail.Options)) (*cloudtrail.GetEventSelectorsOutput, error)
}

// trail looks for a trail that logs calls to ECR in this Region: without one EventBridge hears of none.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
func (d *Doctor) trail(ctx context.Context, p parts) Finding {
	const subject = "trail"
	described, err := d.CloudTrail.DescribeTrails(ctx, &cloudtrail.DescribeTrailsInput{})
	if err != nil {
		return unknown(subject, "cloudtrail:DescribeTrails", err)
	}
	var reasons []string
	var unseen error
	for _, trail := range described.TrailList {
		name := aws.ToString(trail.Name)
		if aws.ToString(trail.HomeRegion) != d.Registry.Region && !aws.ToBool(trail.IsMultiRegionTrail) {
			continue
		}
		reason, err := d.whyNot(ctx, trail)
		switch {
		case awsclient.Unanswered(err):
			return unknown(subject, "cloudtrail:GetTrailStatus and cloudtrail:GetEventSelectors", err)
		case err != nil: // the trail of an organization is not for all its members to see
			unseen = err
			reasons = append(reasons, fmt.Sprintf("%s can't be seen into", name))
		case reason != "":
			reasons = append(reasons, name+" "+reason)
		default:
			return ok(subject, "%s logs management events in %s", name, d.Registry.Region)
		}
	}
	says := fmt.Sprintf("no trail logs management events in %s, so new repositories and changed policies are not heard of", d.Registry.Region)
	if len(reasons) > 0 {
		says += ": " + strings.Join(reasons, "; ")
	}
	const do = "have a trail log management events (write or all): https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-create-and-update-a-trail.html"
	switch {
	case unseen != nil:
		return warning(subject, "ask the owner of the trail, or look with credentials that may call cloudtrail:GetTrailStatus and cloudtrail:GetEventSelectors",
			"no trail is known to log management events in %s: %s (%v)", d.Registry.Region, strings.Join(reasons, "; "), unseen)
	case p.known && p.pushEvents:
		return warning(subject, do, "%s; the first push and the schedule still serve", says)
	}
	return problem(subject, do, "%s", says)
}

// whyNot says why a trail doesn't log calls that write to ECR; "" if it does.
func (d *Doctor) whyNot(ctx context.Context, trail types.Trail) (string, error) {
	status, err := d.CloudTrail.GetTrailStatus(ctx, &cloudtrail.GetTrailStatusInput{Name: trail.TrailARN})
	if err != nil {
		return "", err
	}
	if !aws.ToBool(status.IsLogging) {
		return "is stopped", nil
	}
	selectors, err := d.CloudTrail.GetEventSelectors(ctx, &cloudtrail.GetEventSelectorsInput{TrailName: trail.TrailARN})
	if err != nil {
		return "", err
	}
	if !logsWrites(selectors) {
		return "leaves them out", nil
	}
	return "", nil
}

// logsWrites tells whether the selectors of a trail take calls that write to ECR. A trail without selectors logs all
// management events.
//
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutEventSelectors.html
func logsWrites(selectors *cloudtrail.GetEventSelectorsOutput) bool {
	if len(selectors.EventSelectors) == 0 && len(selectors.AdvancedEventSelectors) == 0 {
		return true
	}
	return slices.ContainsFunc(selectors.EventSelectors, func(s types.EventSelector) bool {
		includes := s.IncludeManagementEvents == nil || *s.IncludeManagementEvents
		return includes && s.ReadWriteType != types.ReadWriteTypeReadOnly
	}) || slices.ContainsFunc(selectors.AdvancedEventSelectors, takesWrites)
}

func takesWrites(s types.AdvancedEventSelector) bool {
	isManagement := false
	for _, f := range s.FieldSelectors {
		switch aws.ToString(f.Field) {
		case "eventCategory":
			isManagement = takes(f, "Management")
		case "readOnly":
			if !takes(f, "false") {
				return false
			}
		case "eventSource":
			if !takes(f, "ecr.amazonaws.com") {
				return false
			}
		case "eventName":
			if !takes(f, "CreateRepository") {
				return false
			}
		}
	}
	return isManagement
}

// takes tells whether a field selector takes a value: it matches one of what is to match, and none of what is not to.
func takes(f types.AdvancedFieldSelector, value string) bool {
	is := func(v string) bool { return v == value }
	starts := func(v string) bool { return strings.HasPrefix(value, v) }
	ends := func(v string) bool { return strings.HasSuffix(value, v) }
	wants := len(f.Equals) + len(f.StartsWith) + len(f.EndsWith)
	matches := slices.ContainsFunc(f.Equals, is) || slices.ContainsFunc(f.StartsWith, starts) || slices.ContainsFunc(f.EndsWith, ends)
	excluded := slices.ContainsFunc(f.NotEquals, is) || slices.ContainsFunc(f.NotStartsWith, starts) || slices.ContainsFunc(f.NotEndsWith, ends)
	return (wants == 0 || matches) && !excluded
}
